//! Whom the records reach: what wildcards miss, and who is reached beyond the prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::fact::{Content, Fact, Failure};
use alto_backend_dns::naptr::{LeadsTo, Naptr};
use alto_backend_dns::plan::Rung;
use alto_backend_dns::walk::Walk;
use alto_discovery_core::{Dnssec, Error, Finding, Origin, Trace, Validity};
use ipnet::IpNet;
use tokio::time::Instant;

use super::records::shown;
use super::text::master_name;
use super::{Check, End, Place, Walked, merged};

impl Check<'_> {
    pub(super) fn reach_findings(&self, walks: &[Walked<'_>]) -> Vec<Finding> {
        let ends: Vec<(&Place, &End)> =
            walks.iter().filter_map(|walk| Some((walk.place, walk.end.as_ref()?))).collect();
        let (hidden, hidden_places) = self.hidden(&ends);
        let mut findings = self.holes(&ends, &hidden_places);
        findings.extend(hidden);
        findings.extend(self.overreach(&ends));
        findings
    }

    /// The walk for an address, by what was seen.
    pub(super) fn walk<'c>(&self, place: &'c Place, now: Instant) -> Walked<'c> {
        let Ok(mut walk) = Walk::new(place.net, self.rules) else {
            return Walked { place, asked: Vec::new(), end: None };
        };
        while let Some(name) = walk.next_name() {
            let unseen = || Content::Failed(Failure::Limit("too many names"));
            let seen = self.seen.get(&name);
            let content = seen.map_or_else(unseen, |seen| seen.content.clone());
            let dnssec = seen.map_or(Dnssec::Unknown, |seen| seen.dnssec);
            let validity = Validity::new(now, Duration::from_secs(3_600));
            walk.learn(Fact { content, validity, dnssec }, Origin::Wire, now);
        }
        let result = walk.outcome();
        let trace = match &result {
            Ok(answer) => Some(&answer.trace),
            Err(error) => error.trace(),
        };
        let steps = trace.map_or(&[][..], Trace::steps);
        let asked: Vec<Arc<str>> = steps.iter().map(|step| step.subject.clone()).collect();
        let end = match &result {
            Ok(answer) => {
                let uris = answer.servers().iter().map(|server| server.uri.to_string()).collect();
                let rung_of =
                    |name: &Arc<str>| place.rungs.iter().position(|rung| rung.name == *name);
                Some(End { uris, rung: asked.iter().rev().find_map(rung_of) })
            }
            Err(Error::NoServer(_)) => Some(End { uris: Vec::new(), rung: None }),
            Err(_) => None,
        };
        Walked { place, asked, end }
    }

    /// Names above those asked for that exist: wildcards may stand below them.
    pub(super) fn wildcards(&self) -> Vec<Arc<str>> {
        let names = self.peers.iter().flat_map(|place| place.rungs.iter().skip(1));
        let mut names: Vec<&Arc<str>> = names.map(|rung| &rung.name).collect();
        names.sort_unstable();
        names.dedup();
        let exists = |name: &&Arc<str>| {
            let content = self.seen.get(*name).map(|seen| &seen.content);
            matches!(content, Some(Content::Records(_) | Content::NoRecords))
        };
        names.into_iter().filter(exists).map(wildcard).collect()
    }

    /// RFC 4592 §2.2.1: a wildcard does not answer for names that exist, such as those with PTR
    /// records. Whom that leaves without the servers it names, is told of, and who they are.
    fn hidden(&self, ends: &[(&Place, &End)]) -> (Vec<Finding>, BTreeSet<IpNet>) {
        let mut missed: BTreeMap<&Arc<str>, Vec<&Place>> = BTreeMap::new();
        for (place, end) in ends {
            let last = end.rung.unwrap_or(place.rungs.len());
            let above = place.rungs.iter().enumerate().skip(1).filter(|(nth, _)| *nth < last);
            let wild = above.map(|(_, rung)| &rung.name).find(|name| {
                let named = self.servers_of(&wildcard(name));
                !named.is_empty() && named != end.uris
            });
            if let Some(name) = wild {
                missed.entry(name).or_default().push(place);
            }
        }
        let findings = missed.iter().map(|(name, places)| self.hidden_at(name, places));
        let places = missed.values().flatten().map(|place| place.net).collect();
        (findings.collect(), places)
    }

    fn hidden_at(&self, name: &Arc<str>, places: &[&Place]) -> Finding {
        let wildcard = wildcard(name);
        let (example, count) = (places[0].net.addr(), places.len());
        let of = if count == 1 {
            example.to_string()
        } else {
            format!("{count} of the addresses looked at, such as {example},")
        };
        let verb = if count == 1 { "does" } else { "do" };
        let reason = format!(
            "does not answer for names that exist, nor below them: {of} {verb} not find its server"
        );
        let is_wide = |rung: &Rung| rung.net.prefix_len() < self.prefix.prefix_len();
        let fix = if places[0].rungs.iter().any(|rung| rung.name == *name && is_wide(rung)) {
            self.published_alone(self.servers_of(&wildcard).first())
        } else {
            self.once_more(&wildcard, name)
        };
        Finding::fault("wildcard-hidden", &wildcard, reason).fix(fix)
    }

    /// The records of a wildcard, to stand at the name above it as well.
    fn once_more(&self, wildcard: &str, name: &Arc<str>) -> String {
        let ttl = self.seen.get(wildcard).and_then(|seen| seen.ttl).unwrap_or(3_600);
        let name = master_name(self.holder(name));
        let records = self.records_of(wildcard).iter();
        let lines = records.map(|record| format!("{name} {ttl} IN NAPTR {}", shown(record)));
        format!("write: {}", lines.collect::<Vec<_>>().join("; "))
    }

    fn records_of(&self, name: &str) -> &[Naptr] {
        match self.seen.get(name).map(|seen| &seen.content) {
            Some(Content::Records(records)) => records,
            _ => &[],
        }
    }

    fn servers_of(&self, name: &str) -> Vec<String> {
        let taken = self.taken(self.records_of(name)).into_iter();
        let uris = taken.filter_map(|taken| match taken.leads_to {
            LeadsTo::Server(uri) => Some(uri.to_string()),
            LeadsTo::Name(_) => None,
        });
        uris.collect()
    }

    /// Records at a name that stands for more than the prefix.
    fn overreach(&self, ends: &[(&Place, &End)]) -> Vec<Finding> {
        let found = ends.iter().filter_map(|(place, end)| Some(&place.rungs[end.rung?]));
        let wide = found.filter(|rung| rung.net.prefix_len() < self.prefix.prefix_len());
        let mut findings = merged(wide.map(|rung| {
            let reason = format!("speaks for all of {}, not for {} alone", rung.net, self.prefix);
            Finding::note("overreach", &rung.name, reason)
        }));
        let fix = self.published_alone(ends.iter().find_map(|(_, end)| end.uris.first()));
        for finding in &mut findings {
            finding.reason = finding.reason.split(" (and at").next().unwrap_or_default().to_owned();
            finding.fix =
                Some(format!("if that is not agreed with whom else it speaks for: {fix}"));
        }
        findings
    }
}

/// The name of the wildcard below a name.
pub(super) fn wildcard(name: &Arc<str>) -> Arc<str> {
    format!("*.{name}").into()
}
