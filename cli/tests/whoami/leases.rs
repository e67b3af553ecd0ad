//! What DHCP clients kept.

use alto_testkit::dhcp::clients::{self, Asks};
use alto_testkit::dhcp::{DhcpServer, INTERFACE, lose, without_address};
use alto_testkit::{NameServer as _, namespace};
use serde_json::{Value, json};

use crate::{BOTH, HOME_SERVER, SERVER, found, hosts, names, records, v4, v6, whoami};

/// What dhclient kept, in each form of the options.
#[test]
fn of_dhclient() {
    if !namespace::is_inside("leases::of_dhclient", &hosts()) {
        return;
    }
    let (names, _dhcp) = (names(), DhcpServer::dnsmasq(BOTH));
    without_address();
    for asks in [Asks::Plainly, Asks::AsOctets] {
        let client = clients::dhclient("-4", asks);
        let (one, status) = records(&names, &[]);
        assert_eq!((one.len(), status), (1, 0));
        assert_eq!(found(&one[0]), v4(213, "access.example.", SERVER).each_ref());
        assert_eq!(one[0]["interface"], json!("near"));
        assert_eq!(one[0]["source"], json!("dhclient, /var/lib/dhcp/dhclient.near.leases"));
        // While the client holds its port, servers can still be asked.
        let (one, _) = records(&names, &["--ask", INTERFACE, "--family", "ipv4"]);
        assert_eq!(found(&one[0]), v4(213, "access.example.", SERVER).each_ref());
        drop(client);
        // RFC 7286 §4.2: when the address is gone, what was found is void.
        lose(one[0]["address"].as_str().unwrap());
        let output = whoami(&names, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4));
        assert!(said.contains("is no address of this host"), "{said}");
    }
    let _client = clients::dhclient("-6", Asks::AsOctets);
    let (one, _) = records(&names, &["--family", "ipv6"]);
    assert_eq!(found(&one[0]), v6().each_ref());
}

/// Whole replies that dhcpcd kept, and what it prints.
#[test]
fn of_dhcpcd() {
    if !namespace::is_inside("leases::of_dhcpcd", &hosts()) {
        return;
    }
    let (names, _dhcp) = (names(), DhcpServer::dnsmasq(BOTH));
    without_address();
    let _client = clients::dhcpcd();
    let (both, status) = records(&names, &[]);
    assert_eq!((both.len(), status), (2, 0), "{both:?}");
    assert_eq!(found(&both[0]), v4(213, "access.example.", SERVER).each_ref());
    assert_eq!(found(&both[1]), v6().each_ref());
    assert_eq!(both[0]["interface"], json!("near"));

    let printed = "dhcpcd -U near >/run/printed && exec \"$0\" \"$@\" </run/printed";
    let resolver = names.address().to_string();
    let words = ["whoami", "--json", "--resolver", &resolver, "--lease", "-"];
    let mut command = std::process::Command::new("/bin/sh");
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.args(["-c", printed, env!("CARGO_BIN_EXE_alto")]).args(words).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let both: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(both.len(), 2, "{text} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(found(&both[0]), v4(213, "access.example.", SERVER).each_ref());
    assert_eq!(found(&both[1]), v6().each_ref());
}

/// systemd-networkd 252 keeps option 15 alone.
#[test]
fn of_networkd() {
    if !namespace::is_inside("leases::of_networkd", &hosts()) {
        return;
    }
    let (names, _dhcp) = (names(), DhcpServer::dnsmasq(BOTH));
    without_address();
    let _client = clients::networkd();
    let (one, status) = records(&names, &[]);
    assert_eq!((one.len(), status), (1, 0), "{one:?}");
    assert_eq!(found(&one[0]), v4(15, "home.example.", HOME_SERVER).each_ref());
    assert_eq!(one[0]["interface"], json!("near"));
    let (none, status) = records(&names, &["--interface", "lo"]);
    assert_eq!((none.len(), status), (0, 4));
}

/// NetworkManager keeps option 15 of its own client, and all of dhclient's.
#[test]
fn of_network_manager() {
    if !namespace::is_inside("leases::of_network_manager", &hosts()) {
        return;
    }
    let (names, _dhcp) = (names(), DhcpServer::dnsmasq(BOTH));
    without_address();
    let _client = clients::network_manager("internal");
    let (one, status) = records(&names, &[]);
    assert_eq!((one.len(), status), (1, 0), "{one:?}");
    assert_eq!(found(&one[0]), v4(15, "home.example.", HOME_SERVER).each_ref());
    assert_eq!(one[0]["interface"], json!("near"));
}

/// With dhclient it keeps option 213, and so does that one in its file.
#[test]
fn of_network_manager_by_dhclient() {
    if !namespace::is_inside("leases::of_network_manager_by_dhclient", &hosts()) {
        return;
    }
    let (names, _dhcp) = (names(), DhcpServer::dnsmasq(BOTH));
    without_address();
    let _client = clients::network_manager("dhclient");
    let (both, status) = records(&names, &[]);
    assert_eq!((both.len(), status), (2, 0), "{both:?}");
    for one in both {
        assert_eq!(found(&one), v4(213, "access.example.", SERVER).each_ref());
        assert_eq!(one["interface"], json!("near"));
    }
}
