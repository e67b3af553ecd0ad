//! `alto evaluate approaches`: the slides' comparison of six approaches, measured.
//!
//! One world on this machine's loopback (networks with ALTO servers, a carrier-grade NAT, liars) and the
//! same announces for each approach. Whatever is told was counted, or read in what a party received.

mod approach;
mod books;
mod page;
mod peer;
mod report;
mod servers;
mod standard;
mod svg;
mod tracker;
mod trial;
mod verdict;
mod wire;
mod world;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::html::Place;
use super::number;
use crate::Failure;
use crate::report::Status;
use approach::{APPROACHES, MIXTURES};
use report::{Figures, figures};
use servers::Servers;
use trial::{Plan, SPARE, Trial};
use world::{MOST_REGIONS, Size};

/// What to evaluate.
#[derive(Debug, Args)]
pub(crate) struct ApproachesOptions {
    /// How many users announce, each once.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = number(1, 50_000))]
    announces: usize,

    /// Access networks that publish, each with an ALTO server.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=10))]
    networks: u8,

    /// Regions whose users share the addresses of one carrier-grade NAT, each with an ALTO server.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_REGIONS)))]
    regions: u8,

    /// Of a thousand users, how many lie.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=1_000))]
    liars: u64,

    /// Of a thousand users, how many have programs that send nothing new.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=1_000))]
    silent: u64,

    /// Where chance starts: the same seed gives the same figures, but for times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Leave a server out: name-server, access-name-server, network0 ..., region0 ..., quiet. Repeat
    /// for several.
    #[arg(long, value_name = "SERVER")]
    without: Vec<String>,

    /// Leave out how traffic grows, and mixtures of approaches.
    #[arg(long)]
    brief: bool,

    /// Also write a page with tables and plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl ApproachesOptions {
    fn size(&self) -> Size {
        Size { networks: self.networks, regions: self.regions }
    }
}

/// Everything that was measured.
struct Findings<'o> {
    params: &'o ApproachesOptions,
    /// The approaches of the slides, in their order.
    trials: Vec<Trial>,
    mixtures: Vec<Trial>,
    by_peers: Vec<Grown>,
    by_networks: Vec<Grown>,
}

/// How an approach's traffic grows with the world.
struct Grown {
    trial: String,
    /// By the size: messages and octets an announce at each party.
    sizes: Vec<(usize, Figures)>,
}

impl Findings<'_> {
    /// The mixture that guides most users rightly; of equal ones the one that works least for others.
    fn best_mixture(&self) -> Option<&Trial> {
        self.mixtures
            .iter()
            .min_by_key(|trial| (std::cmp::Reverse(trial.right.all.hits), trial.account.for_others))
    }
}

/// Carries the evaluation out.
pub(crate) fn run(options: &ApproachesOptions) -> Result<Status, Failure> {
    let names = Servers::names(options.size());
    if let Some(unknown) = options.without.iter().find(|name| !names.contains(name)) {
        let message = format!("no server `{unknown}`; there are: {}", names.join(", "));
        return Err(Failure::Usage(message));
    }
    let place = options.html.as_deref().map(Place::new).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let findings = runtime.map_err(Failure::Input)?.block_on(measure(options))?;
    if let Some(place) = place {
        place.write(&page::page(&findings))?;
    }
    let text =
        if options.json { report::json(&findings).to_string() } else { report::text(&findings) };
    writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(Failure::Output)?;
    Ok(Status::Found)
}

/// One world at a time on this machine: its users' addresses are the same in all of them. Whoever holds
/// this socket may go on; the system takes it back however the program ends.
async fn turn() -> Result<UdpSocket, Failure> {
    let door = SocketAddr::from(([127, world::SERVERS, 255, 254], 4_117));
    let mut has_told = false;
    loop {
        match UdpSocket::bind(door).await {
            Ok(socket) => return Ok(socket),
            Err(fault) if fault.kind() == ErrorKind::AddrInUse => {}
            Err(fault) => return Err(Failure::Stage(format!("no socket at {door}: {fault}"))),
        }
        if !has_told {
            // If nobody can hear it, the figures still come.
            let _ = writeln!(
                std::io::stderr(),
                "alto: waiting for who holds UDP {door}: one evaluation at a time"
            );
            has_told = true;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn measure(options: &ApproachesOptions) -> Result<Findings<'_>, Failure> {
    let _turn = turn().await?;
    let without: BTreeSet<String> = options.without.iter().cloned().collect();
    let size = options.size();
    let users = size.users(options.announces + SPARE, options.seed, options.liars, options.silent);
    let (users, spare) = users.split_at(options.announces);
    let mut findings = Findings {
        params: options,
        trials: Vec::new(),
        mixtures: Vec::new(),
        by_peers: Vec::new(),
        by_networks: Vec::new(),
    };
    let plan = Plan { size, users, spare, without: &without, outage: true };
    for approach in APPROACHES {
        let trial = trial::run(approach, &plan).await?;
        tell(&trial);
        findings.trials.push(trial);
    }
    if options.brief {
        return Ok(findings);
    }
    let few = &users[..users.len().div_ceil(PART)];
    for approach in MIXTURES {
        let plan = Plan { users: few, outage: false, ..plan };
        let trial = trial::run(approach, &plan).await?;
        tell(&trial);
        findings.mixtures.push(trial);
    }
    for whole in &findings.trials {
        let (by_peers, by_networks) = grow(options, whole, &plan).await?;
        findings.by_peers.push(by_peers);
        findings.by_networks.push(by_networks);
    }
    Ok(findings)
}

/// Of all announces, a part for mixtures and growth.
const PART: usize = 4;

/// The traffic of an approach with fewer peers and with more networks.
async fn grow(
    options: &ApproachesOptions,
    whole: &Trial,
    plan: &Plan<'_>,
) -> Result<(Grown, Grown), Failure> {
    let counts = [PART * PART, PART].map(|part| options.announces.div_ceil(part));
    let mut by_peers = Vec::new();
    for count in counts {
        let plan = Plan { users: &plan.users[..count], outage: false, ..*plan };
        by_peers.push((count, figures(&trial::run(whole.approach, &plan).await?)));
    }
    let mut by_networks = vec![(usize::from(options.networks), by_peers[0].1)];
    by_peers.push((whole.announces, figures(whole)));
    for times in [2, 4] {
        let size = Size { networks: times * options.networks, ..plan.size };
        let users = size.users(counts[0], options.seed, options.liars, options.silent);
        let plan = Plan { size, users: &users, outage: false, ..*plan };
        let trial = trial::run(whole.approach, &plan).await?;
        by_networks.push((usize::from(size.networks), figures(&trial)));
    }
    let name = report::titled(whole);
    Ok((Grown { trial: name.clone(), sizes: by_peers }, Grown { trial: name, sizes: by_networks }))
}

/// The configuration of a tracker that has done its work, on standard error.
fn tell(trial: &Trial) {
    // If nobody can hear it, the figures still tell.
    let _ = writeln!(
        std::io::stderr(),
        "alto: {}, {} announces in {:.1} s, by this configuration{}:\n{}",
        report::titled(trial),
        trial.announces,
        trial.elapsed.as_secs_f64(),
        if trial.approach.by_port { " and the ports that the tracker sees" } else { "" },
        trial.toml,
    );
}

/// A quotient; 0 of nothing.
#[allow(clippy::cast_precision_loss)] // counts of an evaluation, far below 2^52
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
