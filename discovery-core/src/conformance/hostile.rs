//! What a hostile upstream, or a hostile peer, may say.

use ipnet::IpNet;
use url::Url;

use super::Speaker;
use crate::{MAX_URI_OCTETS, parse_uri};

/// Something hostile in neutral terms; a stage renders it in its own (records, replies, announces).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hostile {
    /// The only server named has this URI, which must be refused: malformed, another scheme than
    /// the service's, or a place that may not be contacted.
    Uri(String),
    /// A reply that cannot be read.
    Garbage,
    /// A reply larger than anything sensible, on the wire or once decoded.
    Oversize,
    /// A reply that comes an octet at a time and never ends.
    Trickle,
    /// A reference (non-terminal record, alias, redirect) that leads back to itself.
    Loop,
    /// References that lead to ever new ones.
    Endless,
    /// This many servers, each well-formed.
    Flood(u16),
    /// One well-formed server, with this lifetime in seconds.
    Lifetime(u32),
    /// One well-formed server, and beside it a claim nobody asked for: that [`Hostile::POISON`]
    /// speaks for `victim`.
    Unasked {
        /// A network the speaker has no say in.
        victim: IpNet,
    },
}

impl Hostile {
    /// The server that unasked claims name.
    pub const POISON: &'static str = "https://poison.example/ird";

    /// One of each kind, and every kind of bad URI.
    pub(crate) fn catalogue(victim: IpNet) -> Vec<Self> {
        let long = format!("https://long.example/{}", "x".repeat(MAX_URI_OCTETS));
        let uris = BAD_URIS.iter().map(|&text| Self::Uri(text.into())).chain([Self::Uri(long)]);
        let kinds = [
            Self::Garbage,
            Self::Oversize,
            Self::Trickle,
            Self::Loop,
            Self::Endless,
            Self::Flood(1_000),
            Self::Lifetime(0),
            Self::Lifetime(u32::MAX),
            Self::Unasked { victim },
        ];
        uris.chain(kinds).collect()
    }

    /// One word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Uri(_) => "uri",
            Self::Garbage => "garbage",
            Self::Oversize => "oversize",
            Self::Trickle => "trickle",
            Self::Loop => "loop",
            Self::Endless => "endless",
            Self::Flood(_) => "flood",
            Self::Lifetime(_) => "lifetime",
            Self::Unasked { .. } => "unasked",
        }
    }

    /// The servers in it that are harmless in themselves.
    pub fn servers(&self) -> Vec<Speaker> {
        match self {
            Self::Flood(count) => (0..*count).map(flood_server).collect(),
            Self::Lifetime(_) | Self::Unasked { .. } => vec![flood_server(0)],
            _ => Vec::new(),
        }
    }

    /// Whether it amounts to naming no server at all, so that "surely none" is a fair conclusion:
    /// what cannot be used is as if it were not there (RFC 3958 §2.2.4). What could not be read
    /// proves nothing.
    pub fn names_nobody(&self) -> bool {
        matches!(self, Self::Uri(_) | Self::Loop | Self::Endless)
    }

    /// Its URI, if it is about one that can be read at all.
    pub(crate) fn readable_uri(&self) -> Option<Url> {
        match self {
            Self::Uri(text) => parse_uri(text).ok(),
            _ => None,
        }
    }
}

fn flood_server(number: u16) -> Speaker {
    Speaker::new(&format!("https://flood-{number}.example/ird"), 100, number)
}

/// One for each way in which a URI is refused (`parse_uri`, `Policy`): syntax first, then scheme,
/// then where it leads, in spellings that hide it.
const BAD_URIS: [&str; 20] = [
    "",
    "a.example/ird",
    "//a.example/ird",
    "https:///ird",
    "https://a b.example/ird",
    "https://a.example/ird\r\nx: y",
    "https://a.example/%zz",
    "https://a.example:0/ird",
    "https://a.example/ird#part",
    "https://user:secret@a.example/ird",
    "http://a.example/ird",
    "javascript:alert(1)",
    "file:///etc/hostname",
    "https://a.example:22/ird",
    "https://127.0.0.1/ird",
    "https://2130706433/ird",
    "https://[::ffff:10.0.0.1]/ird",
    "https://[64:ff9b::7f00:1]/ird",
    "https://169.254.169.254/ird",
    "https://[fe80::1]/ird",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    /// Every entry of the list is bad indeed, whatever may be contacted by special permission.
    #[test]
    fn the_bad_are_bad_and_the_harmless_harmless() {
        let admitted = |uri: &Url| {
            Policy { allow_documentation: true, ..Policy::default() }.check_uri(uri).is_ok()
        };
        for hostile in Hostile::catalogue("198.51.100.0/24".parse().unwrap()) {
            if let Hostile::Uri(text) = &hostile {
                assert!(hostile.readable_uri().is_none_or(|uri| !admitted(&uri)), "{text}");
            }
            assert!(hostile.servers().iter().all(|speaker| admitted(&speaker.uri)));
        }
    }
}
