//! NAPTR records and the walk over any graph of them: it ends, within its bounds.
//!
//! The input is text, one record a line: `flags|services|regexp|replacement`, behind two digits, the
//! number of the question it answers and its order. A line without these fields is a failure.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact, Failure};
use alto_backend_dns::naptr::{Naptr, Reading, judge};
use alto_backend_dns::service::Wanted;
use alto_backend_dns::rules::Rules;
use alto_backend_dns::walk::{MAX_QUERIES, MAX_SERVERS, Walk};
use alto_discovery::core::{Dnssec, Origin, Policy, Validity};
use libfuzzer_sys::fuzz_target;
use tokio::time::Instant;

const WANTED: Wanted<'_> = Wanted { tag: "alto", protocol: Some("https") };

fuzz_target!(|text: &[u8]| {
    let lines: Vec<(usize, Option<Naptr>)> =
        text.split(|octet| *octet == b'\n').take(64).map(line).collect();
    let records: Vec<Naptr> = lines.iter().filter_map(|(_, record)| record.clone()).collect();
    for reading in [Reading::Strict, Reading::Lenient] {
        let verdict = judge(&records, WANTED, reading, Policy::default());
        assert_eq!(verdict.taken.len() + verdict.refused.len(), records.len());
    }
    walk(&lines);
});

/// Each question is answered with the lines of its number; the numbers come round again.
fn walk(lines: &[(usize, Option<Naptr>)]) {
    let (rules, now) = (Rules::default(), Instant::now());
    let peer = "8.8.8.8/32".parse().expect("a prefix");
    let mut walk = Walk::new(peer, &rules).expect("an address to ask for");
    let mut asked = 0;
    loop {
        while walk.next_name().is_some() {
            walk.learn(fact(lines, asked % 10, now), Origin::Wire, now);
            asked += 1;
        }
        if !walk.retry() {
            break;
        }
    }
    assert!(asked <= MAX_QUERIES);
    if let Ok(answer) = walk.outcome() {
        assert!((1..=MAX_SERVERS).contains(&answer.servers().len()));
    }
}

fn fact(lines: &[(usize, Option<Naptr>)], number: usize, now: Instant) -> Fact {
    let here: Vec<&Option<Naptr>> =
        lines.iter().filter(|(of, _)| *of == number).map(|(_, record)| record).collect();
    let content = if here.is_empty() {
        Content::NoRecords
    } else if here.iter().any(|record| record.is_none()) {
        Content::Failed(Failure::Timeout)
    } else {
        Content::Records(here.into_iter().flatten().cloned().collect())
    };
    let validity = Validity::new(now, Duration::from_secs(60));
    Fact { content, validity, dnssec: Dnssec::Unknown }
}

fn line(line: &[u8]) -> (usize, Option<Naptr>) {
    let digit = |at: usize| line.get(at).map_or(0, |octet| usize::from(octet % 16 % 10));
    let fields: Vec<&[u8]> =
        line.get(2..).unwrap_or_default().splitn(4, |octet| *octet == b'|').collect();
    let [flags, services, regexp, replacement] = fields[..] else { return (digit(0), None) };
    let record = Naptr {
        order: u16::try_from(digit(1)).unwrap_or(0),
        preference: 0,
        flags: flags.into(),
        services: services.into(),
        regexp: regexp.into(),
        replacement: Arc::from(String::from_utf8_lossy(replacement).to_ascii_lowercase()),
    };
    (digit(0), Some(record))
}
