//! A peer as it goes into a reply.

use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::{Pid, PrefixMap};

/// A compact peer of one family, ordered by address, then port.
pub trait Record: Copy + Ord + Hash + fmt::Debug + Send + Sync + 'static {
    /// An address of the family.
    type Address: Copy + Into<IpAddr>;

    /// Whether the family is IPv6.
    const IS_V6: bool;

    /// No peer's record: the unspecified address and port 0.
    const NOBODY: Self;

    /// Its address.
    fn address(&self) -> Self::Address;

    /// A number in which all its bits show.
    fn bits(&self) -> u64;

    /// The PIDs of many addresses.
    fn pids(map: &PrefixMap, addresses: &[Self::Address], pids: &mut [Option<Pid>]);
}

/// An IPv4 peer: four octets of address, two of port, as in a compact reply (BEP 23).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)] // an array of octets from elsewhere may be looked at as records
pub struct V4Record(pub [u8; 6]);

/// An IPv6 peer: sixteen octets of address, two of port (BEP 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)] // an array of octets from elsewhere may be looked at as records
pub struct V6Record(pub [u8; 18]);

impl Record for V4Record {
    type Address = Ipv4Addr;

    const IS_V6: bool = false;
    const NOBODY: Self = Self([0; 6]);

    #[inline]
    fn address(&self) -> Ipv4Addr {
        let [a, b, c, d, _, _] = self.0;
        Ipv4Addr::new(a, b, c, d)
    }

    #[inline]
    fn bits(&self) -> u64 {
        let port = u16::from_be_bytes([self.0[4], self.0[5]]);
        u64::from(self.address().to_bits()) << 16 | u64::from(port)
    }

    fn pids(map: &PrefixMap, addresses: &[Ipv4Addr], pids: &mut [Option<Pid>]) {
        map.pids_v4(addresses, pids);
    }
}

impl Record for V6Record {
    type Address = Ipv6Addr;

    const IS_V6: bool = true;
    const NOBODY: Self = Self([0; 18]);

    #[inline]
    fn address(&self) -> Ipv6Addr {
        let mut octets = [0; 16];
        octets.copy_from_slice(&self.0[..16]);
        octets.into()
    }

    #[inline]
    fn bits(&self) -> u64 {
        let eight = |at: usize| self.0[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        eight(0) ^ eight(8).rotate_left(31) ^ u64::from(self.port()) << 48
    }

    fn pids(map: &PrefixMap, addresses: &[Ipv6Addr], pids: &mut [Option<Pid>]) {
        map.pids_v6(addresses, pids);
    }
}

impl V6Record {
    fn port(&self) -> u16 {
        u16::from_be_bytes([self.0[16], self.0[17]])
    }
}

impl From<SocketAddrV4> for V4Record {
    fn from(peer: SocketAddrV4) -> Self {
        let mut record = [0; 6];
        record[..4].copy_from_slice(&peer.ip().octets());
        record[4..].copy_from_slice(&peer.port().to_be_bytes());
        Self(record)
    }
}

impl From<SocketAddrV6> for V6Record {
    /// The scope and flow of a socket address say nothing to other hosts and are dropped.
    fn from(peer: SocketAddrV6) -> Self {
        let mut record = [0; 18];
        record[..16].copy_from_slice(&peer.ip().octets());
        record[16..].copy_from_slice(&peer.port().to_be_bytes());
        Self(record)
    }
}

impl From<V4Record> for SocketAddrV4 {
    fn from(record: V4Record) -> Self {
        Self::new(record.address(), u16::from_be_bytes([record.0[4], record.0[5]]))
    }
}

impl From<V6Record> for SocketAddrV6 {
    fn from(record: V6Record) -> Self {
        Self::new(record.address(), record.port(), 0, 0)
    }
}

impl Ord for V4Record {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.bits().cmp(&other.bits()) // one comparison of integers instead of six of octets
    }
}

impl Ord for V6Record {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |record: &Self| (record.address().to_bits(), record.port());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for V4Record {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialOrd for V6Record {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for V4Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddrV4::from(*self).fmt(f)
    }
}

impl fmt::Debug for V6Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddrV6::from(*self).fmt(f)
    }
}
