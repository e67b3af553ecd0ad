//! Why a publication cannot be written.

use std::fmt;

use alto_backend_dns::naptr::Why;
use ipnet::IpNet;

/// Why a publication cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A prefix with bits set behind its length.
    HostBits(IpNet),
    /// A form in which IPv6 carries IPv4 addresses: nobody asks for it as IPv6.
    Embedded {
        /// The prefix.
        net: IpNet,
        /// What trackers ask for instead.
        asked: IpNet,
    },
    /// ALTO without a protocol that trackers look for (RFC 8686 §3.1).
    NoProtocol(String),
    /// Records that nobody may remember.
    NoTtl,
    /// A prefix that is there twice.
    Twice(String),
    /// A server that whoever finds it will not use.
    Server {
        /// Its URI.
        uri: String,
        /// Why.
        why: Why,
    },
    /// A record that does not fit into one.
    UriTooLong(String),
    /// A TTL beyond what RFC 2181 §8 allows.
    Ttl(u32),
    /// More records than [`LIMIT`](crate::Publication::LIMIT).
    TooMany(u128),
    /// Ports of more than one address.
    PortsOfMany(IpNet),
    /// A port block that ends before it begins.
    Ports {
        /// The first port.
        low: u16,
        /// The last port.
        high: u16,
    },
    /// Ports of an address that only a wildcard speaks for: names for its ports would hide that.
    PortsBelowWildcard(IpNet),
    /// tinydns lets wildcards reach below names that exist.
    NoWildcards,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostBits(net) => write!(f, "{net} has host bits; did you mean {}?", net.trunc()),
            Self::Embedded { net, asked } => {
                write!(f, "{net}: trackers ask for {asked} instead; publish that")
            }
            Self::NoProtocol(service) => write!(
                f,
                "service {service}: trackers look for ALTO:https, or ALTO:http (RFC 8686 §3.1)"
            ),
            Self::NoTtl => f.write_str("a TTL of 0 makes each tracker ask for each peer; try 3600"),
            Self::Twice(what) => write!(f, "{what} is there twice"),
            Self::Server { uri, why } => write!(f, "nobody would use the server {uri}: {why}"),
            Self::UriTooLong(uri) => {
                write!(f, "{uri}: longer than the 250 octets that fit into a record")
            }
            Self::Ttl(ttl) => write!(f, "a TTL of {ttl} s is more than DNS knows (RFC 2181 §8)"),
            Self::TooMany(count) => write!(
                f,
                "{count} records would be needed, more than {}: use prefixes that are nearer to those \
                 asked for (/8, /16, /24; /32, /40, /48, /56, /64)",
                crate::Publication::LIMIT
            ),
            Self::PortsOfMany(net) => write!(f, "{net}: ports belong to single addresses"),
            Self::Ports { low, high } => {
                write!(f, "ports {low}-{high}: the last is below the first")
            }
            Self::PortsBelowWildcard(net) => write!(
                f,
                "{net} has its servers from a wildcard, which names for its ports would hide: give it \
                 a prefix of its own"
            ),
            Self::NoWildcards => f.write_str(
                "this needs wildcards, which tinydns takes otherwise than RFC 4592: names below an \
                 existing name would not be hidden from them",
            ),
        }
    }
}

impl std::error::Error for Fault {}
