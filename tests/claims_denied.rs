//! No packet to a denied address for what a peer claims, however it is spelled: the kernel counts what
//! is sent, in a network of the test's own.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use alto_discovery::selection::{Role, Swarm, V4Record};
use alto_discovery::{Advisor, Config, Hints, Peer, Request};
use alto_testkit::namespace::{self, OUTSIDE};
use alto_testkit::spellings;
use tokio::time::{Instant, sleep};

const PORT: u16 = 8_443;

fn query(uri: &str) -> Hints<'static> {
    let mut text = "info_hash=%00&alto=".to_owned();
    for octet in uri.bytes() {
        let _ = write!(text, "%{octet:02X}"); // a String takes all
    }
    Hints::HttpQuery(text.into_bytes().into())
}

fn option(uri: &str) -> Hints<'static> {
    let length = u8::try_from(uri.len()).unwrap();
    Hints::UdpOptions([&[0xA5, length], uri.as_bytes()].concat().into())
}

fn url_data(uri: &str) -> Hints<'static> {
    let text = format!("/announce?alto={}", uri.replace('%', "%25").replace('#', "%23"));
    let length = u8::try_from(text.len()).unwrap();
    Hints::UdpOptions([&[2, length], text.as_bytes()].concat().into())
}

/// Announces until nothing is under way any more.
async fn announce(advisor: &Advisor, number: usize, hints: Hints<'static>) {
    // A block of its own for each, so that no limit on hosts hides a contact.
    let [.., a, b] = u32::try_from(number).unwrap().to_be_bytes();
    let address = Ipv4Addr::new(8, a, b, 1);
    let record = |n| V4Record::from(SocketAddrV4::new(Ipv4Addr::new(8, 8, 8, n), 6_881));
    let swarm = Swarm::new(1 << 20);
    for n in 0..200 {
        swarm.add(record(n), Role::Leecher, 0);
    }
    let peer = Peer::new(address.into()).with_hints(hints);
    let request = Request::new(peer, record(201), 50);
    let (mut out, end) = (Vec::new(), Instant::now() + Duration::from_secs(30));
    for _ in 0..3 {
        advisor.select(&request, &swarm, &mut out);
        assert_eq!(out.len(), 50);
        while advisor.learning() > 0 {
            assert!(Instant::now() < end, "announce {number} is not over");
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Each spelling by each wire, with trust in all that peers say: nothing is sent. A server that may be
/// contacted is, so that the silence proves something.
#[test]
fn no_packet_for_a_claim() {
    let allowed = format!("{OUTSIDE} outside.test");
    let hosts = [spellings::hosts(), vec![allowed]].concat();
    if !namespace::is_inside("no_packet_for_a_claim", &hosts) {
        return;
    }
    let mut config = Config::default();
    for (key, value) in [("backends", "peerinfo"), ("peerinfo.trust", "open")] {
        config.set(key, value).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let advisor = Advisor::new(&config).unwrap();
        let spellings = spellings::denied(PORT);
        assert!(spellings.len() >= 60);
        let ways = [query, option, url_data];
        let announces = spellings.iter().flat_map(|uri| ways.map(|way| way(uri)));
        let mut count = 0;
        for (number, hints) in announces.enumerate() {
            announce(&advisor, number, hints).await;
            count += 1;
        }
        assert_eq!(namespace::packets(), (0, 0), "after {count} announces");
        announce(&advisor, count, query(&format!("https://outside.test:{PORT}/"))).await;
        let (outside, elsewhere) = namespace::packets();
        assert!(outside > 0 && elsewhere == 0, "{outside} {elsewhere}");
        println!("{count} announces, no packet");
    });
}
