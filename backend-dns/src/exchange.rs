//! One question to one resolver: over UDP and where needed TCP, or over TLS.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_net::NetError;
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use hickory_net::xfer::{DnsHandle, DnsRequestSender, FirstAnswer};
use hickory_proto::ProtoError;
use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

use crate::sockets::Sockets;
use crate::transport::Link;

/// The largest UDP reply we ask for, in octets: fits any path without fragments (RFC 9715 §3.2).
const UDP_PAYLOAD: u16 = 1_232;
/// Over TLS, questions are padded to a multiple of this, in octets, so that their length does not
/// tell which name is asked for (RFC 8467 §4.1).
const PADDED_TO: usize = 128;
const PADDING: u16 = 12;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'n> {
    pub(crate) name: &'n Name,
    pub(crate) kind: RecordType,
    pub(crate) wish: Wish,
}

/// What is asked of the resolver beside the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing more.
    Nothing,
    /// That it does not validate (RFC 4035 §3.2.2).
    Unchecked,
    /// The signatures too (RFC 4035 §3.2.1).
    Signatures,
    /// Both.
    SignaturesUnchecked,
}

impl<'n> Question<'n> {
    /// A question for the records of a type at a name.
    pub(crate) fn new(name: &'n Name, kind: RecordType) -> Self {
        Self { name, kind, wish: Wish::Nothing }
    }

    /// The same with a wish.
    pub(crate) fn wishing(self, wish: Wish) -> Self {
        Self { wish, ..self }
    }
}

/// How a resolver is asked.
#[derive(Debug)]
pub(crate) enum Way {
    /// Over UDP and TCP.
    Plain(SocketAddr),
    /// Over TLS.
    Tls(Link),
}

/// Asks, whichever way it takes, until a moment.
pub(crate) struct Exchange {
    sockets: Sockets,
    sent: AtomicU64,
}

/// Why there is no message in reply.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing came in time.
    Silent,
    /// The resolver cannot be reached, certain at once.
    Refused(String),
    /// Something of our own machine's is in the way.
    Local(String),
    /// Something came that is no reply.
    Unreadable(String),
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self { sockets: Sockets::default(), sent: AtomicU64::new(0) }
    }

    /// How many questions went out.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The reply.
    pub(crate) async fn ask(
        &self,
        way: &Way,
        question: Question<'_>,
        until: Instant,
    ) -> Result<Message, Fault> {
        match way {
            Way::Plain(server) => self.in_the_clear(*server, question, until).await,
            Way::Tls(link) => self.over_tls(link, question, until).await,
        }
    }

    async fn over_tls(
        &self,
        link: &Link,
        question: Question<'_>,
        until: Instant,
    ) -> Result<Message, Fault> {
        let octets = padded(&request(question, Edns::Yes, Case::Plain))
            .map_err(|error| Fault::Local(error.to_string()))?;
        let reply = link.exchange(&octets, until, &self.sent).await?;
        let message = Message::from_vec(&reply).map_err(NetError::from)?;
        Ok(answers(question, message).and_then(whole)?)
    }

    /// The reply over UDP; without EDNS if the server chokes on that; over TCP if the reply is cut
    /// short or the server does not keep the case of our question.
    async fn in_the_clear(
        &self,
        server: SocketAddr,
        question: Question<'_>,
        until: Instant,
    ) -> Result<Message, Fault> {
        let mut reply = self.over_udp(server, question, Edns::Yes, until).await;
        if reply.as_ref().is_ok_and(refuses_edns) {
            reply = self.over_udp(server, question, Edns::No, until).await;
        }
        let why = match reply {
            Ok(message) if message.metadata.truncation => "is too long for UDP",
            Err(NetError::QueryCaseMismatch) => "over UDP changes the question's letter case",
            other => return other.map_err(Fault::from),
        };
        let full = self.over_tcp(server, question, until).await.and_then(whole);
        full.map_err(|error| Fault::Unreadable(format!("the reply {why}, and over TCP: {error}")))
    }

    async fn over_udp(
        &self,
        server: SocketAddr,
        question: Question<'_>,
        edns: Edns,
        until: Instant,
    ) -> Result<Message, NetError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        // The random port, random id and mixed case (0x20) make a reply hard to forge.
        let mut stream = UdpClientStream::builder(server, self.sockets.clone())
            .with_timeout(Some(time_left(until)))
            .with_max_retries(1)
            .build();
        let reply =
            stream.send_message(request(question, edns, Case::Mixed)).first_answer().await?;
        answers(question, reply.into_message())
    }

    /// The reply over TCP.
    pub(crate) async fn over_tcp(
        &self,
        server: SocketAddr,
        question: Question<'_>,
        until: Instant,
    ) -> Result<Message, NetError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let sockets = Sockets::default(); // ends the connection's task when it goes
        let exchange = async {
            let stream =
                TcpClientStream::exchange(server, None, time_left(until), None, sockets.clone());
            let request = request(question, Edns::Yes, Case::Plain);
            stream.await?.send(request).first_answer().await
        };
        let reply = timeout_at(until, exchange).await.unwrap_or(Err(NetError::Timeout))?;
        answers(question, reply.into_message())
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("sent", &self.sent()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edns {
    Yes,
    No,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Mixed,
    Plain,
}

fn request(question: Question<'_>, edns: Edns, case: Case) -> DnsRequest {
    let mut options = DnsRequestOptions::default();
    options.use_edns = edns == Edns::Yes;
    options.edns_payload_len = UDP_PAYLOAD;
    options.edns_set_dnssec_ok =
        matches!(question.wish, Wish::Signatures | Wish::SignaturesUnchecked);
    options.recursion_desired = true;
    options.case_randomization = case == Case::Mixed;
    let query = Query::query(question.name.clone(), question.kind);
    let mut request = DnsRequest::from_query(query, options);
    request.metadata.authentic_data = true; // asks for the AD bit in the reply (RFC 6840 §5.7)
    request.metadata.checking_disabled =
        matches!(question.wish, Wish::Unchecked | Wish::SignaturesUnchecked);
    request
}

/// RFC 7830: an option of zeros.
fn padded(request: &Message) -> Result<Vec<u8>, ProtoError> {
    let mut message = request.clone();
    let bare = message.to_vec()?.len() + 4; // the option's own code and length
    if let Some(edns) = &mut message.edns {
        let zeros = vec![0; bare.next_multiple_of(PADDED_TO) - bare];
        edns.options_mut().insert(EdnsOption::Unknown(PADDING, zeros));
    }
    message.to_vec()
}

/// A reply to another question is none.
fn answers(question: Question<'_>, message: Message) -> Result<Message, NetError> {
    let same = |asked: &Query| asked.name == *question.name && asked.query_type == question.kind;
    match &message.queries[..] {
        [asked] if same(asked) => Ok(message),
        _ => Err(NetError::Message("a reply to another question")),
    }
}

/// A reply that is cut short where it cannot be longer says nothing of what is missing (RFC 2181 §9).
fn whole(message: Message) -> Result<Message, NetError> {
    if message.metadata.truncation {
        return Err(NetError::Message("the reply is cut short"));
    }
    Ok(message)
}

/// RFC 6891 §7: who does not know EDNS replies FORMERR without it.
fn refuses_edns(message: &Message) -> bool {
    let code = message.metadata.response_code;
    message.edns.is_none() && matches!(code, ResponseCode::FormErr | ResponseCode::NotImp)
}

fn time_left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("no reply in time"),
            Self::Refused(error) => write!(f, "cannot be reached: {error}"),
            Self::Local(error) => write!(f, "no question could be sent: {error}"),
            Self::Unreadable(sentence) => f.write_str(sentence),
        }
    }
}

impl From<NetError> for Fault {
    fn from(error: NetError) -> Self {
        use std::io::ErrorKind::{
            ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut,
        };
        match &error {
            NetError::Timeout => Self::Silent,
            NetError::Io(io) => match io.kind() {
                TimedOut => Self::Silent,
                ConnectionRefused | HostUnreachable | NetworkUnreachable => {
                    Self::Refused(io.to_string())
                }
                _ => Self::Local(io.to_string()),
            },
            _ => Self::Unreadable(format!("the reply is unreadable: {error}")),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        NetError::from(error).into()
    }
}
