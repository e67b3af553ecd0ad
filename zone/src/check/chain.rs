//! Non-terminal records: where they lead (RFC 4848 §4.4, RFC 3958 §2.2.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use alto_backend_dns::fact::Content;
use alto_backend_dns::naptr::LeadsTo;
use alto_backend_dns::walk::MAX_HOPS;
use alto_discovery_core::Finding;

use super::{Check, Own, merged};

/// So many names are followed to in all, and so many records that lead on: a set that leads to fifty
/// names, each of which leads to fifty, is no reason to ask for millions.
const MOST_TARGETS: usize = 1_000;
const MOST_STEPS: usize = 10_000;

impl Check<'_> {
    /// The names that records lead to from these names, as far as walks follow them.
    pub(super) fn targets<'n>(
        &self,
        names: impl Iterator<Item = &'n Arc<str>>,
    ) -> BTreeSet<Arc<str>> {
        let mut found = BTreeSet::new();
        let mut ahead: Vec<Arc<str>> = names.cloned().collect();
        for _ in 0..MAX_HOPS {
            let next = ahead.iter().flat_map(|name| self.leads_from(name));
            ahead = next.filter(|name| found.insert(name.clone())).take(MOST_TARGETS).collect();
            if found.len() >= MOST_TARGETS {
                break;
            }
        }
        found
    }

    pub(super) fn chain_findings(&self, own: &Own<'_>) -> Vec<Finding> {
        let rungs: BTreeSet<&Arc<str>> = self.rung_names().collect();
        let roots = own.iter().map(|(name, _)| *name).filter(|name| rungs.contains(name));
        let mut survey = Survey { findings: Vec::new(), steps: MOST_STEPS };
        for root in roots {
            self.follow(&mut vec![root.clone()], &mut survey);
        }
        merged(survey.findings)
    }

    fn leads_from(&self, name: &Arc<str>) -> Vec<Arc<str>> {
        let Some(Content::Records(records)) = self.seen.get(name).map(|seen| &seen.content) else {
            return Vec::new();
        };
        let names = self.taken(records).into_iter().filter_map(|taken| match taken.leads_to {
            LeadsTo::Name(name) => Some(name),
            LeadsTo::Server(_) => None,
        });
        names.collect()
    }

    /// Goes on from the last name of a path.
    fn follow(&self, path: &mut Vec<Arc<str>>, survey: &mut Survey) {
        let Some(last) = path.last().cloned() else { return };
        for name in self.leads_from(&last) {
            if survey.steps == 0 {
                return;
            }
            survey.steps -= 1;
            let findings = &mut survey.findings;
            if path.contains(&name) {
                let reason = format!("leads back to {name}: round and round, and to no server");
                let fix = format!("let one of the names hold the server's record: {HOLD}");
                findings.push(Finding::fault("loop", &last, reason).fix(fix));
            } else if path.len() > MAX_HOPS {
                let reason = format!(
                    "leads on to {name} after {MAX_HOPS} records that lead on: nobody follows further"
                );
                let fix = format!("let {} hold the server's record: {HOLD}", self.holder(&path[0]));
                findings.push(Finding::fault("depth", &path[0], reason).fix(fix));
            } else {
                self.look_at(&last, &name, findings);
                path.push(name);
                self.follow(path, survey);
                path.pop();
            }
        }
    }

    fn look_at(&self, from: &Arc<str>, name: &Arc<str>, findings: &mut Vec<Finding>) {
        let reason = match self.seen.get(name).map(|seen| &seen.content) {
            Some(Content::NoName) => format!("leads to {name}, which does not exist"),
            Some(Content::NoRecords) => format!("leads to {name}, which has no NAPTR records"),
            Some(Content::Records(records)) if self.taken(records).is_empty() => {
                format!("leads to {name}, which has no record that can be used")
            }
            _ => return,
        };
        let fix =
            format!("put the server's record there, or let {} hold it: {HOLD}", self.holder(from));
        findings.push(Finding::fault("target", from, reason).fix(fix));
    }
}

/// What was found on the way, and how many more records are followed.
struct Survey {
    findings: Vec<Finding>,
    steps: usize,
}

const HOLD: &str = "flag \"u\", regexp \"!.*!URI!\", replacement .";
