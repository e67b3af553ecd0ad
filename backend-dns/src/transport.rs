//! DNS over TLS (RFC 7858) to a resolver whose name is checked: many questions on one connection.
//! The one file here that knows the TLS library.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_discovery_core::Error;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::exchange::Fault;

/// A connection without a question is closed after this time (RFC 7766 §6.2.3 leaves it to us).
const IDLE: Duration = Duration::from_secs(10);
/// A resolver that takes no octets for so long is given up.
const STALLED: Duration = Duration::from_secs(2);
/// Questions that wait for the connection's writer; more of them wait before it.
const WRITE_AHEAD: usize = 64;

/// Whether a certificate can be checked for this name.
pub(crate) fn is_server_name(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

/// Whose word on a resolver's name is taken.
#[derive(Clone)]
pub(crate) struct Trust(TlsConnector);

impl Trust {
    /// The authorities in a PEM file and no others, or else the system's. Reads files only here.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, Error> {
        // Our own provider: the process-wide one belongs to the host program.
        let provider = Arc::new(ring::default_provider());
        let unusable = |fault: rustls::Error| Error::config("dns.ca_file", fault.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(unusable)?;
        let builder = match ca_file {
            Some(path) => builder.with_root_certificates(authorities(path)?),
            None => builder.dangerous().with_custom_certificate_verifier(Arc::new(
                Verifier::new(provider).map_err(unusable)?,
            )),
        };
        Ok(Self(TlsConnector::from(Arc::new(builder.with_no_client_auth()))))
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, Error> {
    let unusable = |fault: String| {
        Error::config("dns.ca_file", format!("dns.ca_file: {}: {fault}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path);
    for certificate in certificates.map_err(|fault| unusable(fault.to_string()))? {
        let certificate = certificate.map_err(|fault| unusable(fault.to_string()))?;
        roots.add(certificate).map_err(|fault| unusable(fault.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("no certificate in it; wanted: PEM".into()));
    }
    Ok(roots)
}

/// The way to one resolver. Connects when first asked; tasks run on the runtime of who asks.
pub(crate) struct Link {
    address: SocketAddr,
    name: ServerName<'static>,
    trust: Trust,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
}

impl Link {
    /// `name` is what the resolver's certificate has to be for.
    pub(crate) fn new(address: SocketAddr, name: &str, trust: Trust) -> Result<Self, Error> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Error::config("dns.resolver", format!("`{name}` is no server's name")))?;
        Ok(Self { address, name, trust, connection: tokio::sync::Mutex::default() })
    }

    /// The reply to the message `question`, whatever its id; counts what goes out in `sent`.
    pub(crate) async fn exchange(
        &self,
        question: &[u8],
        until: Instant,
        sent: &AtomicU64,
    ) -> Result<Vec<u8>, Fault> {
        // A server may close a connection that it finds idle while we ask: then ask once more
        // (RFC 7766 §6.2.4).
        for _ in 0..2 {
            let connecting = timeout_at(until, self.connection()).await;
            let connection = connecting.map_err(|_| Fault::Silent)??;
            sent.fetch_add(1, Ordering::Relaxed);
            let reply = timeout_at(until, connection.ask(question)).await;
            match reply {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(Ended::Closed)) => {}
                Ok(Err(Ended::Broken(sentence))) => return Err(Fault::Unreadable(sentence)),
                Err(_) => return Err(Fault::Silent),
            }
        }
        Err(Fault::Refused("it closes the connection without a reply".into()))
    }

    /// The one there is, or a new one. Whoever comes meanwhile waits and shares it.
    async fn connection(&self) -> Result<Arc<Connection>, Fault> {
        let mut place = self.connection.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        *place = None;
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.trust.0.connect(self.name.clone(), stream).await.map_err(untrusted)?;
        Ok(Arc::clone(place.insert(Arc::new(Connection::over(stream)))))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Certain at once, and nothing that asking again would change.
fn untrusted(error: io::Error) -> Fault {
    use rustls::Error as E;
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<E>());
    Fault::Refused(match fault {
        None if error.kind() == ErrorKind::UnexpectedEof => "it closes the TLS handshake".into(),
        None => return error.into(),
        Some(E::InvalidCertificate(fault)) => certificate_fault(fault),
        Some(E::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        )) => "it speaks no TLS".into(),
        Some(other) => format!("TLS: {other}"),
    })
}

fn certificate_fault(fault: &CertificateError) -> String {
    use CertificateError as C;
    match fault {
        C::Expired | C::ExpiredContext { .. } => "its certificate has expired".into(),
        C::NotValidYet | C::NotValidYetContext { .. } => "its certificate is not valid yet".into(),
        C::UnknownIssuer => "its certificate is by an unknown authority".into(),
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "its certificate is for another name".into()
        }
        other => format!("its certificate: {other}"),
    }
}

/// Why a connection carries no more.
#[derive(Clone)]
enum Ended {
    /// Between replies.
    Closed,
    /// Within one; a sentence on how.
    Broken(String),
}

/// Questions go out as they come, replies come in any order (RFC 7766 §6.2.1.1).
struct Connection {
    outgoing: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Waiting>,
}

impl Connection {
    fn over(stream: TlsStream<TcpStream>) -> Self {
        let (from, to) = tokio::io::split(stream);
        let (outgoing, questions) = mpsc::channel(WRITE_AHEAD);
        let waiting = Arc::new(Waiting::default());
        tokio::spawn(carry(from, to, questions, Arc::clone(&waiting)));
        Self { outgoing, waiting }
    }

    fn is_usable(&self) -> bool {
        !self.outgoing.is_closed() && self.waiting.entries().ended.is_none()
    }

    async fn ask(&self, question: &[u8]) -> Result<Vec<u8>, Ended> {
        let (mut place, reply) = Waiting::enter(&self.waiting)?;
        let written = self.outgoing.send(framed(place.id, question)).await;
        let reply = match written {
            Ok(()) => reply.await.unwrap_or(Err(Ended::Closed)),
            Err(_) => Err(Ended::Closed),
        };
        place.served = true;
        reply
    }
}

/// A message behind its length (RFC 1035 §4.2.2), under an id of this connection's.
fn framed(id: u16, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let rest = message.get(2..usize::from(length)).unwrap_or_default();
    [&length.to_be_bytes()[..], &id.to_be_bytes(), rest].concat()
}

/// Who waits for a reply on a connection.
#[derive(Default)]
struct Waiting(Mutex<Entries>);

type Reply = Result<Vec<u8>, Ended>;

#[derive(Default)]
struct Entries {
    by_id: HashMap<u16, oneshot::Sender<Reply>>,
    last_id: u16,
    /// How many replies came.
    heard: u64,
    ended: Option<Ended>,
}

impl Waiting {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(waiting: &Arc<Self>) -> Result<(Place, oneshot::Receiver<Reply>), Ended> {
        let mut entries = waiting.entries();
        if let Some(ended) = &entries.ended {
            return Err(ended.clone());
        }
        let (sender, receiver) = oneshot::channel();
        let mut id = entries.last_id.wrapping_add(1);
        while entries.by_id.contains_key(&id) && id != entries.last_id {
            id = id.wrapping_add(1);
        }
        entries.last_id = id;
        entries.by_id.insert(id, sender);
        let heard = entries.heard;
        drop(entries);
        Ok((Place { waiting: Arc::clone(waiting), id, heard, served: false }, receiver))
    }

    fn deliver(&self, message: Vec<u8>) {
        let mut entries = self.entries();
        entries.heard += 1;
        let id = message.first_chunk().map(|id| u16::from_be_bytes(*id));
        if let Some(receiver) = id.and_then(|id| entries.by_id.remove(&id)) {
            let _ = receiver.send(Ok(message)); // nobody waits for it any more
        }
    }

    fn end(&self, how: &Ended) {
        let mut entries = self.entries();
        entries.ended.get_or_insert_with(|| how.clone());
        for (_, receiver) in entries.by_id.drain() {
            let _ = receiver.send(Err(how.clone()));
        }
    }
}

/// A place among those who wait, given back when dropped. Who leaves without a reply on a connection
/// that said nothing meanwhile leaves it to nobody: the next one connects anew.
struct Place {
    waiting: Arc<Waiting>,
    id: u16,
    heard: u64,
    served: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut entries = self.waiting.entries();
        entries.by_id.remove(&self.id);
        if !self.served && entries.heard == self.heard {
            entries.ended.get_or_insert(Ended::Closed);
        }
    }
}

/// Carries questions and replies until either side has had enough.
async fn carry(
    from: ReadHalf<TlsStream<TcpStream>>,
    to: WriteHalf<TlsStream<TcpStream>>,
    questions: mpsc::Receiver<Vec<u8>>,
    waiting: Arc<Waiting>,
) {
    let for_reader = Arc::clone(&waiting);
    let reader = tokio::spawn(async move {
        let how = read_replies(from, &for_reader).await;
        for_reader.end(&how);
    });
    write_questions(to, questions, &waiting).await;
    reader.abort();
    waiting.end(&Ended::Closed);
}

async fn write_questions(
    mut to: WriteHalf<TlsStream<TcpStream>>,
    mut questions: mpsc::Receiver<Vec<u8>>,
    waiting: &Waiting,
) {
    loop {
        match timeout(IDLE, questions.recv()).await {
            Ok(Some(question)) => {
                let write = async {
                    to.write_all(&question).await?;
                    to.flush().await
                };
                if !matches!(timeout(STALLED, write).await, Ok(Ok(()))) {
                    return;
                }
            }
            Ok(None) => break,
            Err(_) if waiting.entries().by_id.is_empty() => break,
            Err(_) => {}
        }
    }
    let _ = timeout(STALLED, to.shutdown()).await; // it may be gone already
}

async fn read_replies(mut from: ReadHalf<TlsStream<TcpStream>>, waiting: &Waiting) -> Ended {
    loop {
        let Ok(length) = from.read_u16().await else { return Ended::Closed };
        let mut message = vec![0; length.into()];
        if let Err(error) = from.read_exact(&mut message).await {
            let how = match error.kind() {
                ErrorKind::UnexpectedEof => "the resolver closed the connection within a reply",
                _ => "the TLS connection broke within a reply",
            };
            return Ended::Broken(how.into());
        }
        waiting.deliver(message);
    }
}
