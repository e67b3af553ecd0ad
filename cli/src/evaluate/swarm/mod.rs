//! `alto evaluate swarm`: the example of RFC 8686 C.3, by running it.
//!
//! A tracker knows 10,000 peers, 100 of them are good for the one that asks, and it returns 100.
//! Random lists are held against exact chances; the tracker's choice goes through everything that a
//! tracker would use: discovery by DNS packets, maps over https, the library's `Advisor`.

mod exact;
mod graph;
mod overlay;
mod page;
mod report;
mod trials;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::html::Place;
use super::number;
use crate::Failure;
use crate::report::Status;
use crate::stage::Switches;
use exact::Hypergeometric;
use world::World;

/// What to evaluate.
#[derive(Debug, Args)]
pub(crate) struct SwarmOptions {
    /// The peers that the tracker knows.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = number(1, 10_000_000))]
    peers: usize,

    /// How many of them are good for those that ask.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = number(0, 10_000_000))]
    good: usize,

    /// How many the tracker returns.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = number(1, 100_000))]
    list: usize,

    /// How many lists of each kind are made.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = number(1, 10_000_000))]
    trials: usize,

    /// Where chance starts: the same seed gives the same numbers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    switches: Switches,

    /// Also study the overlay that the replies make, over random shares from 0 to 50%.
    #[arg(long)]
    overlay: bool,

    /// Also write a page with tables and plots, the overlay study included.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Connections that an overlay may have: those of all peers take up to a gigabyte.
const MOST_CONNECTIONS: usize = 100_000_000;

impl SwarmOptions {
    fn check(&self) -> Result<(), Failure> {
        if self.good > self.peers {
            let (good, peers) = (self.good, self.peers);
            let message =
                format!("--good {good} is more than the {peers} peers there are (--peers)");
            return Err(Failure::Usage(message));
        }
        let connections = self.peers.saturating_mul(self.list.min(self.peers));
        if self.wants_overlay() && connections > MOST_CONNECTIONS {
            return Err(Failure::Usage(format!(
                "an overlay of {connections} connections is too large to hold: \
                 --peers times --list may be {MOST_CONNECTIONS} with --overlay and --html"
            )));
        }
        Ok(())
    }

    fn wants_overlay(&self) -> bool {
        self.overlay || self.html.is_some()
    }
}

/// Carries the evaluation out.
pub(crate) fn run(options: &SwarmOptions) -> Result<Status, Failure> {
    options.check()?;
    let place = options.html.as_deref().map(Place::new).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let (world, results, study) = runtime.block_on(async {
        let world = World::new(options).await?;
        let results = trials::run(&world, options).await;
        let study =
            if options.wants_overlay() { Some(overlay::study(options).await?) } else { None };
        Ok::<_, Failure>((world, results, study))
    })?;
    if let Some(fault) = &results.fault {
        // If nobody can hear it, the figures still tell.
        let _ = writeln!(std::io::stderr(), "alto: no guidance: {fault}");
    }
    let list = options.list.min(options.peers);
    let exact = Hypergeometric::new(options.peers, options.good, list);
    let mut value = report::json(options, &exact, &world, &results);
    if let Some(study) = &study {
        value["overlay"] = study.json();
    }
    if let Some(place) = place {
        place.write(&page::page(&value))?;
    }
    let text = if options.json {
        value.to_string()
    } else {
        let table = report::table(options, &exact, &world, &results);
        study.map_or_else(|| table.clone(), |study| format!("{table}\n\n{}", study.table()))
    };
    crate::say(text)?;
    Ok(Status::Found)
}
