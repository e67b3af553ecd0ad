//! Files of one `key=value` a line: systemd-networkd's leases, NetworkManager's devices, and what
//! `dhcpcd -U` prints.

use super::{Family, Fault, Lease, interface, named};
use crate::whoami::domain::{self, Domain};

/// dhcpcd prints router advertisements and the like, too.
const NO_DHCP: &str = "";

/// Whether this may stand before the `=` of such a file.
pub(super) fn is_key(text: &str) -> bool {
    let fine = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.');
    !text.is_empty() && text.bytes().all(fine)
}

pub(super) fn read(text: &str) -> Result<Vec<Lease>, Fault> {
    let mut leases: Vec<Lease> = Vec::new();
    let mut section = "";
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let broken = Fault::Syntax { line: number + 1 };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').ok_or(broken)?;
            continue;
        }
        let (key, value) = line.split_once('=').filter(|(key, _)| is_key(key)).ok_or(broken)?;
        take(&mut leases, section, key, value).ok_or(broken)?;
    }
    leases.retain(|lease| lease.program != NO_DHCP);
    Ok(leases)
}

/// What is of no interest is passed over; what is broken is `None`.
fn take(leases: &mut Vec<Lease>, section: &str, key: &str, value: &str) -> Option<()> {
    let first = leases.is_empty();
    match (section, key) {
        // The first key of each lease that dhcpcd prints; the second one says of which kind it is.
        ("", "reason") => leases.push(Lease::new("dhcpcd", Family::V4)),
        ("", "ADDRESS" | "DOMAINNAME") if first => {
            leases.push(Lease::new("systemd-networkd", Family::V4));
        }
        ("dhcp4", _) if first => leases.push(Lease::new("NetworkManager", Family::V4)),
        _ => {}
    }
    let Some(lease) = leases.last_mut() else { return Some(()) };
    let facts = &mut lease.facts;
    match (lease.program, section, key) {
        ("systemd-networkd", "", "ADDRESS")
        | ("dhcpcd", "", "ip_address" | "dhcp6_ia_na1_ia_addr1")
        | ("NetworkManager", "dhcp4", "dhcp4.ip_address") => {
            facts.address = Some(value.parse().ok()?);
        }
        ("systemd-networkd", "", "DOMAINNAME")
        | ("dhcpcd", "", "domain_name")
        | ("NetworkManager", "dhcp4", "dhcp4.domain_name") => {
            facts.domain_name = Some(Domain::from_option_15(value.as_bytes()));
        }
        ("dhcpcd", "", "access_domain" | "dhcp6_access_domain")
        | ("NetworkManager", "dhcp4", "dhcp4.v4_access_domain") => {
            facts.access_domain = Some(access_domain(value));
        }
        ("dhcpcd", "", "interface") => lease.interface = Some(interface(value)?),
        ("dhcpcd", "", "protocol") => match value {
            "dhcp" => {}
            "dhcp6" => lease.family = Family::V6,
            _ => lease.program = NO_DHCP,
        },
        ("NetworkManager", "dhcp4", "dhcp4.expiry") => lease.ends = Some(value.parse().ok()?),
        _ => {}
    }
    Some(())
}

/// dhclient's scripts, whose words NetworkManager keeps, are told `<error>` as well.
fn access_domain(value: &str) -> Result<Domain, domain::Fault> {
    if value == "<error>" { Err(domain::Fault::NotWritten) } else { named(value) }
}
