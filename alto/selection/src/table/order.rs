//! All PIDs by their cost for one consumer.

#[cfg(all(test, shuttle))]
mod models;

use std::sync::{Arc, PoisonError};

use super::Costs;
use crate::Pid;
use crate::sync::RwLock;

/// All PIDs of a map, and "no PID", by their cost for a consumer: best first, those without a
/// cost last.
#[derive(Debug)]
pub struct Order {
    steps: Box<[Step]>,
    defined: usize,
}

/// A PID, or none, by its code; and whether it costs as much as the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step(u32);

const TIE: u32 = 1 << 31;

impl Step {
    /// The code of its PID, 0 for no PID.
    pub(crate) fn code(self) -> usize {
        (self.0 & !TIE) as usize
    }

    pub(crate) fn ties(self) -> bool {
        self.0 & TIE != 0
    }
}

impl Order {
    pub(super) fn new(costs: &Costs, consumer: Pid) -> Self {
        let mut row: Vec<(Pid, f64)> = costs.row(consumer).collect();
        let mut lacking = vec![true; costs.pids()];
        for (pid, _) in &row {
            lacking[pid.index()] = false;
        }
        row.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let mut last = None;
        let defined = row.iter().map(|(pid, cost)| {
            let tie = last.replace(*cost) == Some(*cost);
            Step(Pid::code(Some(*pid)) | if tie { TIE } else { 0 })
        });
        let lacking = (0..=u16::MAX).zip(lacking).filter(|(_, lacks)| *lacks);
        let lacking = lacking.map(|(place, _)| Step(Pid::code(Some(Pid::new(place))) | TIE));
        let steps = defined.chain([Step(Pid::code(None))]).chain(lacking).collect();
        Self { steps, defined: row.len() }
    }

    /// The PIDs that have a cost, best first.
    pub fn pids(&self) -> impl Iterator<Item = Pid> + '_ {
        self.steps[..self.defined].iter().filter_map(|step| Pid::from_code(step.0 & !TIE))
    }

    /// All steps; those of PIDs without a cost, and of no PID, are one tie at the end.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// The orders used last, in a fixed number of slots: a PID has one slot, and shares it with others
/// if there is no room for all. A slot's lock is held for a copy of a pointer only, so threads
/// wait for each other next to never.
#[derive(Debug)]
pub(super) struct OrderCache {
    slots: Box<[Slot]>,
    octets_each: usize,
}

type Slot = RwLock<Option<(Pid, Arc<Order>)>>;

impl OrderCache {
    /// As many slots, at least one, as `octets` allow for maps of `pids`.
    pub(super) fn new(octets: usize, pids: usize) -> Self {
        let octets_each = size_of::<Slot>() + size_of::<Order>() + (pids + 1) * size_of::<Step>();
        let slots = (octets / octets_each).clamp(1, pids.max(1));
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), octets_each }
    }

    pub(super) fn get(&self, consumer: Pid, make: impl FnOnce() -> Order) -> Arc<Order> {
        let slot = &self.slots[consumer.index() % self.slots.len()];
        let found = slot.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = found.as_ref().filter(|(pid, _)| *pid == consumer) {
            return order.clone();
        }
        drop(found);
        let order = Arc::new(make());
        let keep = Some((consumer, order.clone()));
        *slot.write().unwrap_or_else(PoisonError::into_inner) = keep;
        order
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.len() * self.octets_each
    }
}
