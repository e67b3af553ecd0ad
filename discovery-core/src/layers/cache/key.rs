//! What a fact is kept under: a proven scope, in a form that can be looked up by probing. Pure.

use std::hash::{Hash, Hasher};

use ipnet::IpNet;

use crate::{IdScope, Peer, PeerId, Scope, Token};

/// A prefix and a shape of peer IDs, and the kind of question that was asked.
///
/// Three words for most, since every read hashes and compares them; a token stands apart.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Key {
    high: u64,
    low: u64,
    kind: u64,
    token: Option<Token>,
}

/// Who was asked for: a host or a prefix of some length, with a peer ID or without.
///
/// What was proven for a prefix as a whole is no answer for a host inside, who may have a record of
/// its own (RFC 8686 §3.4 asks for hosts at longer names), and what was found without a peer ID says
/// nothing of peers that have one. A scope cannot tell these apart, so the question is kept as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    length: u8,
    has_id: bool,
}

impl Question {
    pub(super) fn of(peer: &Peer<'_>) -> Self {
        Self { length: peer.net().prefix_len(), has_id: peer.id().is_some() }
    }
}

/// Address bits from the left, host bits cleared by whoever makes a key of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    // Two halves: a u128 would align each entry to 16 octets.
    high: u64,
    low: u64,
    is_v6: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdKey {
    Any,
    /// `1 << bits` ports from a multiple of their number.
    Ports {
        first: u16,
        bits: u8,
    },
    Token(Token),
}

/// The kinds of `IdKey`, narrowest first: blocks of `1 << shape` ports, then tokens, then any.
pub(super) type Shape = u8;
pub(super) const SHAPES: usize = 19;
const TOKEN: Shape = 17;
const ANY: Shape = 18;

impl Key {
    /// Octets of its words, which come first.
    pub(super) const WORDS: usize = size_of::<[u64; 3]>();

    /// Where to keep what was proven for `scope` when `peer` asked; `None` if the scope does not
    /// even hold for who asked.
    ///
    /// A port range is kept as its largest aligned block that has the asked port: fewer peers than
    /// proven, never more.
    pub(super) fn under(scope: &Scope, peer: &Peer<'_>) -> Option<Self> {
        if !scope.contains(peer) {
            return None;
        }
        let id = match (&scope.id, peer.id()) {
            (IdScope::Ports { low, high }, Some(PeerId::Port(port))) => {
                largest_block(*low, *high, *port)
            }
            (IdScope::Exactly(PeerId::Port(port)), _) => IdKey::Ports { first: *port, bits: 0 },
            (IdScope::Exactly(PeerId::Token(token)), _) => IdKey::Token(*token),
            (IdScope::Any | IdScope::Ports { .. }, _) => IdKey::Any,
        };
        let address = Address::of(scope.net);
        Some(Self::new(address, scope.net.prefix_len(), id, Question::of(peer)))
    }

    /// The key of this length and shape that holds for a peer. `shape` is one of [`shapes_of`] it.
    pub(super) fn probe(
        address: Address,
        length: u8,
        shape: Shape,
        id: Option<&PeerId>,
        question: Question,
    ) -> Self {
        let id = match id {
            Some(PeerId::Port(port)) if shape < TOKEN => block(*port, shape),
            Some(PeerId::Token(token)) if shape == TOKEN => IdKey::Token(*token),
            _ => IdKey::Any,
        };
        Self::new(address, length, id, question)
    }

    fn new(address: Address, length: u8, id: IdKey, question: Question) -> Self {
        let Address { high, low, is_v6 } = address.cut(length);
        let (shape, first, token) = match id {
            IdKey::Any => (ANY, 0, None),
            IdKey::Ports { first, bits } => (bits, first, None),
            IdKey::Token(token) => (TOKEN, 0, Some(token)),
        };
        let [a, b] = first.to_be_bytes();
        let Question { length: asked, has_id } = question;
        let kind = u64::from_le_bytes([is_v6.into(), length, shape, a, b, asked, has_id.into(), 0]);
        Self { high, low, kind, token }
    }

    fn words(&self) -> [u64; 3] {
        [self.high, self.low, self.kind]
    }

    pub(super) fn is_v6(&self) -> bool {
        self.kind.to_le_bytes()[0] != 0
    }

    pub(super) fn length(&self) -> u8 {
        self.kind.to_le_bytes()[1]
    }

    pub(super) fn shape(&self) -> Shape {
        self.kind.to_le_bytes()[2]
    }

    /// The IPv6 prefix of `length` (at most 64) around it, if there is one.
    pub(super) fn ipv6_within(&self, length: u8) -> Option<u64> {
        (self.is_v6() && self.length() >= length).then(|| self.high & mask(length))
    }
}

#[expect(clippy::missing_trait_methods, reason = "the rest follows from `eq`")]
impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words() && (self.shape() != TOKEN || self.token == other.token)
    }
}

#[expect(clippy::missing_trait_methods, reason = "the rest follows from `eq`")]
impl Eq for Key {}

#[expect(clippy::missing_trait_methods, reason = "nobody hashes a slice of keys")]
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in self.words() {
            state.write_u64(word);
        }
        if let Some(token) = self.token {
            token.hash(state);
        }
    }
}

impl Address {
    pub(super) fn of(net: IpNet) -> Self {
        match net {
            IpNet::V4(v4) => {
                Self { high: u64::from(v4.addr().to_bits()) << 32, low: 0, is_v6: false }
            }
            IpNet::V6(v6) => {
                let bits = v6.addr().to_bits();
                Self { high: low_half(bits >> 64), low: low_half(bits), is_v6: true }
            }
        }
    }

    fn cut(self, length: u8) -> Self {
        let (high, low) = (length.min(64), length.saturating_sub(64));
        Self { high: self.high & mask(high), low: self.low & mask(low), ..self }
    }

    pub(super) fn is_v6(&self) -> bool {
        self.is_v6
    }

    /// Some of its bits, to spread counters by.
    pub(super) fn some_bits(&self) -> u64 {
        (self.high >> 32) ^ self.high ^ self.low
    }
}

/// A bit for each shape that a key for a peer with this ID may have.
pub(super) fn shapes_of(id: Option<&PeerId>) -> u32 {
    match id {
        None => 1 << ANY,
        Some(PeerId::Port(_)) => 1 << ANY | ((1 << TOKEN) - 1),
        Some(PeerId::Token(_)) => 1 << ANY | 1 << TOKEN,
    }
}

fn largest_block(low: u16, high: u16, port: u16) -> IdKey {
    let lies_within = |bits: &u8| {
        let offsets = low_ones(*bits);
        port & !offsets >= low && port | offsets <= high
    };
    block(port, (0..=16).rev().find(lies_within).unwrap_or(0))
}

fn block(port: u16, bits: u8) -> IdKey {
    IdKey::Ports { first: port & !low_ones(bits), bits }
}

fn low_ones(bits: u8) -> u16 {
    u16::MAX.checked_shr(16 - u32::from(bits)).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "the upper half is not wanted")]
fn low_half(bits: u128) -> u64 {
    bits as u64
}

fn mask(length: u8) -> u64 {
    u64::MAX.checked_shl(64 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::peer;
    use proptest::prelude::*;

    fn ports(low: u16, high: u16, port: u16) -> (u16, u8) {
        let IdKey::Ports { first, bits } = largest_block(low, high, port) else { panic!() };
        (first, bits)
    }

    /// The slow twin: all aligned blocks, one by one.
    fn largest_slowly(low: u16, high: u16, port: u16) -> (u16, u8) {
        let blocks = (0..=16_u8).flat_map(|bits| {
            let size = 1_u32 << bits;
            (0..65_536 / size).map(move |nth| (nth * size, (nth + 1) * size - 1, bits))
        });
        let (low, high, port) = (u32::from(low), u32::from(high), u32::from(port));
        let fitting = blocks.filter(|(first, last, _)| {
            low <= *first && *last <= high && (*first..=*last).contains(&port)
        });
        let (first, _, bits) = fitting.max_by_key(|block| block.2).unwrap();
        (u16::try_from(first).unwrap(), bits)
    }

    /// 40000 lies in the block 0x9c00 to 0x9cff.
    #[test]
    fn a_port_range_shrinks_to_an_aligned_block() {
        assert_eq!(ports(0x9c00, 0x9cff, 40_000), (0x9c00, 8));
        assert_eq!(ports(0x9c00, 0x9dfe, 0x9dfe), (0x9dfe, 0));
        assert_eq!(ports(0, 65_535, 7), (0, 16));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn blocks_agree_with_the_slow_twin(a: u16, b: u16, c: u16) {
            let mut sorted = [a, b, c];
            sorted.sort_unstable();
            let [low, port, high] = sorted;
            prop_assert_eq!(ports(low, high, port), largest_slowly(low, high, port));
        }

        /// A key made of a scope is found by a probe of its own length and shape.
        #[test]
        fn probes_find_what_was_kept(bits: u128, is_v6: bool, length in 0_u8..=128, port: u16) {
            let (address, most): (std::net::IpAddr, u8) = if is_v6 {
                (std::net::Ipv6Addr::from_bits(bits).into(), 128)
            } else {
                (std::net::Ipv4Addr::from_bits(u32::try_from(bits >> 96).unwrap()).into(), 32)
            };
            let asked = Peer::new(address).with_id(PeerId::Port(port));
            let net = IpNet::new(asked.net().addr(), length.min(asked.net().prefix_len())).unwrap();
            let id = IdScope::Ports { low: 0, high: port };
            let key = Key::under(&Scope { id, ..Scope::net(net) }, &asked).unwrap();
            let (address, question) = (Address::of(asked.net()), Question::of(&asked));
            let probe = Key::probe(address, key.length(), key.shape(), asked.id(), question);
            prop_assert_eq!(key, probe);
            prop_assert!(length <= most || key.length() <= most);
            prop_assert!(shapes_of(asked.id()) & (1 << key.shape()) != 0);
        }
    }

    /// A prefix's fact is no host's, and one found without a peer ID is none for peers with one.
    #[test]
    fn another_kind_of_question_is_another_key() {
        let key = |asked: &Peer<'_>| {
            Key::under(&Scope::net("198.51.100.0/24".parse().unwrap()), asked).unwrap()
        };
        let (host, prefix) = (peer("198.51.100.3"), peer("198.51.100.0/24"));
        assert_eq!(key(&host), key(&peer("198.51.100.4")));
        assert_ne!(key(&host), key(&prefix));
        assert_ne!(key(&host), key(&host.clone().with_id(PeerId::Port(7))));
    }

    /// What is not even proven for who asked is not kept.
    #[test]
    fn a_scope_beside_the_peer_has_no_key() {
        let beside = Scope::net("198.51.100.0/24".parse().unwrap());
        assert_eq!(Key::under(&beside, &peer("192.0.2.7")), None);
        let id = IdScope::Ports { low: 0, high: 9 };
        let ports = Scope { id, ..Scope::net("192.0.2.0/24".parse().unwrap()) };
        assert_eq!(Key::under(&ports, &peer("192.0.2.7")), None);
    }
}
