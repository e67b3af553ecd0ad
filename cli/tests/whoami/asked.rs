//! DHCP servers that are asked now.

use alto_testkit::dhcp::{DhcpServer, INTERFACE, Names};
use alto_testkit::namespace::{self, NEAR};
use serde_json::json;

use crate::{BOTH, HOME_SERVER, SERVER, found, hosts, names, records, v4, v6, whoami};

/// RFC 7286 §3.1.2, on demand: both families, of two servers that have nothing in common.
fn asked_of(server: impl Fn(Names<'_>) -> DhcpServer) {
    let names = names();
    let dhcp = server(BOTH);
    let (both, status) = records(&names, &["--ask", INTERFACE]);
    assert_eq!((both.len(), status), (2, 0), "{both:?}");
    assert_eq!(found(&both[0]), v4(213, "access.example.", SERVER).each_ref());
    assert_eq!(found(&both[1]), v6().each_ref());
    assert_eq!(both[0]["address"], json!(NEAR));
    let alto_parameter = json!("alto=https%3A%2F%2Falto.access.example%3A8443%2Fdirectory");
    assert_eq!(both[0]["announce"]["alto"], alto_parameter);
    assert_eq!(both[0]["queries"], json!(["access.example."]));
    drop(dhcp);

    // Option 15 only if 213 is not there, or surely leads nowhere (RFC 5986 §3.4).
    let dhcp = server(Names { access: None, plain: Some("home.example") });
    let (one, status) = records(&names, &["--ask", INTERFACE, "--family", "ipv4"]);
    assert_eq!((one.len(), status), (1, 0));
    assert_eq!(found(&one[0]), v4(15, "home.example.", HOME_SERVER).each_ref());
    drop(dhcp);
    let dhcp = server(Names { access: Some("plain.example."), plain: Some("home.example") });
    let (one, _) = records(&names, &["--ask", INTERFACE, "--family", "ipv4"]);
    assert_eq!(found(&one[0]), v4(15, "home.example.", HOME_SERVER).each_ref());
    assert_eq!(
        one[0]["names"][0],
        json!({"option": 213, "domain": "plain.example.", "outcome": "none"})
    );
    // DHCPv6 has no second name.
    let (one, status) = records(&names, &["--ask", INTERFACE, "--family", "ipv6"]);
    assert_eq!((&one[0]["outcome"], status), (&json!("none"), 1));
    drop(dhcp);

    // What gateways hand out is no name of an access network (RFC 7286 §4.1): nobody is asked for it.
    let _dhcp = server(Names { access: None, plain: Some("box.local") });
    let (one, status) = records(&names, &["--ask", INTERFACE, "--family", "ipv4"]);
    assert_eq!((&one[0]["outcome"], status), (&json!("rejected"), 4));
    assert_eq!(one[0]["queries"], json!([]));
}

#[test]
fn dnsmasq_is_asked() {
    if namespace::is_inside("asked::dnsmasq_is_asked", &hosts()) {
        asked_of(DhcpServer::dnsmasq);
    }
}

#[test]
fn kea_is_asked() {
    if namespace::is_inside("asked::kea_is_asked", &hosts()) {
        asked_of(DhcpServer::kea);
    }
}

/// What is no answer to the question is not heard; a broken one is told, if no other comes.
#[test]
fn a_hostile_server_is_not_heard() {
    if !namespace::is_inside("asked::a_hostile_server_is_not_heard", &hosts()) {
        return;
    }
    let names = names();
    let dhcp = DhcpServer::hostile(true);
    let (one, status) = records(&names, &["--ask", INTERFACE, "--family", "ipv4"]);
    assert_eq!((one.len(), status), (1, 0));
    assert_eq!(found(&one[0]), v4(213, "access.example.", SERVER).each_ref());
    dhcp.wait_for(&["answered"]);
    drop(dhcp);
    let _dhcp = DhcpServer::hostile(false);
    let output = whoami(&names, &["--ask", INTERFACE, "--family", "ipv4", "--wait", "1s"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(said.contains("the answer of 198.51.100.7: it is cut short"), "{said}");
}

/// Nobody there, no such interface: told as such, in the time given.
#[test]
fn nobody_answers() {
    if !namespace::is_inside("asked::nobody_answers", &hosts()) {
        return;
    }
    let names = names();
    for (interface, said) in [(INTERFACE, "no DHCP server answered"), ("none", "no interface")] {
        let output = whoami(&names, &["--ask", interface, "--wait", "200ms", "--family", "ipv4"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(4) && text.contains(said), "{text}");
    }
}
