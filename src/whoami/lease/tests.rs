//! Files as the programs of Debian 12 wrote them, and what is wrong with others.

use super::*;
use proptest::prelude::*;

const DHCLIENT: &str = r#"lease {
  interface "near";
  fixed-address 198.51.100.52;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 3600;
  option routers 198.51.100.7;
  option dhcp-message-type 5;
  option dhcp-server-identifier 198.51.100.7;
  option unknown-224 "ab";
  option domain-name "old.example";
  renew 2 2026/12/01 00:01:27;
  rebind 2 2026/12/01 00:29:23;
  expire 2 2026/12/01 00:36:53;
}
lease {
  interface "near";
  fixed-address 198.51.100.52;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 3600;
  option routers 198.51.100.7;
  option dhcp-message-type 5;
  option dhcp-server-identifier 198.51.100.7;
  option unknown-224 "ab";
  option v4-access-domain access.example.;
  option dhcp-renewal-time 1800;
  option broadcast-address 198.51.100.255;
  option dhcp-rebinding-time 3150;
  option host-name "vm";
  option domain-name "home.example";
  renew 2 2026/12/01 00:06:53;
  rebind 2 2026/12/01 00:29:27;
  expire 2 2026/12/01 00:36:57;
}
"#;

const DHCLIENT_6: &str = r#"default-duid "\000\001\000\0012\240\304\243\272\256\215\313\262[";
lease6 {
  interface "near";
  ia-na 8d:cb:b2:5b {
    starts 1796081701;
    renew 1800;
    rebind 3150;
    iaaddr 2001:db8:1::57 {
      starts 1796081701;
      preferred-life 3600;
      max-life 3600;
    }
  }
  option dhcp6.client-id 0:1:0:1:32:a0:c4:a3:ba:ae:8d:cb:b2:5b;
  option dhcp6.server-id 0:1:0:1:32:a0:c4:9d:fe:bb:48:e5:c8:6a;
  option dhcp6.v6-access-domain 6:61:63:63:65:73:73:7:65:78:61:6d:70:6c:65:0;
  option dhcp6.status-code success "success";
}
"#;

const NETWORKD: &str = "# This is private data. Do not parse.
ADDRESS=198.51.100.51
NETMASK=255.255.255.0
ROUTER=198.51.100.7
SERVER_ADDRESS=198.51.100.7
NEXT_SERVER=198.51.100.7
BROADCAST=198.51.100.255
T1=1800
T2=3150
LIFETIME=3600
DOMAINNAME=home.example
HOSTNAME=vm
CLIENTID=ff96d826cf00020000ab110033bdebf95e192c
OPTION_224=6162
";

const NETWORK_MANAGER: &str = "[device]
managed=true
perm-hw-addr-fake=16:10:6E:41:E8:50
connection-uuid=11111111-2222-3333-4444-555555555555
nm-owned=false
route-metric-default-effective=100
next-server=198.51.100.7

[dhcp4]
dhcp4.broadcast_address=198.51.100.255
dhcp4.dad_wait_time=0
dhcp4.domain_name=home.example
dhcp4.expiry=1796085417
dhcp4.host_name=vm
dhcp4.ip_address=198.51.100.52
dhcp4.unknown_224=ab
dhcp4.v4_access_domain=access.example.
";

const DHCPCD_PRINTED: &str = "reason=BOUND
interface=near
protocol=dhcp
ip_address=198.51.100.58
subnet_cidr=24
domain_name=home.example
dhcp_lease_time=3600
access_domain=access.example
skip_hooks=resolv.conf

reason=ROUTERADVERT
interface=near
protocol=ra
nd1_from=fe80::a4fb:61ff:fe12:d6a3

reason=BOUND6
interface=near
protocol=dhcp6
dhcp6_client_id=0001000132a0c4a756b76b340f2c
dhcp6_ia_na1_ia_addr1=2001:db8:1::59
dhcp6_status_code=0
dhcp6_access_domain=access.example
";

fn one(text: &str) -> Lease {
    let mut leases = read(text.as_bytes(), None).unwrap();
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

fn names(lease: &Lease) -> [Option<&str>; 2] {
    let name = |named: &'_ Option<Result<Domain, domain::Fault>>| {
        named.as_ref().map(|named| named.as_ref().unwrap().name().clone())
    };
    let [access, plain] = [name(&lease.facts.access_domain), name(&lease.facts.domain_name)];
    assert!(access.is_none_or(|access| &*access == "access.example."));
    assert!(plain.is_none_or(|plain| &*plain == "home.example."));
    [&lease.facts.access_domain, &lease.facts.domain_name]
        .map(|named| named.as_ref().map(|named| named.as_ref().unwrap().as_str()))
}

const BOTH: [Option<&str>; 2] = [Some("access.example."), Some("home.example.")];

#[test]
fn dhclient() {
    let lease = one(DHCLIENT);
    assert_eq!((lease.program, lease.family), ("dhclient", Family::V4));
    assert_eq!(lease.interface.as_deref(), Some("near"));
    assert_eq!(names(&lease), BOTH);
    assert_eq!(lease.facts.address, Some("198.51.100.52".parse().unwrap()));
    assert_eq!(lease.ends, Some(1_796_085_417));

    let lease = one(DHCLIENT_6);
    assert_eq!((lease.family, names(&lease)), (Family::V6, [Some("access.example."), None]));
    assert_eq!(lease.facts.address, Some("2001:db8:1::57".parse().unwrap()));
    assert_eq!(lease.ends, Some(1_796_081_701 + 3_600));
}

/// Of the option's forms each is read; by how it is declared dhclient writes it in another one.
#[test]
fn forms_of_dhclient() {
    let form = |name: &str, value: &str| {
        let text = format!("lease {{\n  option {name} {value};\n  expire never;\n}}\n");
        one(&text).facts.access_domain
    };
    for (name, value) in [
        ("v4-access-domain", "access.example."),
        ("v4-access-domain", "\"access.example.\""),
        ("v4-access-domain", "6:61:63:63:65:73:73:7:65:78:61:6d:70:6c:65:0"),
        ("unknown-213", "6:61:63:63:65:73:73:7:65:78:61:6d:70:6c:65:0"),
        ("unknown-213", r#""\006access\007example\000""#),
    ] {
        assert_eq!(form(name, value), Some("access.example".parse()), "{value}");
    }
    for (value, fault) in [
        ("<error>", domain::Fault::NotWritten),
        ("\"a.example.\", \"b.example.\"", domain::Fault::Several),
        ("7:61", domain::Fault::Unterminated),
        ("c0:c", domain::Fault::LabelType),
        ("\"a b\"", domain::Fault::Character),
        ("box.local.", domain::Fault::NeverAsked),
    ] {
        assert_eq!(form("v4-access-domain", value), Some(Err(fault)), "{value}");
    }
    assert_eq!(form("dhcp-lease-time", "3600"), None);
}

#[test]
fn a_lease_that_was_given_back_has_ended() {
    let text = DHCLIENT_6.replace("  ia-na", "  released;\n  ia-na");
    assert_eq!(one(&text).ends, Some(0));
}

#[test]
fn networkd_and_network_manager() {
    let lease = one(NETWORKD);
    assert_eq!((lease.program, names(&lease)), ("systemd-networkd", [None, BOTH[1]]));
    assert_eq!(lease.facts.address, Some("198.51.100.51".parse().unwrap()));
    let lease = one(NETWORK_MANAGER);
    assert_eq!((lease.program, names(&lease)), ("NetworkManager", BOTH));
    assert_eq!(lease.facts.address, Some("198.51.100.52".parse().unwrap()));
    assert_eq!(lease.ends, Some(1_796_085_417));
    // A device without DHCPv4 is none of our business.
    assert_eq!(read(b"[device]\nmanaged=true\n", None), Ok(Vec::new()));
}

#[test]
fn dhcpcd_prints() {
    let leases = read(DHCPCD_PRINTED.as_bytes(), None).unwrap();
    let [v4, v6] = &leases[..] else { panic!("{leases:?}") };
    assert_eq!((v4.family, names(v4)), (Family::V4, BOTH));
    assert_eq!(v4.facts.address, Some("198.51.100.58".parse().unwrap()));
    assert_eq!((v6.family, names(v6)), (Family::V6, [BOTH[0], None]));
    assert_eq!(v6.facts.address, Some("2001:db8:1::59".parse().unwrap()));
}

/// A whole DHCPACK, and a whole Reply; they end so long after they were written as they say.
#[test]
fn dhcpcd_keeps() {
    let mut ack = vec![0; 240];
    ack[..4].copy_from_slice(&[2, 1, 6, 0]);
    ack[16..20].copy_from_slice(&[198, 51, 100, 58]);
    ack[236..].copy_from_slice(&[99, 130, 83, 99]);
    ack.extend(b"\x35\x01\x05\x36\x04\xc6\x33\x64\x07\x33\x04\x00\x00\x0e\x10");
    ack.extend(b"\xd5\x10\x06access\x07example\x00\x0f\x0chome.example\xff");
    let leases = read(&ack, Some(1_796_081_000)).unwrap();
    assert_eq!((leases[0].program, names(&leases[0])), ("dhcpcd", BOTH));
    assert_eq!(leases[0].facts.address, Some("198.51.100.58".parse().unwrap()));
    assert_eq!(leases[0].ends, Some(1_796_084_600));

    let mut reply = b"\x07\x01\x02\x03\x00\x02\x00\x02\x00\x01".to_vec();
    reply.extend(b"\x00\x39\x00\x10\x06access\x07example\x00");
    let leases = read(&reply, None).unwrap();
    assert_eq!((leases[0].family, names(&leases[0])), (Family::V6, [BOTH[0], None]));
    assert_eq!(leases[0].ends, None);
}

/// What is broken is refused as a whole, with its place.
#[test]
fn what_is_refused() {
    let syntax = |line| Err(Fault::Syntax { line });
    for (text, outcome) in [
        ("what is this", syntax(1)),
        ("lease {\n  interface \"a\nb\";\n}\n", syntax(2)),
        ("lease {\n  interface \"../../etc\";\n}\n", syntax(2)),
        ("lease {\n  fixed-address 1.2.3;\n}\n", syntax(2)),
        ("lease {\n  expire 2 2026/12/01;\n  option\n", syntax(4)),
        ("lease {\n  expire 2 tomorrow noon;\n}\n", syntax(2)),
        ("lease { a { b { c { d {\n", syntax(1)),
        ("}\n", syntax(1)),
        ("subnet 1.2.3.0 {\n", syntax(1)),
        ("ADDRESS=here\n", syntax(1)),
        ("ADDRESS=198.51.100.1\nno key\n", syntax(2)),
        ("[dhcp4\n", syntax(1)),
        ("\0\0", syntax(1)),
    ] {
        assert_eq!(read(text.as_bytes(), None), outcome, "{text}");
    }
    assert_eq!(read(b"\xff\xfe", None), Err(Fault::Unknown));
    assert_eq!(read(b"\x02", None), Err(Fault::V4(dhcp4::Fault::CutShort)));
    assert_eq!(read(b"\x07", None), Err(Fault::V6(dhcp6::Fault::NoReply)));
    assert_eq!(read(&vec![b' '; MOST_OCTETS + 1], None), Err(Fault::TooLarge));
    assert_eq!(read("lease {}\n".repeat(MOST_LEASES + 1).as_bytes(), None), Err(Fault::TooMany));
    assert_eq!(read(b"", None), Ok(Vec::new()));
    assert_eq!(read(b"# nothing yet\n", None), Ok(Vec::new()));
}

/// The largest file of the shortest words takes no time to speak of: its work grows with its size alone.
#[test]
fn large_files_are_read_in_one_go() {
    let text = "a ".repeat(MOST_OCTETS / 2 - 8);
    assert_eq!(read(text.as_bytes(), None), Err(Fault::Syntax { line: 1 }));
    let leases = read(format!("lease {{\n{text};}}").as_bytes(), None).unwrap();
    assert_eq!(leases.len(), 1);
}

proptest! {
    /// Files with one octet changed, cut off, or put in.
    #[test]
    fn nothing_brings_it_down(which in 0..5_usize, at: prop::sample::Index, octet: u8, change in 0..3) {
        let file = [DHCLIENT, DHCLIENT_6, NETWORKD, NETWORK_MANAGER, DHCPCD_PRINTED][which];
        let mut file = file.as_bytes().to_vec();
        let at = at.index(file.len());
        match change {
            0 => file[at] = octet,
            1 => file.truncate(at),
            _ => file.insert(at, octet),
        }
        for lease in read(&file, Some(1)).into_iter().flatten() {
            prop_assert!(lease.interface.is_none_or(|name| interface(&name).is_some()));
        }
    }
}
