//! The backend against name servers that do as they are told.

mod support;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use alto_backend_dns::{DnsBackend, DnsConfig};
use alto_discovery_core::{
    Answer, Backend, BackendConfig as _, Call, Dnssec, Error, Origin, Peer, Policy, Validity, code,
};
use alto_testkit::control::ControlTimer;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{CNAME, NS};
use hickory_proto::rr::{RData, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Over, Send, Server, name, name_of, nxdomain, octets, reply, server_at, soa, zone};
use tokio::time::Instant;

const PEER: &str = "198.51.100.3";
const R32: &str = "3.100.51.198.in-addr.arpa.";
const R24: &str = "100.51.198.in-addr.arpa.";
const ALL4: [&str; 4] = [R32, R24, "51.198.in-addr.arpa.", "198.in-addr.arpa."];
const A: &str = "https://a.example/ird";

fn config(resolvers: &[SocketAddr]) -> DnsConfig {
    let resolver = resolvers.iter().copied().map(Into::into).collect();
    DnsConfig { resolver, zone_qps: 10_000, total_qps: 10_000, ..DnsConfig::default() }
}

fn backend_with(config: &DnsConfig) -> DnsBackend {
    let policy =
        Policy { allow_documentation: true, allow_private_peers: true, ..Policy::default() };
    DnsBackend::new(config, policy).unwrap()
}

fn backend(server: &Server) -> DnsBackend {
    backend_with(&config(&[server.address]))
}

async fn discover(backend: &DnsBackend, peer: &str) -> Result<Arc<Answer>, Error> {
    let peer: Peer<'static> = peer.parse().unwrap();
    let call = Call::until(Instant::now() + Duration::from_secs(2));
    backend.discover(&peer, &call).await
}

async fn outcome(server: &Server) -> Result<Arc<Answer>, Error> {
    discover(&backend(server), PEER).await
}

#[track_caller]
fn finds_a(result: Result<Arc<Answer>, Error>) -> Arc<Answer> {
    let answer = result.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), A);
    answer
}

/// An outcome's lifetime begins with the last of its facts and ends with the first, so that it is a
/// little shorter than any of them.
fn seconds(validity: Validity) -> u64 {
    (validity.lifetime() + Duration::from_millis(500)).as_secs()
}

/// A record for A at R24 and nothing else.
fn a_at_r24(question: &Message) -> Message {
    zone(question, &[server_at(R24, 600, A)])
}

/// RFC 6840 §5.7, RFC 6891, 0x20: what our questions look like, and that each is asked once.
#[tokio::test]
async fn questions_on_the_wire() {
    let server = Server::start(|question, _| octets(&a_at_r24(question))).await;
    let backend = backend(&server);
    finds_a(discover(&backend, PEER).await);
    assert_eq!(server.names(), [R32, R24]);
    assert_eq!(backend.questions_sent(), 2);
    let questions = server.questions();
    for (question, over) in &questions {
        assert_eq!(*over, Over::Udp);
        assert!(question.metadata.authentic_data && question.metadata.recursion_desired);
        assert!(!question.metadata.checking_disabled);
        assert_eq!(question.max_payload(), 1_232);
    }
    let answer = finds_a(discover(&backend, PEER).await);
    assert_eq!(server.names().len(), 2);
    assert!(answer.trace.steps().iter().all(|step| step.origin == Origin::Cache));
}

/// Ids and letter case differ from question to question.
#[tokio::test]
async fn questions_are_hard_to_forge() {
    let server = Server::start(|question, _| octets(&nxdomain(question))).await;
    let backend = backend(&server);
    for host in 0..8 {
        let peer = format!("198.51.{host}.1");
        assert_eq!(discover(&backend, &peer).await.unwrap_err().code(), code::NONE);
    }
    let questions = server.questions();
    let distinct = |of: fn(&Message) -> String| {
        questions.iter().map(|(question, _)| of(question)).collect::<std::collections::HashSet<_>>()
    };
    assert!(distinct(|question| question.metadata.id.to_string()).len() > 1);
    let tail = |question: &Message| {
        let text = question.queries[0].name.to_ascii();
        text[text.len() - 13..].to_owned()
    };
    assert!(distinct(tail).len() > 1, "the case of in-addr.arpa. is mixed");
}

/// Names under 127.in-addr.arpa are really sent.
#[tokio::test]
async fn loopback_names_are_sent() {
    let server = Server::start(|question, _| {
        octets(&zone(question, &[server_at("0.0.127.in-addr.arpa.", 600, A)]))
    })
    .await;
    finds_a(discover(&backend(&server), "127.0.0.9").await);
    assert_eq!(server.names(), ["9.0.0.127.in-addr.arpa.", "0.0.127.in-addr.arpa."]);
}

/// RFC 8686 §3.5: a server that cannot tell is passed over, and is no absence.
#[tokio::test]
async fn codes_that_tell_nothing() {
    for code in
        [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp, ResponseCode::FormErr]
    {
        let server = Server::start(move |question, _| {
            let failed = name_of(question) == R32;
            octets(&if failed { reply(question, code) } else { a_at_r24(question) })
        })
        .await;
        assert!(finds_a(outcome(&server).await).incomplete, "{code}");
        let server = Server::start(move |question, _| octets(&reply(question, code))).await;
        let result = outcome(&server).await;
        assert!(matches!(&result, Err(Error::Unavailable { .. })), "{code}: {result:?}");
    }
}

/// Vector 64: cut short over UDP, whole over TCP.
#[tokio::test]
async fn truncated_replies_are_asked_for_over_tcp() {
    let cut = |question: &Message, over| {
        let mut reply = a_at_r24(question);
        if over == Over::Udp {
            reply.metadata.truncation = true;
            reply.answers.clear();
        }
        octets(&reply)
    };
    let server = Server::start(cut).await;
    assert!(!finds_a(outcome(&server).await).incomplete);
    let ways: Vec<_> = server.questions().iter().map(|(_, over)| *over).collect();
    assert_eq!(ways, [Over::Udp, Over::Tcp, Over::Udp, Over::Tcp]);

    let without_tcp = Server::start_udp("127.0.0.1:0".parse().unwrap(), cut).await;
    let error = outcome(&without_tcp).await.unwrap_err();
    assert_eq!(error.code(), code::UPSTREAM_FAILURE);
    assert_eq!(without_tcp.names(), ALL4, "the resolver is up: the walk goes on");
}

/// A server that does not keep the case of the question is asked over TCP, where none is needed.
#[tokio::test]
async fn case_not_kept_means_tcp() {
    let server = Server::start(|question, _| {
        let mut reply = a_at_r24(question);
        reply.queries[0].name = name(&name_of(question));
        octets(&reply)
    })
    .await;
    finds_a(outcome(&server).await);
    let over_tcp = server.questions().iter().filter(|(_, over)| *over == Over::Tcp).count();
    assert!(over_tcp > 0);
}

/// RFC 6891 §7: an old server chokes on EDNS.
#[tokio::test]
async fn edns_refused_means_without() {
    let server = Server::start(|question, _| {
        if question.edns.is_none() {
            return octets(&a_at_r24(question));
        }
        let mut refusal = reply(question, ResponseCode::FormErr);
        refusal.edns = None;
        octets(&refusal)
    })
    .await;
    assert!(!finds_a(outcome(&server).await).incomplete);
}

/// Junk before the true reply: wrong id, wrong question, empty, from another port.
#[tokio::test]
async fn what_is_no_reply_is_ignored() {
    let server = Server::start(|question, _| {
        let forged = |change: fn(&mut Message)| {
            let mut forged =
                zone(question, &[server_at(&name_of(question), 600, "https://evil.example/")]);
            change(&mut forged);
            forged.to_vec().unwrap()
        };
        let other_name = |forged: &mut Message| forged.queries[0].name = name("other.example.");
        let mut sends = vec![
            Send::Octets(Vec::new()),
            Send::Octets(vec![0]),
            Send::Octets(forged(|forged| forged.metadata.id = !forged.metadata.id)),
            Send::Octets(forged(other_name)),
            Send::FromElsewhere(forged(|_| {})),
        ];
        sends.extend(octets(&a_at_r24(question)));
        sends
    })
    .await;
    assert!(!finds_a(outcome(&server).await).incomplete);
}

/// An unreadable reply is a failure, not an absence.
#[tokio::test]
async fn garbage_is_no_absence() {
    let server = Server::start(|question, _| {
        let mut octets = reply(question, ResponseCode::NoError).to_vec().unwrap();
        octets[7] = 9; // nine answers, says the header
        vec![Send::Octets(octets)]
    })
    .await;
    let error = outcome(&server).await.unwrap_err();
    assert_eq!(error.code(), code::UPSTREAM_FAILURE);
}

/// Only records of the asked name count, whatever else a reply carries in any section.
#[tokio::test]
async fn extra_records_are_ignored() {
    let server = Server::start(|question, _| {
        let evil = || server_at("evil.example.", 600, "https://evil.example/");
        let mut reply = a_at_r24(question);
        reply.answers.insert(0, evil());
        reply.authorities.push(server_at(&name_of(question), 600, "https://evil.example/"));
        reply.additionals.push(server_at(&name_of(question), 600, "https://evil.example/"));
        reply.additionals.push(evil());
        octets(&reply)
    })
    .await;
    let answer = finds_a(outcome(&server).await);
    assert_eq!(answer.servers().len(), 1);
    assert_eq!(server.names(), [R32, R24]);
}

fn alias(owner: &str, target: &str) -> Record {
    Record::from_rdata(name(owner), 120, RData::CNAME(CNAME(name(target))))
}

/// RFC 2317, vectors 33 and 35: an alias is followed in the reply; a circle is a failure.
#[tokio::test]
async fn aliases() {
    let target = "3.0-63.100.51.198.in-addr.arpa.";
    let server = Server::start(move |question, _| {
        let mut reply = zone(question, &[alias(R32, target)]);
        if name_of(question) == R32 {
            reply.answers.push(server_at(target, 600, A));
        }
        octets(&reply)
    })
    .await;
    let answer = finds_a(outcome(&server).await);
    assert_eq!(seconds(answer.validity), 120, "the alias's TTL counts");
    assert_eq!(server.names(), [R32]);

    let server = Server::start(|question, _| {
        let mut reply = zone(question, &[alias(R32, "l.example."), server_at(R24, 600, A)]);
        if name_of(question) == R32 {
            reply.answers.push(alias("l.example.", R32));
        }
        octets(&reply)
    })
    .await;
    assert!(finds_a(outcome(&server).await).incomplete);
}

/// An alias whose target does not exist: the alias itself does, so nothing below it is settled.
#[tokio::test]
async fn an_alias_to_nowhere_is_no_absent_name() {
    let server = Server::start(|question, _| {
        let mut reply = nxdomain(question);
        if name_of(question) == "51.198.in-addr.arpa." {
            reply.answers.push(alias("51.198.in-addr.arpa.", "gone.example."));
        }
        octets(&reply)
    })
    .await;
    let mut config = config(&[server.address]);
    config.set("dns.nxdomain_cut", "on").unwrap();
    let peer = "198.51.0.0/16".parse::<Peer<'static>>().unwrap();
    let result = backend_with(&config).discover(&peer, &Call::default()).await;
    let Err(Error::NoServer(none)) = result else { panic!("{result:?}") };
    assert_eq!(none.trace.steps()[0].finding.lines().next(), Some("no NAPTR records"));
}

/// RFC 8020 §3: some servers deny a name though others exist below it. With `dns.nxdomain_cut` off that
/// hides nobody; on, it hides what is not known yet, which is why it is off by default.
#[tokio::test]
async fn a_denied_empty_non_terminal_hides_nobody() {
    let server =
        Server::start(|question, _| octets(&zone(question, &[server_at(R32, 600, A)]))).await;
    for (cut, found) in [("off", true), ("on", false)] {
        let mut config = config(&[server.address]);
        config.set("dns.nxdomain_cut", cut).unwrap();
        let backend = backend_with(&config);
        let neighbour = discover(&backend, "198.51.100.4").await;
        assert_eq!(neighbour.unwrap_err().code(), code::NONE);
        assert_eq!(discover(&backend, PEER).await.is_ok(), found, "{cut}");
    }
}

/// RFC 2308 §2.2: a referral is no denial; a denial without SOA is one, for the shortest time.
#[tokio::test]
async fn referrals_are_no_absence() {
    let server = Server::start(|question, _| {
        let mut reply = reply(question, ResponseCode::NoError);
        let ns = RData::NS(NS(name("ns.example.")));
        reply.authorities.push(Record::from_rdata(name("198.in-addr.arpa."), 600, ns));
        octets(&reply)
    })
    .await;
    assert_eq!(outcome(&server).await.unwrap_err().code(), code::UPSTREAM_FAILURE);
    let server = Server::start(|question, _| octets(&reply(question, ResponseCode::NoError))).await;
    let Err(Error::NoServer(none)) = outcome(&server).await else { panic!() };
    assert_eq!(seconds(none.validity), 60);
}

/// The smaller of TTL and minimum dates a denial (RFC 2308 §5); the shortest TTL dates records.
#[tokio::test]
async fn lifetimes() {
    for (ttl, holds) in
        [(0, 60), (90, 90), (u32::MAX, 60), (1 << 31, 60), (i32::MAX as u32, 86_400)]
    {
        let server = Server::start(move |question, _| {
            let long = server_at(R32, i32::MAX as u32, "https://b.example/");
            octets(&zone(question, &[server_at(R32, ttl, A), long]))
        })
        .await;
        let answer = outcome(&server).await.unwrap();
        assert_eq!(seconds(answer.validity), holds, "{ttl}");
    }
    let server = Server::start(|question, _| octets(&nxdomain(question))).await;
    let Err(Error::NoServer(none)) = outcome(&server).await else { panic!() };
    assert_eq!(seconds(none.validity), 300);
}

/// A closed port: known at once, not asked while it is closed, used again when it opens.
#[tokio::test]
async fn a_closed_port_and_its_return() {
    // An address of its own, where no other test listens.
    let free = "127.88.0.1:0".parse().unwrap();
    let address = Server::start_udp(free, |_, _| Vec::new()).await.stop().await;
    let backend = backend_with(&config(&[address]));
    let (start, control) = (Instant::now(), ControlTimer::start());
    let error = discover(&backend, PEER).await.unwrap_err();
    assert_eq!(error.code(), code::UNREACHABLE);
    let (took, late) = (start.elapsed(), control.end().around(start));
    assert!(took < Duration::from_millis(250) + late, "{took:?}, the machine was {late:?} late");
    let sent = backend.questions_sent();
    assert_eq!(discover(&backend, "203.0.113.9").await.unwrap_err().code(), code::UNREACHABLE);
    assert_eq!(backend.questions_sent(), sent, "the circuit is open");

    let back = Instant::now();
    let _server = Server::start_udp(address, |question, _| octets(&a_at_r24(question))).await;
    let recovered = async {
        while discover(&backend, PEER).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), recovered).await.unwrap();
    assert!(back.elapsed() < Duration::from_secs(1));
}

/// A silent resolver: each name gets its share, the deadline is met.
#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = Server::start(|_, _| Vec::new()).await;
    let backend = backend(&server);
    let peer: Peer<'static> = PEER.parse().unwrap();
    let (start, control) = (Instant::now(), ControlTimer::start());
    let deadline = start + Duration::from_millis(400);
    let error = backend.discover(&peer, &Call::until(deadline)).await.unwrap_err();
    assert_eq!(error.code(), code::TIMEOUT);
    let (took, late) = (start.elapsed(), control.end().around(start));
    assert!(took < Duration::from_millis(450) + late, "{took:?}, the machine was {late:?} late");
    assert_eq!(server.names(), ALL4);
}

/// A silent resolver may have asked for a name although the next resolver is closed: it counts.
#[tokio::test]
async fn silence_counts_beside_a_closed_port() {
    let closed = Server::start(|_, _| Vec::new()).await.stop().await;
    // It answers the simplest question, as one that finds a zone dead.
    let silent = Server::start(|question, _| match &*name_of(question) {
        "." => octets(&reply(question, ResponseCode::NoError)),
        _ => Vec::new(),
    })
    .await;
    let config = config(&[silent.address, closed]);
    let timeout = Duration::from_millis(100);
    let backend = backend_with(&DnsConfig { zone_qps: 1, timeout, ..config });
    let start = Instant::now();
    for host in 0..30 {
        discover(&backend, &format!("198.51.{host}.3")).await.unwrap_err();
    }
    let names: HashSet<String> = silent.names().into_iter().collect();
    let asked = names.iter().filter(|name| name.ends_with("51.198.in-addr.arpa.")).count();
    let most = 20 + start.elapsed().as_secs() + 1;
    assert!(asked as u64 <= most, "{asked} of {most}");
}

/// Several resolvers: one that is closed or does not serve us is passed over.
#[tokio::test]
async fn the_next_resolver_is_asked() {
    let closed = Server::start(|_, _| Vec::new()).await.stop().await;
    let refusing =
        Server::start(|question, _| octets(&reply(question, ResponseCode::Refused))).await;
    let good = Server::start(|question, _| octets(&a_at_r24(question))).await;
    let backend = backend_with(&config(&[closed, refusing.address, good.address]));
    assert!(!finds_a(discover(&backend, PEER).await).incomplete);
    assert_eq!(refusing.names(), [R32, R24]);
}

/// SERVFAIL is how a validator holds forged data back: what another resolver says instead does not count.
#[tokio::test]
async fn a_failure_is_not_asked_of_the_next() {
    let failing =
        Server::start(|question, _| octets(&reply(question, ResponseCode::ServFail))).await;
    let credulous = Server::start(|question, _| octets(&a_at_r24(question))).await;
    let both = backend_with(&config(&[failing.address, credulous.address]));
    assert_eq!(discover(&both, PEER).await.unwrap_err().code(), code::UPSTREAM_FAILURE);
    assert!(credulous.names().is_empty());
}

/// RFC 2181 §9: what is cut short over TCP, too, is no absence and no answer.
#[tokio::test]
async fn a_reply_cut_short_for_good_is_a_failure() {
    for (code, records) in [
        (ResponseCode::NoError, false),
        (ResponseCode::NoError, true),
        (ResponseCode::NXDomain, false),
    ] {
        let server = Server::start(move |question, _| {
            let mut cut = if records { a_at_r24(question) } else { reply(question, code) };
            cut.metadata.truncation = true;
            octets(&cut)
        })
        .await;
        let error = outcome(&server).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{code} {records}: {error}");
    }
}

/// AD is a validator's word; a server without recursion is no validator.
#[tokio::test]
async fn dnssec_states() {
    for (authentic, recursive, state) in [
        (true, true, Dnssec::Secure),
        (false, true, Dnssec::Insecure),
        (false, false, Dnssec::Unknown),
    ] {
        let server = Server::start(move |question, _| {
            let mut reply = a_at_r24(question);
            reply.metadata.authentic_data = authentic;
            reply.metadata.recursion_available = recursive;
            octets(&reply)
        })
        .await;
        assert_eq!(finds_a(outcome(&server).await).dnssec, state);
        let mut off = config(&[server.address]);
        off.set("dns.dnssec", "off").unwrap();
        assert_eq!(finds_a(discover(&backend_with(&off), PEER).await).dnssec, Dnssec::Unknown);
    }
    let mut far = config(&["192.0.2.1:53".parse().unwrap()]);
    far.set("dns.dnssec", "require").unwrap();
    let refused = DnsBackend::new(&far, Policy::default()).unwrap_err();
    assert_eq!(refused.code(), code::CONFIG, "nobody far away can be believed");
}

fn servfail(question: &Message, extended_errors: &[u16]) -> Message {
    let mut reply = reply(question, ResponseCode::ServFail);
    reply.metadata.recursion_available = true;
    if let Some(edns) = reply.edns.as_mut() {
        for code in extended_errors {
            let text = [&code.to_be_bytes()[..], b"said so"].concat();
            edns.options_mut().insert(EdnsOption::Unknown(15, text));
        }
    }
    reply
}

/// Forged data is told apart from a failure, by an extended error or by asking unchecked.
#[tokio::test]
async fn bogus_is_no_mere_failure() {
    let told = Server::start(|question, _| octets(&servfail(question, &[7]))).await;
    let found_out = Server::start(|question, _| {
        let unchecked = question.metadata.checking_disabled;
        octets(&if unchecked { nxdomain(question) } else { servfail(question, &[]) })
    })
    .await;
    // RFC 8914 §2: there may be several.
    let told_among_others =
        Server::start(|question, _| octets(&servfail(question, &[22, 9, 13]))).await;
    for server in [&told, &found_out, &told_among_others] {
        let result = outcome(server).await;
        assert!(
            matches!(&result, Err(Error::Rejected { cause, .. }) if cause.code() == code::BOGUS),
            "{result:?}"
        );
    }
    let message = outcome(&told_among_others).await.unwrap_err().to_string();
    assert!(message.ends_with("DNSKEY missing (extended error 9): said so"), "{message}");
    assert_eq!(told.names(), ALL4);
    assert_eq!(found_out.names().len(), 4 * 3);
    let other_kind = Server::start(|question, _| octets(&servfail(question, &[22]))).await;
    let result = outcome(&other_kind).await;
    assert!(
        matches!(&result, Err(Error::Unavailable { cause, .. }) if cause.code() == code::UPSTREAM_FAILURE)
    );
}

/// A failure that passes between two questions is no forgery: what the resolver says in the end counts.
#[tokio::test]
async fn a_failure_that_passes_is_not_bogus() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |question, _| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        octets(&if first { servfail(question, &[]) } else { a_at_r24(question) })
    })
    .await;
    assert!(!finds_a(outcome(&server).await).incomplete);
    assert_eq!(server.names(), [R32, R32, R32, R24]);
}

/// The SOA's owner must lie above the name; another's denial does not date it.
#[tokio::test]
async fn a_foreign_soa_does_not_date_a_denial() {
    let server = Server::start(|question, _| {
        let mut reply = reply(question, ResponseCode::NXDomain);
        reply.authorities.push(soa("example."));
        octets(&reply)
    })
    .await;
    let Err(Error::NoServer(none)) = outcome(&server).await else { panic!() };
    assert_eq!(seconds(none.validity), 60);
}
