//! The choice among candidates that somebody else lists.

use std::cell::Cell;
use std::collections::HashMap;

use crate::random::{Random, scrambled};
use crate::record::Record;
use crate::scratch::with_scratch;
use crate::swarm::{Ask, Taken};
use crate::{Pid, Table};

/// Appends the best of `candidates` for a consumer, which is in this PID of this table: as many as
/// asked for, if there are so many and no PID is capped, and those whose cost is known first. Those
/// of equal cost are drawn by lot.
///
/// Looks at each candidate, so it takes time in proportion to them; for more than a few hundred that
/// come again, keep a [`Swarm`](crate::Swarm). Roles are the caller's affair.
pub fn choose_among<R: Record>(
    candidates: &[R],
    table: &Table,
    consumer: Pid,
    ask: &Ask<R>,
    out: &mut Vec<R>,
) {
    with_scratch(&SCRATCH, |judged| {
        judge(candidates, table, consumer, ask, judged);
        let k = ask.k.min(judged.len());
        if ask.pid_cap < usize::MAX {
            judged.sort_unstable_by(Judged::compare);
            cap(judged, ask.pid_cap);
        } else if k > 0 && k < judged.len() {
            judged.select_nth_unstable_by(k - 1, Judged::compare);
        }
        out.extend(judged.iter().take(k).map(|judged| candidates[judged.place]));
    });
}

/// Appends up to `ask.k` of `candidates` drawn at random from those not in `out`.
pub fn random_among<R: Record>(candidates: &[R], ask: &Ask<R>, out: &mut Vec<R>) {
    with_scratch(&SCRATCH, |free| {
        free.clear();
        let taken = Taken::new(out, ask.requester);
        let is_free = |place: &usize| taken.is_free(&candidates[*place], out);
        let places = (0..candidates.len()).filter(is_free);
        free.extend(places.map(|place| Judged { cost: 0.0, draw: 0, place, pid: None }));
        let mut random = Random::new(ask.seed);
        let count = free.len();
        for at in 0..ask.k.min(count) {
            free.swap(at, at + random.below(count - at));
            out.push(candidates[free[at].place]);
        }
    });
}

/// A candidate by its place in the list.
#[derive(Clone, Copy, Debug)]
struct Judged {
    cost: f64,
    draw: u64,
    place: usize,
    pid: Option<Pid>,
}

thread_local! {
    /// Kept from choice to choice, so that there is nothing to allocate on an announce's path.
    static SCRATCH: Cell<Vec<Judged>> = const { Cell::new(Vec::new()) };
}

/// Candidates looked up together, so that cache misses overlap.
const BLOCK: usize = 64;

fn judge<R: Record>(
    candidates: &[R],
    table: &Table,
    consumer: Pid,
    ask: &Ask<R>,
    judged: &mut Vec<Judged>,
) {
    judged.clear();
    let (mut addresses, mut pids) = ([R::NOBODY.address(); BLOCK], [None; BLOCK]);
    for (block, start) in candidates.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        for (address, record) in addresses.iter_mut().zip(block) {
            *address = record.address();
        }
        let pids = &mut pids[..block.len()];
        R::pids(table.prefixes(), &addresses[..block.len()], pids);
        for ((record, pid), place) in block.iter().zip(&*pids).zip(start..) {
            if *record != ask.requester {
                let cost = table.cost(Some(consumer), *pid).unwrap_or(f64::INFINITY);
                let draw = scrambled(record.bits() ^ ask.seed);
                judged.push(Judged { cost, draw, place, pid: *pid });
            }
        }
    }
}

/// Keeps `most` of each PID, in the order given.
fn cap(judged: &mut Vec<Judged>, most: usize) {
    let mut counts: HashMap<Option<Pid>, usize> = HashMap::new();
    judged.retain(|judged| {
        let count = counts.entry(judged.pid).or_default();
        *count += 1;
        *count <= most
    });
}

impl Judged {
    /// Equal costs: by lot.
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        self.cost.total_cmp(&other.cost).then(self.draw.cmp(&other.draw))
    }
}

#[cfg(test)]
mod tests;
