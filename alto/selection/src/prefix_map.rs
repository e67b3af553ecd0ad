//! Address to PID by longest-prefix match.
//!
//! Nested prefixes are flattened to disjoint intervals once, when the map is built; a look-up then
//! needs no walk from prefix to shorter prefix. IPv4 intervals go into a [`Directory`] (two memory
//! lines per look-up) if there are enough of them to pay for its fixed size, all others into a
//! [`Tree`].

mod directory;
mod flatten;
mod tree;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::Pid;
use directory::Directory;
use flatten::{Interval, flatten};
use tree::Tree;

/// Address to PID by longest-prefix match (RFC 7285 §11.2.2): immutable, shared by threads.
///
/// Every prefix length of both families is allowed, the default routes included. Addresses that no
/// prefix covers have no PID.
#[derive(Clone, Debug)]
pub struct PrefixMap {
    v4: V4,
    v6: Tree,
    prefixes: usize,
    has_gaps: bool,
}

#[derive(Clone, Debug)]
enum V4 {
    Directory(Directory),
    Tree(Tree),
}

impl PrefixMap {
    /// The map of these prefixes, of which there may be `most`. Host bits are dropped.
    ///
    /// Takes time and twice the memory of the map: a second or so for two million prefixes.
    ///
    /// # Errors
    /// If there are more than `most`, or one prefix has two PIDs (RFC 7285 §11.2.1.7 has it in
    /// one); the same pair twice is no fault.
    pub fn new(
        prefixes: impl IntoIterator<Item = (IpNet, Pid)>,
        most: usize,
    ) -> Result<Self, PrefixFault> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, pid) in prefixes {
            if v4.len() + v6.len() == most {
                return Err(PrefixFault::TooMany { most });
            }
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.prefix_len(), pid)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.prefix_len(), pid)),
            }
        }
        let prefixes = v4.len() + v6.len();
        let (v4, v6) = (flatten(v4)?, flatten(v6)?);
        let has_gaps = has_gaps(&v4) || has_gaps(&v6);
        Ok(Self { v4: V4::new(&v4), v6: Tree::new(&v6), prefixes, has_gaps })
    }

    /// The PID of an address; IPv4-mapped IPv6 addresses count as IPv4.
    pub fn pid(&self, address: IpAddr) -> Option<Pid> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.pid_v4(address),
            IpAddr::V6(address) => self.pid_v6(address),
        }
    }

    /// The PID of an IPv4 address.
    pub fn pid_v4(&self, address: Ipv4Addr) -> Option<Pid> {
        Pid::from_code(match &self.v4 {
            V4::Directory(directory) => directory.code(address),
            V4::Tree(tree) => tree.code(widened(address)),
        })
    }

    /// The PID of an IPv6 address, taken as it is.
    pub fn pid_v6(&self, address: Ipv6Addr) -> Option<Pid> {
        Pid::from_code(self.v6.code(address.to_bits()))
    }

    /// The PIDs of many IPv4 addresses at once: each miss of the memory cache is overlapped with
    /// others, so that this is several times faster than one by one.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn pids_v4(&self, addresses: &[Ipv4Addr], pids: &mut [Option<Pid>]) {
        assert_eq!(addresses.len(), pids.len(), "one place per address");
        match &self.v4 {
            V4::Directory(directory) => directory.codes(addresses, pids, Pid::from_code),
            V4::Tree(tree) => tree.codes(addresses, |a| widened(*a), pids, Pid::from_code),
        }
    }

    /// The PIDs of many IPv6 addresses at once, taken as they are; see [`Self::pids_v4`].
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn pids_v6(&self, addresses: &[Ipv6Addr], pids: &mut [Option<Pid>]) {
        assert_eq!(addresses.len(), pids.len(), "one place per address");
        self.v6.codes(addresses, |a| a.to_bits(), pids, Pid::from_code);
    }

    /// Whether some addresses of a family have a PID and others have none.
    pub fn has_gaps(&self) -> bool {
        self.has_gaps
    }

    /// All addresses that have a PID as ranges (first, last, PID) that do not overlap, ascending, IPv4
    /// first: what each address gets by longest-prefix match. Neighbours may have one PID.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr, Pid)> + '_ {
        let v4: Box<dyn Iterator<Item = (u32, u32)>> = match &self.v4 {
            V4::Directory(directory) => Box::new(directory.starts()),
            V4::Tree(tree) => Box::new(tree.starts().map(|(start, code)| (narrowed(start), code))),
        };
        let v4 = ranges(v4, u32::MAX, |start| start - 1).map(|(first, last, pid)| {
            (Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(last).into(), pid)
        });
        let v6 = ranges(self.v6.starts(), u128::MAX, |start| start - 1);
        v4.chain(v6.map(|(first, last, pid)| {
            (Ipv6Addr::from_bits(first).into(), Ipv6Addr::from_bits(last).into(), pid)
        }))
    }

    /// How many prefixes it was built from.
    pub fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// Memory it holds, in octets.
    pub fn bytes(&self) -> usize {
        let v4 = match &self.v4 {
            V4::Directory(directory) => directory.bytes(),
            V4::Tree(tree) => tree.bytes(),
        };
        size_of::<Self>() + v4 + self.v6.bytes()
    }
}

impl V4 {
    fn new(intervals: &[Interval<u32>]) -> Self {
        // A directory costs 64 octets per line, a tree about 11 per interval: a small map must not
        // take megabytes, since a tracker may hold a thousand of them.
        let pays = Directory::lines_for(intervals).is_some_and(|lines| lines <= intervals.len());
        if pays {
            Self::Directory(Directory::new(intervals))
        } else {
            Self::Tree(Tree::new(&widen(intervals)))
        }
    }
}

fn has_gaps<A>(intervals: &[Interval<A>]) -> bool {
    let has_none = |interval: &Interval<A>| interval.code == 0;
    intervals.iter().any(has_none) && !intervals.iter().all(has_none)
}

/// IPv4 intervals as intervals of a tree's keys.
fn widen(intervals: &[Interval<u32>]) -> Vec<Interval<u128>> {
    let widen = |i: &Interval<u32>| (widened(Ipv4Addr::from_bits(i.start)), i.code);
    intervals.iter().map(widen).map(|(start, code)| Interval { start, code }).collect()
}

/// An IPv4 address as the high bits of a tree's key.
fn widened(address: Ipv4Addr) -> u128 {
    u128::from(address.to_bits()) << 96
}

/// The IPv4 address in the high bits of a tree's key.
fn narrowed(key: u128) -> u32 {
    u32::try_from(key >> 96).unwrap_or(u32::MAX) // 32 bits always fit
}

/// Each start with the address before the next one; those without a PID are left out.
fn ranges<A: Copy>(
    starts: impl Iterator<Item = (A, u32)>,
    most: A,
    before: fn(A) -> A,
) -> impl Iterator<Item = (A, A, Pid)> {
    let mut starts = starts.peekable();
    let range = move || {
        let (first, code) = starts.next()?;
        let last = starts.peek().map_or(most, |(next, _)| before(*next));
        Some((first, last, Pid::from_code(code)))
    };
    std::iter::from_fn(range).filter_map(|(first, last, pid)| Some((first, last, pid?)))
}

/// Why prefixes make no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixFault {
    /// There are more than this.
    TooMany {
        /// The limit.
        most: usize,
    },
    /// One prefix is in two PIDs.
    Twice {
        /// The prefix.
        net: IpNet,
        /// The PIDs, lower place first.
        pids: [Pid; 2],
    },
}

impl fmt::Display for PrefixFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { most } => write!(f, "more than {most} prefixes"),
            Self::Twice { net, pids: [one, other] } => {
                write!(f, "{net} is in two PIDs (places {} and {})", one.index(), other.index())
            }
        }
    }
}

impl std::error::Error for PrefixFault {}

#[cfg(test)]
mod tests;
