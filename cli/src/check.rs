//! `alto check`: what a network has published, as trackers will find it.

use std::collections::BTreeSet;

use alto_backend_dns::upstream::configured;
use alto_discovery::guidance::{Guidance, MediaType};
use alto_discovery::{Config, Error, Finding, Peer};
use alto_zone::check::Check;
use alto_zone::check_service;
use ipnet::IpNet;
use tokio::time::Instant;
use url::Url;

use crate::args::CheckOptions;
use crate::asking::Asking;
use crate::report::Status;
use crate::setup::limits;
use crate::{Failure, findings};

/// So many servers of each prefix are looked at.
const MOST_SERVERS: usize = 16;

/// Carries the command out.
pub(crate) fn run(options: &CheckOptions) -> Result<Status, Failure> {
    let config = options.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let (found, any_refused) = runtime.block_on(examine(options, &config))?;
    findings::tell(&found, options.json)?;
    Ok(match found.is_empty() {
        _ if any_refused => Status::Refused,
        true => Status::Found,
        false => Status::None,
    })
}

/// What is found, and whether there is a prefix that nobody can be asked for.
async fn examine(options: &CheckOptions, config: &Config) -> Result<(Vec<Finding>, bool), Error> {
    let upstream = configured(&config.backends.dns)?;
    let rules = config.backends.dns.rules(config.policy);
    eprintln!("limits: {}", limits(config));
    if let Err(fault) = check_service(&rules.service) {
        eprintln!("alto: {fault}: what is found here they do not find");
    }
    let mut all = All {
        asking: Asking::new(&*upstream, &config.backends.dns),
        found: Vec::new(),
        servers: BTreeSet::new(),
        any_refused: false,
    };
    let prefixes: BTreeSet<IpNet> =
        options.prefixes.iter().map(|prefix| Peer::network(*prefix).net()).collect();
    for prefix in prefixes {
        match Check::new(prefix, &rules, options.addresses) {
            Ok(check) => all.examine(prefix, check).await,
            Err(error @ Error::NotApplicable { .. }) => {
                eprintln!("alto: {error}");
                all.any_refused = true;
            }
            Err(error) => return Err(error),
        }
        if all.asking.is_unheard() {
            eprintln!("alto: nobody answers: no more is asked");
            break;
        }
    }
    if !options.no_fetch {
        all.found.extend(directories(config, &all.servers).await?);
    }
    Ok((all.found, all.any_refused))
}

/// What all prefixes have in common, and what is found for them.
struct All<'u> {
    asking: Asking<'u>,
    found: Vec<Finding>,
    servers: BTreeSet<Url>,
    any_refused: bool,
}

impl All<'_> {
    async fn examine(&mut self, prefix: IpNet, mut check: Check<'_>) {
        self.asking.ask_all(&mut check).await;
        eprintln!("alto: {prefix}: looked at {}", looked_at(&check));
        let found = check.findings(Instant::now()).into_iter();
        let new: Vec<Finding> = found.filter(|finding| !self.found.contains(finding)).collect();
        self.found.extend(new);
        self.servers.extend(check.servers().into_iter().take(MOST_SERVERS));
    }
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
async fn directories(config: &Config, servers: &BTreeSet<Url>) -> Result<Vec<Finding>, Error> {
    let guidance = Guidance::new(&config.sections.guidance, &config.sections.fetch, config.policy)?;
    let mut findings = Vec::new();
    for uri in servers {
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
