//! The best k of a view.

use std::cell::Cell;

use super::groups::{Group, Groups, Span};
use crate::random::Random;
use crate::record::Record;
use crate::scratch::with_scratch;
use crate::swarm::Ask;
use crate::table::Step;
use crate::{Pid, Table};

/// A choice under way.
///
/// First the nearest PIDs that have peers are gathered, then peers are copied. What one step of the
/// gathering reads does not depend on the step before, so that cache misses overlap.
pub(super) struct Choice<'a, R> {
    table: &'a Table,
    groups: &'a Groups<R>,
    consumer: Pid,
    ask: &'a Ask<R>,
    window: u16,
    left: usize,
    /// Whether this choice counts among the table's promotions.
    is_counted: bool,
}

/// A PID that has peers, by its code.
#[derive(Clone, Copy, Debug)]
struct Hit {
    code: usize,
    span: Span,
    /// Its peers, the requester not counted, whatever the cap.
    size: usize,
    /// Whether the requester is among them. Looking for it in the few groups visited costs less
    /// than looking up its PID.
    has_requester: bool,
    /// Equal for PIDs of equal cost.
    class: usize,
    /// What it costs, where hits are sorted by it.
    cost: f64,
}

thread_local! {
    /// Kept from choice to choice, so that there is nothing to allocate on an announce's path.
    static HITS: Cell<Vec<Hit>> = const { Cell::new(Vec::new()) };
}

/// Steps of an order looked at together: few at first, for often a few PIDs are enough.
const BLOCK: std::ops::RangeInclusive<usize> = 4..=64;
/// So many steps of an order cost as much as a look at a group without it.
const STEPS_PER_GROUP: usize = 24;

impl<'a, R: Record> Choice<'a, R> {
    pub(super) fn new(
        table: &'a Table,
        groups: &'a Groups<R>,
        consumer: Pid,
        ask: &'a Ask<R>,
        window: u16,
    ) -> Self {
        Self { table, groups, consumer, ask, window, left: ask.k, is_counted: false }
    }

    pub(super) fn run(mut self, out: &mut Vec<R>) {
        with_scratch(&HITS, |hits| {
            hits.clear();
            if self.groups.count() * STEPS_PER_GROUP < self.table.costs().pids() {
                self.all_sorted(hits);
            } else {
                self.nearest(hits);
            }
            self.take_from(hits, out);
        });
    }

    fn take_from(&mut self, hits: &[Hit], out: &mut Vec<R>) {
        self.is_counted = self.table.promotions().counts_reply(self.window);
        let mut random = Random::new(self.ask.seed);
        for class in hits.chunk_by(|one, next| one.class == next.class) {
            if self.ask.pid_cap < usize::MAX {
                self.take_capped(class, &mut random, out);
            } else {
                self.take(class, &mut random, out);
            }
            if self.left == 0 {
                break;
            }
        }
    }

    /// All PIDs that have peers, best first: for swarms in few PIDs.
    fn all_sorted(&self, hits: &mut Vec<Hit>) {
        let cost = |code| {
            let pid = u32::try_from(code).ok().and_then(Pid::from_code);
            self.table.cost(Some(self.consumer), pid).unwrap_or(f64::INFINITY)
        };
        let codes = self.groups.codes(self.ask.role);
        hits.extend(codes.map(|code| Hit { cost: cost(code), ..self.hit(code, 0) }));
        hits.sort_unstable_by(|one, other| one.cost.total_cmp(&other.cost));
        let mut class = 0;
        let mut last = None;
        for hit in hits {
            class += usize::from(last.replace(hit.cost) != Some(hit.cost));
            hit.class = class;
        }
    }

    /// The PIDs that have peers, best first, until whole classes have enough.
    fn nearest(&self, hits: &mut Vec<Hit>) {
        let order = self.table.order(self.consumer);
        let (mut sum, mut class, mut block) = (0, 0, *BLOCK.start());
        let mut found = [(0, 0); *BLOCK.end()];
        let mut rest = order.steps();
        while !rest.is_empty() {
            let (steps, behind) = rest.split_at(block.min(rest.len()));
            for &(code, class) in self.occupied(steps, &mut class, &mut found) {
                if sum >= self.ask.k && hits.last().is_some_and(|last| last.class != class) {
                    return;
                }
                let hit = self.hit(code, class);
                sum += self.quota(&hit);
                hits.push(hit);
            }
            (rest, block) = (behind, (block * 2).min(*BLOCK.end()));
        }
    }

    /// The codes among these steps that have peers, each with its class, counted on from `class`.
    fn occupied<'f>(
        &self,
        steps: &[Step],
        class: &mut usize,
        found: &'f mut [(usize, usize); *BLOCK.end()],
    ) -> &'f [(usize, usize)] {
        let mut count = 0;
        for step in steps {
            *class += usize::from(!step.ties());
            // No branch: whether a PID has peers can't be foretold.
            found[count] = (step.code(), *class);
            count += usize::from(self.groups.has(step.code(), self.ask.role));
        }
        &found[..count]
    }

    fn hit(&self, code: usize, class: usize) -> Hit {
        let (mut size, mut has_requester) = (0, false);
        let span = self.groups.span(code, self.ask.role);
        for group in self.groups.at(span) {
            let is_here = group.contains(&self.ask.requester);
            size += group.len() - usize::from(is_here);
            has_requester |= is_here;
        }
        Hit { code, span, size, has_requester, class, cost: 0.0 }
    }

    /// Takes all of a class of equal costs, or as many as are wanted from a random place on; those
    /// that were promoted too often are passed over if there are others.
    fn take(&mut self, class: &[Hit], random: &mut Random, out: &mut Vec<R>) {
        let size: usize = class.iter().map(|hit| hit.size).sum();
        let (start, wanted) = (out.len(), self.left.min(size));
        let (promotions, most) = (self.table.promotions(), self.ask.promoted_most);
        let is_capped = most < 1_000 && !class.iter().any(|hit| self.is_own(hit));
        if size > wanted {
            let spare = if is_capped && promotions.is_crowded(self.window) { wanted } else { 0 };
            self.left = size.min(wanted + spare);
            // The class is a ring: each member is as likely as any other.
            self.copy(class, random.below(size), out);
            self.copy(class, 0, out);
            if spare > 0 {
                promotions.pass_over(&mut out[start..], wanted, self.window, most);
                out.truncate(start + wanted);
            }
            self.left = 0;
        } else {
            self.copy(class, 0, out);
        }
        if is_capped && self.is_counted {
            promotions.note(&out[start..], self.window, most);
        }
    }

    /// Whether it is the PID of the consumer itself.
    fn is_own(&self, hit: &Hit) -> bool {
        hit.code == Pid::code(Some(self.consumer)) as usize
    }

    /// Takes from each PID of a class, from a random one on, as many as it may have: from a random
    /// place on, too.
    fn take_capped(&mut self, class: &[Hit], random: &mut Random, out: &mut Vec<R>) {
        let (behind, first) = class.split_at(random.below(class.len()));
        for hit in first.iter().chain(behind).filter(|hit| hit.size > 0) {
            let left = self.left;
            let quota = self.quota(hit).min(left);
            self.left = quota;
            self.take(std::slice::from_ref(hit), random, out);
            self.left = left - quota;
        }
    }

    /// How many of its peers a PID may have in the reply.
    fn quota(&self, hit: &Hit) -> usize {
        hit.size.min(self.ask.pid_cap)
    }

    /// Copies what is left to take from the class, the first `skip` records passed over.
    fn copy(&mut self, class: &[Hit], mut skip: usize, out: &mut Vec<R>) {
        for hit in class {
            if self.left == 0 {
                return;
            }
            if skip >= hit.size {
                skip -= hit.size;
                continue;
            }
            for group in self.groups.at(hit.span) {
                match group {
                    // Most groups, and not worth the loops below.
                    Group::One(record) if skip == 0 && self.left > 0 => {
                        if *record != self.ask.requester {
                            out.push(*record);
                            self.left -= 1;
                        }
                    }
                    _ => skip = self.copy_group(group, hit.has_requester, skip, out),
                }
            }
        }
    }

    /// Copies what is left to take from a group; gives what is left to pass over.
    fn copy_group(
        &mut self,
        group: &Group<R>,
        has_requester: bool,
        mut skip: usize,
        out: &mut Vec<R>,
    ) -> usize {
        for piece in group.pieces() {
            for piece in without(piece, &self.ask.requester, has_requester) {
                let passed = skip.min(piece.len());
                skip -= passed;
                let taken = self.left.min(piece.len() - passed);
                out.extend_from_slice(&piece[passed..passed + taken]);
                self.left -= taken;
            }
            if self.left == 0 {
                break;
            }
        }
        skip
    }
}

/// A piece in two, one record left out if it is there.
#[inline]
fn without<'p, R: Record>(piece: &'p [R], record: &R, may_be: bool) -> [&'p [R]; 2] {
    // Of many pieces one at most is worth the search.
    let may_be = may_be
        && piece.first().is_some_and(|first| first <= record)
        && piece.last().is_some_and(|last| record <= last);
    match may_be.then(|| piece.binary_search(record)) {
        Some(Ok(place)) => [&piece[..place], &piece[place + 1..]],
        _ => [piece, &[]],
    }
}
