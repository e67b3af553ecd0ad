//! The site's resolvers: asked in order, passed over while they cannot be reached.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_discovery_core::{BoxFuture, Error};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use tokio::time::Instant;

use crate::address::ResolverAddress;
use crate::breaker::{Advice, Breaker};
use crate::config::{DnsConfig, TIMEOUT};
use crate::domain::name_of;
use crate::exchange::{Exchange, Fault, Question, Way, Wish};
use crate::fact::Failure;
use crate::reply;
use crate::rules::DnssecMode;
use crate::transport::{Link, Trust};
use crate::upstream::{Reply, Standing, Upstream};

/// A resolver that is back replies to the simplest question within this time.
const PROBE_TIME: Duration = Duration::from_millis(250);

/// The resolvers of the configuration, or the system's.
#[derive(Debug)]
pub(crate) struct Resolvers {
    servers: Vec<Server>,
    exchange: Exchange,
    timeout: Duration,
    dnssec: DnssecMode,
    recoveries: AtomicU64,
}

/// A resolver, and how it stands with it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: ResolverAddress,
    pub(crate) way: Way,
    breaker: Mutex<Breaker>,
}

impl Resolvers {
    /// Reads files at most; opens no socket.
    pub(crate) fn new(config: &DnsConfig) -> Result<Self, Error> {
        let resolvers = Self {
            servers: servers(config)?,
            exchange: Exchange::new(),
            timeout: config.timeout,
            dnssec: config.dnssec,
            recoveries: AtomicU64::new(0),
        };
        if config.dnssec == DnssecMode::Require && !resolvers.are_authentic() {
            let message = "dns.dnssec: `require` needs a validating resolver whose word can be believed: \
                           wanted: dns.resolver on this machine (127.0.0.1 or ::1) or over TLS (tls://IP#NAME)";
            return Err(Error::config("dns.dnssec", message));
        }
        Ok(resolvers)
    }

    fn are_authentic(&self) -> bool {
        self.servers.iter().all(|server| server.address.is_authentic())
    }

    async fn resolve(&self, name: &str, patience: Duration) -> Result<Reply, Failure> {
        let asked =
            name_of(name).ok_or_else(|| Failure::upstream(format!("{name} is no domain name")))?;
        let question = Question::new(&asked, RecordType::NAPTR);
        let end = Instant::now() + self.timeout;
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX).max(1);
        // A caller in a hurry must not make a resolver look silent.
        let share = (patience.min(self.timeout) / servers).max(TIMEOUT.floor);
        let mut outcome = Err(Failure::Unreachable("there is no resolver".into()));
        for (at, server) in self.servers.iter().enumerate() {
            let last = at + 1 == self.servers.len();
            let until = if last { end } else { end.min(Instant::now() + share) };
            let message = match self.ask(server, question, until).await {
                Ok(message) if serves_us(&message) || last => message,
                Ok(_) => continue,
                // What a silent one may have asked for counts as asked, whoever else cannot be reached.
                Err(_) if outcome == Err(Failure::Timeout) => continue,
                Err(failure) => {
                    outcome = Err(failure);
                    continue;
                }
            };
            return self.read(server, question, message, until).await;
        }
        outcome
    }

    /// What the message says; where it tells of a failure, what is behind that.
    async fn read(
        &self,
        server: &Server,
        question: Question<'_>,
        message: Message,
        until: Instant,
    ) -> Result<Reply, Failure> {
        let message = if self.dnssec != DnssecMode::Off && failed(&message) {
            self.look_behind(server, question, message, until).await?
        } else {
            message
        };
        let believed = self.dnssec != DnssecMode::Off && self.are_authentic();
        reply::read(&message, question.name, believed)
    }

    /// The failure, unless it is a validator's way of holding forged data back.
    async fn look_behind(
        &self,
        server: &Server,
        question: Question<'_>,
        failure: Message,
        until: Instant,
    ) -> Result<Message, Failure> {
        if let Some(error) = reply::validation_error(&failure) {
            return Err(Failure::Bogus(error.into()));
        }
        let validates = failure.metadata.recursion_available;
        if !validates || !self.has_data(server, question, until).await {
            return Ok(failure);
        }
        // Whatever made it fail may have passed before the unchecked question.
        match self.exchange.ask(&server.way, question, until).await {
            Ok(message) if !failed(&message) => Ok(message),
            _ => Err(Failure::Bogus("there is an answer, but it is not authentic".into())),
        }
    }

    /// Whether there is an answer as long as nobody checks it.
    async fn has_data(&self, server: &Server, question: Question<'_>, until: Instant) -> bool {
        let unchecked = question.wishing(Wish::Unchecked);
        let reply = self.exchange.ask(&server.way, unchecked, until).await;
        reply.is_ok_and(|message| {
            let code = message.metadata.response_code;
            matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
        })
    }

    async fn ask(
        &self,
        server: &Server,
        question: Question<'_>,
        until: Instant,
    ) -> Result<Message, Failure> {
        let sentence = || format!("the resolver {} cannot be reached", server.address).into();
        let advice = server.breaker().claim(Instant::now());
        match advice {
            Advice::Ask | Advice::AskInDoubt => {}
            Advice::ProbeFirst => match self.probe(server, until).await {
                Ok(_) => {}
                Err(Fault::Refused(_)) => return Err(Failure::Refused(sentence())),
                Err(_) => return Err(Failure::Unreachable(sentence())),
            },
            Advice::Leave => return Err(Failure::Unreachable(sentence())),
        }
        let asked = Instant::now();
        let mut reply = pin!(self.exchange.ask(&server.way, question, until));
        let reply = if advice == Advice::AskInDoubt {
            tokio::select! {
                reply = &mut reply => reply,
                _ = self.probe(server, until) => reply.await,
            }
        } else {
            reply.await
        };
        self.note(server, &reply, asked);
        reply.map_err(|fault| failure(server, fault))
    }

    /// The simplest question, so that a slow zone says nothing about the resolver.
    async fn probe(&self, server: &Server, until: Instant) -> Result<Message, Fault> {
        let root = Name::root();
        let question = Question::new(&root, RecordType::NS);
        let now = Instant::now();
        let enough = now + server.probe_time();
        let reply = self.exchange.ask(&server.way, question, until.min(enough)).await;
        self.note(server, &reply, now);
        if matches!(reply, Err(Fault::Silent)) && enough <= until {
            server.breaker().is_down(Instant::now());
        }
        reply
    }

    fn note(&self, server: &Server, reply: &Result<Message, Fault>, asked: Instant) {
        let now = Instant::now();
        let mut breaker = server.breaker();
        match reply {
            Ok(_) | Err(Fault::Unreadable(_)) => {
                if breaker.replied(now) {
                    self.recoveries.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(Fault::Silent) => breaker.was_silent(asked),
            Err(Fault::Refused(_)) => breaker.is_down(now),
            Err(Fault::Local(_)) => {}
        }
    }
}

impl Upstream for Resolvers {
    fn ask<'a>(
        &'a self,
        name: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Reply, Failure>> {
        Box::pin(self.resolve(name, patience))
    }

    /// As good as the best of them.
    fn standing(&self, now: Instant) -> Standing {
        let each = || self.servers.iter().map(|server| server.breaker().standing(now));
        let any = |wanted| each().any(|standing| standing == wanted);
        [Standing::Up, Standing::Due]
            .into_iter()
            .find(|wanted| any(*wanted))
            .unwrap_or(Standing::Down)
    }

    fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::Relaxed)
    }

    fn questions_sent(&self) -> u64 {
        self.exchange.sent()
    }
}

/// The resolvers of the configuration, or else the system's. Authorities are read only if one is to
/// be asked over TLS.
pub(crate) fn servers(config: &DnsConfig) -> Result<Vec<Server>, Error> {
    let addresses = match &config.resolver[..] {
        [] => system_resolvers()?,
        named => named.to_vec(),
    };
    let mut trust: Option<Trust> = None;
    let mut servers = Vec::with_capacity(addresses.len());
    for address in addresses {
        let way = match &address {
            ResolverAddress::Plain(socket) => Way::Plain(*socket),
            ResolverAddress::Tls { address, name } => {
                let known = match &trust {
                    Some(trust) => trust.clone(),
                    None => trust.insert(Trust::new(config.ca_file.as_deref())?).clone(),
                };
                Way::Tls(Link::new(*address, name, known)?)
            }
        };
        servers.push(Server { address, way, breaker: Mutex::default() });
    }
    Ok(servers)
}

impl Server {
    /// Over TLS two round trips come before the question.
    fn probe_time(&self) -> Duration {
        match self.way {
            Way::Plain(_) => PROBE_TIME,
            Way::Tls(_) => PROBE_TIME * 3,
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(message: &Message) -> bool {
    message.metadata.response_code == ResponseCode::ServFail
}

/// A resolver that does not serve us may stand beside one that does. One that fails is not passed over:
/// SERVFAIL is how a validator holds forged data back, which another might let through.
fn serves_us(message: &Message) -> bool {
    let code = message.metadata.response_code;
    !matches!(code, ResponseCode::Refused | ResponseCode::NotImp)
}

fn failure(server: &Server, fault: Fault) -> Failure {
    let address = &server.address;
    match fault {
        Fault::Silent => Failure::Timeout,
        Fault::Refused(error) => {
            Failure::Refused(format!("the resolver {address} cannot be reached: {error}").into())
        }
        Fault::Local(error) => {
            Failure::Unreachable(format!("no question could be sent to {address}: {error}").into())
        }
        Fault::Unreadable(sentence) => Failure::Upstream(sentence.into()),
    }
}

/// What the system is configured to ask. Search lists and options are not looked at: we ask for
/// absolute names only, within times of our own.
fn system_resolvers() -> Result<Vec<ResolverAddress>, Error> {
    let (system, _) = read_system_conf().map_err(|error| {
        let message =
            format!("dns.resolver: the system names no resolver ({error}); wanted: IP[:PORT]");
        Error::config("dns.resolver", message)
    })?;
    let servers = system.name_servers().iter().map(|server| SocketAddr::new(server.ip, 53));
    Ok(servers.map(ResolverAddress::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_discovery_core::{BackendConfig as _, Dnssec};
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::rdata::NAPTR;
    use hickory_proto::rr::{RData, Record};

    /// RFC 6840 §5.7: anybody on the way to a resolver elsewhere can set AD, and any of several
    /// resolvers may have replied. Nothing is sent: the reply is made here.
    #[tokio::test]
    async fn ad_counts_only_from_resolvers_on_this_machine() {
        for (resolvers, believed) in [
            ("127.0.0.1", Dnssec::Secure),
            ("[::1]:5300,127.0.0.53", Dnssec::Secure),
            ("::ffff:127.0.0.1", Dnssec::Secure),
            ("192.0.2.53", Dnssec::Unknown),
            ("192.0.2.53,127.0.0.1", Dnssec::Unknown),
            ("127.0.0.1,2001:db8::53", Dnssec::Unknown),
            ("10.0.0.1", Dnssec::Unknown),
        ] {
            let mut config = DnsConfig::default();
            config.set("dns.resolver", resolvers).unwrap();
            let asked = Resolvers::new(&config).unwrap();
            let name = Name::from_ascii("100.51.198.in-addr.arpa.").unwrap();
            let question = Question::new(&name, RecordType::NAPTR);
            for server in &asked.servers {
                let reply = asked.read(server, question, authentic(&name), Instant::now()).await;
                assert_eq!(reply.unwrap().dnssec, believed, "{resolvers}: {}", server.address);
            }
        }
    }

    fn authentic(name: &Name) -> Message {
        let mut message = Message::response(7, OpCode::Query);
        message.metadata.authentic_data = true;
        message.metadata.recursion_available = true;
        let text = |text: &str| text.as_bytes().into();
        let regexp = text("!.*!https://a.example/ird!");
        let naptr = NAPTR::new(100, 10, text("u"), text("ALTO:https"), regexp, Name::root());
        message.answers.push(Record::from_rdata(name.clone(), 300, RData::NAPTR(naptr)));
        message
    }
}
