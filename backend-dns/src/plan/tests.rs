use super::*;
use alto_discovery_core::Token;
use proptest::prelude::*;

const OPEN: Policy = Policy {
    allow_private_peers: true,
    allow_private_servers: false,
    allow_link_local: false,
    allow_documentation: true,
    allow_http: false,
};

fn names(rungs: &[Rung]) -> Vec<&str> {
    rungs.iter().map(|rung| &*rung.name).collect()
}

fn plan(peer: &str, granularity: Granularity, transition: Transition) -> Plan {
    Plan::new(peer.parse().unwrap(), granularity, transition, OPEN).unwrap()
}

fn host(peer: &str) -> Plan {
    plan(peer, Granularity::Host, Transition::Strict)
}

fn fault(peer: &str, policy: Policy) -> &'static str {
    Plan::new(peer.parse().unwrap(), Granularity::Host, Transition::Strict, policy)
        .unwrap_err()
        .code()
}

/// RFC 8686 §3.2 and §3.3, spelled out.
#[test]
fn names_as_in_the_rfc() {
    let expected = [
        "3.100.51.198.in-addr.arpa.",
        "100.51.198.in-addr.arpa.",
        "51.198.in-addr.arpa.",
        "198.in-addr.arpa.",
    ];
    assert_eq!(names(&host("198.51.100.3/32").rungs), expected);
    let expected = [
        "2.4.e.d.a.6.e.f.f.f.e.0.7.2.2.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "8.b.d.0.1.0.0.2.ip6.arpa.",
    ];
    assert_eq!(names(&host("2001:db8:1:2:227:eff:fe6a:de42/128").rungs), expected);
}

/// Approach 3: 40000 is 0x9c40, and a token is one label.
#[test]
fn a_hosts_peer_id_comes_first() {
    let with = |peer: &str, id, granularity| {
        let peer = peer.parse::<Peer<'_>>().unwrap().with_id(id);
        let plan = Plan::of(&peer, granularity, Transition::Strict, OPEN).unwrap();
        plan.rungs.iter().map(|rung| rung.name.to_string()).collect::<Vec<_>>()
    };
    let token = |octets: &[u8]| PeerId::Token(Token::new(octets).unwrap());
    let by_port = with("198.51.100.3", PeerId::Port(40_000), Granularity::Host);
    assert_eq!(by_port[0], "0.4.c.9._p.3.100.51.198.in-addr.arpa.");
    assert_eq!(by_port[1..], names(&host("198.51.100.3/32").rungs));
    let by_token = with("2001:db8::1", token(b"gold"), Granularity::Host);
    let host_name = &*host("2001:db8::1/128").rungs[0].name;
    assert_eq!(by_token[0], format!("_tctnmop0.{host_name}"));
    assert_eq!(by_token.len(), 7);
    let longest = with("198.51.100.3", token(&[0xff; 32]), Granularity::Host);
    assert_eq!(longest[0].split('.').next().unwrap().len(), 54);
    for (peer, granularity) in
        [("198.51.100.3", Granularity::Prefix), ("198.51.100.0/24", Granularity::Host)]
    {
        assert_eq!(with(peer, PeerId::Port(7), granularity)[0], "100.51.198.in-addr.arpa.");
    }
}

/// The rungs' addresses: what a denial at each name is about.
#[test]
fn each_rung_knows_its_addresses() {
    let nets = |peer| host(peer).rungs.iter().map(|rung| rung.net.to_string()).collect::<Vec<_>>();
    assert_eq!(
        nets("198.51.100.3/32"),
        ["198.51.100.3/32", "198.51.100.0/24", "198.51.0.0/16", "198.0.0.0/8"]
    );
    assert_eq!(nets("2001:db8:1::/48"), ["2001:db8:1::/48", "2001:db8::/40", "2001:db8::/32"]);
}

/// With `prefix` no host address leaves, and a prefix is asked for as ever.
#[test]
fn prefix_granularity_starts_at_the_block() {
    let plan = |peer| plan(peer, Granularity::Prefix, Transition::Strict);
    assert_eq!(plan("198.51.100.3/32"), host("198.51.100.0/24"));
    assert_eq!(plan("198.51.0.0/16"), host("198.51.0.0/16"));
    assert_eq!(plan("2001:db8:1:2::9/128"), host("2001:db8:1:2::/64"));
}

/// The prefix length is checked before the address class.
#[test]
fn faults_in_order() {
    let strict = Policy::default();
    assert_eq!(fault("10.0.0.0/7", strict), code::UNSUPPORTED_PREFIX_LENGTH);
    assert_eq!(fault("0.0.0.0/0", strict), code::UNSUPPORTED_PREFIX_LENGTH);
    assert_eq!(fault("2001:db8::/31", strict), code::UNSUPPORTED_PREFIX_LENGTH);
    assert_eq!(fault("10.0.0.0/8", strict), code::NOT_GLOBAL);
    assert_eq!(fault("198.51.100.3/32", strict), code::NOT_GLOBAL);
}

/// Vectors 55 and 56.
#[test]
fn transition_addresses_fall_back_to_the_ipv4_inside() {
    let fallback = |peer| plan(peer, Granularity::Host, Transition::FallbackV4).fallback;
    let six_to_four = fallback("2002:c633:6403::1/128");
    assert_eq!(six_to_four, host("198.51.100.3/32").rungs);
    assert_eq!(fallback("2002:c633:6400::/40"), host("198.51.100.0/24").rungs);
    let teredo = fallback("2001:0:c633:6401:0:63bf:34ff:8efa/128");
    assert_eq!(teredo, host("203.0.113.5/32").rungs);
    assert!(fallback("2001:0:c633:6401::/64").is_empty(), "many clients share a Teredo /64");
    assert!(fallback("2001:db8::1/128").is_empty());
    let strict = Policy { allow_documentation: true, ..Policy::default() };
    let private = "2002:a01:203::1/128".parse().unwrap(); // carries 10.1.2.3
    let plan = Plan::new(private, Granularity::Host, Transition::FallbackV4, strict).unwrap();
    assert!(plan.fallback.is_empty());
}

/// Table 1 of RFC 8686 §3.4, row by row: the lengths for each range of L.
fn table(v4: bool, length: u8) -> Option<&'static [u8]> {
    Some(match (v4, length) {
        (true, 32) => &[32, 24, 16, 8],
        (true, 24..=31) => &[24, 16, 8],
        (true, 16..=23) => &[16, 8],
        (true, 8..=15) => &[8],
        (false, 128) => &[128, 64, 56, 48, 40, 32],
        (false, 64..=127) => &[64, 56, 48, 40, 32],
        (false, 56..=63) => &[56, 48, 40, 32],
        (false, 48..=55) => &[48, 40, 32],
        (false, 40..=47) => &[40, 32],
        (false, 32..=39) => &[32],
        _ => return None,
    })
}

/// Twenty lines that build a reverse name the slow way.
fn slow_name(address: IpAddr, length: u8) -> String {
    let length = usize::from(length);
    match address {
        IpAddr::V4(v4) => {
            let octets = v4.octets();
            let labels = octets[..length / 8].iter().rev().map(ToString::to_string);
            labels.chain(["in-addr.arpa.".into()]).collect::<Vec<_>>().join(".")
        }
        IpAddr::V6(v6) => {
            let hex = format!("{:032x}", v6.to_bits());
            let labels = hex[..length / 4].chars().rev().map(String::from);
            labels.chain(["ip6.arpa.".into()]).collect::<Vec<_>>().join(".")
        }
    }
}

proptest! {
    /// Names and their order follow the table, whatever the host bits.
    #[test]
    fn agrees_with_the_table(address: IpAddr, length in 0_u8..=128) {
        let v4 = address.is_ipv4();
        let length = if v4 { length % 33 } else { length };
        let net = IpNet::new(address, length).unwrap();
        let plan = Plan::new(net, Granularity::Host, Transition::Strict, OPEN);
        match (table(v4, length), plan) {
            (Some(lengths), Ok(plan)) => {
                let expected: Vec<_> =
                    lengths.iter().map(|length| slow_name(address, *length)).collect();
                prop_assert_eq!(names(&plan.rungs), expected);
                let net = |length: &u8| IpNet::new(address, *length).unwrap().trunc();
                let nets: Vec<_> = plan.rungs.iter().map(|rung| rung.net).collect();
                prop_assert_eq!(nets, lengths.iter().map(net).collect::<Vec<_>>());
            }
            (None, Err(error)) => prop_assert_eq!(error.code(), code::UNSUPPORTED_PREFIX_LENGTH),
            (expected, plan) => prop_assert!(false, "{expected:?} {plan:?}"),
        }
    }
}
