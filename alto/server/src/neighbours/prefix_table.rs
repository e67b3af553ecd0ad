//! Entries by prefix, from the longest to the shortest around an address.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

/// Something about each of some prefixes.
#[derive(Clone, Debug)]
pub(crate) struct PrefixTable<T> {
    entries: HashMap<IpNet, T>,
    /// Which lengths occur, of IPv4 and of IPv6: no others are looked for.
    lengths: [BTreeSet<u8>; 2],
}

impl<T> PrefixTable<T> {
    /// The entry of exactly this prefix.
    pub(crate) fn get(&self, net: IpNet) -> Option<&T> {
        self.entries.get(&net.trunc())
    }

    /// The entry of exactly this prefix, made if there is none.
    pub(crate) fn entry(&mut self, net: IpNet) -> &mut T
    where
        T: Default,
    {
        let net = net.trunc();
        self.lengths[family(&net)].insert(net.prefix_len());
        self.entries.entry(net).or_default()
    }

    /// The entries around an address, longest prefix first; IPv4-mapped IPv6 addresses count as
    /// IPv4.
    pub(crate) fn around(&self, address: IpAddr) -> impl Iterator<Item = (IpNet, &T)> {
        let whole = IpNet::from(address.to_canonical());
        self.lengths[family(&whole)].iter().rev().filter_map(move |length| {
            let net = IpNet::new(whole.addr(), *length).ok()?.trunc();
            Some((net, self.entries.get(&net)?))
        })
    }

    /// How many prefixes there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), lengths: Default::default() }
    }
}

fn family(net: &IpNet) -> usize {
    usize::from(matches!(net, IpNet::V6(_)))
}
