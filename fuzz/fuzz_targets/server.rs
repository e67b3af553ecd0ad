//! Requests to the server: the first line is method, path and header values, the rest the body.
//!
//! Whatever is asked, the answer is one that RFC 7285 knows: a message that our own strict parser
//! takes, an error with its code, or nothing where nothing is due; and never a fault of ours.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use alto_discovery::Policy;
use alto_messages::{
    CostMap, CostMetric, Directory, EndpointCosts, EndpointProperties, ErrorBody, MediaType,
    NetworkMap, ReadOptions,
};
use alto_server::{
    Answer, Asker, Catalogue, Head, Maps, NeighbourFile, Neighbours, Plan, Target, Text,
};
use libfuzzer_sys::fuzz_target;

const NETWORK: &str = "prefix,pid\n0.0.0.0/0,a\n::/0,a\n192.0.2.0/24,b\n2001:db8::/32,c\n";
const COSTS: &str = "src,dst,cost\na,b,1\nb,a,2.5\nb,b,0\nc,a,1e9\n";

const NEIGHBOURS: &str = r#"
[own]
uri = "https://a.example/directory"
pids = ["b"]
[[neighbour]]
uri = "https://b.example/directory"
prefixes = ["198.51.100.0/24", "2001:db8::/32"]
redirect = "directory"
[[neighbour]]
uri = "https://c.example/directory"
shared = [{ prefix = "198.51.100.7", ports = ["1024-2047", "40000"], tokens = ["AA"] }]
"#;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let network = Text { name: "network", csv: NETWORK };
    let costs = [(CostMetric::routingcost(), Text { name: "costs", csv: COSTS })];
    let maps = Maps::parse(network, &costs).expect("sound maps");
    let file = NeighbourFile::parse("neighbours", NEIGHBOURS, Policy::default());
    let neighbours = Neighbours::new(file.expect("a sound file"), &maps).expect("for these maps");
    let max_age = Duration::from_secs(300);
    Catalogue::with_neighbours(maps.into(), Some(neighbours.into()), max_age)
        .expect("a short metric")
});

fuzz_target!(|octets: &[u8]| {
    let mut parts = octets.splitn(2, |octet| *octet == b'\n');
    let line = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let mut words = line.split('|');
    let mut next = || words.next().filter(|word| !word.is_empty());
    let head = Head {
        method: next().unwrap_or("GET"),
        path: next().unwrap_or("/directory"),
        accept: next(),
        content_type: next(),
        if_none_match: next(),
    };
    match CATALOGUE.plan(&head) {
        Plan::Send(answer) => check(&answer),
        Plan::Read(target) => check(&CATALOGUE.answer(target, body, [192, 0, 2, 9].into())),
    }
    // The body is tried everywhere: a head that leads there is found rarely.
    for target in Target::ALL {
        check(&CATALOGUE.answer(target, body, [0; 16].into()));
        let prepared = Asker { takes_directory: true, ..[198, 51, 100, 9].into() };
        check(&CATALOGUE.answer(target, body, prepared));
    }
});

fn check(answer: &Answer) {
    let options = ReadOptions::default();
    let body = &answer.body[..];
    let is_sound = match answer.media_type {
        None => body.is_empty(),
        Some(MediaType::Directory) => Directory::parse(body, &options).is_ok(),
        Some(MediaType::NetworkMap) => NetworkMap::parse(body, &options).is_ok(),
        Some(MediaType::CostMap) => CostMap::parse(body, &options).is_ok(),
        Some(MediaType::EndpointCosts) => EndpointCosts::parse(body, &options).is_ok(),
        Some(MediaType::EndpointProperties) => EndpointProperties::parse(body, &options).is_ok(),
        Some(MediaType::Error) => ErrorBody::parse(body, &options).is_ok(),
        Some(_) => false,
    };
    assert!(is_sound, "{answer:?}");
    let is_error = answer.media_type == Some(MediaType::Error);
    assert_eq!(is_error, (400..500).contains(&answer.status), "{answer:?}");
    assert!(answer.status < 500, "{answer:?}");
}
