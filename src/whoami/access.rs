//! One interface by one family: what its network calls itself (RFC 7286 §3.1). Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::domain::{Domain, Fault};
use super::lease::{Facts, Family, Lease};

/// An access network, as one interface sees it by one family, and the names to try for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where that is known from, for people.
    pub source: String,
    /// The interface, if known.
    pub interface: Option<String>,
    /// The family; `None` if the user's word is for both.
    pub family: Option<Family>,
    /// The host's own address there, if known. When it changes all of this is void (RFC 7286 §4.2).
    pub address: Option<IpAddr>,
    /// The names, in the order in which they are to be tried.
    pub names: Vec<Named>,
}

/// A name, and who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who.
    pub by: Says,
    /// What; or why that is no name to ask for.
    pub domain: Result<Domain, Fault>,
}

/// Who says what the network is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The user (RFC 7286 §3.1.1).
    ByHand,
    /// The access network's domain name, of DHCPv4 (RFC 5986 §3.2).
    V4AccessDomain,
    /// The domain name, of DHCPv4 (RFC 2132 §3.17).
    V4DomainName,
    /// The access network's domain name, of DHCPv6 (RFC 5986 §3.3).
    V6AccessDomain,
}

impl Says {
    /// The number of the DHCP option; `None` for the user's word.
    pub fn number(self) -> Option<u16> {
        match self {
            Self::ByHand => None,
            Self::V4AccessDomain => Some(super::lease::OPTION_213.into()),
            Self::V4DomainName => Some(super::lease::OPTION_15.into()),
            Self::V6AccessDomain => Some(super::lease::OPTION_57),
        }
    }
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "option {number}"),
            None => f.write_str("by hand"),
        }
    }
}

impl Access {
    /// The user's word: it wins over all that DHCP says (RFC 7286 §3.1.1).
    pub fn by_hand(domain: Domain) -> Self {
        Self {
            source: "the user".to_owned(),
            interface: None,
            family: None,
            address: None,
            names: vec![Named { by: Says::ByHand, domain: Ok(domain) }],
        }
    }

    /// What a lease says; `source` is where it was found.
    pub fn of_lease(lease: &Lease, source: String) -> Self {
        Self::of_facts(&lease.facts, lease.family, lease.interface.clone(), source)
    }

    /// RFC 7286 §3.1.2: for IPv4 option 213, then 15; for IPv6 option 57 alone.
    pub(super) fn of_facts(
        facts: &Facts,
        family: Family,
        interface: Option<String>,
        source: String,
    ) -> Self {
        let (access, plain) = (facts.access_domain.clone(), facts.domain_name.clone());
        let (access_option, plain) = match family {
            Family::V4 => (Says::V4AccessDomain, plain),
            Family::V6 => (Says::V6AccessDomain, None),
        };
        let names = [(access_option, access), (Says::V4DomainName, plain)].into_iter();
        let names = names.filter_map(|(by, domain)| Some(Named { by, domain: domain? }));
        let (family, address) = (Some(family), facts.address);
        Self { source, interface, family, address, names: names.collect() }
    }

    /// The address for whose sake names are asked for: its own, or else "this host" (RFC 1122
    /// §3.2.1.3).
    pub(super) fn host(&self) -> IpAddr {
        self.address.unwrap_or(match self.family {
            Some(Family::V6) => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7286 §3.1.2.
    #[test]
    fn names_in_their_order() {
        let facts = Facts {
            access_domain: Some(Err(Fault::Empty)),
            domain_name: Some("home.example".parse()),
            ..Facts::default()
        };
        let options = |family| {
            let access = Access::of_facts(&facts, family, None, String::new());
            access.names.iter().map(|named| named.by.number().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(options(Family::V4), [213, 15]);
        assert_eq!(options(Family::V6), [57]);
        let nothing = Access::of_facts(&Facts::default(), Family::V4, None, String::new());
        assert!(nothing.names.is_empty());
    }
}
