//! What tells peers behind one address apart.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;

use crate::{Error, code};

/// What tells peers behind one address apart (approaches 3 and 4).
///
/// Not BitTorrent's `peer_id`: that is random per download, so no network can map it.
///
/// As text it is `port:40000` or `token:` and the token in base64url without padding (RFC 4648 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerId {
    /// The external source port seen with the address: networks that hand out port blocks
    /// (RFC 7422) know whose it is.
    Port(u16),
    /// An opaque token the access network gave the peer.
    Token(Token),
}

/// 1 to 32 octets that mean something to the network that issued them. Never logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    octets: [u8; Self::MOST],
    length: u8,
}

impl PeerId {
    /// Its text, for the one who is asked about the peer. It says the token, so it is nothing to log.
    pub fn reveal(&self) -> String {
        match self {
            Self::Port(port) => format!("port:{port}"),
            Self::Token(token) => format!("token:{}", BASE64URL_NOPAD.encode(token.as_bytes())),
        }
    }
}

impl FromStr for PeerId {
    type Err = PeerIdSyntax;

    fn from_str(text: &str) -> Result<Self, PeerIdSyntax> {
        let id = match text.split_once(':') {
            Some(("port", port)) => port_of(port).map(Self::Port),
            Some(("token", token)) => token_of(token).map(Self::Token),
            _ => None,
        };
        id.ok_or(PeerIdSyntax)
    }
}

fn port_of(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit());
    let no_leading_zero = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| plain && no_leading_zero)
}

fn token_of(text: &str) -> Option<Token> {
    let octets = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    Token::new(&octets)
}

/// A text that names no peer ID. It is not repeated: it may be nearly a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIdSyntax;

impl fmt::Display for PeerIdSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not port:N (0 to 65535) or token:T (1 to 32 octets in base64url, no padding)")
    }
}

impl std::error::Error for PeerIdSyntax {}

impl From<PeerIdSyntax> for Error {
    fn from(syntax: PeerIdSyntax) -> Self {
        Error::invalid(code::INVALID_INPUT, syntax.to_string())
    }
}

impl Token {
    /// The longest token, in octets.
    pub const MOST: usize = 32;

    /// The token of these octets; `None` unless there are 1 to 32.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let length = u8::try_from(octets.len()).ok().filter(|n| (1..=32).contains(n))?;
        let mut stored = [0; Self::MOST];
        stored[..octets.len()].copy_from_slice(octets);
        Some(Self { octets: stored, length })
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} octets)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_have_bounds_and_keep_silent() {
        assert_eq!(Token::new(&[]), None);
        assert_eq!(Token::new(&[1; 33]), None);
        let token = Token::new(b"secret").unwrap();
        assert_eq!(token.as_bytes(), b"secret");
        assert!(!format!("{token:?}").contains("secret"));
    }

    /// One text for each ID, and no ID for any other text.
    #[test]
    fn texts_of_ids() {
        assert_eq!("port:40000".parse(), Ok(PeerId::Port(40_000)));
        let token = PeerId::Token(Token::new(b"gold").unwrap());
        assert_eq!("token:Z29sZA".parse(), Ok(token));
        for text in [
            "",
            "port:",
            "port:65536",
            "port:+1",
            "port:-1",
            "port:007",
            "port: 1",
            "40000",
            "Port:1",
            "token:",
            "token:Z29sZA==",
            "token:Z29sZB",
            "token:Z2+/ZA",
            "token:Z",
            "id:1",
        ] {
            assert_eq!(text.parse::<PeerId>(), Err(PeerIdSyntax), "{text}");
        }
        let long = format!("token:{}", BASE64URL_NOPAD.encode(&[7; 33]));
        assert_eq!(long.parse::<PeerId>(), Err(PeerIdSyntax));
    }

    proptest! {
        #[test]
        fn ids_survive_being_written(port: u16, octets in proptest::collection::vec(any::<u8>(), 1..=32)) {
            for id in [PeerId::Port(port), PeerId::Token(Token::new(&octets).unwrap())] {
                prop_assert_eq!(id.reveal().parse(), Ok(id));
            }
        }
    }
}
