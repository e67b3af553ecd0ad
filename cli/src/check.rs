//! `alto check`: what a network has published, as trackers will find it.

use std::sync::Arc;

use alto_backend_dns::upstream::{Upstream, configured};
use alto_discovery::guidance::{Guidance, MediaType};
use alto_discovery::{Config, Error, Finding};
use alto_zone::check::{Check, Seen};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::args::CheckOptions;
use crate::report::Status;
use crate::{Failure, findings};

/// Questions under way at a time.
const AT_ONCE: usize = 32;
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
    let mut all = Vec::new();
    for prefix in &options.prefixes {
        let mut check = Check::new(*prefix, &rules, options.addresses)?;
        ask_all(&*upstream, config, &mut check).await;
        let (addresses, names) = (check.addresses(), check.names());
        eprintln!("alto: {prefix}: looked at {addresses} addresses by {names} names");
        let mut found = check.findings(Instant::now());
        if !options.no_fetch {
            found.extend(directories(config, &check).await?);
        }
        all.extend(found.into_iter().filter(|finding| !all.contains(finding)).collect::<Vec<_>>());
    }
    Ok(all)
}

async fn ask_all(upstream: &dyn Upstream, config: &Config, check: &mut Check<'_>) {
    let patience = config.backends.dns.timeout;
    loop {
        let names = check.missing();
        if names.is_empty() {
            return;
        }
        let ask = |name: Arc<str>| async move {
            let reply = upstream.ask(&name, patience).await;
            (name, Seen::from(reply))
        };
        let mut replies = stream::iter(names).map(ask).buffer_unordered(AT_ONCE);
        while let Some((name, seen)) = replies.next().await {
            check.learn(name, seen);
        }
    }
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
