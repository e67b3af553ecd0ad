//! Costs in rows. Rows with the same destinations share one list of them, so that a full map of
//! small whole numbers takes two octets a cost.

use super::cells::Cells;
use crate::fault::Fault;
use crate::json::keys::duplicate;
use crate::pid_table::{PidId, PidTable};

/// The costs of a map.
#[derive(Clone, Debug, Default)]
pub(super) struct CostTable {
    rows: Vec<Row>,
    /// The row of each source by its number, or [`NO_ROW`].
    row_of: Vec<u32>,
    /// The destinations of all rows, ascending within each list.
    destinations: Vec<PidId>,
    cells: Cells,
    latest: Latest,
}

/// One source and where its destinations and costs start.
#[derive(Clone, Copy, Debug)]
struct Row {
    source: PidId,
    destinations: usize,
    cells: usize,
    length: usize,
}

/// The latest list of destinations as it was given, and how that is sorted.
#[derive(Clone, Debug, Default)]
struct Latest {
    given: Vec<PidId>,
    /// Places in `given`, ascending by destination.
    order: Vec<u32>,
    is_sorted: bool,
    start: usize,
}

/// A PID that occurs twice where it may only once.
pub(super) enum Twice {
    Source(PidId),
    Destination(PidId, PidId),
}

impl Twice {
    pub(super) fn fault(&self, pids: &PidTable) -> Fault {
        match self {
            Self::Source(pid) => duplicate("cost-map", pids.name(*pid).as_str()),
            Self::Destination(source, pid) => {
                duplicate(&format!("cost-map/{}", pids.name(*source)), pids.name(*pid).as_str())
            }
        }
    }
}

const NO_ROW: u32 = u32::MAX;

impl CostTable {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn memory(&self) -> usize {
        let lists = 2 * self.destinations.len() + 4 * self.row_of.len();
        lists + size_of::<Row>() * self.rows.len() + self.cells.memory()
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = PidId> + Clone {
        self.rows.iter().map(|row| row.source)
    }

    pub(super) fn has_row(&self, source: PidId) -> bool {
        self.find(source).is_some()
    }

    pub(super) fn get(&self, source: PidId, destination: PidId) -> Option<f64> {
        let row = self.find(source)?;
        let list = self.list(row);
        // In a full map a PID's place is its number.
        let place = match list.get(destination.index()) {
            Some(found) if *found == destination => destination.index(),
            _ => list.binary_search(&destination).ok()?,
        };
        Some(self.cells.get(row.cells + place))
    }

    pub(super) fn row(&self, source: PidId) -> impl Iterator<Item = (PidId, f64)> + Clone {
        self.find(source).into_iter().flat_map(|row| {
            let costs = (row.cells..).map(|at| self.cells.get(at));
            self.list(row).iter().copied().zip(costs)
        })
    }

    fn find(&self, source: PidId) -> Option<&Row> {
        self.rows.get(*self.row_of.get(source.index())? as usize)
    }

    fn list(&self, row: &Row) -> &[PidId] {
        &self.destinations[row.destinations..row.destinations + row.length]
    }

    /// Adds the costs from `source`, in any order of destinations.
    pub(super) fn push_row(
        &mut self,
        source: PidId,
        destinations: &[PidId],
        costs: &[f64],
    ) -> Result<(), Twice> {
        if self.has_row(source) {
            return Err(Twice::Source(source));
        }
        if self.rows.is_empty() || self.latest.given != destinations {
            self.learn(destinations).map_err(|twice| Twice::Destination(source, twice))?;
        }
        let cells = self.cells.len();
        if self.latest.is_sorted {
            self.cells.append(costs);
        } else {
            let order = self.latest.order.iter();
            self.cells.append(&order.map(|place| costs[*place as usize]).collect::<Vec<_>>());
        }
        self.note_row(source, cells, costs.len());
        Ok(())
    }

    fn note_row(&mut self, source: PidId, cells: usize, length: usize) {
        if self.row_of.len() <= source.index() {
            self.row_of.resize(source.index() + 1, NO_ROW);
        }
        // At most 65,536 sources, so at most that many rows.
        self.row_of[source.index()] = u32::try_from(self.rows.len()).unwrap_or(NO_ROW);
        self.rows.push(Row { source, destinations: self.latest.start, cells, length });
    }

    /// Sorts and keeps a new list of destinations; gives one that it holds twice.
    fn learn(&mut self, given: &[PidId]) -> Result<(), PidId> {
        let mut order: Vec<u32> = (0_u32..).take(given.len()).collect();
        order.sort_unstable_by_key(|place| given[*place as usize]);
        let start = self.destinations.len();
        self.destinations.extend(order.iter().map(|place| given[*place as usize]));
        if let Some(pair) = self.destinations[start..].windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(pair[0]);
        }
        let is_sorted = order.is_sorted();
        self.latest = Latest { given: given.to_vec(), order, is_sorted, start };
        Ok(())
    }

    /// Gives back what was only needed to add rows.
    pub(super) fn shrink(&mut self) {
        self.latest = Latest::default();
        self.destinations.shrink_to_fit();
        self.cells.shrink();
    }
}

impl PartialEq for CostTable {
    /// Equal costs between PIDs of equal number, in the same order of sources.
    fn eq(&self, other: &Self) -> bool {
        self.sources().eq(other.sources())
            && self.sources().all(|source| self.row(source).eq(other.row(source)))
    }
}
