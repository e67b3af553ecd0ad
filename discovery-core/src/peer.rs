//! Whom a server is looked for.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{Error, PeerId, code};

/// A peer (ALTO's resource consumer), or all peers of a prefix: a fact, so it can be hashed.
///
/// The address is what the directory sees as the source of the peer's messages (RFC 8686 §5.1).
/// Forms in which IPv6 sockets and networks carry IPv4 addresses (IPv4-mapped, the NAT64
/// well-known prefix of RFC 6052) are folded into IPv4 on entry; host bits beyond a prefix are
/// dropped, since no question depends on them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer<'h> {
    net: IpNet,
    id: Option<PeerId>,
    hints: Hints<'h>,
}

impl Peer<'static> {
    /// The peer with this address.
    pub fn new(address: IpAddr) -> Self {
        Self::network(address.into())
    }

    /// All peers of this prefix.
    pub fn network(net: IpNet) -> Self {
        Self { net: canonical(net), id: None, hints: Hints::None }
    }
}

impl<'h> Peer<'h> {
    /// The same peer, told apart from others behind its address by `id`.
    #[must_use]
    pub fn with_id(self, id: PeerId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The same peer with what it sent.
    #[must_use]
    pub fn with_hints(self, hints: Hints<'_>) -> Peer<'_> {
        Peer { net: self.net, id: self.id, hints }
    }

    /// The same peer without what it sent: all that may stand below a cache, so that one peer's
    /// claim cannot become its neighbours' answer.
    pub fn without_hints(&self) -> Peer<'static> {
        Peer { net: self.net, id: self.id, hints: Hints::None }
    }

    /// Its prefix; full length for a single address. No host bits set.
    pub fn net(&self) -> IpNet {
        self.net
    }

    /// What tells it apart from others behind its address.
    pub fn id(&self) -> Option<&PeerId> {
        self.id.as_ref()
    }

    /// What it sent.
    pub fn hints(&self) -> &Hints<'h> {
        &self.hints
    }
}

impl FromStr for Peer<'static> {
    type Err = PeerSyntax;

    /// Reads an address (`203.0.113.5`, `2001:db8::1`) or a prefix (`203.0.113.0/24`).
    fn from_str(text: &str) -> Result<Self, PeerSyntax> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PeerSyntax::Address)?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(full), |text| prefix_length(text, full))?;
        let net = IpNet::new(address, length).map_err(|_| PeerSyntax::Length)?;
        Ok(Self::network(net))
    }
}

fn prefix_length(text: &str, most: u8) -> Result<u8, PeerSyntax> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let no_leading_zero = text == "0" || !text.starts_with('0');
    match text.parse() {
        Ok(length) if plain && no_leading_zero && length <= most => Ok(length),
        _ => Err(PeerSyntax::Length),
    }
}

/// Why a text names no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerSyntax {
    /// Neither an IPv4 nor an IPv6 address.
    Address,
    /// The part behind `/` is no prefix length of the family.
    Length,
}

impl fmt::Display for PeerSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "not an IPv4 or IPv6 address or prefix",
            Self::Length => {
                "not a prefix length: digits without leading zero, at most 32 (IPv4) or 128 (IPv6)"
            }
        })
    }
}

impl std::error::Error for PeerSyntax {}

impl From<PeerSyntax> for Error {
    fn from(syntax: PeerSyntax) -> Self {
        Error::invalid(code::INVALID_INPUT, syntax.to_string())
    }
}

/// Folds the IPv6 forms that carry an IPv4 address and drops host bits.
fn canonical(net: IpNet) -> IpNet {
    const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
    const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
    match net {
        IpNet::V6(v6) if MAPPED.contains(&v6) || NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.addr().octets();
            Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), v6.prefix_len() - 96).trunc().into()
        }
        other => other.trunc(),
    }
}

/// What a peer sent with its announce, as it arrived: a claim, bounded and vetted only by the
/// backend that reads it, and never stored beside other peers' facts.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hints<'h> {
    /// Nothing.
    #[default]
    None,
    /// The query part of an HTTP announce (BEP 3).
    HttpQuery(Cow<'h, [u8]>),
    /// The octets behind the fixed part of a UDP announce (BEP 41).
    UdpOptions(Cow<'h, [u8]>),
}

impl fmt::Debug for Hints<'_> {
    /// Sizes only: what peers send may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::HttpQuery(raw) => write!(f, "HttpQuery({} octets)", raw.len()),
            Self::UdpOptions(raw) => write!(f, "UdpOptions({} octets)", raw.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    fn net_of(text: &str) -> String {
        text.parse::<Peer<'static>>().unwrap().net().to_string()
    }

    /// Vectors 48, 49, 54, 62.
    #[test]
    fn folds_what_carries_ipv4_and_drops_host_bits() {
        assert_eq!(net_of("::ffff:198.51.100.3"), "198.51.100.3/32");
        assert_eq!(net_of("::ffff:198.51.100.0/120"), "198.51.100.0/24");
        assert_eq!(net_of("::ffff:0:0/96"), "0.0.0.0/0");
        assert_eq!(net_of("64:ff9b::c633:6403"), "198.51.100.3/32");
        assert_eq!(net_of("198.51.100.77/24"), "198.51.100.0/24");
        assert_eq!(net_of("::ffff:0:0/95"), "::fffe:0:0/95");
    }

    /// Vector 57.
    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "198.51.100.300",
            "198.51.100.3/33",
            "2001:db8::/129",
            "198.51.100.03",
            "198.51.100",
            "fe80::1%eth0",
            "",
            "198.51.100.3/",
            "198.51.100.3/024",
            "example.net",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            " 1.2.3.4",
            "::1/-1",
        ] {
            assert!(text.parse::<Peer<'static>>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_peer_sent_stays_out_of_logs() {
        let token = Token::new(b"secret").unwrap();
        let hints = Hints::HttpQuery(Cow::Borrowed(&b"alto=secret"[..]));
        let peer = Peer::new([192, 0, 2, 1].into()).with_id(PeerId::Token(token)).with_hints(hints);
        assert!(!format!("{peer:?}").contains("secret"));
    }
}
