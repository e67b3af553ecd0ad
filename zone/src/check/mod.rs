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
mod failures;
mod holes;
mod reach;
mod records;
mod sample;
mod text;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use alto_backend_dns::config::{TTL_MAX, TTL_MIN};
use alto_backend_dns::fact::{Content, Failure};
use alto_backend_dns::plan::{Plan, Rung};
use alto_backend_dns::rules::Rules;
use alto_backend_dns::upstream::{Holds, Reply};
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
    /// Asked after `rungs` gave surely nothing (`dns.transition`).
    fallback: Vec<Rung>,
}

/// What a name holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    content: Content,
    /// In seconds; of a failure nothing.
    ttl: Option<u32>,
    dnssec: Dnssec,
    /// The name that it is said of, if the one asked for is an alias.
    alias: Option<Arc<str>>,
}

impl From<Result<Reply, Failure>> for Seen {
    fn from(reply: Result<Reply, Failure>) -> Self {
        match reply {
            Ok(Reply { holds, ttl, dnssec, alias, .. }) => {
                let content = match holds {
                    Holds::Records(records) => Content::Records(records.into()),
                    Holds::NoRecords => Content::NoRecords,
                    Holds::NoName => Content::NoName,
                };
                Self { content, ttl: Some(ttl), dnssec, alias }
            }
            Err(failure) => {
                let bogus = matches!(failure, Failure::Bogus(_));
                let dnssec = if bogus { Dnssec::Bogus } else { Dnssec::Unknown };
                Self { content: Content::Failed(failure), ttl: None, dnssec, alias: None }
            }
        }
    }
}

impl<'r> Check<'r> {
    /// The examination for `prefix` by at most this many of its addresses, spread evenly. Those nobody
    /// can be asked for, such as private ones in a wide prefix, are left out.
    ///
    /// # Errors
    /// If nobody can be asked for any of them; see [`Plan::new`].
    pub fn new(prefix: IpNet, rules: &'r Rules, addresses: u32) -> Result<Self, Error> {
        let prefix = prefix.trunc();
        let plan = |net| Plan::new(net, rules.granularity, rules.transition, rules.policy);
        let mut peers = Vec::new();
        let mut refusal = None;
        for net in sample::inside(prefix, addresses) {
            match plan(net) {
                Ok(Plan { rungs, fallback }) => peers.push(Place { net, rungs, fallback }),
                Err(error) => refusal = Some(error),
            }
        }
        match refusal {
            Some(error) if peers.is_empty() => Err(error),
            _ => Ok(Self { prefix, rules, peers, seen: BTreeMap::new() }),
        }
    }

    /// How many addresses of the prefix are looked at.
    pub fn addresses(&self) -> usize {
        self.peers.len()
    }

    /// How many addresses the prefix has; of 2^128 one fewer.
    pub fn size(&self) -> u128 {
        let bits = self.prefix.max_prefix_len() - self.prefix.prefix_len();
        1_u128.checked_shl(bits.into()).unwrap_or(u128::MAX)
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
        let walks: Vec<Walked<'_>> = self.peers.iter().map(|place| self.walk(place, now)).collect();
        let own = self.own(&walks);
        let mut findings = self.failures(&own);
        findings.extend(self.record_findings(&own));
        findings.extend(self.chain_findings(&own));
        findings.extend(self.reach_findings(&walks));
        findings.extend(lifetimes(&own));
        findings.extend(signatures(&own));
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }

    /// Where the aliases of a name lead.
    fn alias_of(&self, name: &str) -> Option<&Arc<str>> {
        self.seen.get(name)?.alias.as_ref()
    }

    /// The name at which the records of a name stand: itself, unless it is an alias.
    fn holder<'n>(&'n self, name: &'n Arc<str>) -> &'n Arc<str> {
        self.alias_of(name).unwrap_or(name)
    }

    fn rung_names(&self) -> impl Iterator<Item = &Arc<str>> {
        let all = self.peers.iter().flat_map(|place| place.rungs.iter().chain(&place.fallback));
        all.map(|rung| &rung.name)
    }

    /// The names that walks for the prefix come by, and the wildcards below them. Of others, such as
    /// those of a /8 around a prefix that has its servers, nothing is said.
    fn own(&self, walks: &[Walked<'_>]) -> Own<'_> {
        let asked: BTreeSet<&Arc<str>> = walks.iter().flat_map(|walk| &walk.asked).collect();
        let wildcards: BTreeSet<Arc<str>> =
            asked.iter().map(|name| reach::wildcard(name)).collect();
        let own = |name: &Arc<str>| asked.contains(name) || wildcards.contains(name);
        self.seen.iter().filter(|(name, _)| own(name)).collect()
    }
}

/// Names and what was seen there.
type Own<'c> = Vec<(&'c Arc<str>, &'c Seen)>;

/// A walk for an address.
struct Walked<'c> {
    place: &'c Place,
    /// The names it came by.
    asked: Vec<Arc<str>>,
    /// How it ended; `None` if nobody could tell.
    end: Option<End>,
}

/// How a walk ends.
struct End {
    /// None: surely none.
    uris: Vec<String>,
    /// The rung at which the servers were found.
    rung: Option<usize>,
}

/// RFC 8686 §5.2.1 advises long ones, of denials too.
fn lifetimes(own: &Own<'_>) -> Vec<Finding> {
    let (least, most) = (TTL_MIN.default.as_secs(), TTL_MAX.default.as_secs());
    let findings = own.iter().filter_map(|(name, seen)| {
        let ttl = u64::from(seen.ttl?);
        let is_record = matches!(seen.content, Content::Records(_));
        let (what, fix) = if is_record {
            ("records hold", "publish the records with a TTL of 3600")
        } else {
            let fix = "raise the last number of the zone's SOA record, and its TTL, to 3600";
            ("\"no record\" holds", fix)
        };
        let reason = if ttl < least {
            format!(
                "{what} for {ttl} s: each tracker asks again and again; none remembers less than {least} s"
            )
        } else if is_record && ttl > most {
            format!("{what} for {ttl} s; trackers forget them after {most} s")
        } else {
            return None;
        };
        Some(Finding::note("ttl", name, reason).fix(fix))
    });
    merged(findings)
}

/// RFC 8686 §6.1. Nothing is said where nobody validates.
fn signatures(own: &Own<'_>) -> Vec<Finding> {
    let records = |seen: &Seen| matches!(seen.content, Content::Records(_));
    let insecure = own.iter().filter(|(_, seen)| seen.dnssec == Dnssec::Insecure && records(seen));
    merged(insecure.map(|(name, _)| {
        Finding::note(
            "dnssec",
            name,
            "not signed: whoever can forge DNS can name a server of theirs",
        )
        .fix("sign the zone and hand its DS record to the zone above (RFC 8686 §6.1)")
    }))
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
