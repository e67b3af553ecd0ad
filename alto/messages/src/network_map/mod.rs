//! Network maps: which prefixes belong to which PID (RFC 7285 §11.2.1).

mod builder;
mod entry;
mod fast;
mod reader;

pub use builder::NetworkMapBuilder;
use entry::{Entry4, Entry6};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use reader::NetworkMapReader;

use crate::address::AddressType;
use crate::fault::{Fault, Parsed};
use crate::json::writer::Writer;
use crate::meta::VersionTag;
use crate::options::ReadOptions;
use crate::pid_table::{PidId, PidTable};

/// The prefixes of each PID: no prefix twice, no bits set beyond a prefix's length.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkMap {
    /// Which version of which map this is; `None` only if its absence was forgiven.
    pub vtag: Option<VersionTag>,
    pids: PidTable,
    ipv4: Vec<Entry4>,
    ipv6: Vec<Entry6>,
}

impl NetworkMap {
    /// Reads a network map that is held as a whole; [`NetworkMapReader`] reads one in pieces.
    ///
    /// # Errors
    /// If it is none, or contradicts itself; see [`code`](mod@crate::code).
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        let mut reader = NetworkMapReader::new(options);
        reader.feed(body)?;
        reader.finish()
    }

    /// The PIDs, also those without a prefix.
    pub fn pids(&self) -> &PidTable {
        &self.pids
    }

    /// The IPv4 prefixes, ascending by address and then by length.
    pub fn ipv4(&self) -> impl ExactSizeIterator<Item = (Ipv4Net, PidId)> + Clone {
        self.ipv4.iter().map(|entry| entry.unpack())
    }

    /// The IPv6 prefixes, ascending by address and then by length.
    pub fn ipv6(&self) -> impl ExactSizeIterator<Item = (Ipv6Net, PidId)> + Clone {
        self.ipv6.iter().map(|entry| entry.unpack())
    }

    /// All prefixes, IPv4 first.
    pub fn prefixes(&self) -> impl Iterator<Item = (IpNet, PidId)> {
        let ipv4 = self.ipv4().map(|(net, pid)| (net.into(), pid));
        ipv4.chain(self.ipv6().map(|(net, pid)| (net.into(), pid)))
    }

    /// The number of prefixes.
    pub fn prefix_count(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Whether each address of that type belongs to a PID, as it should in a whole map (RFC 7285
    /// §11.2.2).
    pub fn is_complete(&self, addresses: AddressType) -> bool {
        let end = |first: u128, bits: u32, length: u8| {
            first.checked_add(1_u128.checked_shl(bits - u32::from(length))?)
        };
        match addresses {
            AddressType::Ipv4 => is_gapless(
                1 << 32,
                self.ipv4().map(|(net, _)| {
                    let first = u128::from(net.addr().to_bits());
                    (first, end(first, 32, net.prefix_len()))
                }),
            ),
            AddressType::Ipv6 => is_gapless(
                u128::MAX,
                self.ipv6().map(|(net, _)| {
                    let first = net.addr().to_bits();
                    (first, end(first, 128, net.prefix_len()))
                }),
            ),
        }
    }

    /// The body as it is sent: PIDs in order of number, prefixes ascending.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("meta", |writer| {
                if let Some(vtag) = &self.vtag {
                    writer.object_member("vtag", |writer| vtag.write(writer));
                }
            });
            writer.object_member("network-map", |writer| self.write_pids(writer));
        })
    }

    fn write_pids(&self, writer: &mut Writer) {
        let mut prefixes: Vec<(Vec<Ipv4Net>, Vec<Ipv6Net>)> =
            vec![Default::default(); self.pids.len()];
        self.ipv4().for_each(|(net, pid)| prefixes[pid.index()].0.push(net));
        self.ipv6().for_each(|(net, pid)| prefixes[pid.index()].1.push(net));
        for ((_, name), (ipv4, ipv6)) in self.pids.iter().zip(prefixes) {
            writer.object_member(name.as_str(), |writer| {
                if !ipv4.is_empty() {
                    writer.array_member("ipv4", ipv4, Writer::quoted);
                }
                if !ipv6.is_empty() {
                    writer.array_member("ipv6", ipv6, Writer::quoted);
                }
            });
        }
    }
}

/// Whether ranges, ascending by their first address, leave no gap from 0 to `end`. A range is its
/// first address and the one after its last, `None` if that is beyond all numbers.
fn is_gapless(end: u128, ranges: impl Iterator<Item = (u128, Option<u128>)>) -> bool {
    let mut next = 0;
    for (first, after) in ranges {
        if first > next {
            return false;
        }
        match after {
            None => return true,
            Some(after) => next = next.max(after),
        }
    }
    next >= end
}
