//! Guidance that a peer sent: a few prefixes and what they cost. Pure.
//!
//! ```text
//! version 1 (u8) · flags 0 (u8) · lifetime in seconds (u16) · number of entries, at most 128 (u8)
//! each entry: family 4 or 6 (u8) · prefix length (u8) · as many octets as the length needs · cost (u32)
//! ```
//!
//! Numbers are big-endian. Lower costs are better, the longest match counts, and who matches no entry is
//! not ranked.

mod fit;

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use alto_discovery_core::{PeerCost, PeerCosts};
use ipnet::IpNet;

use crate::announce::MOST_GUIDANCE;

pub use fit::{Fitted, fit};

/// The most entries.
pub const MOST_ENTRIES: usize = 128;
/// No guidance holds longer, whatever it says.
pub const LONGEST_LIFE: Duration = Duration::from_secs(3_600);

/// Reads guidance, strictly: all of it is right, or none of it counts.
///
/// # Errors
/// If it says anything that is not laid down, or anything twice.
pub fn read(octets: &[u8]) -> Result<PeerCosts, Fault> {
    if octets.len() > MOST_GUIDANCE {
        return Err(Fault::Size);
    }
    let mut input = Input(octets);
    let [version, flags] = input.take()?;
    if version != 1 {
        return Err(Fault::Version);
    }
    if flags != 0 {
        return Err(Fault::Flags);
    }
    let lifetime = Duration::from_secs(u16::from_be_bytes(input.take()?).into()).min(LONGEST_LIFE);
    if lifetime.is_zero() {
        return Err(Fault::Lifetime);
    }
    let [count] = input.take()?;
    if count == 0 || usize::from(count) > MOST_ENTRIES {
        return Err(Fault::Count);
    }
    let entries = (0..count).map(|_| entry(&mut input)).collect::<Result<Vec<_>, _>>()?;
    if !input.0.is_empty() {
        return Err(Fault::Size);
    }
    let mut seen = HashSet::with_capacity(entries.len());
    if !entries.iter().all(|entry| seen.insert(entry.net)) {
        return Err(Fault::Twice);
    }
    Ok(PeerCosts { entries: entries.into(), lifetime })
}

/// Writes guidance as [`read`] reads it; `None` if it does not fit into the limits. Prefixes lose
/// their host bits, the lifetime its parts of a second.
pub fn write(costs: &PeerCosts) -> Option<Vec<u8>> {
    let lifetime = u16::try_from(costs.lifetime.min(LONGEST_LIFE).as_secs()).ok()?;
    let count = u8::try_from(costs.entries.len()).ok()?;
    let mut octets = vec![1, 0];
    octets.extend(lifetime.to_be_bytes());
    octets.push(count);
    for PeerCost { net, cost } in &*costs.entries {
        let (family, address) = match net.network() {
            IpAddr::V4(address) => (4, address.octets().to_vec()),
            IpAddr::V6(address) => (6, address.octets().to_vec()),
        };
        octets.extend([family, net.prefix_len()]);
        octets.extend(&address[..octets_of(*net)]);
        octets.extend(cost.to_be_bytes());
    }
    read(&octets).is_ok().then_some(octets)
}

/// How many octets of an address an entry for a prefix has.
fn octets_of(net: IpNet) -> usize {
    usize::from(net.prefix_len().div_ceil(8))
}

fn entry(input: &mut Input<'_>) -> Result<PeerCost, Fault> {
    let [family, length] = input.take()?;
    let address: IpAddr = match family {
        4 => Ipv4Addr::from(address::<4>(input, length)?).into(),
        6 => Ipv6Addr::from(address::<16>(input, length)?).into(),
        _ => return Err(Fault::Family),
    };
    let net = IpNet::new(address, length).map_err(|_| Fault::Length)?;
    if net.network() != address {
        return Err(Fault::HostBits);
    }
    Ok(PeerCost { net, cost: u32::from_be_bytes(input.take()?) })
}

fn address<const N: usize>(input: &mut Input<'_>, length: u8) -> Result<[u8; N], Fault> {
    let count = usize::from(length.div_ceil(8));
    let mut address = [0; N];
    let place = address.get_mut(..count).ok_or(Fault::Length)?;
    let (octets, rest) = input.0.split_at_checked(count).ok_or(Fault::Size)?;
    place.copy_from_slice(octets);
    input.0 = rest;
    Ok(address)
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (octets, rest) = self.0.split_first_chunk().ok_or(Fault::Size)?;
        self.0 = rest;
        Ok(*octets)
    }
}

/// Why guidance is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Shorter or longer than it says, or than allowed.
    Size,
    /// Another version.
    Version,
    /// Flags that nobody has defined.
    Flags,
    /// It says that it holds no longer.
    Lifetime,
    /// No entry, or too many.
    Count,
    /// Neither IPv4 nor IPv6.
    Family,
    /// Longer than an address.
    Length,
    /// Bits behind the prefix.
    HostBits,
    /// A prefix is there more than once.
    Twice,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "its size is not what it says, or more than is allowed",
            Self::Version => "its version is not 1",
            Self::Flags => "it has flags that are not defined",
            Self::Lifetime => "its lifetime is over",
            Self::Count => "it has no entries, or more than are allowed",
            Self::Family => "a family that is neither 4 nor 6",
            Self::Length => "a prefix longer than an address",
            Self::HostBits => "a prefix with bits behind its length",
            Self::Twice => "a prefix is there more than once",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 198.51.100.0/23 for 7, within 600 s.
    const ONE: [u8; 14] = [1, 0, 2, 88, 1, 4, 23, 198, 51, 100, 0, 0, 0, 7];

    fn changed(at: usize, to: u8) -> Result<PeerCosts, Fault> {
        let mut octets = ONE;
        octets[at] = to;
        read(&octets)
    }

    #[test]
    fn one_entry() {
        let costs = read(&ONE).unwrap();
        assert_eq!(costs.lifetime, Duration::from_secs(600));
        let net = "198.51.100.0/23".parse().unwrap();
        assert_eq!(*costs.entries, [PeerCost { net, cost: 7 }]);
        assert_eq!(changed(2, 0xff).unwrap().lifetime, LONGEST_LIFE);
    }

    #[test]
    fn each_fault() {
        for (at, to, fault) in [
            (0, 2, Fault::Version),
            (1, 1, Fault::Flags),
            (4, 0, Fault::Count),
            (4, 129, Fault::Count),
            (4, 2, Fault::Size),
            (5, 5, Fault::Family),
            (6, 33, Fault::Length),
            (6, 17, Fault::HostBits),
        ] {
            assert_eq!(changed(at, to).err(), Some(fault), "{at} {to}");
        }
        assert_eq!(read(&[1, 0, 0, 0, 1, 4, 0, 0, 0, 0, 7]).err(), Some(Fault::Lifetime));
        for length in 0..ONE.len() {
            assert_eq!(read(&ONE[..length]).err(), Some(Fault::Size));
        }
        assert_eq!(read(&[&ONE[..], &[0]].concat()).err(), Some(Fault::Size));
        let twice = [&[1, 0, 2, 88, 2][..], &ONE[5..], &ONE[5..]].concat();
        assert_eq!(read(&twice).err(), Some(Fault::Twice));
        assert_eq!(read(&[1; MOST_GUIDANCE + 1]).err(), Some(Fault::Size));
    }

    fn nets() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<u32>(), 0..=32_u8)
            .prop_map(|(bits, length)| IpNet::new(Ipv4Addr::from_bits(bits).into(), length));
        let v6 = (any::<u128>(), 0..=128_u8)
            .prop_map(|(bits, length)| IpNet::new(Ipv6Addr::from_bits(bits).into(), length));
        prop_oneof![v4, v6].prop_map(|net| net.unwrap().trunc())
    }

    proptest! {
        /// What is written is read, and what is read is what would be written.
        #[test]
        fn round_trips(
            nets in prop::collection::hash_set(nets(), 1..40),
            costs in prop::collection::vec(any::<u32>(), 40),
            seconds in 1..=3_600_u64,
        ) {
            let entries = nets.into_iter().zip(costs).map(|(net, cost)| PeerCost { net, cost });
            let lifetime = Duration::from_secs(seconds);
            let costs = PeerCosts { entries: entries.collect(), lifetime };
            let octets = write(&costs).unwrap();
            prop_assert_eq!(read(&octets), Ok(costs));
        }

        /// There is one way to write what is read, but for lifetimes beyond the longest.
        #[test]
        fn one_form(octets in prop::collection::vec(any::<u8>(), 0..64), header: bool, n in 0..4_u8) {
            let octets = if header { [&[1, 0, 2, 88, n][..], &octets].concat() } else { octets };
            if let Ok(costs) = read(&octets) && costs.lifetime < LONGEST_LIFE {
                prop_assert_eq!(write(&costs), Some(octets));
            }
        }
    }
}
