//! What a set of NAPTR records says: servers, names to go on with, refusals (RFC 4848).

use std::fmt;
use std::sync::Arc;

use alto_discovery_core::{Policy, Refusal, UriFault, parse_uri};
use url::Url;

use crate::service::Wanted;

/// One NAPTR record (RFC 3403 §4.1), as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Naptr {
    /// Lower is processed first.
    pub order: u16,
    /// Lower is processed first within one order.
    pub preference: u16,
    /// What kind of rule it is.
    pub flags: Box<[u8]>,
    /// What it offers.
    pub services: Box<[u8]>,
    /// `!.*!URI!` in a terminal record.
    pub regexp: Box<[u8]>,
    /// The name to go on with in a non-terminal record: lower case, absolute; `.` if none.
    pub replacement: Arc<str>,
}

/// How strictly records are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As RFC 4848 §2.2 says.
    #[default]
    Strict,
    /// ENUM habits pass as well: `^.*$` for `.*`, and a trailing `i`.
    Lenient,
}

/// What a record set says to somebody who wants one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The matching records, best first: by order, preference, and for ties by URI or name.
    pub taken: Vec<Taken>,
    /// The others, in the order they came.
    pub refused: Vec<Refused>,
}

impl Verdict {
    /// Whether a record named a server that may not be contacted.
    pub fn refused_by_policy(&self) -> bool {
        self.refused.iter().any(|refused| matches!(refused.why, Why::Policy(_)))
    }
}

/// A record that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Its order.
    pub order: u16,
    /// Its preference within the order.
    pub preference: u16,
    /// Where it leads.
    pub leads_to: LeadsTo,
}

/// Where a record leads.
#[derive(Clone, Debug, PartialEq)]
pub enum LeadsTo {
    /// To a server: the record is terminal.
    Server(Url),
    /// To the records of another name (RFC 4848 §4.4).
    Name(Arc<str>),
}

/// A record that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the set as it came.
    pub index: usize,
    /// Why.
    pub why: Why,
}

/// Reads the records of one name for somebody who wants one service.
pub fn judge(records: &[Naptr], wanted: Wanted<'_>, reading: Reading, policy: Policy) -> Verdict {
    let mut verdict = Verdict::default();
    for (index, record) in records.iter().enumerate() {
        match where_to(record, wanted, reading, policy) {
            Ok(leads_to) => verdict.taken.push(Taken {
                order: record.order,
                preference: record.preference,
                leads_to,
            }),
            Err(why) => verdict.refused.push(Refused { index, why }),
        }
    }
    verdict.taken.sort_by(|a, b| rank(a).cmp(&rank(b)));
    verdict
}

/// RFC 3958 §2.2.1; the text makes ties deterministic, whatever order the resolver sends.
fn rank(taken: &Taken) -> (u16, u16, &str) {
    let text = match &taken.leads_to {
        LeadsTo::Server(uri) => uri.as_str(),
        LeadsTo::Name(name) => name,
    };
    (taken.order, taken.preference, text)
}

fn where_to(
    record: &Naptr,
    wanted: Wanted<'_>,
    reading: Reading,
    policy: Policy,
) -> Result<LeadsTo, Why> {
    if !wanted.is_offered_by(&record.services) {
        return Err(Why::OtherService);
    }
    match &*record.flags {
        b"u" | b"U" => server(record, wanted, reading, policy).map(LeadsTo::Server),
        b"" => next_name(record).map(LeadsTo::Name),
        b"s" | b"S" | b"a" | b"A" => Err(Why::NoUriFlag),
        _ => Err(Why::UnknownFlag),
    }
}

/// A non-terminal record: a replacement and nothing else.
fn next_name(record: &Naptr) -> Result<Arc<str>, Why> {
    match (&*record.regexp, &*record.replacement) {
        (b"", "." | "") => Err(Why::NoTarget),
        (b"", _) => Ok(record.replacement.clone()),
        (_, "." | "") => Err(Why::RegexpInNonTerminal),
        _ => Err(Why::BothFields),
    }
}

/// A terminal record: a URI and nothing else.
fn server(
    record: &Naptr,
    wanted: Wanted<'_>,
    reading: Reading,
    policy: Policy,
) -> Result<Url, Why> {
    if !matches!(&*record.replacement, "." | "") {
        return Err(if record.regexp.is_empty() { Why::NoUri } else { Why::BothFields });
    }
    let uri = parse_uri(literal(&record.regexp, reading)?).map_err(Why::Uri)?;
    if !scheme_fits(uri.scheme(), wanted) {
        return Err(Why::Scheme(uri.scheme().into()));
    }
    policy.check_location(&uri).map_err(Why::Policy)?;
    Ok(uri)
}

/// The URI in `!.*!URI!`: the only form U-NAPTR knows (RFC 4848 §2.2). No regular expression from
/// the network is ever run (RFC 3403 §10).
fn literal(regexp: &[u8], reading: Reading) -> Result<&str, Why> {
    let strict = regexp.strip_prefix(b"!.*!");
    let (behind, end): (_, &[&[u8]]) = match reading {
        Reading::Strict => (strict, &[b"!"]),
        Reading::Lenient => (strict.or_else(|| regexp.strip_prefix(b"!^.*$!")), &[b"!", b"!i"]),
    };
    let behind = behind.ok_or(if regexp.is_empty() { Why::NoUri } else { Why::Regexp })?;
    let uri = end.iter().find_map(|end| behind.strip_suffix(*end)).ok_or(Why::Regexp)?;
    match std::str::from_utf8(uri) {
        Ok("") => Err(Why::NoUri),
        Ok(uri) if !uri.contains(['!', '\\']) => Ok(uri),
        _ => Err(Why::Regexp),
    }
}

/// http and https are what they say, so that nobody is downgraded; ALTO itself runs on nothing else.
fn scheme_fits(scheme: &str, wanted: Wanted<'_>) -> bool {
    match (wanted.tag, wanted.protocol) {
        (_, Some(protocol @ ("http" | "https"))) => scheme == protocol,
        ("alto", None) => matches!(scheme, "http" | "https"),
        _ => true,
    }
}

/// Why a record is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It offers another service or protocol.
    OtherService,
    /// `S` and `A` lead to hosts, not URIs; RFC 8686 knows only URIs.
    NoUriFlag,
    /// A flag that U-NAPTR does not know (RFC 4848 §4.4).
    UnknownFlag,
    /// Both regexp and replacement are set (RFC 3403 §4.1).
    BothFields,
    /// A non-terminal record with a regexp.
    RegexpInNonTerminal,
    /// A non-terminal record without a replacement.
    NoTarget,
    /// A terminal record without a URI.
    NoUri,
    /// A regexp of another form than `!.*!URI!`.
    Regexp,
    /// What stands there is no URI we look at.
    Uri(UriFault),
    /// Another scheme than the protocol asked for.
    Scheme(Box<str>),
    /// A server that may not be contacted.
    Policy(Refusal),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherService => "offers another service or protocol",
            Self::NoUriFlag => "its flag leads to a host, not to a URI",
            Self::UnknownFlag => "its flag is none that U-NAPTR knows",
            Self::BothFields => "regexp and replacement are both set",
            Self::RegexpInNonTerminal => "a non-terminal record with a regexp",
            Self::NoTarget => "a non-terminal record without a replacement",
            Self::NoUri => "a terminal record without a URI",
            Self::Regexp => "its regexp is not of the form !.*!URI!",
            Self::Uri(fault) => return fault.fmt(f),
            Self::Scheme(scheme) => {
                return write!(f, "scheme {scheme} is not the protocol asked for");
            }
            Self::Policy(refusal) => return write!(f, "refused by policy: {refusal}"),
        })
    }
}

#[cfg(test)]
mod tests;
