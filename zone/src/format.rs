//! Records as a name server wants them.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::fault::Fault;
use crate::record::{Data, Naptr, Record};

/// The number of the type NAPTR (RFC 3403 §4.1).
const NAPTR: u16 = 35;

/// For which name server records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names of the programs say it all
pub enum Format {
    #[default]
    Bind,
    Nsd,
    Knot,
    PowerDns,
    TinyDns,
}

impl Format {
    /// Their names on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("bind", Self::Bind),
        ("nsd", Self::Nsd),
        ("knot", Self::Knot),
        ("pdns", Self::PowerDns),
        ("tinydns", Self::TinyDns),
    ];

    /// Checks that the server makes of the records what they mean.
    ///
    /// # Errors
    /// [`Fault::NoWildcards`] if it does not.
    pub fn check(self, records: &[Record]) -> Result<(), Fault> {
        let wild = records.iter().any(|record| record.owner.starts_with("*."));
        if self == Self::TinyDns && wild { Err(Fault::NoWildcards) } else { Ok(()) }
    }

    /// The records as text to append to what the server has: no SOA, no NS, each block under an
    /// absolute origin.
    pub fn write(self, records: &[Record]) -> String {
        let mut text = self.head(records.len());
        let mut origin = "";
        for record in records {
            if self == Self::TinyDns {
                line_of_tinydns(&mut text, record);
                continue;
            }
            if record.origin != origin {
                origin = &record.origin;
                let _ = writeln!(text, "$ORIGIN {origin}"); // a String takes all
            }
            line_of_master_file(&mut text, record);
        }
        text
    }

    /// What to do with the text, as comments.
    fn head(self, count: usize) -> String {
        let sign = if self == Self::TinyDns { '#' } else { ';' };
        let records = if count == 1 { "record" } else { "records" };
        let after = match self {
            Self::Bind => "raise the serial, named-checkzone ZONE FILE, rndc reload ZONE",
            Self::Nsd => "raise the serial, nsd-checkzone ZONE FILE, nsd-control reload ZONE",
            Self::Knot => "raise the serial, kzonecheck -o ZONE FILE, knotc zone-reload ZONE",
            Self::PowerDns => "raise the serial, pdnsutil check-zone ZONE, pdns_control reload",
            Self::TinyDns => "append to data, then make",
        };
        format!("{sign} ALTO servers (RFC 8686): {count} {records}\n{sign} then: {after}\n")
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named.map(|(_, format)| *format).ok_or_else(|| format!("`{text}` is no format"))
    }
}

/// RFC 1035 §5.1. A URI has neither quotes nor backslashes (RFC 3986 §2).
fn line_of_master_file(text: &mut String, record: &Record) {
    let (owner, ttl) = (record.relative_owner(), record.ttl);
    let _ = match &record.data {
        Data::Cname(target) => writeln!(text, "{owner} {ttl} IN CNAME {target}"),
        Data::Naptr(naptr) => {
            let Naptr { order, preference, service, .. } = naptr;
            let (flags, regexp) = (Naptr::FLAGS, naptr.regexp());
            writeln!(
                text,
                "{owner} {ttl} IN NAPTR {order} {preference} \"{flags}\" \"{service}\" \"{regexp}\" ."
            )
        }
    };
}

/// `:fqdn:n:rdata:ttl` and `Cfqdn:p:ttl` of tinydns-data; whatever is not plain is an octal escape.
fn line_of_tinydns(text: &mut String, record: &Record) {
    let (owner, ttl) = (record.owner.trim_end_matches('.'), record.ttl);
    let _ = match &record.data {
        Data::Cname(target) => writeln!(text, "C{owner}:{}:{ttl}", target.trim_end_matches('.')),
        Data::Naptr(naptr) => writeln!(text, ":{owner}:{NAPTR}:{}:{ttl}", escaped(&rdata(naptr))),
    };
}

/// As on the wire (RFC 3403 §4.1).
fn rdata(naptr: &Naptr) -> Vec<u8> {
    let mut octets = Vec::new();
    octets.extend(naptr.order.to_be_bytes());
    octets.extend(naptr.preference.to_be_bytes());
    for part in [Naptr::FLAGS, &naptr.service, &naptr.regexp()] {
        octets.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
        octets.extend(part.as_bytes());
    }
    octets.push(0); // the root: no replacement
    octets
}

fn escaped(octets: &[u8]) -> String {
    let escape = |octet: &u8| match octet {
        octet if octet.is_ascii_alphanumeric() => char::from(*octet).to_string(),
        octet => format!("\\{octet:03o}"),
    };
    octets.iter().map(escape).collect()
}
