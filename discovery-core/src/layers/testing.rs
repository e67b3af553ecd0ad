//! A backend that does as it is told, for the layers' own tests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    Answer, Backend, BoxFuture, Call, Cause, Dnssec, Error, Guide, Known, NoServer, Origin, Peer,
    Scope, Server, ServerList, Step, Trace, Trust, Validity,
};

pub(super) type Reply = Result<Arc<Answer>, Error>;
type Replies = Box<dyn Fn(&Peer<'_>, &Call, usize) -> (Duration, Reply) + Send + Sync>;
type Knows = Box<dyn Fn(&Peer<'_>, Instant) -> Known + Send + Sync>;

pub(super) struct Fake {
    name: &'static str,
    replies: Replies,
    knows: Knows,
    asked: AtomicUsize,
    ended: AtomicUsize,
}

impl Fake {
    /// Replies after a time with what `replies` makes of peer, call and the number of the call.
    pub(super) fn new(
        name: &'static str,
        replies: impl Fn(&Peer<'_>, &Call, usize) -> (Duration, Reply) + Send + Sync + 'static,
    ) -> Self {
        let knows: Knows = Box::new(|_, _| Known::Ask);
        let asked = AtomicUsize::new(0);
        Self { name, replies: Box::new(replies), knows, asked, ended: AtomicUsize::new(0) }
    }

    /// Always replies the same, at once.
    pub(super) fn saying(name: &'static str, reply: Reply) -> Self {
        Self::new(name, move |_, _, _| (Duration::ZERO, reply.clone()))
    }

    pub(super) fn knowing(
        self,
        knows: impl Fn(&Peer<'_>, Instant) -> Known + Send + Sync + 'static,
    ) -> Self {
        Self { knows: Box::new(knows), ..self }
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// How many of the calls ran to their end.
    pub(super) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Backend for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn discover<'a>(&'a self, peer: &'a Peer<'a>, call: &'a Call) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            let (delay, reply) = (self.replies)(peer, call, number);
            if !delay.is_zero() {
                sleep(delay).await;
            }
            self.ended.fetch_add(1, Ordering::SeqCst);
            reply
        })
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        (self.knows)(peer, now)
    }
}

pub(super) fn peer(text: &str) -> Peer<'static> {
    text.parse().unwrap()
}

pub(super) fn scope(net: &str) -> Scope {
    Scope::net(net.parse().unwrap())
}

pub(super) fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// What `backend` found: the server `https://HOST/`, for `net`, for so many seconds from now.
pub(super) fn answer(backend: &'static str, host: &str, net: &str, life: u64) -> Answer {
    Answer {
        backend,
        approach: 1,
        guide: Guide::Servers(ServerList::new([server(host, Trust::Network)]).unwrap()),
        scope: scope(net),
        validity: Validity::new(Instant::now(), seconds(life)),
        incomplete: false,
        dnssec: Dnssec::Insecure,
        trace: trace(backend),
    }
}

pub(super) fn server(host: &str, trust: Trust) -> Server {
    let uri = format!("https://{host}/").parse().unwrap();
    Server { uri, order: 1, preference: 1, found_at: None, trust }
}

pub(super) fn absence(backend: &'static str, net: &str, life: u64) -> NoServer {
    NoServer {
        backend,
        scope: scope(net),
        validity: Validity::new(Instant::now(), seconds(life)),
        dnssec: Dnssec::Insecure,
        trace: trace(backend),
    }
}

pub(super) fn none(backend: &'static str, net: &str, life: u64) -> Error {
    Error::NoServer(Arc::new(absence(backend, net, life)))
}

pub(super) fn unavailable(backend: &'static str, code: &'static str) -> Error {
    let cause = Cause::new(code, "no luck");
    Error::Unavailable { backend, retry_after: None, cause, trace: trace(backend) }
}

pub(super) fn rejected(backend: &'static str) -> Error {
    let cause = Cause::new(crate::code::POLICY, "not that one");
    Error::Rejected { backend, cause, trace: trace(backend) }
}

pub(super) fn not_applicable(backend: &'static str) -> Error {
    let needs = Cause::new(crate::code::NOTHING_TO_GO_BY, "a hint");
    Error::NotApplicable { backend, needs }
}

/// One step whose subject is the backend's name.
pub(super) fn trace(backend: &'static str) -> Trace {
    let finding = "asked".into();
    Trace::new([Step {
        backend,
        subject: backend.into(),
        origin: Origin::Wire,
        finding,
        holds: None,
    }])
}

/// The backends that were asked, in order.
pub(super) fn walked(trace: &Trace) -> Vec<&'static str> {
    trace.steps().iter().map(|step| step.backend).collect()
}

/// Runs `work` to its end under a clock that stands still but for waiting: for property tests.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    let mut paused = tokio::runtime::Builder::new_current_thread();
    paused.enable_time().start_paused(true);
    paused.build().unwrap().block_on(work)
}

/// The kinds of reply a backend can give, for property tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Answer,
    Rejected,
    Unavailable,
    None,
    NotApplicable,
    Invalid,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Answer,
        Self::Rejected,
        Self::Unavailable,
        Self::None,
        Self::NotApplicable,
        Self::Invalid,
    ];

    pub(super) fn of(reply: &Reply) -> Self {
        match reply {
            Ok(_) => Self::Answer,
            Err(Error::Rejected { .. }) => Self::Rejected,
            Err(Error::Unavailable { .. }) => Self::Unavailable,
            Err(Error::NoServer(_)) => Self::None,
            Err(Error::NotApplicable { .. }) => Self::NotApplicable,
            Err(Error::Invalid { .. } | Error::Config { .. }) => Self::Invalid,
        }
    }

    pub(super) fn reply(self, backend: &'static str) -> Reply {
        match self {
            Self::Answer => Ok(Arc::new(answer(backend, "alto.example", "192.0.2.0/24", 600))),
            Self::Rejected => Err(rejected(backend)),
            Self::Unavailable => Err(unavailable(backend, crate::code::TIMEOUT)),
            Self::None => Err(none(backend, "192.0.2.0/24", 600)),
            Self::NotApplicable => Err(not_applicable(backend)),
            Self::Invalid => Err(Error::invalid(crate::code::INVALID_INPUT, "what?")),
        }
    }
}

/// What is known if asking would give this reply.
pub(super) fn known_as(reply: &Reply) -> Known {
    match reply {
        Ok(answer) => Known::Fresh(answer.clone()),
        Err(Error::NoServer(none)) => Known::None(none.clone()),
        Err(Error::NotApplicable { .. }) => Known::NotApplicable,
        Err(_) => Known::Ask,
    }
}
