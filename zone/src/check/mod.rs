//! What is deployed, examined as trackers will find it. No I/O.
//!
//! ```text
//! loop {
//!     let names = check.missing();
//!     if names.is_empty() { break }
//!     names.each(|name| check.learn(name, what it holds));
//! }
//! check.findings(now)
//! ```

mod chain;
mod reach;
mod records;
mod sample;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use alto_backend_dns::config::{TTL_MAX, TTL_MIN};
use alto_backend_dns::fact::{Content, Failure};
use alto_backend_dns::plan::{Plan, Rung};
use alto_backend_dns::upstream::{Holds, Reply};
use alto_backend_dns::walk::Rules;
use alto_discovery_core::{Dnssec, Error, Finding};
use ipnet::IpNet;
use tokio::time::Instant;

/// The examination of what is published for one prefix.
#[derive(Debug)]
pub struct Check<'r> {
    prefix: IpNet,
    rules: &'r Rules,
    peers: Vec<Place>,
    seen: BTreeMap<Arc<str>, Seen>,
}

/// An address that is looked at, and the names that are asked for it.
#[derive(Debug)]
struct Place {
    net: IpNet,
    rungs: Vec<Rung>,
}

/// What a name holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    content: Content,
    /// In seconds; of a failure nothing.
    ttl: Option<u32>,
    dnssec: Dnssec,
}

impl From<Result<Reply, Failure>> for Seen {
    fn from(reply: Result<Reply, Failure>) -> Self {
        match reply {
            Ok(Reply { holds, ttl, dnssec, .. }) => {
                let content = match holds {
                    Holds::Records(records) => Content::Records(records.into()),
                    Holds::NoRecords => Content::NoRecords,
                    Holds::NoName => Content::NoName,
                };
                Self { content, ttl: Some(ttl), dnssec }
            }
            Err(failure) => {
                let bogus = matches!(failure, Failure::Bogus(_));
                let dnssec = if bogus { Dnssec::Bogus } else { Dnssec::Unknown };
                Self { content: Content::Failed(failure), ttl: None, dnssec }
            }
        }
    }
}

impl<'r> Check<'r> {
    /// The examination for `prefix` by at most this many of its addresses, spread evenly, and its two
    /// neighbours.
    ///
    /// # Errors
    /// If nobody can be asked for the prefix; see [`Plan::new`].
    pub fn new(prefix: IpNet, rules: &'r Rules, addresses: u32) -> Result<Self, Error> {
        let prefix = prefix.trunc();
        let plan = |net| Plan::new(net, rules.granularity, rules.transition, rules.policy);
        let mut peers = Vec::new();
        for net in sample::inside(prefix, addresses) {
            peers.push(Place { net, rungs: plan(net)?.rungs });
        }
        // A neighbour may be somebody that nobody can be asked for.
        let neighbours = sample::neighbours(prefix);
        peers
            .extend(neighbours.filter_map(|net| Some(Place { net, rungs: plan(net).ok()?.rungs })));
        Ok(Self { prefix, rules, peers, seen: BTreeMap::new() })
    }

    /// How many addresses of the prefix are looked at.
    pub fn addresses(&self) -> usize {
        self.inside().count()
    }

    /// How many names were asked for.
    pub fn names(&self) -> usize {
        self.seen.len()
    }

    /// Names that must be asked for before there is more to tell; none once all is known.
    pub fn missing(&self) -> Vec<Arc<str>> {
        let names: BTreeSet<&Arc<str>> = self.rung_names().collect();
        let missing = |name: &Arc<str>| !self.seen.contains_key(name);
        let first: Vec<_> = names.iter().copied().filter(|name| missing(name)).cloned().collect();
        if !first.is_empty() {
            return first;
        }
        let further = self.wildcards().into_iter().chain(self.targets(names.into_iter()));
        let further: BTreeSet<Arc<str>> = further.filter(missing).collect();
        further.into_iter().collect()
    }

    /// Takes in what a name holds.
    pub fn learn(&mut self, name: Arc<str>, seen: Seen) {
        self.seen.insert(name, seen);
    }

    /// What is not as it should be, the gravest first. Walks are dated `now`.
    pub fn findings(&self, now: Instant) -> Vec<Finding> {
        let mut findings = self.failures();
        findings.extend(self.record_findings());
        findings.extend(self.chain_findings());
        findings.extend(self.reach_findings(now));
        findings.extend(self.lifetimes());
        findings.extend(self.signatures());
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }

    fn inside(&self) -> impl Iterator<Item = &Place> {
        self.peers.iter().filter(|place| self.prefix.contains(&place.net))
    }

    fn outside(&self) -> impl Iterator<Item = &Place> {
        self.peers.iter().filter(|place| !self.prefix.contains(&place.net))
    }

    fn rung_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.peers.iter().flat_map(|place| &place.rungs).map(|rung| &rung.name)
    }

    /// What was seen at the names of the prefix and at those they lead to.
    fn own(&self) -> impl Iterator<Item = (&Arc<str>, &Seen)> {
        let outside: BTreeSet<&Arc<str>> =
            self.outside().flat_map(|place| &place.rungs).map(|rung| &rung.name).collect();
        let inside: BTreeSet<&Arc<str>> =
            self.inside().flat_map(|place| &place.rungs).map(|rung| &rung.name).collect();
        let foreign: BTreeSet<&Arc<str>> = outside.difference(&inside).copied().collect();
        self.seen.iter().filter(move |(name, _)| !foreign.contains(name))
    }

    /// Names nobody could tell about.
    fn failures(&self) -> Vec<Finding> {
        let failed = self.own().filter_map(|(name, seen)| match &seen.content {
            Content::Failed(Failure::Bogus(why)) => Some((name, "dnssec", why.to_string())),
            Content::Failed(failure) => Some((name, "unavailable", failure.to_string())),
            _ => None,
        });
        let findings = failed.map(|(name, code, why)| {
            let fix = match code {
                "dnssec" => {
                    "sign the zone again and compare its DS record with its key; until then nobody who \
                     validates finds a server"
                }
                _ => "ask each name server of the zone for this name; trackers take this for an outage",
            };
            Finding::fault(code, name, why).fix(fix)
        });
        merged(findings)
    }

    /// RFC 8686 §5.2.1 advises long ones, of denials too.
    fn lifetimes(&self) -> Vec<Finding> {
        let (least, most) = (TTL_MIN.default.as_secs(), TTL_MAX.default.as_secs());
        let findings = self.own().filter_map(|(name, seen)| {
            let ttl = u64::from(seen.ttl?);
            let is_record = matches!(seen.content, Content::Records(_));
            let reason = match is_record {
                _ if ttl < least => format!(
                    "{} for {ttl} s: each tracker asks again and again; none remembers less than {least} s",
                    if is_record { "records hold" } else { "\"no record\" holds" }
                ),
                true if ttl > most => {
                    format!("records hold for {ttl} s; trackers forget them after {most} s")
                }
                _ => return None,
            };
            let fix = if is_record {
                "publish the records with a TTL of 3600"
            } else {
                "raise the last number of the zone's SOA record, and its TTL, to 3600"
            };
            Some(Finding::note("ttl", name, reason).fix(fix))
        });
        merged(findings)
    }

    /// RFC 8686 §6.1. Nothing is said where nobody validates.
    fn signatures(&self) -> Vec<Finding> {
        let records = |seen: &Seen| matches!(seen.content, Content::Records(_));
        let insecure =
            self.own().filter(|(_, seen)| seen.dnssec == Dnssec::Insecure && records(seen));
        merged(insecure.map(|(name, _)| {
            Finding::note(
                "dnssec",
                name,
                "not signed: whoever can forge DNS can name a server of theirs",
            )
            .fix("sign the zone and hand its DS record to the zone above (RFC 8686 §6.1)")
        }))
    }
}

/// So many findings of one kind are told of: whoever publishes may publish anything.
const MOST_FINDINGS: usize = 64;

/// Findings that say the same as one: a wildcard or a broken server says the same at many names.
fn merged(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut places: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    let mut merged: Vec<(Finding, usize)> = Vec::new();
    for finding in findings {
        match places.entry((finding.code, finding.reason.clone())) {
            Entry::Occupied(place) => merged[*place.get()].1 += 1,
            Entry::Vacant(_) if merged.len() == MOST_FINDINGS => {}
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push((finding, 0));
            }
        }
    }
    let told = merged.into_iter().map(|(mut finding, more)| {
        if more > 0 {
            let names = if more == 1 { "name" } else { "names" };
            finding.reason = format!("{} (and at {more} more {names})", finding.reason);
        }
        finding
    });
    told.collect()
}
