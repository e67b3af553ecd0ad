//! Faults of resolvers, each within the call's deadline: the deadline, 50 ms, and what a control timer
//! beside it says the machine was late by. None of them is ever told as an absence.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::{Answer, Backend as _, Call, Error, Peer, Policy, code};
use alto_testkit::control::{ControlTimer, Lateness};
use alto_testkit::scripted::{Act, Query, Scripted};
use alto_testkit::wire::{Message, kind, rcode};
use alto_testkit::{Data, NameServer, Record, Zone, nsd, unbound};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const DEADLINE: Duration = Duration::from_millis(600);
const GRACE: Duration = Duration::from_millis(50);
const SERVER: &str = r#"600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;

type Outcome = Result<Arc<Answer>, Error>;

/// A server at this name.
fn zone(name: &str) -> Zone {
    Zone::parse([format!("{name} {SERVER}").as_str()]).unwrap()
}

/// A server at each name that is asked for.
fn at_each_name(query: &Query) -> Vec<Act> {
    let answers = vec![format!("{} {SERVER}", query.question.name).parse().unwrap()];
    vec![Message { answers, ..query.message(rcode::NOERROR) }.into()]
}

fn backend(server: &impl NameServer) -> Arc<DnsBackend> {
    backend_of_patience(server, DnsConfig::default().timeout)
}

fn backend_of_patience(server: &impl NameServer, timeout: Duration) -> Arc<DnsBackend> {
    let resolver = vec![server.address().into()];
    let (zone_qps, total_qps, in_flight) = (100_000, 100_000, 1_024);
    let config =
        DnsConfig { resolver, timeout, zone_qps, total_qps, in_flight, ..DnsConfig::default() };
    let policy = Policy { allow_private_peers: true, ..Policy::default() };
    Arc::new(DnsBackend::new(&config, policy).unwrap())
}

/// Of the benchmarking range (RFC 2544).
fn peer(number: u16) -> Peer<'static> {
    let [high, low] = number.to_be_bytes();
    Peer::new(IpAddr::from([198, 18, high, low]))
}

/// One call, and when it was.
struct Heard {
    peer: u16,
    outcome: Outcome,
    began: Instant,
    ended: Instant,
}

async fn discover(backend: Arc<DnsBackend>, number: u16) -> Heard {
    let began = Instant::now();
    let outcome = backend.discover(&peer(number), &Call::until(began + DEADLINE)).await;
    Heard { peer: number, outcome, began, ended: Instant::now() }
}

impl Heard {
    fn code(&self) -> &'static str {
        self.outcome.as_ref().map_or_else(Error::code, |_| "found")
    }

    #[track_caller]
    fn was_in_time(&self, lateness: &Lateness, what: &str) {
        let (took, late) = (self.ended - self.began, lateness.around(self.ended));
        assert!(took <= DEADLINE + GRACE + late, "{what}: {took:?}, the machine was {late:?} late");
        assert!(
            !matches!(self.outcome, Err(Error::NoServer(_))),
            "{what}: a failure told as absence"
        );
    }
}

type Script = fn(&Query) -> Vec<Act>;

/// What a server does about every question, and what comes of it.
const FAULTS: [(&str, Script, &str); 16] = [
    ("silent", |_| vec![], code::TIMEOUT),
    ("SERVFAIL", |query| code_only(query, rcode::SERVFAIL), code::UPSTREAM_FAILURE),
    ("REFUSED", |query| code_only(query, rcode::REFUSED), code::UPSTREAM_FAILURE),
    ("FORMERR", |query| code_only(query, rcode::FORMERR), code::UPSTREAM_FAILURE),
    ("BADVERS (RFC 6891 §9)", bad_version, code::UPSTREAM_FAILURE),
    ("EDNS refused by NOTIMP", edns_refused, FOUND),
    (
        "EDNS dropped",
        |query| if query.question.edns { vec![] } else { honest(query) },
        code::TIMEOUT,
    ),
    (
        "cut short, TCP hangs up",
        |query| cut_short(query, vec![Act::hang_up()]),
        code::UPSTREAM_FAILURE,
    ),
    ("cut short, TCP silent", |query| cut_short(query, vec![]), code::TIMEOUT),
    ("cut short, TCP garbage", |query| cut_short(query, vec![Act::raw([7; 40])]), code::TIMEOUT),
    ("aliases in a circle", circle, code::UPSTREAM_FAILURE),
    ("empty datagrams", |_| vec![Act::raw([]); 50], code::TIMEOUT),
    ("wrong ids", |query| vec![wrong_id(query); 50], code::TIMEOUT),
    (
        "wrong ids, then the true reply",
        |query| [vec![wrong_id(query); 50], honest(query)].concat(),
        FOUND,
    ),
    (
        "junk until the end",
        |_| vec![Act::raw([7; 40]).after(Duration::from_millis(10)); 100],
        code::TIMEOUT,
    ),
    (
        "true replies, another port",
        |query| vec![Act::from(query.from_zone()).from_another_port()],
        code::TIMEOUT,
    ),
];
const FOUND: &str = "found";

fn honest(query: &Query) -> Vec<Act> {
    vec![query.from_zone().into()]
}

fn code_only(query: &Query, code: u8) -> Vec<Act> {
    vec![query.message(code).into()]
}

fn edns_refused(query: &Query) -> Vec<Act> {
    if query.question.edns {
        let refusal = query.message(rcode::NOTIMP);
        return vec![Message { edns: None, ..refusal }.into()];
    }
    honest(query)
}

/// The upper part of the code, 1 of 16, stands in the OPT record (RFC 6891 §6.1.3).
fn bad_version(query: &Query) -> Vec<Act> {
    let opt = Record::new(".", 1 << 24, Data::Raw { kind: kind::OPT, octets: vec![] });
    let reply = query.message(rcode::NOERROR);
    vec![Message { edns: None, additionals: vec![opt], ..reply }.into()]
}

fn cut_short(query: &Query, over_tcp: Vec<Act>) -> Vec<Act> {
    if query.tcp { over_tcp } else { vec![query.truncated().into()] }
}

fn circle(query: &Query) -> Vec<Act> {
    let name = &query.question.name;
    let lines = [format!("{name} 60 CNAME a.example."), format!("a.example. 60 CNAME {name}")];
    let answers = lines.iter().map(|line| line.parse().unwrap()).collect();
    vec![Message { answers, ..query.message(rcode::NOERROR) }.into()]
}

fn wrong_id(query: &Query) -> Act {
    let reply = query.from_zone();
    Message { id: !reply.id, ..reply }.into()
}

/// RFC 8686 §3.5, and the promise that a call ends at its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_ends_in_time() {
    let control = ControlTimer::start();
    let mut calls = JoinSet::new();
    for (what, script, code) in FAULTS {
        calls.spawn(async move {
            let server = Scripted::start(zone("18.198.in-addr.arpa."));
            server.on_any(script);
            (what, code, discover(backend(&server), 7).await)
        });
    }
    let heard = calls.join_all().await;
    let lateness = control.end();
    for (what, code, heard) in heard {
        heard.was_in_time(&lateness, what);
        assert_eq!(heard.code(), code, "{what}: {:?}", heard.outcome);
    }
}

/// Fresh peers, four at a time, until told.
struct Load {
    over: Arc<AtomicBool>,
    callers: JoinSet<Vec<Heard>>,
}

impl Load {
    fn start(backend: &Arc<DnsBackend>, first: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let caller = |nth: u16| {
            let (backend, told) = (backend.clone(), over.clone());
            async move {
                let mut heard = Vec::new();
                for number in (first + nth..).step_by(4) {
                    if told.load(Ordering::Relaxed) {
                        break;
                    }
                    heard.push(discover(backend.clone(), number).await);
                    sleep(Duration::from_millis(5)).await; // an announce now and then
                }
                heard
            }
        };
        Self { callers: (0..4).map(caller).collect(), over }
    }

    async fn end(self) -> Vec<Heard> {
        self.over.store(true, Ordering::Relaxed);
        self.callers.join_all().await.into_iter().flatten().collect()
    }
}

/// The peers that were not answered are found, all of them; how long that took.
async fn made_good(backend: &Arc<DnsBackend>, heard: &[Heard], since: Instant) -> Duration {
    for failed in heard.iter().filter(|heard| heard.outcome.is_err()) {
        while discover(backend.clone(), failed.peer).await.outcome.is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    }
    since.elapsed()
}

/// A server that was ended and started again while calls come: during the outage each call ends in
/// time as a failure; within a second of its return each peer is found, also those that had failed.
async fn a_restart(mut server: impl NameServer) {
    let (backend, control) = (backend(&server), ControlTimer::start());
    let before = Load::start(&backend, 0);
    sleep(Duration::from_millis(200)).await;
    let before = before.end().await;
    server.stop();
    let during = Load::start(&backend, 20_000);
    sleep(Duration::from_millis(900)).await;
    let during = during.end().await;
    server.restart();
    let back = Instant::now();
    let took = made_good(&backend, &during, back).await;
    let lateness = control.end();
    for heard in before.iter().chain(&during) {
        heard.was_in_time(&lateness, "a restart");
    }
    assert!(before.len() > 4 && before.iter().all(|heard| heard.outcome.is_ok()));
    assert!(during.iter().any(|heard| heard.code() == code::UNREACHABLE));
    assert!(during.len() > 4 && during.iter().all(|heard| heard.outcome.is_err()));
    let late = lateness.around(back);
    assert!(took <= Duration::from_secs(1) + late, "{took:?}, the machine was {late:?} late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_restarts() {
    a_restart(nsd::launch(&[(&zone("*.18.198.in-addr.arpa.")).into()])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_resolver_restarts() {
    let authority = nsd::launch(&[(&zone("*.18.198.in-addr.arpa.")).into()]);
    a_restart(unbound::launch(authority.address())).await;
}

/// The same, but the resolver falls silent and stays where it is: nothing tells that at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolver_falls_silent_and_comes_back() {
    let server = Scripted::start(Zone::new([]));
    let (backend, control) = (backend(&server), ControlTimer::start());
    server.on_any(|_| vec![]);
    let during = Load::start(&backend, 0);
    sleep(Duration::from_secs(3)).await; // a question is given up after two seconds
    let during = during.end().await;
    server.on_any(at_each_name);
    let back = Instant::now();
    let took = made_good(&backend, &during, back).await;
    let lateness = control.end();
    for heard in &during {
        heard.was_in_time(&lateness, "silence");
        assert!([code::TIMEOUT, code::UNREACHABLE].contains(&heard.code()), "{:?}", heard.outcome);
    }
    assert!(during.iter().any(|heard| heard.code() == code::UNREACHABLE), "the circuit opened");
    let late = lateness.around(back);
    assert!(took <= Duration::from_secs(1) + late, "{took:?}, the machine was {late:?} late");
}

/// A zone whose servers are dead is no outage of the resolver: peers of other networks find theirs.
#[tokio::test]
async fn a_dead_zone_is_no_outage() {
    let server = Scripted::start(Zone::new([]));
    server.on_any(at_each_name);
    server.on_tree("1.18.198.in-addr.arpa.", |_| Vec::new());
    let backend = backend_of_patience(&server, Duration::from_millis(100));
    let mut lame = JoinSet::new();
    for host in 0..8 {
        lame.spawn(discover(Arc::clone(&backend), 0x100 + host));
    }
    while let Some(heard) = lame.join_next().await {
        // The name of the /16 answers, as RFC 8686 §3.5 wants it tried.
        assert!(heard.unwrap().outcome.unwrap().incomplete);
    }
    for network in 2..10 {
        let heard = discover(Arc::clone(&backend), network << 8).await;
        assert!(!heard.outcome.unwrap().incomplete, "198.18.{network}.0");
    }
}
