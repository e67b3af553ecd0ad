//! One DNS record, and its form on the wire.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::{Octets, kind};

/// A record of class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The absolute name that holds it, as written.
    pub owner: String,
    /// How long it may be remembered, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names of the types say it all
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(String),
    Dname(String),
    Naptr(Naptr),
    Ns(String),
    Ptr(String),
    Soa(Soa),
    Txt(Vec<Vec<u8>>),
    /// Any type with any octets, to send what no master file can hold.
    Raw {
        kind: u16,
        octets: Vec<u8>,
    },
}

/// RFC 3403 §4.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: Vec<u8>,
    pub services: Vec<u8>,
    pub regexp: Vec<u8>,
    pub replacement: String,
}

/// RFC 1035 §3.3.13.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Soa {
    pub primary: String,
    pub mailbox: String,
    /// Serial, refresh, retry, expire, minimum; the last bounds negative answers (RFC 2308 §4).
    pub numbers: [u32; 5],
}

impl Record {
    /// The record of these parts.
    pub fn new(owner: impl Into<String>, ttl: u32, data: Data) -> Self {
        Self { owner: owner.into(), ttl, data }
    }

    /// Whether it is of this type.
    pub fn is(&self, wanted: u16) -> bool {
        self.data.kind() == wanted
    }

    /// Writes it as the wire wants it (RFC 1035 §3.2.1), names uncompressed.
    pub fn write(&self, to: &mut Octets) {
        to.name(&self.owner);
        to.u16(self.data.kind());
        to.u16(1);
        to.u32(self.ttl);
        to.counted(|to| self.data.write(to));
    }
}

impl Data {
    /// The number of its type.
    pub fn kind(&self) -> u16 {
        match self {
            Self::A(_) => kind::A,
            Self::Aaaa(_) => kind::AAAA,
            Self::Cname(_) => kind::CNAME,
            Self::Dname(_) => kind::DNAME,
            Self::Naptr(_) => kind::NAPTR,
            Self::Ns(_) => kind::NS,
            Self::Ptr(_) => kind::PTR,
            Self::Soa(_) => kind::SOA,
            Self::Txt(_) => kind::TXT,
            Self::Raw { kind, .. } => *kind,
        }
    }

    /// Writes what follows the length.
    pub(crate) fn write(&self, to: &mut Octets) {
        match self {
            Self::A(address) => to.raw(&address.octets()),
            Self::Aaaa(address) => to.raw(&address.octets()),
            Self::Cname(name) | Self::Dname(name) | Self::Ns(name) | Self::Ptr(name) => {
                to.name(name);
            }
            Self::Naptr(naptr) => naptr.write(to),
            Self::Soa(soa) => {
                to.name(&soa.primary);
                to.name(&soa.mailbox);
                soa.numbers.iter().for_each(|number| to.u32(*number));
            }
            Self::Txt(strings) => strings.iter().for_each(|string| to.string(string)),
            Self::Raw { octets, .. } => to.raw(octets),
        }
    }
}

impl Naptr {
    fn write(&self, to: &mut Octets) {
        to.u16(self.order);
        to.u16(self.preference);
        for part in [&self.flags, &self.services, &self.regexp] {
            to.string(part);
        }
        to.name(&self.replacement);
    }
}
