//! 100,000 made-up peers a second for 30 s, in real time: what name servers get of them, and what
//! peers that are known notice.
//!
//! `cargo bench --bench flood [-- SECONDS]`, with the default limits. Half of the flood is one /16, the
//! other half all over the address space. Fails if a zone got more than 1 question a second (20 at once)
//! or all together more than 100 a second, or if a peer that was known was not answered at once.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use alto_discovery::{Call, Config, Discovery, Known, Peer, code};
use alto_testkit::scripted::{Query, Scripted};
use alto_testkit::wire::{Message, rcode};
use alto_testkit::{Data, NameServer as _, Record, Soa, Zone, bench};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

const A_SECOND: u32 = 100_000;
/// Peers that are known, each in a zone of its own.
const HONEST: u8 = 100;

fn main() {
    bench::run(async {
        let mut arguments = std::env::args().skip(1).filter(|text| text != "--bench");
        let seconds = arguments.next().map_or(30, |text| text.parse().expect("a number"));
        measure(seconds).await;
    });
}

async fn measure(seconds: u32) {
    let server = Scripted::start(Zone::new([]));
    server.on_any(|query| vec![reply(query).into()]);
    let discovery = Arc::new(discovery(&server));
    let before = questions_for_the_known(&discovery, &server).await;
    let quiet = Watch::start(&discovery);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let quiet = quiet.end();
    let during = Watch::start(&discovery);
    let began = Instant::now();
    let refused = flood(&discovery, seconds).await;
    let took = began.elapsed();
    let during = during.end();

    let made_up = A_SECOND * seconds;
    println!(
        "{made_up} made-up peers in {:.1} s; {refused} refused at once by the limits",
        took.as_secs_f64()
    );
    println!("known peers, ns for `known`: {quiet} in quiet; {during} during the flood");
    let mut asked = HashMap::<String, Vec<Instant>>::new();
    for asked_once in server.log().all().split_off(before) {
        asked.entry(zone_of(&asked_once.name)).or_default().push(asked_once.at);
    }
    let busiest = asked.iter().max_by_key(|(_, times)| times.len()).expect("something was asked");
    println!(
        "questions: {} in all; {} at most to one zone ({})",
        asked.values().map(Vec::len).sum::<usize>(),
        busiest.1.len(),
        busiest.0
    );
    for (zone, times) in &asked {
        keeps(zone, times, 1.0);
    }
    let mut all: Vec<Instant> = asked.into_values().flatten().collect();
    all.sort_unstable();
    keeps("all zones together", &all, 100.0);
    assert_eq!((quiet.misses, during.misses), (0, 0), "known peers were not answered");
    assert!(
        took < Duration::from_secs(seconds.into()) * 11 / 10,
        "this machine can't make so many"
    );
}

/// In no span of time more questions than the rate allows, after twenty at once. On a busy machine they
/// may arrive a quarter of a second closer together than they were sent.
fn keeps(what: &str, times: &[Instant], a_second: f64) {
    for (nth, first) in times.iter().enumerate() {
        for (count, last) in (1_u32..).zip(&times[nth..]) {
            let span = last.duration_since(*first).as_secs_f64() + 0.25;
            assert!(f64::from(count) <= 21.0 + span * a_second, "{what}: {count} in {span:.3} s");
        }
    }
}

fn discovery(server: &Scripted) -> Discovery {
    let mut config = Config::default();
    config.set("dns.resolver", &server.address().to_string()).expect("an address");
    Discovery::new(&config).expect("a configuration that is right")
}

/// The known have a server at the name of their host. Else each /16 and each /8 is a zone that denies.
fn reply(query: &Query) -> Message {
    let name = query.question.name.to_ascii_lowercase();
    if name.ends_with(".46.in-addr.arpa.") {
        let line = format!(
            "{name} 3600 NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!https://alto.example/ird!\" ."
        );
        let mut message = query.message(rcode::NOERROR);
        message.answers.push(line.parse().expect("a record"));
        return message;
    }
    let numbers = [1, 3_600, 600, 86_400, 3_600];
    let soa = Soa { primary: "ns.example.".into(), mailbox: "ns.example.".into(), numbers };
    let mut message = query.message(rcode::NXDOMAIN);
    message.authorities.push(Record::new(zone_of(&name), 3_600, Data::Soa(soa)));
    message
}

/// The /16, or the /8 for its own name.
fn zone_of(name: &str) -> String {
    let labels: Vec<&str> = name.split('.').collect();
    labels[labels.len().saturating_sub(5)..].join(".")
}

fn honest(number: u8) -> Peer<'static> {
    Peer::new(IpAddr::V4(Ipv4Addr::new(46, number, 7, 7)))
}

/// Makes them known; how many questions that took.
async fn questions_for_the_known(discovery: &Discovery, server: &Scripted) -> usize {
    for number in 0..HONEST {
        while discovery.discover(&honest(number), &Call::default()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await; // over the limit in all
        }
    }
    server.log().total()
}

/// Half of them in one /16, half of them anywhere but among the known.
fn made_up(number: u32) -> Peer<'static> {
    let spread = number.wrapping_mul(2_654_435_761);
    let address = if number.is_multiple_of(2) {
        (45 << 24) | (spread >> 16)
    } else {
        ((50 + (spread >> 24) % 40) << 24) | (spread & 0x00ff_ffff)
    };
    Peer::new(IpAddr::V4(Ipv4Addr::from(address)))
}

/// A hundred each millisecond; how many were refused by the limits.
async fn flood(discovery: &Arc<Discovery>, seconds: u32) -> u32 {
    const A_TICK: u32 = A_SECOND / 1_000;
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut announcing = JoinSet::new();
    let mut refused = 0;
    for tick in 0..seconds * 1_000 {
        ticks.tick().await;
        let discovery = discovery.clone();
        announcing.spawn(async move {
            let mut refused = 0;
            for number in tick * A_TICK..(tick + 1) * A_TICK {
                refused += u32::from(is_refused(&discovery, &made_up(number)).await);
            }
            refused
        });
        while let Some(done) = announcing.try_join_next() {
            refused += done.expect("announcing does not panic");
        }
    }
    refused + announcing.join_all().await.into_iter().sum::<u32>()
}

async fn is_refused(discovery: &Discovery, peer: &Peer<'_>) -> bool {
    if !matches!(discovery.known(peer, Instant::now()), Known::Ask) {
        return false;
    }
    let outcome = discovery.discover(peer, &Call::default()).await;
    outcome.is_err_and(|error| error.code() == code::LIMIT)
}

/// A thread that looks at the known peers all the time.
struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Nanoseconds for one look, each the mean of a hundred.
    times: Vec<f64>,
    misses: u32,
}

impl Watch {
    fn start(discovery: &Arc<Discovery>) -> Self {
        let (discovery, over) = (discovery.clone(), Arc::new(AtomicBool::new(false)));
        let told = over.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !told.load(Ordering::Relaxed) {
                seen.look_at_all(&discovery);
                std::thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        Self { over, thread }
    }

    fn end(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("looking does not panic")
    }
}

impl Seen {
    fn look_at_all(&mut self, discovery: &Discovery) {
        let began = Instant::now();
        let known = (0..HONEST)
            .filter(|number| matches!(discovery.known(&honest(*number), began), Known::Fresh(_)));
        self.misses += u32::from(HONEST) - u32::try_from(known.count()).expect("a hundred at most");
        self.times.push(began.elapsed().as_secs_f64() * 1e9 / f64::from(HONEST));
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.times.clone();
        times.sort_unstable_by(f64::total_cmp);
        let (median, high) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        let looks = times.len() * usize::from(HONEST);
        write!(f, "{median:.0} (99 %: {high:.0}; {looks} looks, {} misses)", self.misses)
    }
}
