//! Who is responsible for an endpoint: the rules, without I/O.
//!
//! The operator's file says whose word counts where; what a network map says counts only inside
//! that. At an address the longest prefix of the file decides. Has it nothing to say of this
//! endpoint, the next shorter one does; has none, nobody is known to be responsible.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use alto_messages::EndpointId;
use ipnet::IpNet;

use super::prefix_table::PrefixTable;

/// Who can be responsible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Party {
    /// This server.
    Own,
    /// A neighbour, by its place in the file.
    Neighbour(usize),
}

/// Some of the endpoints behind one address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Those with such a port, as seen from outside.
    Ports(RangeInclusive<u16>),
    /// Those with this token.
    Token(Box<[u8]>),
}

impl fmt::Debug for Part {
    /// Tokens are never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports(ports) => write!(f, "Ports({ports:?})"),
            Self::Token(octets) => write!(f, "Token({} octets)", octets.len()),
        }
    }
}

/// What a network map says of the prefixes where its server's word counts: whether each is of a PID
/// that is the server's own.
pub(crate) type Word = PrefixTable<bool>;

/// The words of all maps.
pub(crate) trait Words {
    /// What the party's map says; `None` if it is not known (any more).
    fn of(&self, party: Party) -> Option<&Word>;
}

/// Whose word counts where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Territory {
    table: PrefixTable<Node>,
}

/// What the file says of one prefix.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Who has parts of it.
    parts: Parts,
    /// Whose maps are to be looked at.
    maps: Vec<Party>,
    /// Who has what the others leave.
    whole: Option<Party>,
}

/// Who has which parts of a prefix; none has two holders.
#[derive(Clone, Default)]
struct Parts {
    /// By their lowest port: the highest one, and whose they are.
    ports: BTreeMap<u16, (u16, Party)>,
    tokens: HashMap<Box<[u8]>, Party>,
}

impl Parts {
    fn holder(&self, id: &EndpointId) -> Option<Party> {
        match id {
            EndpointId::Port(port) => self.holder_of_ports(*port, *port),
            EndpointId::Token(octets) => self.tokens.get(octets).copied(),
        }
    }

    /// Who has any of these ports; of several the one with the highest.
    fn holder_of_ports(&self, low: u16, high: u16) -> Option<Party> {
        let (_, (end, party)) = self.ports.range(..=high).next_back()?;
        (*end >= low).then_some(*party)
    }

    fn give(&mut self, part: Part, party: Party) -> Result<(), Taken> {
        let other = match part {
            Part::Ports(ports) => {
                let (low, high) = (*ports.start(), *ports.end());
                let other = self.holder_of_ports(low, high);
                if other.is_none() {
                    self.ports.insert(low, (high, party));
                }
                other
            }
            Part::Token(octets) => match self.tokens.entry(octets) {
                Entry::Occupied(held) => Some(*held.get()),
                Entry::Vacant(free) => {
                    free.insert(party);
                    None
                }
            },
        };
        other.map_or(Ok(()), |other| Err(Taken(other)))
    }
}

impl fmt::Debug for Parts {
    /// Tokens are never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({:?}, {} tokens)", self.ports, self.tokens.len())
    }
}

/// A contradiction: somebody else has that already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken(pub(crate) Party);

impl Territory {
    /// Gives a prefix to a party.
    pub(crate) fn give(&mut self, net: IpNet, party: Party) -> Result<(), Taken> {
        let node = self.table.entry(net);
        match node.whole.replace(party) {
            None => Ok(()),
            Some(other) => Err(Taken(other)),
        }
    }

    /// Gives a part of a prefix to a party.
    pub(crate) fn give_part(&mut self, net: IpNet, part: Part, party: Party) -> Result<(), Taken> {
        self.table.entry(net).parts.give(part, party)
    }

    /// Lets a party's map speak within a prefix.
    pub(crate) fn consult(&mut self, net: IpNet, party: Party) {
        let node = self.table.entry(net);
        if !node.maps.contains(&party) {
            node.maps.push(party);
        }
    }

    /// Who has exactly this prefix as a whole.
    pub(crate) fn holder(&self, net: IpNet) -> Option<Party> {
        self.table.get(net)?.whole
    }

    /// Who is responsible for an endpoint; `None` if that is not known.
    pub(crate) fn responsible(
        &self,
        address: IpAddr,
        id: Option<&EndpointId>,
        words: &impl Words,
    ) -> Option<Party> {
        for (_, node) in self.table.around(address) {
            if let Some(party) = id.and_then(|id| node.parts.holder(id)) {
                return Some(party);
            }
            match node.by_maps(address, words) {
                Claim::None => {}
                Claim::Of(party) => return Some(party),
                Claim::Disputed => return None,
            }
            if node.whole.is_some() {
                return node.whole;
            }
        }
        None
    }
}

/// What the maps consulted say together.
enum Claim {
    None,
    Of(Party),
    Disputed,
}

impl Node {
    /// The longest prefix that a map has for itself wins. Of equal ones our own map's does; those of
    /// two neighbours contradict each other, and then neither is named.
    fn by_maps(&self, address: IpAddr, words: &impl Words) -> Claim {
        let claims = self.maps.iter().filter_map(|party| {
            let word = words.of(*party)?;
            let (net, is_own) = word.around(address).next()?;
            is_own.then_some((net.prefix_len(), *party))
        });
        let (mut best, mut claim) = (0, Claim::None);
        for (length, party) in claims {
            claim = match claim {
                Claim::None => Claim::Of(party),
                _ if length > best => Claim::Of(party),
                kept if length < best => kept,
                Claim::Of(Party::Own) => Claim::Of(Party::Own),
                _ if party == Party::Own => Claim::Of(party),
                _ => Claim::Disputed,
            };
            best = best.max(length);
        }
        claim
    }
}

#[cfg(test)]
mod tests;
