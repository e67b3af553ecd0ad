//! What a resolver that validates says of what it found.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use alto_backend_dns::DnsBackend;
use alto_discovery_core::{BackendConfig as _, Dnssec, Error, Policy, code};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use support::asking::{
    ALL4, PEER, R24, R32, a_at_r24, backend_with, config, discover, finds_a, outcome,
};
use support::{Server, nxdomain, octets, reply};

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
