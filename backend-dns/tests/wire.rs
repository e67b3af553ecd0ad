//! The backend against name servers that do as they are told.

mod support;

use std::time::Duration;

use alto_discovery_core::{Backend, BackendConfig as _, Call, Error, Origin, Peer, Validity, code};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, NS};
use hickory_proto::rr::{RData, Record};
use support::asking::{
    A, ALL4, PEER, R24, R32, a_at_r24, backend, backend_with, config, discover, finds_a, outcome,
};
use support::{Over, Send, Server, name, name_of, nxdomain, octets, reply, server_at, soa, zone};

/// An outcome's lifetime begins with the last of its facts and ends with the first, so that it is a
/// little shorter than any of them.
fn seconds(validity: Validity) -> u64 {
    (validity.lifetime() + Duration::from_millis(500)).as_secs()
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
