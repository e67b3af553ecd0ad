//! What is learnt of neighbours by their network maps, and for how long it counts.
#![forbid(unsafe_code)]

mod support;

use std::fs;
use std::time::Duration;

use alto_discovery_core::Policy;
use alto_server::{NeighbourSource, Notice, Pace};
use alto_testkit::pki::Authority;
use support::network::{Member, Network, open, pace};

const LEARNS: &str = "[[neighbour]]\nuri = \"$1\"\npids = [\"home\"]\nwithin = [\"10.0.0.0/8\"]\n";

/// Waits until a server has learnt of a neighbour; how many prefixes count, and how many don't.
async fn learns(member: &mut Member) -> (usize, usize) {
    let notice = member.hears(|notice| matches!(notice, Notice::Learnt { .. })).await;
    let Notice::Learnt { prefixes, beyond, .. } = notice else { unreachable!() };
    (prefixes, beyond)
}

async fn reloads(member: &mut Member) {
    member.hears(|notice| *notice == Notice::Reloaded).await;
}

/// Why a neighbour could not be asked.
async fn fails(member: &mut Member) -> String {
    let notice = member.hears(|notice| matches!(notice, Notice::Unlearnt { .. })).await;
    let Notice::Unlearnt { sentence, .. } = notice else { unreachable!() };
    sentence
}

/// Only the PIDs that the file calls its own count, only within what the file says, and longer
/// prefixes of other PIDs are left out; what changes is learnt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbours_map_is_followed() {
    let network = Network::new(2);
    network.neighbours(0, LEARNS);
    network.neighbours(1, "");
    network.map(1, "10.1.0.0/16,home\n10.1.9.0/24,office\n192.0.2.0/24,home\n");
    let mut neighbour = network.start(1).await;
    let mut server = network.start(0).await;
    assert_eq!(learns(&mut server).await, (1, 1));
    let b = Some(network.uri(1));
    for (endpoint, uri) in [
        ("ipv4:10.1.0.1", &b),
        ("ipv4:10.1.9.1", &None),
        ("ipv4:10.2.0.1", &None),
        ("ipv4:192.0.2.1", &None),
        ("ipv6:2001:db8::1", &None),
    ] {
        assert_eq!(network.told(0, endpoint).await, *uri, "{endpoint}");
    }
    // It moves, and takes all the rest of the Internet for itself: that does not count.
    let lines = "prefix,pid\n0.0.0.0/0,home\n::/0,home\n10.2.0.0/16,home\n10.1.0.0/16,rest\n";
    network.write("1.csv", lines);
    reloads(&mut neighbour).await;
    assert_eq!(learns(&mut server).await, (1, 2));
    for (endpoint, uri) in
        [("ipv4:10.2.0.1", &b), ("ipv4:10.1.0.1", &None), ("ipv4:8.8.8.8", &None)]
    {
        assert_eq!(network.told(0, endpoint).await, *uri, "{endpoint}");
    }
    // The PID is gone: an answer, not a failure.
    network.write("1.csv", "prefix,pid\n0.0.0.0/0,rest\n::/0,rest\n");
    let gone =
        |notice: &Notice| matches!(notice, Notice::Learnt { absent, .. } if absent == &["home"]);
    server.hears(gone).await;
    assert_eq!(network.told(0, "ipv4:10.2.0.1").await, None);
}

/// Failure is not absence: what was said before counts for a while, and no longer. Back again, the
/// neighbour is learnt of anew. What the file says counts all along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_neighbour_is_forgotten_after_a_while() {
    let network = Network::new(2);
    network.neighbours(0, &format!("{LEARNS}prefixes = [\"192.0.2.0/24\"]\n"));
    network.neighbours(1, "pids = [\"home\"]\n");
    let neighbour = network.start(1).await;
    let mut server = network.start(0).await;
    learns(&mut server).await;
    let b = Some(network.uri(1));
    neighbour.server.stop().await;
    let kept = |notice: &Notice| matches!(notice, Notice::Unlearnt { left: Some(_), .. });
    server.hears(kept).await;
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, b, "it is kept for a while");
    server.hears(|notice| matches!(notice, Notice::Forgotten { .. })).await;
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, None);
    assert_eq!(network.told(0, "ipv4:192.0.2.1").await, b, "the operator's word");
    let _back = network.start(1).await;
    learns(&mut server).await;
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, b);
}

/// RFC 9111 §4.2: nobody is told to keep for longer what counts for less, in either form; what the
/// operator's file says holds as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_last_no_longer_than_what_they_come_from() {
    let network = Network::new(3);
    let fixed = "[[neighbour]]\nuri = \"$2\"\nprefixes = [\"10.2.0.0/16\"]\n";
    network.neighbours(1, "pids = [\"home\"]\n");
    let _neighbour = network.start(1).await;
    for form in ["property", "directory"] {
        network.neighbours(0, &format!("{LEARNS}redirect = \"{form}\"\n{fixed}"));
        let config =
            alto_server::ServerConfig { max_age: Duration::from_secs(300), ..network.config(0) };
        let mut server = network.start_with(config).await;
        learns(&mut server).await;
        let pace = pace();
        assert!(network.keeps(0, "ipv4:10.1.0.1").await <= pace.most + pace.keep, "{form}");
        // What was under way is taken off.
        assert!(network.keeps(0, "ipv4:10.2.0.1").await > Duration::from_secs(200), "{form}");
        server.server.stop().await;
    }
}

/// A changed file is taken up without a gap: neighbours appear and vanish, and what was learnt of
/// those that stay is still known. A broken file changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_leaves_no_gap() {
    let network = Network::new(3);
    network.neighbours(0, LEARNS);
    network.neighbours(1, "pids = [\"home\"]\n");
    let neighbour = network.start(1).await;
    // Asked once, and then not for an hour.
    let config = network.config(0);
    let long = Pace { least: Pace::default().most, ..Pace::default() };
    let neighbours =
        config.neighbours.clone().map(|source| NeighbourSource { pace: long, ..source });
    let mut server = network.start_with(alto_server::ServerConfig { neighbours, ..config }).await;
    learns(&mut server).await;
    let (b, c) = (Some(network.uri(1)), Some(network.uri(2)));

    network.neighbours(0, &format!("{LEARNS}prefixes = [\"10.0.0.0/33\"]\n"));
    let kept = server.hears(|notice| matches!(notice, Notice::Kept(_))).await;
    assert!(kept.to_string().contains("0.toml:7: `10.0.0.0/33` is no prefix"), "{kept}");
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, b);

    let asked = neighbour.server.requests();
    let appears = "[[neighbour]]\nuri = \"$2\"\nprefixes = [\"10.2.0.0/16\"]\n";
    network.neighbours(0, &format!("{appears}{LEARNS}"));
    reloads(&mut server).await;
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, b);
    assert_eq!(network.told(0, "ipv4:10.2.0.1").await, c);
    assert_eq!(neighbour.server.requests(), asked, "it is not asked again");

    network.neighbours(0, appears);
    reloads(&mut server).await;
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, None);
    assert_eq!(network.told(0, "ipv4:10.2.0.1").await, c);
}

/// What leads to a neighbour's map is checked as all that strangers name: who certifies it, which
/// addresses its name has, and that no link leads out of TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_are_asked_with_care() {
    let network = Network::new(2);
    network.neighbours(0, LEARNS);
    network.neighbours(1, "pids = [\"home\"]\n");
    let neighbour = network.start(1).await;
    let source = || network.config(0).neighbours.unwrap();

    fs::write(network.path("other.pem"), Authority::new().pem()).unwrap();
    let strangers = NeighbourSource { ca_file: Some(network.path("other.pem")), ..source() };
    let config = alto_server::ServerConfig { neighbours: Some(strangers), ..network.config(0) };
    let mut server = network.start_with(config).await;
    let sentence = fails(&mut server).await;
    assert!(sentence.contains("certificate"), "{sentence}");
    assert_eq!(network.told(0, "ipv4:10.1.0.1").await, None);
    server.server.stop().await;

    // A name passes the check of the file; its address does not pass that of the connection.
    let port = network.uri(1).rsplit(':').next().unwrap().to_owned();
    let named = LEARNS.replace("$1", &format!("https://localhost:{port}"));
    network.write("0.toml", &format!("[own]\nuri = \"https://a.example/directory\"\n{named}"));
    let careful = NeighbourSource { policy: Policy::default(), pace: pace(), ..source() };
    let config = alto_server::ServerConfig { neighbours: Some(careful), ..network.config(0) };
    let mut server = network.start_with(config).await;
    let asked = neighbour.server.requests();
    let sentence = fails(&mut server).await;
    assert!(sentence.contains("denied"), "{sentence}");
    assert_eq!(neighbour.server.requests(), asked, "it is not even contacted");
    assert!(!open().allow_http);
}
