//! The name of an access network, as a user or DHCP writes it. Pure.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in octets of its text without the final dot (RFC 1035 §2.3.4).
const MOST_TEXT: usize = 253;
/// The longest name in wire format, in octets (RFC 5986 §3).
const MOST_WIRE: usize = 255;
/// The longest label, in octets.
const MOST_LABEL: usize = 63;

/// Names under which nobody may ask DNS for anything (RFC 6761, RFC 6762, RFC 7686, RFC 9476): home
/// gateways hand them out.
const NEVER_ASKED: [&str; 5] = ["localhost", "local", "invalid", "onion", "alt"];

/// A domain name that may be asked for: lower case, absolute; letters, digits, hyphens and
/// underscores, so it is safe to print and needs no escapes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(Arc<str>);

impl Domain {
    /// The name in wire format (RFC 1035 §3.1), as the options 213 of DHCPv4 and 57 of DHCPv6 carry it:
    /// exactly one, with one root label, at its end, and no compression (RFC 5986 §3).
    ///
    /// # Errors
    /// If it is anything else, or a name that [`handed_out`](Self::handed_out) refuses.
    pub fn from_wire(octets: &[u8]) -> Result<Self, Fault> {
        if octets.len() > MOST_WIRE {
            return Err(Fault::TooLong);
        }
        let (mut text, mut rest) = (String::with_capacity(octets.len()), octets);
        loop {
            let (length, behind) = rest.split_first().ok_or(Fault::Unterminated)?;
            let length = usize::from(*length);
            if length > MOST_LABEL {
                return Err(Fault::LabelType);
            }
            if length == 0 {
                rest = behind;
                break;
            }
            let (label, behind) = behind.split_at_checked(length).ok_or(Fault::Unterminated)?;
            // Before it becomes text: a dot inside of a label would be read as two labels.
            text.push_str(checked_label(label)?);
            text.push('.');
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(Fault::Several);
        }
        text.parse::<Self>()?.handed_out()
    }

    /// The name in option 15 of DHCPv4: text, maybe with NULs at its end (RFC 2132 §2, §3.17).
    ///
    /// # Errors
    /// If it is no name, or one that [`handed_out`](Self::handed_out) refuses.
    pub fn from_option_15(octets: &[u8]) -> Result<Self, Fault> {
        let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let text = std::str::from_utf8(&octets[..end]).map_err(|_| Fault::Character)?;
        text.parse::<Self>()?.handed_out()
    }

    /// A name that somebody else than the user chose: gateways hand out names that are none of an
    /// access network (RFC 7286 §4.1).
    ///
    /// # Errors
    /// If it has one label only, or is one that DNS must not be asked for.
    pub fn handed_out(self) -> Result<Self, Fault> {
        let mut labels = self.0.split_terminator('.').rev();
        let (top, second) = (labels.next().unwrap_or_default(), labels.next());
        if NEVER_ASKED.contains(&top) {
            return Err(Fault::NeverAsked);
        }
        if second.is_none() {
            return Err(Fault::OneLabel);
        }
        Ok(self)
    }

    /// Lower case, with the final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, shared.
    pub fn name(&self) -> &Arc<str> {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = Fault;

    /// Reads a name with or without the final dot. International ones are written in their ASCII form.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(Fault::Empty);
        }
        if text.len() > MOST_TEXT {
            return Err(Fault::TooLong);
        }
        for label in text.split('.') {
            checked_label(label.as_bytes())?;
        }
        Ok(Self(format!("{}.", text.to_ascii_lowercase()).into()))
    }
}

/// RFC 952, RFC 1123 §2.1, and the underscore of names that are none of hosts (RFC 8552).
fn checked_label(label: &[u8]) -> Result<&str, Fault> {
    let fine = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    match label {
        [] => Err(Fault::EmptyLabel),
        _ if label.len() > MOST_LABEL => Err(Fault::TooLong),
        [b'-', ..] | [.., b'-'] => Err(Fault::Character),
        _ if !label.iter().all(fine) => Err(Fault::Character),
        _ => std::str::from_utf8(label).map_err(|_| Fault::Character),
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something is no name to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing, or the root.
    Empty,
    /// Two dots in a row.
    EmptyLabel,
    /// The name, or a label of it.
    TooLong,
    /// Something else than letters, digits, hyphens within labels, and underscores.
    Character,
    /// A length octet whose first two bits are not zero (RFC 5986 §3).
    LabelType,
    /// It ends before its root label.
    Unterminated,
    /// More than one name.
    Several,
    /// The client that wrote the lease could not read the name itself.
    NotWritten,
    /// A name of one label.
    OneLabel,
    /// A name that DNS must not be asked for.
    NeverAsked,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::EmptyLabel => "it has an empty label",
            Self::TooLong => "it is too long, or a label of it is",
            Self::Character => "it has characters that no name of a network has",
            Self::LabelType => "the first two bits of a label's length are not zero",
            Self::Unterminated => "it ends before its root label",
            Self::Several => "it is more than one name",
            Self::NotWritten => "the client wrote <error> instead: what the server sent is no name",
            Self::OneLabel => "a name of one label is none of an access network",
            Self::NeverAsked => "DNS must not be asked for names under it",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1035 §3.1.
    fn wire(labels: &[&[u8]]) -> Vec<u8> {
        let each = |label: &&[u8]| [&[u8::try_from(label.len()).unwrap()], *label].concat();
        [labels.iter().flat_map(each).collect(), vec![0]].concat()
    }

    /// RFC 5986 §3: `example.com.` takes 13 octets.
    #[test]
    fn one_name_in_wire_format() {
        let octets = wire(&[b"Example", b"com"]);
        assert_eq!(octets.len(), 13);
        assert_eq!(Domain::from_wire(&octets).unwrap().as_str(), "example.com.");
    }

    #[test]
    fn what_is_no_name_in_wire_format() {
        let fine = wire(&[b"access", b"example"]);
        for (octets, fault) in [
            (vec![], Fault::Unterminated),
            (vec![0], Fault::Empty),
            (fine[..fine.len() - 1].to_vec(), Fault::Unterminated),
            ([&fine[..], &fine].concat(), Fault::Several),
            ([&fine[..], &[0]].concat(), Fault::Several),
            (vec![1, b'a', 0xc0, 0], Fault::LabelType),
            (vec![0x40, b'a', 0], Fault::LabelType),
            (wire(&[b"a.b", b"example"]), Fault::Character),
            (wire(&[b"a b", b"example"]), Fault::Character),
            (wire(&[b"\x1b[2J", b"example"]), Fault::Character),
            (wire(&[b"x\xc3\xa4", b"example"]), Fault::Character),
            (wire(&[b"example"]), Fault::OneLabel),
            (wire(&[b"printer", b"local"]), Fault::NeverAsked),
            (vec![1; 256], Fault::TooLong),
        ] {
            assert_eq!(Domain::from_wire(&octets), Err(fault), "{}", octets.escape_ascii());
        }
        let longest = wire(&[&[b'a'; 63], &[b'b'; 63], &[b'c'; 63], &[b'd'; 61]]);
        assert_eq!(longest.len(), 255);
        assert!(Domain::from_wire(&longest).is_ok());
    }

    /// RFC 2132 §3.17; RFC 7286 §4.1: what gateways put there.
    #[test]
    fn option_15_is_text() {
        let read = |text: &[u8]| Domain::from_option_15(text).map(|domain| domain.to_string());
        assert_eq!(read(b"Home.Example\0\0"), Ok("home.example.".into()));
        assert_eq!(read(b"home.example."), Ok("home.example.".into()));
        for (text, fault) in [
            (&b""[..], Fault::Empty),
            (b"\0", Fault::Empty),
            (b"a.example b.example", Fault::Character),
            (b"a\0.example", Fault::Character),
            (b"\xff.example", Fault::Character),
            (b"a..example", Fault::EmptyLabel),
            (b"-a.example", Fault::Character),
            (b"lan", Fault::OneLabel),
            (b"box.LOCAL", Fault::NeverAsked),
            (b"local", Fault::NeverAsked),
        ] {
            assert_eq!(read(text), Err(fault), "{}", text.escape_ascii());
        }
    }

    proptest! {
        /// A name reads back from its wire format, whatever the case.
        #[test]
        fn round_trips(labels in prop::collection::vec("[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,20}[a-z0-9])?", 2..8)) {
            let labels: Vec<&[u8]> = labels.iter().map(String::as_bytes).collect();
            let text = labels.iter().map(|label| String::from_utf8_lossy(label)).collect::<Vec<_>>();
            let text = text.join(".");
            let read = text.parse::<Domain>().unwrap();
            prop_assert_eq!(read.as_str(), text.to_ascii_lowercase() + ".");
            prop_assert_eq!(Domain::from_wire(&wire(&labels)), read.handed_out());
        }

        /// Whatever comes is refused, or a name in the one form.
        #[test]
        fn nothing_brings_it_down(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let read = [Domain::from_wire(&octets), Domain::from_option_15(&octets)];
            for domain in read.into_iter().flatten() {
                prop_assert_eq!(domain.as_str().parse::<Domain>(), Ok(domain.clone()));
            }
        }
    }
}
