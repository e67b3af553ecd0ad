//! The procedure against zones in memory: the subtle vectors of the project's specification.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact, Failure};
use alto_backend_dns::naptr::{Naptr, Reading};
use alto_backend_dns::plan::{Granularity, Transition};
use alto_backend_dns::rules::{DnssecMode, Rules};
use alto_backend_dns::scope::NxdomainCut;
use alto_backend_dns::walk::{MAX_QUERIES, MAX_SERVERS, Walk};
use alto_discovery_core::{Answer, Dnssec, Error, Origin, Peer, Policy, Scope, Validity, code};
use proptest::prelude::*;
use tokio::time::Instant;

const R32: &str = "3.100.51.198.in-addr.arpa.";
const R24: &str = "100.51.198.in-addr.arpa.";
const R16: &str = "51.198.in-addr.arpa.";
const R8: &str = "198.in-addr.arpa.";
const ALL4: [&str; 4] = [R32, R24, R16, R8];
const A: &str = "https://a.example/ird";
const B: &str = "https://b.example/ird";

fn naptr(order: u16, preference: u16, flags: &str, services: &str, uri: &str, to: &str) -> Naptr {
    let regexp = if uri.is_empty() { String::new() } else { format!("!.*!{uri}!") };
    Naptr {
        order,
        preference,
        flags: flags.as_bytes().into(),
        services: services.as_bytes().into(),
        regexp: regexp.into_bytes().into(),
        replacement: to.into(),
    }
}

fn u(preference: u16, uri: &str) -> Naptr {
    naptr(100, preference, "u", "ALTO:https", uri, ".")
}

fn goes_on(preference: u16, to: &str) -> Naptr {
    naptr(100, preference, "", "ALTO:https", "", to)
}

fn fact(content: Content, lifetime: u64, dnssec: Dnssec) -> Fact {
    let validity = Validity::new(Instant::now(), Duration::from_secs(lifetime));
    Fact { content, validity, dnssec }
}

fn records(records: impl Into<Vec<Naptr>>) -> Fact {
    fact(Content::Records(records.into().into()), 600, Dnssec::Unknown)
}

fn failed(failure: Failure) -> Fact {
    fact(Content::Failed(failure), 5, Dnssec::Unknown)
}

fn servfail() -> Fact {
    failed(Failure::upstream("replied SERVFAIL"))
}

/// Names not listed do not exist.
#[derive(Default)]
struct Zone(HashMap<String, Fact>);

impl Zone {
    fn of<const N: usize>(names: [(&str, Fact); N]) -> Self {
        Self(names.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect())
    }

    fn fact(&self, name: &str) -> Fact {
        let absent = || fact(Content::NoName, 300, Dnssec::Unknown);
        self.0.get(name).cloned().unwrap_or_else(absent)
    }
}

fn rules() -> Rules {
    let policy = Policy { allow_documentation: true, ..Policy::default() };
    Rules { policy, ..Rules::default() }
}

fn follow(walk: &mut Walk<'_>, zone: &Zone) -> usize {
    let mut asked = 0;
    while let Some(name) = walk.next_name() {
        asked += 1;
        walk.learn(zone.fact(&name), Origin::Wire, Instant::now());
    }
    asked
}

fn run(peer: &str, rules: &Rules, zone: &Zone) -> Result<Answer, Error> {
    let peer: Peer<'static> = peer.parse().unwrap();
    let mut walk = Walk::new(peer.net(), rules)?;
    follow(&mut walk, zone);
    walk.outcome()
}

fn uris(answer: &Answer) -> Vec<&str> {
    answer.servers().iter().map(|server| server.uri.as_str()).collect()
}

fn queries(result: &Result<Answer, Error>) -> Vec<&str> {
    let trace = match result {
        Ok(answer) => &answer.trace,
        Err(error) => error.trace().unwrap(),
    };
    trace.steps().iter().map(|step| &*step.subject).collect()
}

/// Asserts servers and names, and gives the answer.
#[track_caller]
fn found(result: Result<Answer, Error>, names: &[&str], servers: &[&str]) -> Answer {
    assert_eq!(queries(&result), names);
    let answer = result.unwrap();
    assert_eq!(uris(&answer), servers);
    answer
}

#[track_caller]
fn none(result: Result<Answer, Error>, names: &[&str]) {
    assert_eq!(queries(&result), names);
    assert_eq!(result.unwrap_err().code(), code::NONE);
}

const PEER: &str = "198.51.100.3";

fn in_documentation(zone: &Zone) -> Result<Answer, Error> {
    run(PEER, &rules(), zone)
}

/// RFC 8686 §3.4: the first name with a usable record wins; vectors 1, 4, 6, 14, 18, 32.
#[test]
fn the_longest_name_wins() {
    let all = |names: [(&str, Fact); 2]| in_documentation(&Zone::of(names));
    found(all([(R32, records([u(10, A)])), (R24, records([u(10, B)]))]), &[R32], &[A]);
    let http = naptr(100, 10, "u", "ALTO:http", "http://a.example/ird", ".");
    let other = all([(R24, records([http])), (R16, records([u(10, B)]))]);
    found(other, &[R32, R24, R16], &[B]);
    let junk = naptr(100, 10, "u", "ALTO:https", "junk", ".");
    let broken = all([(R24, records([junk])), (R16, records([u(10, B)]))]);
    found(broken, &[R32, R24, R16], &[B]);
    found(in_documentation(&Zone::of([(R8, records([u(10, A)]))])), &ALL4, &[A]);
    none(in_documentation(&Zone::default()), &ALL4);
}

/// RFC 3403 §4.1; vectors 2, 15 to 17, 31.
#[test]
fn servers_come_in_order() {
    let at = |set: Vec<Naptr>| in_documentation(&Zone::of([(R24, records(set))]));
    let names = [R32, R24];
    let later = naptr(200, 1, "u", "ALTO:https", B, ".");
    let answer = found(at(vec![later, u(50, A)]), &names, &[A, B]);
    let ranks: Vec<_> = answer.servers().iter().map(|s| (s.order, s.preference)).collect();
    assert_eq!(ranks, [(100, 50), (200, 1)]);
    found(at(vec![u(10, B), u(10, A)]), &names, &[A, B]);
    let answer = found(at(vec![u(20, A), u(10, A)]), &names, &[A]);
    assert_eq!(answer.servers()[0].preference, 10);
    assert_eq!(answer.servers()[0].found_at.as_deref(), Some(R24));
}

/// RFC 8686 §3.5: a failure never ends the walk nor counts as absence; vectors 35, 36, 38.
#[test]
fn failures_make_incomplete_or_unavailable() {
    let zone = Zone::of([(R32, servfail()), (R24, records([u(10, A)]))]);
    let answer = found(in_documentation(&zone), &[R32, R24], &[A]);
    assert!(answer.incomplete);
    assert!(answer.validity.lifetime() <= Duration::from_secs(60));
    let result = in_documentation(&Zone::of([(R24, servfail())]));
    assert_eq!(queries(&result), ALL4);
    let Err(Error::Unavailable { cause, retry_after, .. }) = result else { panic!("{result:?}") };
    assert_eq!(cause.code(), code::UPSTREAM_FAILURE);
    assert!(retry_after.is_some_and(|after| after <= Duration::from_secs(5)));
}

/// RFC 4848 §4.4, RFC 3958 §2.2.4; vectors 40, 45, 46, 47: where a non-terminal stood, what it
/// leads to stands; a dead end is passed over.
#[test]
fn non_terminals_are_followed_in_place() {
    let zone = Zone::of([
        (R24, records([goes_on(10, "out.example."), u(20, "https://c.example/")])),
        ("out.example.", records([u(10, A), u(20, B)])),
    ]);
    let names = [R32, R24, "out.example."];
    let answer = found(in_documentation(&zone), &names, &[A, B, "https://c.example/"]);
    assert_eq!(answer.servers()[0].found_at.as_deref(), Some("out.example."));
    let zone = Zone::of([(R24, records([goes_on(10, "gone.example."), u(20, B)]))]);
    found(in_documentation(&zone), &[R32, R24, "gone.example."], &[B]);
    let http = naptr(100, 10, "u", "ALTO:http", "http://a.example/", ".");
    let zone = Zone::of([
        (R24, records([goes_on(10, "p.example."), u(20, B)])),
        ("p.example.", records([http])),
    ]);
    found(in_documentation(&zone), &[R32, R24, "p.example."], &[B]);
    let zone = Zone::of([(R24, records([goes_on(10, ".")])), (R16, records([u(10, B)]))]);
    found(in_documentation(&zone), &[R32, R24, R16], &[B]);
}

/// RFC 3403 §4.1: best first, also where two records lead to one name: it counts where it is reached
/// first, which is not where it is named first.
#[test]
fn a_name_counts_where_it_is_reached_first() {
    let zone = Zone::of([
        (R24, records([goes_on(10, "p.example."), u(15, B), goes_on(20, "q.example.")])),
        ("p.example.", records([goes_on(10, "q.example.")])),
        ("q.example.", records([u(10, A)])),
    ]);
    found(in_documentation(&zone), &[R32, R24, "p.example.", "q.example."], &[A, B]);
}

/// RFC 3958 §2.2.4: a branch that ends at the limit of hops takes nothing from a shorter one.
#[test]
fn a_long_way_round_hides_no_short_one() {
    let mut zone = chain(5);
    zone.0.insert(R24.into(), records([goes_on(10, "h1.example."), goes_on(20, "h5.example.")]));
    zone.0.insert("h5.example.".into(), records([goes_on(10, "end.example.")]));
    zone.0.insert("end.example.".into(), records([u(10, A)]));
    let result = in_documentation(&zone);
    assert_eq!(result.unwrap().servers()[0].uri.as_str(), A);
}

fn chain(hops: usize) -> Zone {
    let name = |n: usize| if n == 0 { R24.to_owned() } else { format!("h{n}.example.") };
    let links = (0..hops).map(|n| (name(n), records([goes_on(10, &name(n + 1))])));
    Zone(links.chain([(name(hops), records([u(10, A)]))]).collect())
}

/// Vectors 41 to 44.
#[test]
fn chains_end() {
    let hops = ["h1.example.", "h2.example.", "h3.example.", "h4.example.", "h5.example."];
    let names: Vec<_> = [R32, R24].into_iter().chain(hops).collect();
    found(in_documentation(&chain(5)), &names, &[A]);
    let names: Vec<_> = names.into_iter().chain([R16, R8]).collect();
    none(in_documentation(&chain(6)), &names);
    let zone = Zone::of([
        (R24, records([goes_on(10, "p.example.")])),
        ("p.example.", records([goes_on(10, "q.example.")])),
        ("q.example.", records([goes_on(10, "p.example.")])),
        (R16, records([u(10, B)])),
    ]);
    found(in_documentation(&zone), &[R32, R24, "p.example.", "q.example.", R16], &[B]);
    let zone = Zone::of([(R24, records([goes_on(10, R24)])), (R16, records([u(10, B)]))]);
    found(in_documentation(&zone), &[R32, R24, R16], &[B]);
}

/// RFC 3958 §2.2.5; vectors 59 and 60: the whole procedure per protocol, no name asked twice.
#[test]
fn protocols_have_their_own_rounds() {
    let http = "http://a.example/ird";
    let zone = Zone::of([(R24, records([naptr(100, 10, "u", "ALTO:http", http, ".")]))]);
    let rules = Rules { service: "ALTO:https:http".parse().unwrap(), ..rules() };
    let peer: Peer<'static> = PEER.parse().unwrap();
    let mut walk = Walk::new(peer.net(), &rules).unwrap();
    assert_eq!(follow(&mut walk, &zone), 4);
    found(walk.outcome(), &[R32, R24, R16, R8, R32, R24], &[http]);
    let any = Rules { service: "ALTO".parse().unwrap(), ..rules };
    found(run(PEER, &any, &zone), &[R32, R24], &[http]);
}

/// Vectors 25 and 52, and any other service: vector 61.
#[test]
fn settings_change_what_counts() {
    let mut enum_habit = u(10, A);
    enum_habit.regexp = format!("!^.*$!{A}!").into_bytes().into();
    let zone = Zone::of([(R24, records([enum_habit]))]);
    none(in_documentation(&zone), &ALL4);
    let lenient = Rules { reading: Reading::Lenient, ..rules() };
    found(run(PEER, &lenient, &zone), &[R32, R24], &[A]);
    let held = "https://lis.example.org:4802/?c=ex";
    let zone = Zone::of([(R24, records([naptr(100, 10, "u", "LIS:HELD", held, ".")]))]);
    let rules = Rules { service: "LIS:HELD".parse().unwrap(), ..rules() };
    found(run(PEER, &rules, &zone), &[R32, R24], &[held]);
}

/// Vectors 55 and 56: after surely none, never after a failure.
#[test]
fn transition_falls_back_only_from_surely_none() {
    let rules = Rules { transition: Transition::FallbackV4, ..rules() };
    let peer = "2002:c633:6403::1";
    let with_ipv4 = Zone::of([(R24, records([u(10, A)]))]);
    let result = run(peer, &rules, &with_ipv4);
    assert_eq!(queries(&result)[6..], [R32, R24]);
    let answer = result.unwrap();
    assert_eq!(answer.scope.net, "2002:c633:6403::1/128".parse().unwrap());
    let broken = Zone::of([(R24, records([u(10, A)])), ("3.3.6.c.2.0.0.2.ip6.arpa.", servfail())]);
    let result = run(peer, &rules, &broken);
    assert_eq!(queries(&result).len(), 6);
    assert_eq!(result.unwrap_err().code(), code::UPSTREAM_FAILURE);
    let denied = records([u(10, "https://127.0.0.1/ird")]);
    let refused = Zone::of([(R24, records([u(10, A)])), ("3.3.6.c.2.0.0.2.ip6.arpa.", denied)]);
    assert_eq!(run(peer, &rules, &refused).unwrap_err().code(), code::POLICY);
    let strict = Rules { transition: Transition::Strict, ..rules };
    assert_eq!(queries(&run(peer, &strict, &with_ipv4)).len(), 6);
}

/// What policy refuses is no absence, unless a shorter name has something better.
#[test]
fn denied_servers_are_rejected_not_absent() {
    let denied = || records([u(10, "https://127.0.0.1/ird")]);
    let result = in_documentation(&Zone::of([(R24, denied())]));
    assert_eq!(queries(&result), ALL4);
    assert!(matches!(&result, Err(Error::Rejected { cause, .. }) if cause.code() == code::POLICY));
    let zone = Zone::of([(R24, denied()), (R16, records([u(10, B)]))]);
    found(in_documentation(&zone), &[R32, R24, R16], &[B]);
}

/// Vectors 38 and 39.
#[test]
fn dnssec_modes() {
    let bogus = || failed(Failure::Bogus("signature expired".into()));
    let secure = |set: Vec<Naptr>| fact(Content::Records(set.into()), 600, Dnssec::Secure);
    let mode = |dnssec| Rules { dnssec, ..rules() };
    let (prefer, require) = (mode(DnssecMode::Prefer), mode(DnssecMode::Require));

    let unsigned = Zone::of([(R24, records([u(10, A)]))]);
    none(run(PEER, &require, &unsigned), &ALL4);
    let signed = Zone::of([(R24, secure(vec![u(10, A)]))]);
    let answer = found(run(PEER, &require, &signed), &[R32, R24], &[A]);
    assert_eq!(answer.dnssec, Dnssec::Secure);
    let answer = found(run(PEER, &prefer, &signed), &[R32, R24], &[A]);
    assert_eq!(answer.dnssec, Dnssec::Unknown, "the denial at R32 was not authenticated");

    let denied = || fact(Content::NoName, 300, Dnssec::Secure);
    let tempting =
        |at_r24| Zone::of([(R32, denied()), (R24, at_r24), (R16, secure(vec![u(10, B)]))]);
    let answer = found(run(PEER, &prefer, &tempting(denied())), &[R32, R24, R16], &[B]);
    assert_eq!(answer.dnssec, Dnssec::Secure);
    let answer = found(run(PEER, &prefer, &tempting(bogus())), &[R32, R24, R16], &[B]);
    assert!(answer.incomplete);
    assert_eq!(answer.dnssec, Dnssec::Bogus, "whoever broke R24 chose this answer");
    let answer = found(run(PEER, &prefer, &tempting(servfail())), &[R32, R24, R16], &[B]);
    assert_eq!(answer.dnssec, Dnssec::Unknown, "nobody told what R24 holds");
    let result = run(PEER, &require, &tempting(bogus()));
    assert_eq!(queries(&result), [R32, R24]);
    assert!(matches!(&result, Err(Error::Rejected { cause, .. }) if cause.code() == code::BOGUS));
    let result = run(PEER, &require, &tempting(servfail()));
    assert_eq!(queries(&result), [R32, R24]);
    assert_eq!(result.unwrap_err().code(), code::UPSTREAM_FAILURE);

    let everywhere = Zone(ALL4.into_iter().map(|name| (name.to_owned(), bogus())).collect());
    let result = run(PEER, &prefer, &everywhere);
    assert!(matches!(&result, Err(Error::Rejected { cause, .. }) if cause.code() == code::BOGUS));
    let at_one = run(PEER, &prefer, &Zone::of([(R24, bogus())]));
    assert!(
        matches!(&at_one, Err(Error::Unavailable { cause, .. }) if cause.code() == code::BOGUS),
        "{at_one:?}"
    );
    let beside = run(PEER, &prefer, &Zone::of([(R24, bogus()), (R16, servfail())]));
    assert_eq!(beside.unwrap_err().code(), code::UPSTREAM_FAILURE, "a failure may pass");
}

/// RFC 8686 §3.5: once each name was tried, what timed out is tried once more, and listed once.
#[test]
fn one_retry_round() {
    let silent = || failed(Failure::Timeout);
    let rules = rules();
    let peer: Peer<'static> = PEER.parse().unwrap();
    let mut walk = Walk::new(peer.net(), &rules).unwrap();
    assert!(!walk.retry(), "not before each name was tried");
    follow(&mut walk, &Zone::of([(R24, silent())]));
    assert!(walk.retry());
    assert_eq!(walk.next_name().as_deref(), Some(R24), "the others are known");
    assert_eq!(walk.names_left(), 1);
    assert_eq!(follow(&mut walk, &Zone::of([(R24, silent())])), 1);
    assert!(!walk.retry(), "once is enough");
    let result = walk.outcome();
    assert_eq!(queries(&result), ALL4);
    assert_eq!(result.unwrap_err().code(), code::TIMEOUT);

    let mut walk = Walk::new(peer.net(), &rules).unwrap();
    follow(&mut walk, &Zone::of([(R24, silent())]));
    assert!(walk.retry());
    follow(&mut walk, &Zone::of([(R24, records([u(10, A)]))]));
    assert!(!found(walk.outcome(), &[R32, R24], &[A]).incomplete);

    let mut walk = Walk::new(peer.net(), &rules).unwrap();
    follow(&mut walk, &Zone::of([(R32, silent()), (R24, records([u(10, A)]))]));
    assert!(!walk.retry(), "a shorter name gave an answer");
}

/// A limit of ours ends the walk at once, with what is there.
#[test]
fn our_limits_stop_the_walk() {
    let limit = || failed(Failure::Limit("too many questions"));
    let result = in_documentation(&Zone::of([(R32, limit()), (R24, records([u(10, A)]))]));
    assert_eq!(queries(&result), [R32]);
    assert_eq!(result.unwrap_err().code(), code::LIMIT);
    let many: Vec<_> = (0..40).map(|n| goes_on(n, &format!("n{n}.example."))).collect();
    let result = in_documentation(&Zone::of([(R24, records(many))]));
    assert_eq!(queries(&result).len(), MAX_QUERIES);
    assert_eq!(result.unwrap_err().code(), code::LIMIT);
    let many: Vec<_> = (0..40).map(|n| u(n, &format!("https://s{n}.example/"))).collect();
    let answer = in_documentation(&Zone::of([(R24, records(many))])).unwrap();
    assert_eq!(answer.servers().len(), MAX_SERVERS);
    assert_eq!(answer.servers()[15].preference, 15);
    let told =
        |answer: &Answer| answer.trace.steps().iter().any(|s| s.finding.contains("not kept"));
    assert!(told(&answer), "what is left out is named: {:?}", answer.trace);
    let few: Vec<_> = (0..16).map(|n| u(n, &format!("https://s{n}.example/"))).collect();
    assert!(!told(&in_documentation(&Zone::of([(R24, records(few))])).unwrap()));
}

/// Validity is that of the shortest fact, denials included; scope as proven.
#[test]
fn outcomes_are_dated_and_scoped() {
    let short = fact(Content::NoRecords, 60, Dnssec::Unknown);
    let zone = Zone::of([(R32, short), (R24, records([u(10, A)]))]);
    let answer = in_documentation(&zone).unwrap();
    assert!(answer.validity.lifetime() <= Duration::from_secs(60));
    assert_eq!(answer.scope.net, "198.51.100.3/32".parse().unwrap());
    let prefix = Rules { granularity: Granularity::Prefix, ..rules() };
    let answer = found(run(PEER, &prefix, &zone), &[R24], &[A]);
    assert_eq!(answer.scope.net, "198.51.100.0/24".parse().unwrap());
    let cut = Rules { nxdomain_cut: NxdomainCut::On, ..rules() };
    let answer = run(PEER, &cut, &Zone::of([(R8, records([u(10, A)]))])).unwrap();
    assert_eq!(answer.scope.net, "198.51.0.0/16".parse().unwrap());
    let Err(Error::NoServer(none)) = run(PEER, &cut, &Zone::default()) else { panic!() };
    assert_eq!(none.scope.net, "198.0.0.0/8".parse().unwrap());
}

fn graph_fact() -> impl Strategy<Value = Fact> {
    let link = (0_u16..4, 0_usize..12).prop_map(|(preference, to)| match to {
        0..10 => goes_on(preference, &format!("n{to}.example.")),
        10 => u(preference, A),
        _ => goes_on(preference, R24),
    });
    prop_oneof![
        6 => proptest::collection::vec(link, 0..6).prop_map(records),
        1 => Just(servfail()),
        1 => Just(failed(Failure::Timeout)),
        1 => Just(fact(Content::NoRecords, 60, Dnssec::Unknown)),
    ]
}

proptest! {
    /// Any zone, however knotted: the walk ends, within its questions, none asked twice, and never
    /// claims absence beside a failure.
    #[test]
    fn any_graph_ends(facts in proptest::collection::vec(graph_fact(), 13), six_protocols: bool) {
        let names = (0..10).map(|n| format!("n{n}.example.")).chain([R32, R24, R16].map(String::from));
        let zone = Zone(names.zip(facts).collect());
        let service = if six_protocols { "ALTO:https:http:a:b:c:d" } else { "ALTO:https" };
        let rules = Rules { service: service.parse().unwrap(), ..rules() };
        let peer: Peer<'static> = PEER.parse().unwrap();
        let mut walk = Walk::new(peer.net(), &rules).unwrap();
        let mut asked = Vec::new();
        let mut walk_on = |walk: &mut Walk<'_>| {
            let start = asked.len();
            while let Some(name) = walk.next_name() {
                prop_assert!(!asked[start..].contains(&name));
                asked.push(name.clone());
                walk.learn(zone.fact(&name), Origin::Wire, Instant::now());
            }
            Ok(())
        };
        walk_on(&mut walk)?;
        if walk.retry() {
            walk_on(&mut walk)?;
        }
        prop_assert!(asked.len() <= MAX_QUERIES);
        let any_failed = asked.iter().any(|name: &Arc<str>| {
            matches!(zone.fact(name).content, Content::Failed(_))
        });
        match walk.outcome() {
            Ok(answer) => prop_assert!(!any_failed || answer.incomplete),
            Err(Error::NoServer(_)) => prop_assert!(!any_failed),
            Err(error) => prop_assert!(any_failed || error.code() == code::LIMIT, "{error}"),
        }
    }
}

/// A tree of names as a server that keeps RFC 8020 sees it: a name without anything at it or below
/// does not exist.
fn tree(present: &[(String, bool)]) -> impl Fn(&str) -> Fact {
    let present: HashMap<_, _> = present.iter().cloned().collect();
    move |name| match present.get(name) {
        Some(true) => records([u(10, &format!("https://a.example/{name}"))]),
        Some(false) => fact(Content::NoRecords, 300, Dnssec::Unknown),
        None if present.keys().any(|other| other.ends_with(&format!(".{name}"))) => {
            fact(Content::NoRecords, 300, Dnssec::Unknown)
        }
        None => fact(Content::NoName, 300, Dnssec::Unknown),
    }
}

fn some_name() -> impl Strategy<Value = String> {
    let label = || 0_u8..2;
    prop_oneof![
        Just(R8.to_owned()),
        label().prop_map(|b| format!("{b}.198.in-addr.arpa.")),
        (label(), label()).prop_map(|(b, c)| format!("{c}.{b}.198.in-addr.arpa.")),
        (label(), label(), label()).prop_map(|(b, c, d)| format!("{d}.{c}.{b}.198.in-addr.arpa.")),
    ]
}

fn host() -> impl Strategy<Value = String> {
    (0_u8..2, 0_u8..2, 0_u8..2).prop_map(|(b, c, d)| format!("198.{b}.{c}.{d}"))
}

/// The servers found, or none, and for whom that was proven.
fn proven(peer: &str, rules: &Rules, fact: &impl Fn(&str) -> Fact) -> (Vec<String>, Scope) {
    let peer: Peer<'static> = peer.parse().unwrap();
    let mut walk = Walk::new(peer.net(), rules).unwrap();
    while let Some(name) = walk.next_name() {
        walk.learn(fact(&name), Origin::Wire, Instant::now());
    }
    match walk.outcome() {
        Ok(answer) => (uris(&answer).into_iter().map(String::from).collect(), answer.scope),
        Err(Error::NoServer(none)) => (Vec::new(), none.scope.clone()),
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    /// Law 3: whoever is inside the scope gets the same, in either granularity, with and without
    /// reliance on absent names.
    #[test]
    fn scopes_are_sound(
        present in proptest::collection::vec((some_name(), any::<bool>()), 0..6),
        peer in host(),
        other in host(),
        granularity in prop_oneof![Just(Granularity::Host), Just(Granularity::Prefix)],
        nxdomain_cut in prop_oneof![Just(NxdomainCut::Off), Just(NxdomainCut::On)],
    ) {
        let rules = Rules { granularity, nxdomain_cut, ..rules() };
        let fact = tree(&present);
        let (servers, scope) = proven(&peer, &rules, &fact);
        prop_assert!(scope.contains(&peer.parse::<Peer<'static>>().unwrap()));
        if scope.contains(&other.parse::<Peer<'static>>().unwrap()) {
            prop_assert_eq!(proven(&other, &rules, &fact).0, servers);
        }
    }
}
