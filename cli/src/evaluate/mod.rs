//! `alto evaluate swarm`: the example of RFC 8686 C.3, by running it.
//!
//! A tracker knows 10,000 peers, 100 of them are good for the one that asks, and it returns 100.
//! Random lists are held against exact chances; the tracker's choice goes through everything that a
//! tracker would use: discovery by DNS packets, maps over https, the library's `Advisor`.

mod approaches;
mod exact;
mod graph;
mod html;
mod overlay;
mod trials;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::Failure;
use crate::report::Status;
use crate::stage::Switches;
pub(crate) use approaches::{ApproachesOptions, run as run_approaches};
use exact::{Hypergeometric, count, interval};
use trials::{Results, Tally};
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

fn number(least: u64, most: u64) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("wanted: a number from {least} to {most}"))
    }
}

/// Carries the evaluation out.
pub(crate) fn run(options: &SwarmOptions) -> Result<Status, Failure> {
    if options.good > options.peers {
        return Err(Failure::Usage("no more peers can be good than there are".into()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let (world, results, study) = runtime.block_on(async {
        let world = World::new(options).await?;
        let results = trials::run(&world, options).await;
        let is_wanted = options.overlay || options.html.is_some();
        let study = if is_wanted { Some(overlay::study(options).await?) } else { None };
        Ok::<_, Failure>((world, results, study))
    })?;
    if let Some(fault) = &results.fault {
        // If nobody can hear it, the figures still tell.
        let _ = writeln!(std::io::stderr(), "alto: no guidance: {fault}");
    }
    let list = options.list.min(options.peers);
    let exact = Hypergeometric::new(options.peers, options.good, list);
    let mut text = table(options, &exact, &world, &results);
    if let Some(study) = &study {
        text = format!("{text}\n\n{}", study.table());
    }
    if let (Some(path), Some(study)) = (&options.html, &study) {
        std::fs::write(path, html::page(&text, study)).map_err(Failure::Output)?;
    }
    if options.json {
        let mut value = json(options, &exact, &results);
        if let Some(study) = &study {
            value["overlay"] = study.json();
        }
        text = value.to_string();
    }
    writeln!(std::io::stdout(), "{text}").map_err(Failure::Output)?;
    Ok(Status::Found)
}

fn json(options: &SwarmOptions, exact: &Hypergeometric, results: &Results) -> Value {
    let (random, tracker) = (&results.random, results.tracker());
    let share = |tally: &Tally, k| count(tally.at_most(k)) / count(tally.trials());
    let bounds = |tally: &Tally, k| interval(tally.at_most(k), tally.trials());
    let goodness = |tally: &Tally| json!({"good_mean": tally.mean(), "good_min": tally.least()});
    let mut of_tracker = goodness(&tracker);
    of_tracker["guided"] = json!(results.guided);
    of_tracker["at_home"] = goodness(&results.at_home);
    of_tracker["far"] = goodness(&results.far);
    json!({
        "exact": {"p0": exact.at_most(0), "p_le4": exact.at_most(4), "good_mean": exact.mean()},
        "random": {
            "p0": share(random, 0), "p0_ci": bounds(random, 0),
            "p_le4": share(random, 4), "p_le4_ci": bounds(random, 4),
            "good_mean": random.mean(),
        },
        "ranked": {
            "p0": share(random, 0),
            "first_good": count(results.first_is_good) / count(random.trials()),
            "good_mean": random.mean(),
        },
        "tracker": of_tracker,
        "params": {
            "peers": options.peers, "good": options.good, "list": options.list,
            "trials": options.trials, "random_share": options.switches.random_share, "seed": options.seed,
            "name_server": !options.switches.without_name_server,
            "alto_servers": !options.switches.without_alto_servers,
        },
    })
}

fn table(
    options: &SwarmOptions,
    exact: &Hypergeometric,
    world: &World,
    results: &Results,
) -> String {
    let row = |name: &str, tally: &Tally| {
        let cell = |k| {
            let [low, high] = interval(tally.at_most(k), tally.trials());
            let share = count(tally.at_most(k)) / count(tally.trials());
            format!("{share:.4} [{low:.4}, {high:.4}]")
        };
        let (mean, least) = (tally.mean(), tally.least());
        format!("{name:<48}{:<26}{:<26}{mean:>8.2}{least:>7}\n", cell(0), cell(4))
    };
    let tracker =
        format!("possibility 2: the tracker asks ALTO, s = {}", options.switches.random_share);
    let requests: u64 = world.stage.alto_servers.iter().map(alto_server::Server::requests).sum();
    [
        format!(
            "A tracker knows {} peers, {} of them are good for the one that asks; it returns {}.\n\
             {} lists of each kind; in brackets what the true value is with 95% confidence.\n\n",
            options.peers, options.good, options.list, options.trials
        ),
        format!("{:<48}{:<26}{:<26}{:>8}{:>7}\n", "", "no good peer", "at most 4", "mean", "least"),
        format!(
            "{:<48}{:<26}{:<26}{:>8.2}\n",
            "exact (hypergeometric)",
            format!("{:.4}", exact.at_most(0)),
            format!("{:.4}", exact.at_most(4)),
            exact.mean()
        ),
        row("a random list", &results.random),
        row("possibility 1: the peer ranks that list", &results.random),
        row(&tracker, &results.tracker()),
        row("  for peers where the good ones are", &results.at_home),
        row("  for peers whose best are in a far network", &results.far),
        format!(
            "\nPossibility 1 puts a good peer first in {:.2}% of cases, and can add none to the list.\n\
             Possibility 2: {} of {} lists by the network's ALTO server; {} DNS queries, {requests} \
             requests by https;\n{} announces before, until the swarm was grouped by each network's map.",
            100.0 * count(results.first_is_good) / count(options.trials),
            results.guided,
            options.trials,
            world.stage.name_server.queries(),
            results.first_announces,
        ),
    ]
    .concat()
}
