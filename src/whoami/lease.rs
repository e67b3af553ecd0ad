//! What DHCP clients keep of what a server told them. Pure.
//!
//! | program | where | what of it |
//! |---|---|---|
//! | dhclient | `/var/lib/dhcp/*.leases`, `/var/lib/NetworkManager/dhclient*.lease` | 213, 15, 57, if it asked for them |
//! | dhcpcd | `/var/lib/dhcpcd/*.lease`, `*.lease6` (whole replies), and what `dhcpcd -U` prints | 213, 15, 57, if it asked for them |
//! | NetworkManager | `/run/NetworkManager/devices/*` | 15; 213 with `dhcp=dhclient` |
//! | systemd-networkd | `/run/systemd/netif/leases/*` | 15 |
//!
//! All of it is as it came from the network: bounded, and read strictly.

mod dhclient;
mod key_value;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::domain::{self, Domain};
use super::{dhcp4, dhcp6};

/// The domain name of the access network, DHCPv4 (RFC 5986 §3.2).
pub const OPTION_213: u8 = 213;
/// The domain name, DHCPv4 (RFC 2132 §3.17).
pub const OPTION_15: u8 = 15;
/// The domain name of the access network, DHCPv6 (RFC 5986 §3.3).
pub const OPTION_57: u16 = 57;

/// The largest file that is read, in octets; dhclient's holds the leases of months.
pub const MOST_OCTETS: usize = 1 << 20;
/// The most leases of one file.
const MOST_LEASES: usize = 4_096;
/// The longest name of an interface, in octets (IFNAMSIZ without its NUL).
const MOST_INTERFACE: usize = 15;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// DHCPv4.
    V4,
    /// DHCPv6.
    V6,
}

/// What a server said, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The address that was given.
    pub address: Option<IpAddr>,
    /// The name in option 213 or 57.
    pub access_domain: Option<Result<Domain, domain::Fault>>,
    /// The name in option 15.
    pub domain_name: Option<Result<Domain, domain::Fault>>,
    /// For how long the address was given.
    pub lifetime: Option<Duration>,
}

/// One lease in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The program that keeps it.
    pub program: &'static str,
    /// For which interface, if the file says so.
    pub interface: Option<String>,
    /// By which protocol.
    pub family: Family,
    /// What the server said.
    pub facts: Facts,
    /// When it ends, in seconds since 1970; `None` if the file does not say.
    pub ends: Option<u64>,
}

impl Lease {
    fn new(program: &'static str, family: Family) -> Self {
        Self { program, interface: None, family, facts: Facts::default(), ends: None }
    }
}

/// The leases in a file of any of the programs, the last one of each interface and family. `written`
/// is when the file was written, in seconds since 1970: some say only for how long a lease holds.
///
/// # Errors
/// If it is no such file, too large, or broken.
pub fn read(octets: &[u8], written: Option<u64>) -> Result<Vec<Lease>, Fault> {
    if octets.len() > MOST_OCTETS {
        return Err(Fault::TooLarge);
    }
    match octets {
        // Neither octet begins a text.
        [2, ..] => Ok(vec![whole(Family::V4, dhcp4::kept(octets).map_err(Fault::V4)?, written)]),
        [7, ..] => Ok(vec![whole(Family::V6, dhcp6::kept(octets).map_err(Fault::V6)?, written)]),
        _ => text(std::str::from_utf8(octets).map_err(|_| Fault::Unknown)?),
    }
}

/// A whole reply is what dhcpcd keeps.
fn whole(family: Family, facts: Facts, written: Option<u64>) -> Lease {
    // What does not end is written as all ones (RFC 2131 §3.3, RFC 8415 §7.7).
    let forever = Duration::from_secs(u32::MAX.into());
    let lifetime = facts.lifetime.filter(|lifetime| *lifetime != forever);
    let ends = written.zip(lifetime).map(|(at, lifetime)| at.saturating_add(lifetime.as_secs()));
    Lease { facts, ends, ..Lease::new("dhcpcd", family) }
}

fn text(text: &str) -> Result<Vec<Lease>, Fault> {
    let is_comment = |line: &&str| line.is_empty() || line.starts_with('#');
    let Some(first) = text.lines().map(str::trim).find(|line| !is_comment(line)) else {
        return Ok(Vec::new());
    };
    let key = first.split_once('=').map(|(key, _)| key);
    let leases = if first.starts_with('[') || key.is_some_and(key_value::is_key) {
        key_value::read(text)?
    } else {
        dhclient::read(text)?
    };
    if leases.len() > MOST_LEASES {
        return Err(Fault::TooMany);
    }
    Ok(last_of_each(leases))
}

/// A file may hold the past, too: the last word on an interface counts.
fn last_of_each(leases: Vec<Lease>) -> Vec<Lease> {
    let mut last: Vec<Lease> = Vec::new();
    for lease in leases {
        last.retain(|old| (old.family, &old.interface) != (lease.family, &lease.interface));
        last.push(lease);
    }
    last
}

/// A name that may be that of an interface.
pub(crate) fn interface(text: &str) -> Option<String> {
    let fine = |octet: u8| octet.is_ascii_graphic() && octet != b'/';
    let is_one = (1..=MOST_INTERFACE).contains(&text.len())
        && text.bytes().all(fine)
        && !matches!(text, "." | "..");
    is_one.then(|| text.to_owned())
}

/// A name that a program wrote as text.
fn named(text: &str) -> Result<Domain, domain::Fault> {
    text.parse::<Domain>()?.handed_out()
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Larger than [`MOST_OCTETS`].
    TooLarge,
    /// More leases than any host has.
    TooMany,
    /// Of none of the programs.
    Unknown,
    /// The text is broken in this line.
    Syntax {
        /// From 1.
        line: usize,
    },
    /// The reply of a DHCPv4 server is broken.
    V4(dhcp4::Fault),
    /// The reply of a DHCPv6 server is broken.
    V6(dhcp6::Fault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "larger than {MOST_OCTETS} octets"),
            Self::TooMany => write!(f, "more than {MOST_LEASES} leases"),
            Self::Unknown => {
                f.write_str("no lease file of dhclient, dhcpcd, NetworkManager or systemd-networkd")
            }
            Self::Syntax { line } => write!(f, "line {line} cannot be read"),
            Self::V4(fault) => write!(f, "as a DHCPv4 message {fault}"),
            Self::V6(fault) => write!(f, "as a DHCPv6 message {fault}"),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests;
