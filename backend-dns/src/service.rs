//! The U-NAPTR service parameter: what is looked for (RFC 4848 §4.5).

use std::fmt;
use std::str::FromStr;

use alto_discovery_core::{Error, code};

/// The longest tag: a letter and 31 more characters (RFC 4848 §4.5).
const MAX_TAG: usize = 32;

/// A service and the protocols in which it is wanted, the dearest first.
///
/// Tags are compared without regard to case, so they are kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    tag: Box<str>,
    protocols: Vec<Box<str>>,
}

impl Service {
    /// What is looked for in each round of the procedure. A resolution never changes its protocol
    /// midway (RFC 3958 §2.2.5), so each protocol has a round of its own; a service without one
    /// has one round that takes any.
    pub fn rounds(&self) -> impl Iterator<Item = Wanted<'_>> {
        let any = self.protocols.is_empty().then_some(None);
        let each = self.protocols.iter().map(|protocol| Some(&**protocol));
        any.into_iter().chain(each).map(|protocol| Wanted { tag: &self.tag, protocol })
    }
}

impl Default for Service {
    /// `ALTO:https` (RFC 8686 §3.1).
    fn default() -> Self {
        Self { tag: "alto".into(), protocols: vec!["https".into()] }
    }
}

impl FromStr for Service {
    type Err = Error;

    /// Reads `SERVICE[:PROTOCOL]...`.
    ///
    /// The grammar also allows a parameter without a service; it names nothing to look for, so it
    /// is refused as well.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut tags = text.split(':');
        let tag = tags.next().unwrap_or_default();
        let protocols: Vec<&str> = tags.collect();
        if !(is_tag(tag) && protocols.iter().all(|protocol| is_tag(protocol))) {
            return Err(no_service(text));
        }
        let mut service = Self { tag: tag.to_ascii_lowercase().into(), protocols: Vec::new() };
        for protocol in protocols.iter().map(|protocol| protocol.to_ascii_lowercase().into()) {
            if !service.protocols.contains(&protocol) {
                service.protocols.push(protocol);
            }
        }
        Ok(service)
    }
}

fn no_service(text: &str) -> Error {
    let message = format!(
        "dns.service: `{}` is no U-NAPTR service parameter; wanted: SERVICE[:PROTOCOL]... such as ALTO:https, \
         each a letter and at most 31 letters, digits, `+`, `-` or `.`",
        text.escape_debug()
    );
    Error::invalid(code::INVALID_SERVICE, message)
}

impl fmt::Display for Service {
    /// In the customary spelling: the service in upper case, protocols in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag.to_ascii_uppercase())?;
        self.protocols.iter().try_for_each(|protocol| write!(f, ":{protocol}"))
    }
}

/// A service in one protocol, or in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'s> {
    /// The service, in lower case.
    pub tag: &'s str,
    /// The protocol, in lower case; `None` takes any.
    pub protocol: Option<&'s str>,
}

impl Wanted<'_> {
    /// Whether the services field of a record offers it (RFC 3958 §2.2.2): the same service, and
    /// the protocol among its protocols.
    pub fn is_offered_by(&self, services: &[u8]) -> bool {
        let Ok(services) = std::str::from_utf8(services) else { return false };
        let mut tags = services.split(':');
        let same_service = tags.next().is_some_and(|tag| tag.eq_ignore_ascii_case(self.tag));
        let protocols = tags.clone();
        same_service
            && tags.all(is_tag)
            && self.protocol.is_none_or(|wanted| {
                protocols.into_iter().any(|offered| offered.eq_ignore_ascii_case(wanted))
            })
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag.to_ascii_uppercase())?;
        self.protocol.map_or(Ok(()), |protocol| write!(f, ":{protocol}"))
    }
}

fn is_tag(text: &str) -> bool {
    text.len() <= MAX_TAG
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 4848 §4.5, vector 58.
    #[test]
    fn only_what_the_grammar_allows_and_names_a_service() {
        let longest = format!("ALTO:a{}", "9".repeat(31));
        for text in ["ALTO", "ALTO:https", "alto:HTTPS:http", "LIS:HELD", "x-try:y+z.w", &longest] {
            assert!(text.parse::<Service>().is_ok(), "{text}");
        }
        let too_long = format!("ALTO:{}", "a".repeat(33));
        for text in ["", ":https", "ALTO:", "1ALTO:https", "ALTO https", "ALTO::https", &too_long] {
            assert_eq!(
                text.parse::<Service>().unwrap_err().code(),
                code::INVALID_SERVICE,
                "{text}"
            );
        }
    }

    /// RFC 3958 §2.2.2, vectors 20 to 22 and 59.
    #[test]
    fn a_record_offers_what_it_lists() {
        let https = Wanted { tag: "alto", protocol: Some("https") };
        let any = Wanted { tag: "alto", protocol: None };
        for services in ["ALTO:https", "alto:HTTPS", "ALTO:http:https"] {
            assert!(https.is_offered_by(services.as_bytes()), "{services}");
        }
        for services in
            ["ALTO", "", "ALTO+https", "SIP:https", ":https", "ALTO:https:", "ALTO:1:https"]
        {
            assert!(!https.is_offered_by(services.as_bytes()), "{services}");
        }
        assert!(any.is_offered_by(b"ALTO") && any.is_offered_by(b"ALTO:foo"));
        assert!(!any.is_offered_by(b"LIS") && !any.is_offered_by(b"ALTO:\xff"));
    }

    /// RFC 3958 §2.2.5: one round per protocol, in the order given.
    #[test]
    fn each_protocol_has_its_round() {
        let service: Service = "ALTO:https:http:HTTPS".parse().unwrap();
        let protocols: Vec<_> = service.rounds().map(|wanted| wanted.protocol).collect();
        assert_eq!(protocols, [Some("https"), Some("http")]);
        let service: Service = "ALTO".parse().unwrap();
        assert_eq!(service.rounds().map(|wanted| wanted.protocol).collect::<Vec<_>>(), [None]);
    }

    proptest! {
        /// What is written is read again as the same.
        #[test]
        fn round_trips(text in "[A-Za-z][A-Za-z0-9+.-]{0,31}(:[A-Za-z][A-Za-z0-9+.-]{0,31}){0,3}") {
            let service: Service = text.parse().unwrap();
            prop_assert_eq!(service.to_string().parse::<Service>().unwrap(), service);
        }
    }
}
