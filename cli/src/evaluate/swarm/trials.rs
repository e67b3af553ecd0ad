//! The trials: announces, and how good the replies are.

use alto_discovery::guidance::rank;
use alto_discovery::selection::{Ask, Role, V6Record};
use alto_discovery::{Request, Why};

use super::super::mixed;
use super::SwarmOptions;
use super::world::{GOOD, NETWORKS, World, is_good, requester};

/// How many good peers lists of one kind held.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: Vec<usize>,
}

impl Tally {
    pub(super) fn trials(&self) -> usize {
        self.counts.len()
    }

    /// How many lists had at most `k` good peers.
    pub(super) fn at_most(&self, k: usize) -> usize {
        self.counts.iter().filter(|good| **good <= k).count()
    }

    pub(super) fn least(&self) -> usize {
        self.counts.iter().copied().min().unwrap_or(0)
    }

    pub(super) fn mean(&self) -> f64 {
        let sum: usize = self.counts.iter().sum();
        super::exact::count(sum) / super::exact::count(self.trials().max(1))
    }

    fn add(&mut self, list: &[V6Record]) {
        self.counts.push(list.iter().filter(|record| is_good(record)).count());
    }
}

/// What came of all trials.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Lists drawn at random.
    pub(super) random: Tally,
    /// Of those lists, ranked by the peer, how many have a good peer in the first place.
    pub(super) first_is_good: usize,
    /// Lists that the tracker chose, for peers of the network in which the good ones are.
    pub(super) at_home: Tally,
    /// The same for peers of other networks.
    pub(super) far: Tally,
    /// How many of them were chosen by costs.
    pub(super) guided: usize,
    /// Announces before: until the swarm was grouped by each network's map.
    pub(super) first_announces: usize,
    /// Why the first peer without guidance has none.
    pub(super) fault: Option<String>,
}

impl Results {
    /// All lists that the tracker chose.
    pub(super) fn tracker(&self) -> Tally {
        Tally { counts: [&self.at_home, &self.far].iter().flat_map(|t| t.counts.clone()).collect() }
    }
}

/// Lets a peer of each network in turn announce, and draws a random list for it, too.
pub(super) async fn run(world: &World, options: &SwarmOptions) -> Results {
    let mut results = Results::default();
    warm_up(world, options, &mut results).await;
    let mut list = Vec::new();
    for (trial, network) in (0..options.trials).zip((0..NETWORKS).cycle()) {
        let (peer, own) = requester(network, trial + 1);
        if let Err(fault) = world.stage.advisor.prepare(&peer).await {
            results.fault.get_or_insert(fault.to_string());
        }
        let seed = mixed(options.seed, 2 * trial as u64);
        let request = Request { seed: Some(seed), ..Request::new(peer, own, options.list) };
        let choice = world.stage.advisor.select(&request, &world.swarm, &mut list);
        results.guided += usize::from(choice.guided > 0);
        let tally = if network == GOOD { &mut results.at_home } else { &mut results.far };
        tally.add(&list);

        let seed = mixed(options.seed, 2 * trial as u64 + 1);
        let k = options.list;
        let ask = Ask {
            requester: own,
            role: Role::Leecher,
            k,
            pid_cap: usize::MAX,
            promoted_most: 500,
            seed,
        };
        world.swarm.random(&ask, &mut list);
        results.random.add(&list);
        results.first_is_good += usize::from(first_is_good(world, &request, &list));
    }
    results
}

/// The first announces of a swarm make its views; they count for no trial.
async fn warm_up(world: &World, options: &SwarmOptions, results: &mut Results) {
    let mut list = Vec::new();
    for network in 0..NETWORKS {
        let (peer, own) = requester(network, 0);
        // What is wrong shows in the trials.
        let _ = world.stage.advisor.prepare(&peer).await;
        let request = Request::new(peer, own, options.list);
        loop {
            results.first_announces += 1;
            if world.stage.advisor.select(&request, &world.swarm, &mut list).why != Why::Sample {
                break;
            }
        }
    }
}

/// Possibility 1: the peer asks ALTO about the list that it got. Whether the best is a good one.
fn first_is_good(world: &World, request: &Request<'_, V6Record>, list: &[V6Record]) -> bool {
    let mut costs = Vec::new();
    world.stage.advisor.costs(&request.requester, list, &mut costs);
    if costs.iter().all(Option::is_none) {
        return list.first().is_some_and(is_good); // nothing to rank by: taken as it came
    }
    let ranked = rank(list.iter().copied().zip(costs));
    ranked.first().is_some_and(|ranked| is_good(&ranked.candidate))
}
