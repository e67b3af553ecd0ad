//! A web server that does what a test says, well-formed or not, act by act.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::pki::Identity;

/// One thing that a server does to a connection. After the last one it awaits the next request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends this again and again until the client has enough.
    Repeat(Vec<u8>),
    /// Sends this byte by byte, one each interval.
    Drip(Vec<u8>, Duration),
    /// Does nothing until the client goes.
    Hang,
    /// Says farewell, as TLS demands, and closes.
    Close,
    /// Closes without a word.
    Drop,
}

/// What was asked: the head as it came, and the body.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The target of the request line.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

type Script = dyn Fn(&Asked) -> Vec<Act> + Send + Sync;

/// A server, gone when dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// On a free port of loopback. Speaks TLS if told how.
    pub async fn start(
        tls: Option<ServerConfig>,
        script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), tls, script).await
    }

    /// At this address.
    pub async fn start_at(
        address: SocketAddr,
        tls: Option<ServerConfig>,
        script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let asked = Arc::default();
        let shared = Shared {
            tls: tls.map(|tls| TlsAcceptor::from(Arc::new(tls))),
            script: Arc::new(script),
            asked: Arc::clone(&asked),
        };
        let task = tokio::spawn(accept(listener, Arc::clone(&accepted), shared));
        Self { address, accepted, asked, task }
    }

    /// Accepts, counts and closes.
    ///
    /// # Errors
    /// If the address is taken, or none of this machine's.
    pub async fn canary(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok(connection) = listener.accept().await {
                // Counted before it is closed, so before the client can know.
                count.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Ok(Self { address, accepted, asked: Arc::default(), task })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were made.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    tls: Option<TlsAcceptor>,
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

async fn accept(listener: TcpListener, accepted: Arc<AtomicUsize>, shared: Shared) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(stream, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// The client may leave at any time, which ends the service and is no fault here.
async fn serve(stream: TcpStream, shared: Shared) -> std::io::Result<()> {
    match &shared.tls {
        Some(tls) => speak(tls.accept(stream).await?, &shared).await,
        None => speak(stream, &shared).await,
    }
}

async fn speak(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
) -> std::io::Result<()> {
    while let Some(asked) = read_request(&mut stream).await? {
        shared.asked.lock().unwrap().push(asked.clone());
        let acts = (shared.script)(&asked);
        for act in acts {
            match act {
                Act::Send(octets) => stream.write_all(&octets).await?,
                Act::Repeat(octets) => loop {
                    stream.write_all(&octets).await?;
                },
                Act::Drip(octets, interval) => drip(&mut stream, &octets, interval).await?,
                Act::Hang => {
                    stream.read_to_end(&mut Vec::new()).await?;
                }
                Act::Close => return stream.shutdown().await,
                Act::Drop => return Ok(()),
            }
        }
    }
    Ok(())
}

async fn drip(
    stream: &mut (impl AsyncWrite + Unpin),
    octets: &[u8],
    interval: Duration,
) -> std::io::Result<()> {
    for octet in octets {
        stream.write_all(&[*octet]).await?;
        stream.flush().await?;
        tokio::time::sleep(interval).await;
    }
    Ok(())
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Asked>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => return Ok(None),
        }
    }
    let mut asked = Asked { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body.resize(length, 0);
    stream.read_exact(&mut asked.body).await?;
    Ok(Some(asked))
}

/// A reply with `Content-Length`.
pub fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Act> {
    let mut octets = format!("HTTP/1.1 {status} Test\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        octets.extend([name, ": ", value, "\r\n"]);
    }
    octets.push_str("\r\n");
    vec![Act::Send([octets.as_bytes(), body].concat())]
}

/// A redirect.
pub fn redirect(status: u16, location: &str) -> Vec<Act> {
    reply(status, &[("location", location)], b"")
}

/// How a server with this identity speaks TLS.
pub fn tls(identity: &Identity) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("a certificate")], key)
        .expect("a certificate with its key")
}
