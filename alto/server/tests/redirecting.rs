//! Servers that name each other, over https, as a client sees them.
#![forbid(unsafe_code)]

mod support;

use alto_server::Notice;
use support::network::{End, Network};

/// Whether a server has learnt of a neighbour.
fn learnt(notice: &Notice) -> bool {
    matches!(notice, Notice::Learnt { .. })
}

/// Approaches 2 and 4: from any server to the one that answers, in each form, by address of both
/// families, by port and by token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_ends_at_the_server_that_answers() {
    let network = Network::new(4);
    network.neighbours(
        0,
        "[[neighbour]]\nuri = \"$1\"\nprefixes = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n",
    );
    network.neighbours(
        1,
        r#"pids = ["home"]
[[neighbour]]
uri = "$2"
prefixes = ["10.2.0.0/15"]
redirect = "directory"
[[neighbour]]
uri = "$3"
prefixes = ["10.3.0.0/16", "2001:db8:3::/48"]
shared = [{ prefix = "10.1.0.7", ports = ["1024-2047"], tokens = ["c2VjcmV0"] }]
redirect = "307"
"#,
    );
    network.neighbours(2, "pids = [\"home\"]\n");
    network.neighbours(
        3,
        r#"pids = ["home"]
prefixes = ["2001:db8:3::/48"]
shared = [{ prefix = "10.1.0.7", ports = ["1024-2047"], tokens = ["c2VjcmV0"] }]
"#,
    );
    // The third first, so that where its services are is known at once.
    let _others = [network.start(3).await, network.start(2).await, network.start(0).await];
    let mut second = network.start(1).await;
    second.hears(learnt).await;
    let (port, token) = (Some("port:2000"), Some("token:c2VjcmV0"));
    for (endpoint, id, hops, end) in [
        ("ipv4:10.1.0.1", None, 1, 1),
        ("ipv4:10.2.0.1", None, 2, 2),
        ("ipv4:10.3.0.1", None, 2, 3),
        ("ipv6:2001:db8:3::1", None, 2, 3),
        ("ipv4:10.1.0.7", None, 1, 1),
        ("ipv4:10.1.0.7", Some("port:3000"), 1, 1),
        ("ipv4:10.1.0.7", port, 2, 3),
        ("ipv4:10.1.0.7", token, 2, 3),
    ] {
        let expected = (hops, End::Answered(network.uri(end)));
        assert_eq!(network.walk(0, endpoint, id).await, expected, "{endpoint} {id:?}");
    }
    let unknown = network.walk(0, "ipv4:192.0.2.1", None).await;
    assert_eq!(unknown, (0, End::Unknown(network.uri(0))));
    let unknown = network.walk(0, "ipv4:10.9.0.1", None).await;
    assert_eq!(unknown, (1, End::Unknown(network.uri(1))));
    let unknown = network.walk(0, "ipv6:2001:db8:4::1", None).await;
    assert_eq!(unknown, (1, End::Unknown(network.uri(1))));
}

/// RFC 7285 §8.5.3: two servers that point at each other are a circle, and none of them takes for its
/// own what the other gives it. Beside it, the one that answers for another prefix does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_point_at_each_other_do_not_answer() {
    for form in ["property", "directory", "307"] {
        let network = Network::new(2);
        let neighbour = |other: usize, prefix: &str| {
            format!(
                "pids = [\"home\"]\n[[neighbour]]\nuri = \"${other}\"\nprefixes = [\"192.0.2.0/24\", \"{prefix}\"]\nredirect = \"{form}\"\n"
            )
        };
        network.neighbours(0, &neighbour(1, "10.1.0.0/16"));
        network.neighbours(1, &neighbour(0, "10.0.0.0/16"));
        let mut members = [network.start(0).await, network.start(1).await];
        if form == "307" {
            for member in &mut members {
                member.hears(learnt).await;
            }
        }
        for start in [0, 1] {
            if form == "307" {
                // HTTP's own circle, which the client that fetches sees.
                let refused = network.refused(start, "ipv4:192.0.2.1").await;
                assert!(refused.ends_with("redirected to where we have been"), "{refused}");
            } else {
                let walk = network.walk(start, "ipv4:192.0.2.1", None).await;
                assert_eq!(walk, (2, End::Loop(network.uri(start))), "{form}");
                let other = network.uri(1 - start);
                assert_eq!(network.told(start, "ipv4:192.0.2.1").await, Some(other));
            }
            for end in [0, 1] {
                let endpoint = format!("ipv4:10.{end}.0.1");
                let hops = usize::from(start != end);
                let expected = (hops, End::Answered(network.uri(end)));
                assert_eq!(network.walk(start, &endpoint, None).await, expected, "{form}");
            }
        }
    }
}
