//! What a network wants to say.

use std::collections::BTreeSet;
use std::str::FromStr;

use alto_backend_dns::naptr::{self, Reading, judge};
use alto_backend_dns::service::{Service, Wanted};
use alto_discovery_core::{Peer, Policy};
use ipnet::IpNet;

use crate::fault::Fault;
use crate::record::{Naptr, Record};
use crate::writer;

/// The longest URI that fits into a record: 255 octets less `!.*!` and `!` (RFC 3403 §4.1).
const LONGEST_URI: usize = 250;
/// RFC 2181 §8.
const LONGEST_TTL: u32 = i32::MAX as u32;

/// Which servers speak for which addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Prefixes and their servers. The longest prefix around an address decides.
    pub entries: Vec<Entry>,
    /// What the servers offer.
    pub service: Service,
    /// How long records may be remembered, in seconds.
    pub ttl: u32,
    /// Where records are put.
    pub style: Style,
    /// With [`Style::Rfc2317`]: the zone that hosts' names lead into, if it is not `FIRST/LENGTH` at the
    /// name of the /24 (RFC 2317 §4 leaves its name to the holders).
    pub child_zone: Option<ZoneName>,
    /// Which servers whoever finds them may contact.
    pub policy: Policy,
}

/// Servers of a prefix, or of some ports of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The prefix.
    pub net: IpNet,
    /// If not all of the address's ports are meant, which.
    pub ports: Option<PortBlock>,
    /// The servers; none: nobody speaks for the prefix, whoever speaks for the prefix around it.
    pub servers: Vec<ServerLine>,
}

/// Ports of an address that many subscribers share (RFC 7422), first and last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortBlock {
    /// The first port.
    pub low: u16,
    /// The last port.
    pub high: u16,
}

/// A server and its place among others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerLine {
    /// Lower is processed first.
    pub order: u16,
    /// Lower is processed first within one order.
    pub preference: u16,
    /// The server's directory.
    pub uri: String,
}

/// Where records are put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// At the fewest names; at wildcards only below /64 of IPv6, where hosts cannot be named.
    #[default]
    Auto,
    /// At the fewest names, and never at wildcards.
    PerName,
    /// As [`Auto`](Self::Auto), and once more at the wildcard below each name: the first question
    /// about a host is answered at once, unless the host has a name of its own (a PTR record).
    Wildcard,
    /// As [`Auto`](Self::Auto), with a CNAME record into a zone of its own for each host of an IPv4
    /// prefix longer than /24 (RFC 2317): for holders to whom such a zone is delegated.
    Rfc2317,
}

/// The name of a zone: lower case, absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneName(String);

impl ZoneName {
    /// The name, with its last dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name (lower case, absolute) is the zone's own or lies below it.
    pub fn holds(&self, name: &str) -> bool {
        let labels = name.strip_suffix(self.as_str());
        labels.is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
    }
}

impl FromStr for ZoneName {
    type Err = String;

    /// Reads a name with or without its last dot. RFC 2317 puts `/` there; nothing is taken that would
    /// mean something else in a master file.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_/".contains(&octet);
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
        // Two octets more on the wire (RFC 1035 §3.1).
        if name.len() <= 253 && name.split('.').all(is_label) {
            Ok(Self(name.to_ascii_lowercase() + "."))
        } else {
            Err("wanted: the name of a zone, such as 100.51.198.in-addr.arpa".into())
        }
    }
}

impl Default for Publication {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            service: Service::default(),
            ttl: 3_600,
            style: Style::default(),
            child_zone: None,
            policy: Policy::default(),
        }
    }
}

impl Entry {
    /// Servers of a prefix.
    pub fn new(net: IpNet, servers: Vec<ServerLine>) -> Self {
        Self { net, ports: None, servers }
    }
}

impl ServerLine {
    /// The server at this place of a list: servers are preferred in the order of the list.
    pub fn new(place: u16, uri: impl Into<String>) -> Self {
        let preference = place.saturating_add(1).saturating_mul(10);
        Self { order: 100, preference, uri: uri.into() }
    }
}

/// Checks that trackers look for what the records of a service offer.
///
/// # Errors
/// [`Fault::NoProtocol`] if it is ALTO in no protocol that they know (RFC 7286 §5).
pub fn check_service(service: &Service) -> Result<(), Fault> {
    let offers = |wanted: Wanted<'_>| matches!(wanted.protocol, Some("http" | "https"));
    if service.rounds().all(|wanted| wanted.tag == "alto" && !offers(wanted)) {
        return Err(Fault::NoProtocol(service.to_string()));
    }
    Ok(())
}

impl Publication {
    /// The most records that are written.
    pub const LIMIT: u128 = 1_000_000;

    /// The fewest records, in the style, by which each address finds its servers, and no address
    /// outside the prefixes finds any.
    ///
    /// # Errors
    /// If what is to be said makes no sense, or nobody would take it up.
    pub fn records(&self) -> Result<Vec<Record>, Fault> {
        self.check()?;
        writer::records(self)
    }

    fn check(&self) -> Result<(), Fault> {
        match self.ttl {
            0 => return Err(Fault::NoTtl),
            ttl if ttl > LONGEST_TTL => return Err(Fault::Ttl(ttl)),
            _ => {}
        }
        check_service(&self.service)?;
        let mut seen = BTreeSet::new();
        for entry in &self.entries {
            entry.check()?;
            if !seen.insert((entry.net, entry.ports)) {
                let ports = entry.ports.map(|ports| format!(" ports {}-{}", ports.low, ports.high));
                return Err(Fault::Twice(format!("{}{}", entry.net, ports.unwrap_or_default())));
            }
        }
        let servers: BTreeSet<&ServerLine> =
            self.entries.iter().flat_map(|entry| &entry.servers).collect();
        servers.into_iter().try_for_each(|server| self.check_server(server))
    }

    /// Reads the record as whoever finds it will.
    fn check_server(&self, server: &ServerLine) -> Result<(), Fault> {
        if server.uri.len() > LONGEST_URI {
            return Err(Fault::UriTooLong(server.uri.clone()));
        }
        let naptr = self.naptr(server);
        let record = naptr::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: Naptr::FLAGS.as_bytes().into(),
            services: naptr.service.as_bytes().into(),
            regexp: naptr.regexp().into_bytes().into(),
            replacement: ".".into(),
        };
        let mut refusals = Vec::new();
        for wanted in self.service.rounds() {
            let record = std::slice::from_ref(&record);
            match judge(record, wanted, Reading::Strict, self.policy).refused.pop() {
                None => return Ok(()),
                Some(refused) => refusals.push(refused.why),
            }
        }
        let why = refusals.into_iter().next();
        why.map_or(Ok(()), |why| Err(Fault::Server { uri: server.uri.clone(), why }))
    }

    pub(crate) fn naptr(&self, server: &ServerLine) -> Naptr {
        Naptr {
            order: server.order,
            preference: server.preference,
            service: self.service.to_string(),
            uri: server.uri.clone(),
        }
    }
}

impl Entry {
    fn check(&self) -> Result<(), Fault> {
        if self.net != self.net.trunc() {
            return Err(Fault::HostBits(self.net));
        }
        let asked = Peer::network(self.net).net();
        if asked != self.net {
            return Err(Fault::Embedded { net: self.net, asked });
        }
        match self.ports {
            Some(_) if self.net.prefix_len() != self.net.max_prefix_len() => {
                Err(Fault::PortsOfMany(self.net))
            }
            Some(PortBlock { low, high }) if high < low => Err(Fault::Ports { low, high }),
            _ => Ok(()),
        }
    }
}
