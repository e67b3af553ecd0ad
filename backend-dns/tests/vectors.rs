//! The test vectors of RFC 8686 against the pure code: the walk, with a zone in memory for the world.
//! The same vectors run through the whole stack against real name servers in `tests/interop`.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact, Failure};
use alto_backend_dns::naptr::{Naptr, Reading};
use alto_backend_dns::plan::{Granularity, Transition};
use alto_backend_dns::rules::{DnssecMode, Rules};
use alto_backend_dns::service::Service;
use alto_backend_dns::walk::Walk;
use alto_discovery_core::{Answer, Dnssec, Error, Origin, Peer, Policy, Validity};
use alto_testkit::vectors::{self, Fault, Outcome, Vector};
use alto_testkit::{Data, Found, Record, wire::kind};
use tokio::time::Instant;

#[test]
fn every_vector_holds_for_the_pure_code() {
    for vector in vectors::all() {
        let mut queries = Vec::new();
        let result = discover(&vector, &mut queries);
        assert_eq!(outcome(&result), vector.outcome, "vector {vector}: {result:?}");
        assert_eq!(queries, vector.queries, "vector {vector}");
        if let Some(code) = &vector.code {
            assert_eq!(result.as_ref().unwrap_err().code(), code, "vector {vector}");
        }
        let found = result.as_ref().map(Answer::servers).unwrap_or_default().iter();
        let found: Vec<_> = found.map(|s| (s.uri.to_string(), s.order, s.preference)).collect();
        let expected = vector.servers.iter();
        let expected: Vec<_> = expected.map(|s| (s.uri.clone(), s.order, s.preference)).collect();
        assert_eq!(found, expected, "vector {vector}");
        let incomplete = result.is_ok_and(|answer| answer.incomplete);
        assert_eq!(incomplete, vector.incomplete, "vector {vector}");
    }
}

fn discover(vector: &Vector, queries: &mut Vec<String>) -> Result<Answer, Error> {
    let peer: Peer<'_> = vector.peer.parse()?;
    let rules = rules(vector)?;
    let (zone, now) = (vector.zone(), Instant::now());
    let mut walk = Walk::new(peer.net(), &rules)?;
    while let Some(name) = walk.next_name() {
        let content = match vector.faults.get(&*name) {
            Some(Fault::Servfail) => Content::Failed(Failure::upstream("SERVFAIL")),
            Some(Fault::Timeout) => Content::Failed(Failure::Timeout),
            Some(Fault::Bogus) => Content::Failed(Failure::Bogus("forged".into())),
            Some(Fault::Truncate) | None => content(zone.lookup(&name, kind::NAPTR).found),
        };
        let validity = Validity::new(now, Duration::from_secs(600));
        walk.learn(Fact { content, validity, dnssec: Dnssec::Insecure }, Origin::Wire, now);
    }
    let trace = |result: &Result<Answer, Error>| match result {
        Ok(answer) => Some(answer.trace.clone()),
        Err(error) => error.trace().cloned(),
    };
    let result = walk.outcome();
    let steps = trace(&result);
    queries.extend(
        steps
            .iter()
            .flat_map(alto_discovery_core::Trace::steps)
            .map(|step| step.subject.to_string()),
    );
    result
}

fn rules(vector: &Vector) -> Result<Rules, Error> {
    let options = &vector.options;
    Ok(Rules {
        service: options.service.parse::<Service>()?,
        granularity: match options.granularity {
            vectors::Granularity::Host => Granularity::Host,
            vectors::Granularity::Prefix => Granularity::Prefix,
        },
        transition: match options.transition {
            vectors::Transition::Strict => Transition::Strict,
            vectors::Transition::FallbackV4 => Transition::FallbackV4,
        },
        reading: if options.lenient { Reading::Lenient } else { Reading::Strict },
        dnssec: match options.dnssec {
            vectors::DnssecMode::Off => DnssecMode::Off,
            vectors::DnssecMode::Prefer => DnssecMode::Prefer,
            vectors::DnssecMode::Require => DnssecMode::Require,
        },
        policy: Policy {
            allow_documentation: options.allow_documentation,
            allow_private_peers: options.allow_private,
            allow_private_servers: options.allow_private,
            ..Policy::default()
        },
        ..Rules::default()
    })
}

fn content(found: Found) -> Content {
    match found {
        Found::Records(records) => {
            Content::Records(records.into_iter().filter_map(naptr).collect())
        }
        Found::NoData(_) => Content::NoRecords,
        Found::NxDomain(_) => Content::NoName,
        Found::Loop => Content::Failed(Failure::upstream("aliases in a circle")),
    }
}

fn naptr(record: Record) -> Option<Naptr> {
    let Data::Naptr(naptr) = record.data else { return None };
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: naptr.flags.into(),
        services: naptr.services.into(),
        regexp: naptr.regexp.into(),
        replacement: naptr.replacement.to_lowercase().into(),
    })
}

fn outcome(result: &Result<Answer, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Found,
        Err(Error::NoServer(_)) => Outcome::None,
        Err(Error::Unavailable { .. }) => Outcome::Unavailable,
        Err(Error::Rejected { .. }) => Outcome::Rejected,
        Err(Error::NotApplicable { .. }) => Outcome::NotApplicable,
        Err(_) => Outcome::Invalid,
    }
}
