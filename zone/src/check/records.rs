//! What is wrong with single records, and with the records of one name.

use std::collections::BTreeSet;
use std::sync::Arc;

use alto_backend_dns::fact::Content;
use alto_backend_dns::naptr::{LeadsTo, Naptr, Taken, Verdict, Why, judge};
use alto_backend_dns::service::Wanted;
use alto_discovery_core::{Finding, parse_uri};
use url::Url;

use super::text::master_name;
use super::{Check, Own, merged};

impl Check<'_> {
    pub(super) fn record_findings(&self, own: &Own<'_>) -> Vec<Finding> {
        let sets = own.iter().filter_map(|(name, seen)| match &seen.content {
            Content::Records(records) => Some((name, seen, records)),
            _ => None,
        });
        let findings = sets.flat_map(|(name, seen, records)| {
            let (taken, name) = (self.taken(records), self.holder(name));
            let single =
                records.iter().filter_map(|record| self.refusal(record, !taken.is_empty()));
            let single = single.map(|fault| fault.finding(name, seen.ttl));
            let order = order(&taken).map(|reason| {
                Finding::note("order", name, reason).fix(self.in_order(name, seen.ttl, records))
            });
            single.chain(order).collect::<Vec<_>>()
        });
        merged(findings)
    }

    /// The servers that any record leads to.
    pub fn servers(&self) -> BTreeSet<Url> {
        let sets = self.seen.values().filter_map(|seen| match &seen.content {
            Content::Records(records) => Some(self.taken(records)),
            _ => None,
        });
        let servers = sets.flatten().filter_map(|taken| match taken.leads_to {
            LeadsTo::Server(uri) => Some(uri),
            LeadsTo::Name(_) => None,
        });
        servers.collect()
    }

    /// What is taken of a set in the first round that takes anything.
    pub(super) fn taken(&self, records: &[Naptr]) -> Vec<Taken> {
        let verdicts = self.rules.service.rounds().map(|wanted| self.judge(records, wanted));
        verdicts.map(|verdict| verdict.taken).find(|taken| !taken.is_empty()).unwrap_or_default()
    }

    /// The records that are of use, all in one order, each with a preference of its own, and none before
    /// another that it stood behind.
    fn in_order(&self, name: &str, ttl: Option<u32>, records: &[Naptr]) -> String {
        let is_taken = |record: &&Naptr| !self.taken(std::slice::from_ref(*record)).is_empty();
        let mut useful: Vec<Naptr> = records.iter().filter(is_taken).cloned().collect();
        useful.sort_by_key(|record| (record.order, record.preference));
        let first = useful.first().map_or(0, |record| record.order);
        let (name, ttl) = (master_name(name), ttl.unwrap_or(3_600));
        let lines = (1_u16..).zip(useful).map(|(nth, record)| {
            let record = Naptr { order: first, preference: nth.saturating_mul(10), ..record };
            format!("{name} {ttl} IN NAPTR {}", shown(&record))
        });
        format!("instead of these records write: {}", lines.collect::<Vec<_>>().join("; "))
    }

    fn judge(&self, records: &[Naptr], wanted: Wanted<'_>) -> Verdict {
        judge(records, wanted, self.rules.reading, self.rules.policy)
    }

    /// Why a record is of no use in any round; nothing about a record that is not meant for us.
    fn refusal<'c>(&'c self, record: &'c Naptr, others_taken: bool) -> Option<Fault<'c>> {
        let mut whys = Vec::new();
        for wanted in self.rules.service.rounds() {
            let refused = self.judge(std::slice::from_ref(record), wanted).refused;
            whys.push((wanted, refused.into_iter().next()?.why));
        }
        let telling = whys.iter().position(|(_, why)| *why != Why::OtherService).unwrap_or(0);
        let (wanted, why) = whys.swap_remove(telling);
        let meant = why != Why::OtherService || means(&record.services, wanted.tag, others_taken);
        meant.then_some(Fault { record, wanted, why })
    }
}

/// The protocols of ALTO (RFC 7286 §5).
const PROTOCOLS: [&str; 2] = ["http", "https"];

/// Whether a record of another service looks as if it were to be ours. A sound record of ours in
/// another protocol is meant so if there is one that we use.
fn means(services: &[u8], tag: &str, others_taken: bool) -> bool {
    let text = String::from_utf8_lossy(services).to_ascii_lowercase();
    let sound = text.split_once(':').is_some_and(|(service, protocols)| {
        service == tag && protocols.split(':').all(|protocol| PROTOCOLS.contains(&protocol))
    });
    text.contains(tag) && !(sound && others_taken)
}

/// A record that is of no use.
struct Fault<'f> {
    record: &'f Naptr,
    wanted: Wanted<'f>,
    why: Why,
}

impl Fault<'_> {
    fn finding(&self, name: &Arc<str>, ttl: Option<u32>) -> Finding {
        let reason = format!("{}: {}", shown(self.record), self.why);
        let mended = self.mended().map(|record| {
            let (name, ttl) = (master_name(name), ttl.unwrap_or(3_600));
            format!("write: {name} {ttl} IN NAPTR {}", shown(&record))
        });
        let fix = mended.unwrap_or_else(|| self.advice());
        Finding::fault(self.code(), name, reason).fix(fix)
    }

    fn code(&self) -> &'static str {
        match self.why {
            Why::OtherService => "service",
            Why::NoUriFlag | Why::UnknownFlag => "flag",
            Why::BothFields => "both-fields",
            Why::NoTarget => "target",
            Why::Scheme(_) => "scheme",
            Why::Policy(_) => "policy",
            Why::Uri(_) => "uri",
            _ => "regexp",
        }
    }

    fn advice(&self) -> String {
        let wanted = self.wanted;
        match &self.why {
            Why::NoTarget => "write a URI into it, with flag \"u\", or the name to go on at".into(),
            Why::Scheme(scheme) => format!(
                "serve the directory over {}, and write that into the record; {scheme} is never used for {wanted}",
                wanted.protocol.unwrap_or("https")
            ),
            Why::Policy(_) => {
                "name a server that everybody can reach: a public address, port 443 or 1024 and above".into()
            }
            Why::Uri(_) => "write a URI as RFC 3986 has it: scheme, host, no user, no fragment".into(),
            _ => format!(
                "the record has to be: 100 10 \"u\" \"{wanted}\" \"!.*!https://SERVER/PATH!\" ."
            ),
        }
    }

    /// The record as it was meant, if that can be told.
    fn mended(&self) -> Option<Naptr> {
        let uri = uri_in(&self.record.regexp)?;
        let scheme = self.wanted.protocol.is_none_or(|protocol| uri.scheme() == protocol);
        let mended = Naptr {
            flags: (*b"u").into(),
            services: offered(self.wanted, uri.scheme()).into_bytes().into(),
            regexp: format!("!.*!{uri}!").into_bytes().into(),
            replacement: ".".into(),
            ..self.record.clone()
        };
        (scheme && mended != *self.record).then_some(mended)
    }
}

/// What a record offers that is to be found: of ALTO without a protocol nothing is.
fn offered(wanted: Wanted<'_>, scheme: &str) -> String {
    let known = PROTOCOLS.into_iter().find(|known| wanted.tag == "alto" && *known == scheme);
    Wanted { protocol: wanted.protocol.or(known), ..wanted }.to_string()
}

/// A URI in whatever stands in place of `!.*!URI!`.
fn uri_in(regexp: &[u8]) -> Option<Url> {
    let text = std::str::from_utf8(regexp).ok()?;
    let start = text.find("http")?;
    let delimiter = text.chars().next().filter(|first| *first != 'h');
    let rest = &text[start..];
    let end = delimiter.and_then(|delimiter| rest.find(delimiter)).unwrap_or(rest.len());
    let uri = parse_uri(rest[..end].trim()).ok()?;
    uri.host_str().map(str::len).filter(|length| *length > 0).map(|_| uri)
}

/// A record's data as in a master file.
pub(super) fn shown(record: &Naptr) -> String {
    let Naptr { order, preference, flags, services, regexp, replacement } = record;
    let [flags, services, regexp] = [flags, services, regexp].map(|text| quoted(text));
    format!("{order} {preference} {flags} {services} {regexp} {replacement}")
}

/// RFC 1035 §5.1: quotes and backslashes are escaped, what is not plain is `\DDD`.
fn quoted(text: &[u8]) -> String {
    let escaped = text.iter().map(|octet| match octet {
        b'"' | b'\\' => format!("\\{}", char::from(*octet)),
        b' '..=b'~' => char::from(*octet).to_string(),
        _ => format!("\\{octet:03}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// RFC 3403 §4.1: whoever takes the first order that matches never looks at another; among equals
/// anybody's choice is right.
fn order(taken: &[Taken]) -> Option<String> {
    let (first, others) = taken.split_first()?;
    if let Some(other) = others.iter().find(|other| other.order != first.order) {
        return Some(format!(
            "orders {} and {}: whoever keeps to RFC 3403 §4.1 never comes to the second",
            first.order, other.order
        ));
    }
    let equal = taken.windows(2).find(|pair| pair[0].preference == pair[1].preference)?;
    Some(format!(
        "two records with order {} and preference {}: clients differ in which they take",
        equal[0].order, equal[0].preference
    ))
}
