//! Real clients: from whom does a leech of a network get its octets, plain and guided?
//!
//!     tracker-clients [RUNS]
//!
//! Debian's opentracker on loopback, as it is or with the library before it. Six seeds in the leech's
//! network, six in six others, one process each (python3-libtorrent); the leech wants six peers. Then
//! aria2 as the leech, over HTTP. So many runs of each kind, three unless told otherwise. What each seed
//! has uploaded is its own word.
#![forbid(unsafe_code)]

mod download;

use alto_trackers::clients::{Client, Torrent};
use alto_trackers::preloaded;

use download::{Bench, Outcome, SIZE};

fn main() {
    let runs = std::env::args().nth(1).map_or(3, |runs| runs.parse().expect("a number of runs"));
    let (_object, library) = preloaded("gcc");
    let bench = Bench::new(Torrent::new(SIZE));
    for (client, scheme) in
        [(Client::Libtorrent, "udp"), (Client::Libtorrent, "http"), (Client::Aria2, "http")]
    {
        for (name, loaded) in [("plain", None), ("guided", Some(&library))] {
            for number in 1..=runs {
                let outcome = bench.download(client, scheme, loaded);
                println!("{client} over {scheme}, {name}, run {number}: {}", told(&outcome));
            }
        }
    }
}

fn told(outcome: &Outcome) -> String {
    let (near, far) = (outcome.near.octets, outcome.far.octets);
    #[allow(clippy::cast_precision_loss)]
    let share = 100.0 * near as f64 / (near + far).max(1) as f64;
    let end = if outcome.is_done { "done" } else { "NOT DONE" };
    format!(
        "{share:.1}% of the octets from near ({} near and {} far seeds used), {end}",
        outcome.near.used, outcome.far.used
    )
}
