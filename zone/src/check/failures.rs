//! Names nobody could tell about.

use alto_backend_dns::fact::{Content, Failure};
use alto_discovery_core::Finding;

use super::{Check, Own, merged};

const ALTO_DOCTOR: &str = "see whether the resolver runs and lets us through: alto doctor";

impl Check<'_> {
    pub(super) fn failures(&self, own: &Own<'_>) -> Vec<Finding> {
        let failures = own.iter().filter_map(|(name, seen)| match &seen.content {
            Content::Failed(failure) => Some((*name, failure)),
            _ => None,
        });
        let unreachable = unreachable(&failures.clone().map(|(_, failure)| failure));
        let silent = failures.clone().filter(|(_, failure)| failure.is_transport()).count();
        if silent > 0 && silent == own.len() {
            let why = unreachable.unwrap_or_else(|| Failure::Timeout.to_string());
            let reason = format!("nobody answers: {why}");
            return vec![Finding::fault("unavailable", self.prefix, reason).fix(ALTO_DOCTOR)];
        }
        merged(failures.map(|(name, failure)| match failure {
            Failure::Bogus(why) => {
                let fix = "sign the zone again and compare its DS record with its key; until then \
                           nobody who validates finds a server";
                Finding::fault("dnssec", name, why.to_string()).fix(fix)
            }
            Failure::Unreachable(_) | Failure::Refused(_) => {
                let why = unreachable.clone().unwrap_or_default();
                Finding::fault("unavailable", name, why).fix(ALTO_DOCTOR)
            }
            failure => {
                let fix = "ask each name server of the zone for this name; trackers take this for an \
                           outage";
                Finding::fault("unavailable", name, failure.to_string()).fix(fix)
            }
        }))
    }
}

/// Why no resolver can be reached: once one has refused, questions that are not sent do not say.
fn unreachable<'f>(failures: &(impl Iterator<Item = &'f Failure> + Clone)) -> Option<String> {
    let refused = failures.clone().find(|failure| matches!(failure, Failure::Refused(_)));
    let any = || failures.clone().find(|failure| matches!(failure, Failure::Unreachable(_)));
    refused.or_else(any).map(ToString::to_string)
}
