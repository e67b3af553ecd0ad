//! A name server in process that does as told: answers, fails, lies, falls silent.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::background::Background;
use crate::dns_zone::{Found, Zone};
use crate::name_server::NameServer;
use crate::ports;
use crate::query_log::QueryLog;
use crate::vectors::{Fault, Vector};
use crate::wire::{Message, Question, flag, rcode};

/// A name server on loopback, UDP and TCP. Without a script it answers from its zone.
///
/// ```
/// use alto_testkit::{Zone, scripted::Scripted, wire::rcode};
///
/// let server = Scripted::start(Zone::new([]));
/// server.on("a.example.", |query| vec![query.message(rcode::SERVFAIL).into()]);
/// server.on("b.example.", |_| vec![]); // silence
/// ```
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    tcp: bool,
    stage: Arc<Stage>,
    work: Option<Background>,
}

/// One query, in the hands of a script.
#[derive(Debug)]
pub struct Query {
    /// What was asked.
    pub question: Question,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// How often the same name was asked before, over either transport.
    pub nth: usize,
    zone: Arc<Zone>,
}

/// Something a server does about a query. No act at all is silence.
#[derive(Clone, Debug)]
pub struct Act {
    what: What,
    after: Duration,
    elsewhere: bool,
}

#[derive(Clone, Debug)]
enum What {
    Send(Vec<u8>),
    HangUp,
}

type Script = Arc<dyn Fn(&Query) -> Vec<Act> + Send + Sync>;

struct Stage {
    zone: Arc<Zone>,
    log: QueryLog,
    scripts: Mutex<HashMap<String, Script>>,
    trees: Mutex<HashMap<String, Script>>,
    default: Mutex<Script>,
}

impl Scripted {
    /// A server that answers from this zone until told otherwise.
    pub fn start(zone: impl Into<Arc<Zone>>) -> Self {
        Self::start_on(zone.into(), true)
    }

    /// The same with its TCP port closed.
    pub fn start_udp_only(zone: impl Into<Arc<Zone>>) -> Self {
        Self::start_on(zone.into(), false)
    }

    /// A server that serves a vector, faults included.
    pub fn for_vector(vector: &Vector) -> Self {
        let server = Self::start(vector.zone());
        for (name, fault) in &vector.faults {
            let fault = *fault;
            server.on(name, move |query| query.fails(fault));
        }
        server
    }

    fn start_on(zone: Arc<Zone>, tcp: bool) -> Self {
        let stage = Arc::new(Stage {
            zone,
            log: QueryLog::default(),
            scripts: Mutex::default(),
            trees: Mutex::default(),
            default: Mutex::new(Arc::new(|query| vec![query.from_zone().into()])),
        });
        let sockets = ports::pair();
        let address = sockets.0.local_addr().expect("the address of a bound socket");
        let work = Some(serve(Arc::clone(&stage), sockets, tcp));
        Self { address, tcp, stage, work }
    }

    /// From now on, queries for this name are handled so. The acts follow each other.
    pub fn on(&self, name: &str, script: impl Fn(&Query) -> Vec<Act> + Send + Sync + 'static) {
        let mut scripts = self.stage.scripts.lock().expect("nobody panics with the lock held");
        scripts.insert(name.to_ascii_lowercase(), Arc::new(script));
    }

    /// From now on, queries for this name and those below it are handled so, unless a longer name
    /// has a script of its own.
    pub fn on_tree(&self, apex: &str, script: impl Fn(&Query) -> Vec<Act> + Send + Sync + 'static) {
        let mut trees = self.stage.trees.lock().expect("nobody panics with the lock held");
        trees.insert(apex.to_ascii_lowercase(), Arc::new(script));
    }

    /// From now on, queries for all names without a script are handled so.
    pub fn on_any(&self, script: impl Fn(&Query) -> Vec<Act> + Send + Sync + 'static) {
        *self.stage.default.lock().expect("nobody panics with the lock held") = Arc::new(script);
    }

    /// What it was asked.
    pub fn log(&self) -> &QueryLog {
        &self.stage.log
    }
}

impl NameServer for Scripted {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn stop(&mut self) {
        self.work = None;
    }

    fn restart(&mut self) {
        self.stop();
        let sockets = ports::pair_at(self.address).expect("the port it had before");
        self.work = Some(serve(Arc::clone(&self.stage), sockets, self.tcp));
    }
}

impl Query {
    /// What an honest server of the zone says.
    pub fn from_zone(&self) -> Message {
        let lookup = self.zone.lookup(&self.question.name, self.question.kind);
        let mut message = self.message(rcode::NOERROR);
        message.answers = lookup.aliases;
        match lookup.found {
            Found::Records(records) => message.answers.extend(records),
            Found::NoData(soa) => message.authorities.push(soa),
            Found::NxDomain(soa) => {
                message.rcode = rcode::NXDOMAIN;
                message.authorities.push(soa);
            }
            Found::Loop => {}
        }
        let room = if self.question.edns { 1232 } else { 512 };
        if self.tcp || message.write().len() <= room { message } else { self.truncated() }
    }

    /// A reply with this response code and nothing in it.
    pub fn message(&self, rcode: u8) -> Message {
        Message {
            id: self.question.id,
            flags: flag::QR | flag::AA | flag::RA | self.question.flags & (flag::RD | flag::CD),
            rcode,
            question: (self.question.name.clone(), self.question.kind),
            answers: vec![],
            authorities: vec![],
            additionals: vec![],
            edns: self.question.edns.then(Vec::new),
        }
    }

    /// A reply that says "ask again over TCP".
    pub fn truncated(&self) -> Message {
        let mut message = self.message(rcode::NOERROR);
        message.flags |= flag::TC;
        message
    }

    /// What a validating resolver says of forged data (RFC 4035 §5.5, RFC 8914 §4.7): failure with
    /// the reason, and the data itself if the client does its own checking.
    pub fn bogus(&self) -> Message {
        if self.question.flags & flag::CD != 0 {
            return self.from_zone();
        }
        let mut message = self.message(rcode::SERVFAIL);
        message.edns = message.edns.map(|_| vec![6]);
        message
    }

    fn fails(&self, fault: Fault) -> Vec<Act> {
        match fault {
            Fault::Servfail => vec![self.message(rcode::SERVFAIL).into()],
            Fault::Timeout => vec![],
            Fault::Truncate if self.tcp => vec![self.from_zone().into()],
            Fault::Truncate => vec![self.truncated().into()],
            Fault::Bogus => vec![self.bogus().into()],
        }
    }
}

impl Act {
    /// Sends these octets as a datagram, or as a message over TCP.
    pub fn raw(octets: impl Into<Vec<u8>>) -> Self {
        Self { what: What::Send(octets.into()), after: Duration::ZERO, elsewhere: false }
    }

    /// Closes the TCP connection; nothing over UDP.
    pub fn hang_up() -> Self {
        Self { what: What::HangUp, after: Duration::ZERO, elsewhere: false }
    }

    /// The same, this much after the act before it.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { after: delay, ..self }
    }

    /// The same from another port (UDP).
    #[must_use]
    pub fn from_another_port(self) -> Self {
        Self { elsewhere: true, ..self }
    }
}

impl From<Message> for Act {
    fn from(message: Message) -> Self {
        Self::raw(message.write())
    }
}

impl Stage {
    /// Notes a query and asks the script what to do; nothing if it is no query.
    fn acts(&self, message: &[u8], tcp: bool) -> Vec<Act> {
        let Some(question) = Question::read(message) else { return vec![] };
        let name = question.name.to_ascii_lowercase();
        let nth = self.log.note(&question, tcp);
        let query = Query { question, tcp, nth, zone: Arc::clone(&self.zone) };
        self.script(&name)(&query)
    }

    fn script(&self, name: &str) -> Script {
        let scripts = self.scripts.lock().expect("nobody panics with the lock held");
        let trees = self.trees.lock().expect("nobody panics with the lock held");
        let default = self.default.lock().expect("nobody panics with the lock held");
        let above = std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1));
        let tree = above.into_iter().find_map(|apex| trees.get(apex));
        Arc::clone(scripts.get(name).or(tree).unwrap_or(&default))
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("zone", &self.zone).finish_non_exhaustive()
    }
}

fn serve(
    stage: Arc<Stage>,
    (udp, tcp): (std::net::UdpSocket, std::net::TcpListener),
    with_tcp: bool,
) -> Background {
    udp.set_nonblocking(true).expect("a socket that does not block");
    tcp.set_nonblocking(true).expect("a socket that does not block");
    let tcp = with_tcp.then_some(tcp);
    Background::start(move || async move {
        let udp = UdpSocket::from_std(udp).expect("a UDP socket");
        let tcp = tcp.map(|tcp| TcpListener::from_std(tcp).expect("a TCP socket"));
        tokio::join!(serve_udp(Arc::clone(&stage), Arc::new(udp)), async {
            if let Some(tcp) = tcp {
                serve_tcp(stage, tcp).await;
            }
        })
    })
}

async fn serve_udp(stage: Arc<Stage>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // An error here is about an earlier datagram whose receiver is gone.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let acts = stage.acts(&buffer[..length], false);
        tokio::spawn(act_udp(Arc::clone(&socket), client, acts));
    }
}

async fn act_udp(socket: Arc<UdpSocket>, client: SocketAddr, acts: Vec<Act>) -> io::Result<()> {
    for act in acts {
        pause(act.after).await;
        match act.what {
            What::Send(octets) if act.elsewhere => {
                let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                other.send_to(&octets, client).await?;
            }
            What::Send(octets) => {
                socket.send_to(&octets, client).await?;
            }
            What::HangUp => {}
        }
    }
    Ok(())
}

async fn serve_tcp(stage: Arc<Stage>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(act_tcp(Arc::clone(&stage), stream));
    }
}

async fn act_tcp(stage: Arc<Stage>, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut message = vec![0; length.into()];
        stream.read_exact(&mut message).await?;
        for act in stage.acts(&message, true) {
            pause(act.after).await;
            let What::Send(octets) = act.what else { return Ok(()) };
            stream.write_all(&framed(&octets)).await?;
        }
    }
}

/// A message as TCP carries it, behind its length (RFC 1035 §4.2.2).
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut octets = crate::wire::Octets::default();
    octets.counted(|to| to.raw(message));
    octets.into_vec()
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}
