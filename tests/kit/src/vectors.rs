//! The test vectors of RFC 8686 discovery, as typed data.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::dns_zone::Zone;
use crate::process::side_by_side;

const FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/rfc8686.toml"));

/// All vectors, in the order of the file.
pub fn all() -> Vec<Vector> {
    parse(FILE).unwrap_or_else(|fault| panic!("tests/vectors/rfc8686.toml: {fault}"))
}

/// The vectors an authoritative server alone can serve, and so any real one.
pub fn for_real_servers() -> Vec<Vector> {
    all().into_iter().filter(|vector| vector.server == ServedBy::Any).collect()
}

/// Checks each vector against a server of its zone. Vectors of one zone share a server and follow
/// each other; the servers stand side by side, as many as there are processors.
pub fn check_each<S>(
    vectors: Vec<Vector>,
    start: impl Fn(&Zone) -> S + Sync,
    check: impl Fn(&S, &Vector) + Sync,
) {
    side_by_side(by_zone(vectors), |group| {
        let server = start(&group[0].zone());
        for vector in &group {
            check(&server, vector);
        }
    });
}

/// The vectors that share a zone, together.
pub fn by_zone(vectors: Vec<Vector>) -> Vec<Vec<Vector>> {
    let mut groups: BTreeMap<Vec<String>, Vec<Vector>> = BTreeMap::new();
    for vector in vectors {
        groups.entry(vector.zone.clone()).or_default().push(vector);
    }
    groups.into_values().collect()
}

fn parse(text: &str) -> Result<Vec<Vector>, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.vector)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vector: Vec<Vector>,
}

/// One question and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Its number.
    pub id: u8,
    /// A letter, where one number has several questions; else empty.
    #[serde(default)]
    pub case: String,
    /// Who has to serve it.
    #[serde(default)]
    pub server: ServedBy,
    /// The text that is asked about.
    pub peer: String,
    /// How it is asked.
    #[serde(default)]
    pub options: Options,
    /// Lines of a master file.
    #[serde(default)]
    pub zone: Vec<String>,
    /// What goes wrong at a name.
    #[serde(default)]
    pub faults: BTreeMap<String, Fault>,
    /// The names asked, in order.
    #[serde(default)]
    pub queries: Vec<String>,
    /// What comes of it.
    pub outcome: Outcome,
    /// The code of the error, where one is fixed.
    pub code: Option<String>,
    /// The servers, best first.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Found, although some query failed temporarily.
    #[serde(default)]
    pub incomplete: bool,
}

impl Vector {
    /// The zone it is asked in.
    pub fn zone(&self) -> Zone {
        let lines = self.zone.iter().map(String::as_str);
        Zone::parse(lines).unwrap_or_else(|fault| panic!("vector {self}: {fault}"))
    }
}

impl fmt::Display for Vector {
    /// Its number and letter, such as `7b`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.id, self.case)
    }
}

/// Who has to serve a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServedBy {
    /// Any authoritative server of its zone.
    #[default]
    Any,
    /// A server that does what its faults say.
    Scripted,
    /// A server behind a validating resolver.
    Dnssec,
}

/// What goes wrong at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The server says it cannot tell.
    Servfail,
    /// Nothing comes.
    Timeout,
    /// The reply over UDP is cut short (TC), the one over TCP is whole.
    Truncate,
    /// The data fails DNSSEC validation.
    Bogus,
}

/// How a question ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the words of the command's output
pub enum Outcome {
    Found,
    None,
    Unavailable,
    Rejected,
    NotApplicable,
    Invalid,
}

impl Outcome {
    /// The word for it in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::None => "none",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::NotApplicable => "not-applicable",
            Self::Invalid => "invalid",
        }
    }
}

/// A server that must be found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "(String, u16, u16)")]
pub struct Server {
    /// The URI of its IRD.
    pub uri: String,
    /// Its order.
    pub order: u16,
    /// Its preference within the order.
    pub preference: u16,
}

impl From<(String, u16, u16)> for Server {
    fn from((uri, order, preference): (String, u16, u16)) -> Self {
        Self { uri, order, preference }
    }
}

/// How a question is asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// `dns.service`
    pub service: String,
    /// `policy.allow_documentation`
    pub allow_documentation: bool,
    /// `policy.allow_private`
    pub allow_private: bool,
    /// `dns.transition`
    pub transition: Transition,
    /// `dns.lenient`
    pub lenient: bool,
    /// `dns.dnssec`
    pub dnssec: DnssecMode,
    /// `dns.granularity`
    pub granularity: Granularity,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            service: "ALTO:https".into(),
            allow_documentation: true,
            allow_private: false,
            transition: Transition::Strict,
            lenient: false,
            dnssec: DnssecMode::Prefer,
            granularity: Granularity::Host,
        }
    }
}

impl Options {
    /// The same as keys and values of the configuration, all of them.
    pub fn settings(&self) -> [(&'static str, String); 7] {
        [
            ("dns.service", self.service.clone()),
            ("policy.allow_documentation", self.allow_documentation.to_string()),
            ("policy.allow_private", self.allow_private.to_string()),
            ("dns.transition", self.transition.as_str().into()),
            ("dns.lenient", self.lenient.to_string()),
            ("dns.dnssec", self.dnssec.as_str().into()),
            ("dns.granularity", self.granularity.as_str().into()),
        ]
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal),* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[allow(missing_docs)] // the words of the configuration
        pub enum $name { $(#[serde(rename = $word)] $variant),* }

        impl $name {
            /// The word for it in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

words!(
    /// What is done with 6to4 and Teredo addresses.
    Transition { Strict "strict", FallbackV4 "fallback-v4" }
);
words!(
    /// Whether answers must be authenticated.
    DnssecMode { Off "off", Prefer "prefer", Require "require" }
);
words!(
    /// Whether host addresses are asked about.
    Granularity { Host "host", Prefix "prefix" }
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_number_occurs_and_no_case_twice() {
        let vectors = all();
        let ids: BTreeSet<u8> = vectors.iter().map(|vector| vector.id).collect();
        assert_eq!(ids, (1..=64).collect());
        let cases: BTreeSet<String> = vectors.iter().map(ToString::to_string).collect();
        assert_eq!(cases.len(), vectors.len());
    }

    /// A vector that contradicts itself would prove nothing.
    #[test]
    fn each_vector_is_consistent() {
        for vector in all() {
            vector.zone();
            let found = vector.outcome == Outcome::Found;
            assert_eq!(found, !vector.servers.is_empty(), "{vector}");
            assert!(found || !vector.incomplete, "{vector}");
            let refused = matches!(vector.outcome, Outcome::Invalid | Outcome::NotApplicable);
            assert_eq!(refused, vector.code.is_some() && vector.queries.is_empty(), "{vector}");
            assert_eq!(vector.server == ServedBy::Any, vector.faults.is_empty() && vector.id != 39);
            for name in vector.queries.iter().chain(vector.faults.keys()) {
                assert!(name.ends_with('.') && *name == name.to_lowercase(), "{vector}: {name}");
            }
        }
    }

    /// Which vectors need more than an authoritative server.
    #[test]
    fn the_special_ones_are_marked() {
        let marked = |by| {
            let vectors = all().into_iter().filter(move |vector| vector.server == by);
            vectors.map(|vector| vector.id).collect::<Vec<_>>()
        };
        assert_eq!(marked(ServedBy::Scripted), [36, 37, 64]);
        assert_eq!(marked(ServedBy::Dnssec), [38, 39]);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let good = "[[vector]]\nid = 1\npeer = \"x\"\noutcome = \"none\"\n";
        assert!(parse(good).is_ok());
        for more in ["server_ = \"any\"", "options = { servcie = \"x\" }", "server = \"nsd\""] {
            assert!(parse(&format!("{good}{more}\n")).is_err(), "{more}");
        }
    }

    /// A URI of a NAPTR record has at most 250 octets (RFC 4848 §2.2, RFC 3403 §4.1).
    #[test]
    fn vector_63_is_at_the_limit() {
        let vector = all().into_iter().find(|vector| vector.id == 63).unwrap();
        assert_eq!(vector.servers[0].uri.len(), 250);
    }

    #[test]
    fn options_speak_the_configuration_s_words() {
        let options = Options { transition: Transition::FallbackV4, ..Options::default() };
        let settings = options.settings();
        assert_eq!(settings[1], ("policy.allow_documentation", "true".into()));
        assert_eq!(settings[3], ("dns.transition", "fallback-v4".into()));
    }
}
