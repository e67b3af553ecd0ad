//! `alto check`: what a network has published, as trackers will find it.

use std::collections::BTreeSet;

use alto_backend_dns::upstream::configured;
use alto_discovery::guidance::{Guidance, MediaType};
use alto_discovery::{Config, Error, Finding, Peer};
use alto_zone::check::Check;
use alto_zone::check_service;
use ipnet::IpNet;
use tokio::time::Instant;

use crate::args::{CheckOptions, limits};
use crate::asking::Asking;
use crate::report::Status;
use crate::{Failure, findings};

/// So many servers are looked at.
const MOST_SERVERS: usize = 16;

/// Carries the command out.
pub(crate) fn run(options: &CheckOptions) -> Result<Status, Failure> {
    let config = options.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    match runtime.block_on(examine(options, &config)) {
        Ok(found) => {
            findings::tell(&found, options.json)?;
            Ok(if found.is_empty() { Status::Found } else { Status::None })
        }
        Err(error @ Error::NotApplicable { .. }) => {
            eprintln!("alto: {error}");
            Ok(Status::Refused)
        }
        Err(error) => Err(error.into()),
    }
}

async fn examine(options: &CheckOptions, config: &Config) -> Result<Vec<Finding>, Error> {
    let upstream = configured(&config.backends.dns)?;
    let rules = config.backends.dns.rules(config.policy);
    let mut asking = Asking::new(&*upstream, &config.backends.dns);
    eprintln!("limits: {}", limits(config));
    if let Err(fault) = check_service(&rules.service) {
        eprintln!("alto: {fault}: what is found here they do not find");
    }
    let mut all = Vec::new();
    let prefixes: BTreeSet<IpNet> =
        options.prefixes.iter().map(|prefix| Peer::network(*prefix).net()).collect();
    for prefix in &prefixes {
        let mut check = Check::new(*prefix, &rules, options.addresses)?;
        asking.ask_all(&mut check).await;
        eprintln!("alto: {prefix}: looked at {}", looked_at(&check));
        let mut found = check.findings(Instant::now());
        if !options.no_fetch {
            found.extend(directories(config, &check).await?);
        }
        all.extend(found.into_iter().filter(|finding| !all.contains(finding)).collect::<Vec<_>>());
    }
    Ok(all)
}

/// How much of the prefix was looked at.
fn looked_at(check: &Check<'_>) -> String {
    let (looked_at, of) = (check.addresses(), check.size());
    let names = check.names();
    if u128::try_from(looked_at).is_ok_and(|all| all == of) {
        return format!("all {of} addresses by {names} names");
    }
    let of = if of < 1 << 20 { of.to_string() } else { format!("2^{}", of.ilog2()) };
    format!("{looked_at} of {of} addresses by {names} names")
}

/// Whether there is a directory behind each URI, with maps that agree.
async fn directories(config: &Config, check: &Check<'_>) -> Result<Vec<Finding>, Error> {
    let guidance = Guidance::new(&config.sections.guidance, &config.sections.fetch, config.policy)?;
    let mut findings = Vec::new();
    for uri in check.servers().iter().take(MOST_SERVERS) {
        match guidance.summary(uri).await {
            Err(error) => findings.push(
                Finding::fault("directory", uri, error.to_string())
                    .fix("trackers go by what is there: see what `alto map` says of it"),
            ),
            Ok(summary) if summary.kind != MediaType::Directory => findings.push(
                Finding::fault("directory", uri, "leads to a map, not to a directory")
                    .fix("write the URI of the directory (RFC 7285 §9) into the record"),
            ),
            Ok(summary) => findings.extend(summary.warnings.iter().map(|warning| {
                Finding::note("directory", uri, warning.to_string())
                    .fix("not every client forgives it: mend what the server sends")
            })),
        }
    }
    Ok(findings)
}
