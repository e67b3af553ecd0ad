//! `alto whoami`: real DHCP servers and clients, a real name server and web server, in networks of the
//! tests' own.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::fs;
use std::process::Output;

use alto_testkit::alto::{DIRECTORY, cost_map, network_map};
use alto_testkit::dhcp::clients::{self, Asks};
use alto_testkit::dhcp::{DhcpServer, INTERFACE, Names, lose, without_address};
use alto_testkit::namespace::{self, NEAR, OUTSIDE};
use alto_testkit::nginx::Nginx;
use alto_testkit::pki::Authority;
use alto_testkit::{Daemon, NameServer as _, ZoneFile, nsd};
use common::alto;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// What the network calls itself, and its server.
const BOTH: Names<'static> = Names { access: Some("access.example."), plain: Some("home.example") };
const SERVER: &str = "https://alto.access.example:8443/directory";
const HOME_SERVER: &str = "https://alto.home.example/directory";

fn hosts() -> Vec<String> {
    vec![format!("{OUTSIDE} alto.access.example")]
}

/// The network's zones, by NSD.
fn names() -> Daemon {
    let zone = |name: &str, server: &str| ZoneFile {
        apex: name.to_owned(),
        text: format!(
            "$ORIGIN {name}\n@ 3600 IN SOA ns.{name} hostmaster.{name} 1 3600 600 86400 300\n\
             @ 3600 IN NS ns.{name}\nns 3600 IN A 127.0.0.1\n\
             @ 600 IN NAPTR 50 10 \"u\" \"LIS:HELD\" \"!.*!https://lis.{name}/!\" .\n\
             @ 600 IN NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!{server}!\" .\n"
        ),
    };
    nsd::launch(&[
        zone("access.example.", SERVER),
        zone("home.example.", HOME_SERVER),
        ZoneFile {
            apex: "plain.example.".to_owned(),
            text: "@ 3600 IN SOA ns hostmaster 1 3600 600 86400 300\n@ 3600 IN NS ns\nns IN A 127.0.0.1\n"
                .to_owned(),
        },
    ])
}

fn whoami(resolver: &Daemon, words: &[&str]) -> Output {
    let resolver = resolver.address().to_string();
    let output = alto(&[&["whoami", "--resolver", &resolver], words].concat()).output().unwrap();
    println!("{words:?}: {output:?}");
    output
}

/// The records, one per network, and the exit status.
fn records(resolver: &Daemon, words: &[&str]) -> (Vec<Value>, i32) {
    let output = whoami(resolver, &[&["--json"], words].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (records, output.status.code().unwrap())
}

/// By which family, which option and which name which server was found.
fn found(record: &Value) -> [&Value; 4] {
    let name = record["names"].as_array().unwrap().last().unwrap();
    [&record["family"], &name["option"], &name["domain"], &record["servers"][0]["uri"]]
}

fn v4(option: u16, domain: &str, server: &str) -> [Value; 4] {
    [json!("ipv4"), json!(option), json!(domain), json!(server)]
}

fn v6() -> [Value; 4] {
    [json!("ipv6"), json!(57), json!("access.example."), json!(SERVER)]
}

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
    if namespace::is_inside("dnsmasq_is_asked", &hosts()) {
        asked_of(DhcpServer::dnsmasq);
    }
}

#[test]
fn kea_is_asked() {
    if namespace::is_inside("kea_is_asked", &hosts()) {
        asked_of(DhcpServer::kea);
    }
}

/// What is no answer to the question is not heard; a broken one is told, if no other comes.
#[test]
fn a_hostile_server_is_not_heard() {
    if !namespace::is_inside("a_hostile_server_is_not_heard", &hosts()) {
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
    if !namespace::is_inside("nobody_answers", &hosts()) {
        return;
    }
    let names = names();
    for (interface, said) in [(INTERFACE, "no DHCP server answered"), ("none", "no interface")] {
        let output = whoami(&names, &["--ask", interface, "--wait", "200ms", "--family", "ipv4"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(4) && text.contains(said), "{text}");
    }
}

/// What dhclient kept, in each form of the options.
#[test]
fn leases_of_dhclient() {
    if !namespace::is_inside("leases_of_dhclient", &hosts()) {
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
fn leases_of_dhcpcd() {
    if !namespace::is_inside("leases_of_dhcpcd", &hosts()) {
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
fn leases_of_networkd() {
    if !namespace::is_inside("leases_of_networkd", &hosts()) {
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
fn leases_of_network_manager() {
    if !namespace::is_inside("leases_of_network_manager", &hosts()) {
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
fn leases_of_network_manager_by_dhclient() {
    if !namespace::is_inside("leases_of_network_manager_by_dhclient", &hosts()) {
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

/// The whole way of a peer: its network's name, its server, that one's maps; and a tracker that is told.
#[test]
fn what_is_printed_is_taken_by_a_tracker() {
    if !namespace::is_inside("what_is_printed_is_taken_by_a_tracker", &hosts()) {
        return;
    }
    let (names, _dhcp, authority) = (names(), DhcpServer::dnsmasq(BOTH), Authority::new());
    let maps = network_map(&[
        ("own", "198.51.100.0/24"),
        ("near", "203.0.113.0/24"),
        ("near", "2001:db8:7::/48"),
        ("far", "0.0.0.0/0"),
        ("nowhere", "192.0.2.0/24"),
    ]);
    let costs = cost_map(&[("own", "own", 1.0), ("own", "near", 7.5), ("own", "far", 100.0)]);
    let kind = |path: &str, kind: &str| {
        format!("location = {path} {{ default_type application/alto-{kind}+json; }}\n")
    };
    let locations = kind("/directory", "directory")
        + &kind("/network", "networkmap")
        + &kind("/cost", "costmap");
    let files = [("/directory", DIRECTORY), ("/network", &maps), ("/cost", &costs)]
        .map(|(path, text)| (path.to_owned(), text.to_owned()));
    let address = format!("{OUTSIDE}:8443").parse().unwrap();
    let _nginx =
        Nginx::outside(address, &authority.sign(&["alto.access.example"]), &locations, &files);
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let ca = file.path().to_str().unwrap();

    let (one, status) =
        records(&names, &["--ask", INTERFACE, "--family", "ipv4", "--guidance", "--ca", ca]);
    assert_eq!((one.len(), status), (1, 0));
    let guidance = &one[0]["guidance"];
    assert_eq!((&guidance["server"], &guidance["address"]), (&json!(SERVER), &json!(NEAR)));
    let [uri, blob] = ["alto", "altog"].map(|key| one[0]["announce"][key].as_str().unwrap());

    let discover = |query: &str| {
        let resolver = names.address().to_string();
        let how = ["--json", "--allow-documentation", "--resolver", &resolver];
        let trust = ["--set", "peerinfo.trust=open", "--announce", query, "198.51.100.3"];
        let output = alto(&[&["discover"], &how[..], &trust].concat()).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let told = discover(&format!("info_hash=%01&port=6881&{uri}"));
    assert_eq!((&told["approach"], &told["outcome"]), (&json!(5), &json!("found")));
    assert_eq!(told["servers"][0]["uri"], json!(SERVER));
    let told = discover(&format!("info_hash=%01&port=6881&{blob}"));
    assert_eq!(told["approach"], json!(6));
    assert_eq!(told["guidance"]["entries"], guidance["entries"]);
    assert_eq!(discover(&format!("{uri}&{blob}"))["approach"], json!(5));

    // To the letter: the cheapest first; costs with fractions by rank; what has no cost is left out.
    let costs = said(blob);
    let told: Vec<String> =
        costs.iter().take(3).map(|entry| format!("{} {}", entry.net, entry.cost)).collect();
    assert_eq!(told, ["198.51.100.0/24 0", "203.0.113.0/24 1", "2001:db8:7::/48 1"]);
    assert!(costs[3..].iter().all(|entry| entry.cost == 2));
    let covers = |ip: &str| {
        costs.iter().any(|entry| entry.net.contains(&ip.parse::<std::net::IpAddr>().unwrap()))
    };
    assert!(covers("8.8.8.8") && !covers("192.0.2.1"));
}

fn said(parameter: &str) -> Vec<alto_discovery::PeerCost> {
    use alto_discovery::whoami::{announce, blob};
    let hints = alto_discovery::Hints::HttpQuery(parameter.as_bytes().into());
    let octets = announce::find(&hints).guidance.unwrap().unwrap();
    blob::read(&octets).unwrap().entries.to_vec()
}

/// The user's word wins, and nothing else is looked at.
#[test]
fn by_hand() {
    if !namespace::is_inside("by_hand", &hosts()) {
        return;
    }
    let names = names();
    let (one, status) = records(&names, &["--domain", "Access.Example"]);
    assert_eq!((&one[0]["servers"][0]["uri"], status), (&json!(SERVER), 0));
    assert_eq!(one[0]["names"][0]["option"], json!(null));
    for (domain, outcome, status) in
        [("plain.example", "none", 1), ("else.example", "unavailable", 3)]
    {
        let (one, found) = records(&names, &["--domain", domain]);
        assert_eq!((&one[0]["outcome"], found), (&json!(outcome), status));
    }
    let (one, status) = records(&names, &["--uri", SERVER]);
    assert_eq!(
        (&one[0]["outcome"], &one[0]["servers"][0]["trust"]),
        (&json!("found"), &json!("configured"))
    );
    assert_eq!(status, 0);
    for (words, status) in [
        (&["--uri", "https://127.0.0.1/"][..], 4),
        (&["--uri", "here"], 4),
        (&["--domain", "a b"], 2),
        (&["--domain", "a.example", "--ask", "near"], 2),
    ] {
        assert_eq!(whoami(&names, words).status.code(), Some(status), "{words:?}");
    }
    let text = String::from_utf8(whoami(&names, &["--domain", "access.example"]).stdout).unwrap();
    assert!(
        text.contains("\n  send   alto=https%3A%2F%2Falto.access.example%3A8443%2Fdirectory\n"),
        "{text}"
    );
}

/// Files that were given: whatever is wrong is told by name, and does not spoil what is right.
#[test]
fn files_that_are_broken() {
    if !namespace::is_inside("files_that_are_broken", &hosts()) {
        return;
    }
    let names = names();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.into_os_string().into_string().unwrap()
    };
    let good =
        write("good", b"lease {\n interface \"wan\";\n option domain-name \"home.example\";\n}\n");
    let ended = write(
        "ended",
        b"lease {\n option domain-name \"home.example\";\n expire 1 2020/01/01 00:00:00;\n}\n",
    );
    let error = write("error", b"lease {\n option v4-access-domain <error>;\n}\n");
    let broken = write("broken", b"lease {\n \"");
    let large = write("large", &vec![b' '; (1 << 20) + 1]);
    let all =
        [&*good, &ended, &error, &broken, &large, "/nonexistent", folder.path().to_str().unwrap()];
    let words: Vec<&str> = all.iter().flat_map(|file| ["--lease", file]).collect();
    let output = whoami(&names, &words);
    let (text, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("wan, ipv4, dhclient,") && text.contains(HOME_SERVER), "{text}");
    assert!(text.contains("the client wrote <error>"), "{text}");
    for (file, why) in [
        (&*ended, "has ended"),
        (&broken, "line 2 cannot be read"),
        (&large, "larger than"),
        ("/nonexistent", "No such file"),
        (folder.path().to_str().unwrap(), "not a plain file"),
    ] {
        let told = said.lines().any(|line| line.contains(file) && line.contains(why));
        assert!(told, "{file}: {why}: {said}");
    }
}
