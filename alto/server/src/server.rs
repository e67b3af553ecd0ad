//! The shell: a listener, its connections, and their end.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alto_fetch::{FetchConfig, Fetcher};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::csv::LoadFault;
use crate::exchange::respond;
use crate::neighbours::learn::{Learner, NeighbourSource, keep_up};
use crate::offer::DIRECTORY;
use crate::reload::{State, follow, load};
use crate::replying::Replying;
use crate::source::{Source, Transport};
use crate::tap::{Tap, Tapped};

/// Connections at once; further ones wait in the system's queue.
const MOST_CONNECTIONS: usize = 1_024;

/// Answers that are made at once; further requests wait. Each may need as much memory as a map.
const MOST_IN_THE_MAKING: usize = 8;

/// The longest that a handshake, and then each head of a request, may take; the latter includes
/// the time that a connection is idle before.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest that one connection is used: whoever reads slower than this is cut off.
const CONNECTION_TIME: Duration = Duration::from_secs(900);

/// How long a reply that is under way may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(5);

/// The rest after the system could not accept a connection, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How to serve.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 for one that is free.
    pub listen: SocketAddr,
    /// What to serve.
    pub source: Source,
    /// With or without TLS.
    pub transport: Transport,
    /// The servers that speak for others; none by default.
    pub neighbours: Option<NeighbourSource>,
    /// How long clients may keep answers without asking again; 300 s by default.
    pub max_age: Duration,
    /// Who is told of what happens; nobody by default.
    pub notice: Arc<dyn Fn(Notice) + Send + Sync>,
    /// Who hears what is said on connections; nobody by default.
    pub tap: Option<Tap>,
}

/// Something that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Files have changed, and what they hold now is served.
    Reloaded,
    /// Files have changed, but are broken: what was served before still is.
    Kept(LoadFault),
    /// The maps lack what RFC 7285 wants.
    Shortcoming(String),
    /// A neighbour has said something new of itself.
    Learnt {
        /// The neighbour's directory.
        uri: String,
        /// How many prefixes are its own.
        prefixes: usize,
        /// How many of its own do not count, since they reach beyond where its map is believed.
        beyond: usize,
        /// The PIDs that its map does not have.
        absent: Vec<String>,
    },
    /// A neighbour could not be asked.
    Unlearnt {
        /// The neighbour's directory.
        uri: String,
        /// Why.
        sentence: String,
        /// How long what it said before still counts; `None` if there is nothing that does.
        left: Option<Duration>,
    },
    /// What a neighbour said before no longer counts: it could not be asked for too long.
    Forgotten {
        /// The neighbour's directory.
        uri: String,
    },
}

/// Why a server could not start.
#[derive(Debug)]
pub enum BindFault {
    /// A file could not be used.
    Load(LoadFault),
    /// The address could not be listened at.
    Listen(SocketAddr, std::io::Error),
}

/// A running server. It stops when this is dropped; [`Server::stop`] waits for that.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    requests: Arc<AtomicU64>,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl ServerConfig {
    /// The defaults around what must be said.
    pub fn new(listen: SocketAddr, source: Source, transport: Transport) -> Self {
        let (max_age, notice) = (Duration::from_secs(300), Arc::new(|_| {}));
        Self { listen, source, transport, neighbours: None, max_age, notice, tap: None }
    }
}

impl Server {
    /// Reads the files and starts to listen.
    ///
    /// # Errors
    /// If a file is missing or broken, or the address cannot be listened at.
    pub async fn bind(config: ServerConfig) -> Result<Self, BindFault> {
        let config = Arc::new(config);
        let learner = learner(&config)?;
        let (stamps, loaded) = load(&config).await;
        let (sender, state) = watch::channel(Arc::new(loaded.map_err(BindFault::Load)?));
        let refuse = |fault| BindFault::Listen(config.listen, fault);
        let listener = TcpListener::bind(config.listen).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let scheme = if matches!(config.transport, Transport::Http) { "http" } else { "https" };
        let (stop, stopped) = watch::channel(());
        let requests = Arc::new(AtomicU64::new(0));
        let desks = Arc::new(Semaphore::new(MOST_IN_THE_MAKING));
        let learning = keep_up(learner, state.clone());
        let tap = config.tap.clone();
        let shared = Shared { state, requests: Arc::clone(&requests), desks, tap, stopped };
        let reloading = follow(Arc::clone(&config), stamps, sender);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = accept_all(listener, shared) => {}
                () = reloading => {}
                () = learning => {}
            }
        });
        Ok(Self { address, scheme, requests, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URI of its directory, by address.
    pub fn uri(&self) -> String {
        format!("{}://{}{DIRECTORY}", self.scheme, self.address)
    }

    /// How many requests have been made of it.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Stops: no new connections; replies that are under way are finished within five seconds, and
    /// whoever has not asked for anything in full is cut off.
    pub async fn stop(self) {
        drop(self.stop);
        // It fails only if a test's runtime has gone already.
        let _ = self.task.await;
    }
}

/// What asks neighbours, if there may be any.
fn learner(config: &ServerConfig) -> Result<Option<Learner>, BindFault> {
    let Some(source) = &config.neighbours else { return Ok(None) };
    let fetch = FetchConfig { ca_file: source.ca_file.clone(), ..FetchConfig::default() };
    let fetcher = Fetcher::new(&fetch, source.policy).map_err(|fault| {
        BindFault::Load(LoadFault::of_file(&source.path.display().to_string(), &fault))
    })?;
    Ok(Some(Learner { fetcher, pace: source.pace, notice: Arc::clone(&config.notice) }))
}

/// What each connection needs.
#[derive(Clone)]
struct Shared {
    state: watch::Receiver<Arc<State>>,
    requests: Arc<AtomicU64>,
    desks: Arc<Semaphore>,
    tap: Option<Tap>,
    /// Closed when the server is to stop.
    stopped: watch::Receiver<()>,
}

async fn accept_all(listener: TcpListener, mut shared: Shared) {
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = shared.stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &slots) => match accepted {
                Some((stream, client, slot)) => {
                    let shared = shared.clone();
                    connections.spawn(async move {
                        connection(stream, client, shared).await;
                        drop(slot);
                    });
                }
                None => sleep(PAUSE).await,
            },
        }
    }
    drop(listener);
    // Those that take longer are cut off as the set is dropped.
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    let (stream, client) = listener.accept().await.ok()?;
    Some((stream, client, slot))
}

async fn connection(stream: TcpStream, client: SocketAddr, shared: Shared) {
    // Answers are written in one piece, so there is nothing to gather.
    let _ = stream.set_nodelay(true);
    let tls = shared.state.borrow().tls.clone();
    match tls {
        None => tapped(stream, client, shared).await,
        Some(acceptor) => {
            let mut stopped = shared.stopped.clone();
            tokio::select! {
                _ = stopped.changed() => {}
                shaken = timeout(HEAD_TIME, acceptor.accept(stream)) => {
                    if let Ok(Ok(stream)) = shaken {
                        tapped(stream, client, shared).await;
                    }
                }
            }
        }
    }
}

/// Lets whoever wants to hear what is said on a connection.
async fn tapped(stream: impl AsyncRead + AsyncWrite + Unpin, client: SocketAddr, shared: Shared) {
    match shared.tap.clone() {
        None => converse(stream, client, shared).await,
        Some(tap) => converse(Tapped::new(stream, client, tap), client, shared).await,
    }
}

/// Answers the requests of one connection until it ends or has to.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    client: SocketAddr,
    mut shared: Shared,
) {
    let (state, requests, desks) = (shared.state.clone(), shared.requests, shared.desks);
    let replying = Replying::default();
    let stream = replying.stream(stream);
    let service = service_fn(|request| {
        requests.fetch_add(1, Ordering::Relaxed);
        let catalogue = Arc::clone(&state.borrow().catalogue);
        respond(request, client.ip(), catalogue, Arc::clone(&desks), replying.clone())
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(64 << 10);
    let mut exchange = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = exchange.as_mut() => return,
        _ = shared.stopped.changed() => {}
        () = sleep(CONNECTION_TIME) => {}
    }
    exchange.as_mut().graceful_shutdown();
    // One that is idle ends here, in good order; what has come meanwhile is read.
    let ended = timeout(Duration::ZERO, exchange.as_mut()).await;
    if ended.is_err() && replying.is_under_way() {
        let _ = timeout(GRACE, exchange).await;
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reloaded => f.write_str("files have changed; what they hold now is served"),
            Self::Kept(fault) => write!(f, "{fault}; what was served before still is"),
            Self::Shortcoming(sentence) => f.write_str(sentence),
            Self::Learnt { uri, prefixes, beyond, absent } => {
                write!(f, "neighbour {uri}: {prefixes} prefixes are its own")?;
                if *beyond > 0 {
                    write!(f, "; {beyond} reach beyond `within` and do not count")?;
                }
                absent.iter().try_for_each(|pid| write!(f, "; its map has no PID {pid}"))
            }
            Self::Unlearnt { uri, sentence, left: None } => {
                write!(f, "neighbour {uri}: {sentence}; what its map would say is not known")
            }
            Self::Unlearnt { uri, sentence, left: Some(left) } => {
                let left = left.as_secs();
                write!(f, "neighbour {uri}: {sentence}; what it said counts for another {left} s")
            }
            Self::Forgotten { uri } => {
                write!(f, "neighbour {uri}: not heard of for too long; its map no longer counts")
            }
        }
    }
}

impl fmt::Display for BindFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(fault) => fault.fmt(f),
            Self::Listen(address, fault) => write!(f, "cannot listen at {address}: {fault}"),
        }
    }
}

impl std::error::Error for BindFault {}
