//! Which peers may be asked for and which servers may be contacted.
//!
//! Everything from the network is hostile, and a URI in a NAPTR record, a redirect or a directory is
//! an instruction to connect somewhere. Three checks stand between it and the network: its text
//! ([`parse_uri`](crate::parse_uri)), its parsed location ([`Policy::check_uri`]), and each address its host resolves
//! to ([`Policy::check_address`]), once more after connecting.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::special_ranges::{Class, class_of, embedded_ipv4};

/// What is allowed beyond the public Internet. The default allows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent permissions, each a key of the configuration
pub struct Policy {
    /// Peers with private, loopback and other special-purpose addresses are asked for. Of use only
    /// with a resolver that knows that address space (RFC 8686 §5.1.3).
    pub allow_private_peers: bool,
    /// Servers with such addresses are contacted; never link-local or multicast ones.
    pub allow_private_servers: bool,
    /// Servers with link-local addresses are contacted too. Cloud metadata services live there.
    pub allow_link_local: bool,
    /// Peers in documentation prefixes are asked for (RFC 5737, RFC 3849): for tests.
    pub allow_documentation: bool,
    /// Servers are contacted without TLS.
    pub allow_http: bool,
}

impl Policy {
    /// Checks that it makes sense to ask the outside world about `net`.
    ///
    /// # Errors
    /// If all of `net` lies in a special-purpose range that is not allowed.
    pub fn check_peer(&self, net: IpNet) -> Result<(), Refusal> {
        match class_of(net) {
            None => Ok(()),
            Some(Class::Documentation) if self.allow_documentation => Ok(()),
            Some(class) if class != Class::Documentation && self.allow_private_peers => Ok(()),
            Some(class) => Err(Refusal::Peer { net, class: class.as_str() }),
        }
    }

    /// Checks everything about `uri` that can be checked before its host is resolved.
    ///
    /// # Errors
    /// If scheme, port or a literal address are not allowed.
    pub fn check_uri(&self, uri: &Url) -> Result<(), Refusal> {
        match uri.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            other => return Err(Refusal::Scheme(other.into())),
        }
        self.check_location(uri)
    }

    /// Checks port and literal address of `uri`, whatever its scheme.
    ///
    /// # Errors
    /// If either is not allowed.
    pub fn check_location(&self, uri: &Url) -> Result<(), Refusal> {
        if let Some(port) = uri.port_or_known_default() {
            let own_port = uri.port().is_none();
            if !(own_port || port == 443 || port >= 1024) {
                return Err(Refusal::Port(port));
            }
        }
        match uri.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Checks an address before and after connecting to it.
    ///
    /// # Errors
    /// If the address is special-purpose, or an IPv6 form that carries an IPv4 address, and not
    /// allowed.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let refused = |class: &'static str| Err(Refusal::Server { address, class });
        if let Some(inner) = embedded_ipv4(address) {
            if !self.allow_private_servers {
                return refused("an IPv6 form of an IPv4");
            }
            return self
                .check_address(inner.into())
                .or_else(|_| refused("an IPv6 form of a denied"));
        }
        match class_of(address.into()) {
            None | Some(Class::Documentation) => Ok(()),
            Some(Class::Multicast) => refused(Class::Multicast.as_str()),
            Some(Class::LinkLocal) if self.allow_link_local => Ok(()),
            Some(Class::LinkLocal) => refused(Class::LinkLocal.as_str()),
            Some(_) if self.allow_private_servers => Ok(()),
            Some(class) => refused(class.as_str()),
        }
    }
}

/// Why something well-formed is not asked for or not contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The peer's address means nothing outside its own network.
    Peer {
        /// The peer.
        net: IpNet,
        /// Its class, as an adjective.
        class: &'static str,
    },
    /// The server's address is denied.
    Server {
        /// The address.
        address: IpAddr,
        /// Its class, as an adjective.
        class: &'static str,
    },
    /// Neither https nor an allowed http.
    Scheme(Box<str>),
    /// Neither the scheme's own port, nor 443, nor 1024 and above.
    Port(u16),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer { net, class } => {
                write!(f, "{net} is {class} space: nobody outside its network can speak for it")
            }
            Self::Server { address, class } => write!(f, "{address} is a denied ({class}) address"),
            Self::Scheme(scheme) => write!(f, "scheme {scheme} is not allowed"),
            Self::Port(port) => write!(f, "port {port} may not be contacted"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_uri;

    fn peer(policy: Policy, text: &str) -> bool {
        policy.check_peer(text.parse().unwrap()).is_ok()
    }

    /// Vectors 50 to 53.
    #[test]
    fn special_purpose_peers_are_not_asked_for() {
        let open = Policy::default();
        let private = Policy { allow_private_peers: true, ..open };
        let documentation = Policy { allow_documentation: true, ..open };
        for text in [
            "10.1.2.3/32",
            "100.64.0.1/32",
            "127.0.0.1/32",
            "169.254.1.1/32",
            "172.16.0.1/32",
            "192.168.1.1/32",
            "0.0.0.0/32",
            "224.0.0.1/32",
            "255.255.255.255/32",
            "fe80::1/128",
            "fd00::1/128",
            "::1/128",
            "ff02::1/128",
            "64:ff9b:1::1/128",
            "10.0.0.0/8",
            "fec0::/10",
            "198.19.0.0/16",
            "192.88.99.1/32",
            "100::/64",
            "2001:2::/48",
            "2001:1f::/32",
            "2001:2f::1/128",
        ] {
            assert!(!peer(open, text) && !peer(documentation, text), "{text}");
            assert!(peer(private, text), "{text}");
        }
        for text in ["192.0.2.1/32", "198.51.100.0/24", "203.0.113.5/32", "2001:db8::1/128"] {
            assert!(
                !peer(open, text) && !peer(private, text) && peer(documentation, text),
                "{text}"
            );
        }
        for text in [
            "8.8.8.8/32",
            "2001:0:1::1/128",
            "2002:c633:6403::1/128",
            "198.0.0.0/8",
            "2001:4860::/32",
        ] {
            assert!(peer(open, text), "{text}");
        }
    }

    fn server(policy: Policy, text: &str) -> bool {
        parse_uri(text).is_ok_and(|uri| policy.check_uri(&uri).is_ok())
    }

    /// The parsed host counts, not its spelling.
    #[test]
    fn denied_servers_in_many_spellings() {
        let denied = [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://0/",
            "https://%31%32%37.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1/",
            "https://172.31.255.255/",
            "https://192.168.0.1/",
            "https://100.127.0.1/",
            "https://[fd00::1]/",
            "https://[fec0::1]/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:1::1]/",
        ];
        let never = [
            "https://169.254.169.254/",
            "https://[fe80::1]/",
            "https://224.0.0.1/",
            "https://[ff02::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:a9fe:a9fe::]/",
            "https://[2001:0:1:1:0:0:5601:5601]/",
            "https://0xa9fea9fe/",
        ];
        let private = Policy { allow_private_servers: true, ..Policy::default() };
        for text in denied {
            assert!(!server(Policy::default(), text), "{text}");
            assert!(server(private, text), "{text}");
        }
        for text in never {
            assert!(!server(Policy::default(), text) && !server(private, text), "{text}");
        }
        let link_local = Policy { allow_link_local: true, ..private };
        assert!(
            server(link_local, "https://169.254.169.254/")
                && !server(link_local, "https://224.0.0.1/")
        );
    }

    /// 443 and 1024 and above; http by permission only.
    #[test]
    fn ports_and_schemes() {
        let strict = Policy::default();
        let http = Policy { allow_http: true, ..strict };
        assert!(server(strict, "https://a.example/") && server(strict, "https://a.example:1024/"));
        assert!(
            !server(strict, "https://a.example:22/") && !server(strict, "https://a.example:1023/")
        );
        assert!(!server(strict, "http://a.example/") && server(http, "http://a.example/"));
        assert!(!server(http, "http://a.example:25/") && !server(http, "ftp://a.example:2121/"));
    }
}
