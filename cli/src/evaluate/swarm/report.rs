//! What the trials showed, as a table for people and as JSON.

use serde_json::{Value, json};

use super::SwarmOptions;
use super::exact::{Hypergeometric, count, interval};
use super::trials::{Results, Tally};
use super::world::World;

/// The spec's names: `exact`, `random`, `tracker`, `params`; what was seen for nobody is null.
pub(super) fn json(
    options: &SwarmOptions,
    exact: &Hypergeometric,
    world: &World,
    results: &Results,
) -> Value {
    let mut ranked = seen(&results.random);
    ranked["first_good"] = json!(count(results.first_is_good) / count(results.random.trials()));
    let mut tracker = seen(&results.tracker());
    tracker["guided"] = json!(results.guided);
    tracker["at_home"] = seen(&results.at_home);
    tracker["far"] = seen(&results.far);
    let select = world.stage.select;
    let share = |share: alto_discovery::Share| f64::from(share.thousandths()) / 1_000.0;
    json!({
        "exact": {"p0": exact.at_most(0), "p_le4": exact.at_most(4), "good_mean": exact.mean()},
        "random": seen(&results.random),
        "ranked": ranked,
        "tracker": tracker,
        "params": {
            "peers": options.peers, "good": options.good, "list": options.list,
            "trials": options.trials, "random_share": options.switches.random_share, "seed": options.seed,
            "pid_cap": select.pid_cap, "promoted_share": share(select.promoted_share),
            "name_server": !options.switches.without_name_server,
            "alto_servers": !options.switches.without_alto_servers,
        },
    })
}

/// Of lists of one kind: shares with the interval in which the true one lies, mean and least.
fn seen(tally: &Tally) -> Value {
    if tally.trials() == 0 {
        return Value::Null;
    }
    let share = |k| count(tally.at_most(k)) / count(tally.trials());
    let bounds = |k| interval(tally.at_most(k), tally.trials());
    json!({
        "p0": share(0), "p0_ci": bounds(0), "p_le4": share(4), "p_le4_ci": bounds(4),
        "good_mean": tally.mean(), "good_min": tally.least(),
    })
}

/// A line for each kind of lists, and what it took.
pub(super) fn table(
    options: &SwarmOptions,
    exact: &Hypergeometric,
    world: &World,
    results: &Results,
) -> String {
    let row = |name: &str, tally: &Tally| {
        if tally.trials() == 0 {
            return format!("{name:<48}no list of this kind\n");
        }
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
            options.peers,
            options.good,
            options.list.min(options.peers),
            options.trials
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
