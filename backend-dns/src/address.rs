//! Where a resolver is, and how it is to be asked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use alto_discovery_core::Error;

use crate::transport::is_server_name;

const PLAIN_PORT: u16 = 53;
/// RFC 7858 §3.1.
const TLS_PORT: u16 = 853;

/// A resolver, as `dns.resolver` names it: `IP[:PORT]`, or `tls://IP[:PORT]#NAME`.
///
/// ```
/// use alto_backend_dns::ResolverAddress;
///
/// let plain: ResolverAddress = "127.0.0.1".parse()?;
/// assert_eq!(plain.to_string(), "127.0.0.1:53");
/// let tls: ResolverAddress = "tls://192.0.2.53#dns.example".parse()?;
/// assert_eq!(tls.to_string(), "tls://192.0.2.53:853#dns.example");
/// # Ok::<(), alto_discovery_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ResolverAddress {
    /// Asked over UDP and TCP, in the clear.
    Plain(SocketAddr),
    /// Asked over TLS (RFC 7858).
    Tls {
        /// Where it is.
        address: SocketAddr,
        /// Whom its certificate has to be for (RFC 8310 §8.1): a domain name or an IP address.
        name: String,
    },
}

impl ResolverAddress {
    /// Where it is.
    pub fn socket(&self) -> SocketAddr {
        match self {
            Self::Plain(address) | Self::Tls { address, .. } => *address,
        }
    }

    /// Whether nobody on the way can speak in its name: it is on this machine, or authenticated.
    /// Elsewhere anybody may set the AD bit (RFC 6840 §5.7).
    pub(crate) fn is_authentic(&self) -> bool {
        match self {
            Self::Plain(address) => address.ip().to_canonical().is_loopback(),
            Self::Tls { .. } => true,
        }
    }
}

impl FromStr for ResolverAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let read = match text.strip_prefix("tls://") {
            Some(rest) => rest.split_once('#').and_then(|(address, name)| {
                let address = socket(address, TLS_PORT)?;
                is_server_name(name).then(|| Self::Tls { address, name: name.into() })
            }),
            None => socket(text, PLAIN_PORT).map(Self::Plain),
        };
        read.ok_or_else(|| {
            let message = format!(
                "`{text}` is no resolver; wanted: IP, IPv4:PORT, [IPv6]:PORT or tls://IP[:PORT]#NAME"
            );
            Error::config("dns.resolver", message)
        })
    }
}

impl fmt::Display for ResolverAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(address) => address.fmt(f),
            Self::Tls { address, name } => write!(f, "tls://{address}#{name}"),
        }
    }
}

impl From<SocketAddr> for ResolverAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Plain(address)
    }
}

/// `IP`, `IPv4:PORT`, `[IPv6]`, `[IPv6]:PORT`.
fn socket(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port));
    let address = address.or_else(|_| text.parse::<SocketAddr>()).ok();
    address.filter(|address| address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each spelling is read, and written in full.
    #[test]
    fn resolvers_in_their_spellings() {
        for (text, full) in [
            ("127.0.0.1", "127.0.0.1:53"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
            ("tls://192.0.2.1#dns.example", "tls://192.0.2.1:853#dns.example"),
            ("tls://[2001:db8::1]:8530#dns.example", "tls://[2001:db8::1]:8530#dns.example"),
            ("tls://192.0.2.1#192.0.2.1", "tls://192.0.2.1:853#192.0.2.1"),
        ] {
            let read: ResolverAddress = text.parse().unwrap();
            assert_eq!(read.to_string(), full);
            assert_eq!(full.parse::<ResolverAddress>().unwrap(), read);
        }
    }

    /// TLS without a name to check is no protection, so it is refused.
    #[test]
    fn what_is_no_resolver() {
        for text in [
            "localhost",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "[127.0.0.1",
            "::1:x",
            "tls://192.0.2.1",
            "tls://192.0.2.1#",
            "tls://192.0.2.1#a b",
            "tls://dns.example#dns.example",
            "192.0.2.1#dns.example",
        ] {
            let fault = text.parse::<ResolverAddress>().unwrap_err().to_string();
            assert!(fault.contains("wanted"), "{fault}");
        }
    }
}
