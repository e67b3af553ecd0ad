//! Costs between PIDs, one row per consumer's PID.

use std::collections::HashMap;
use std::fmt;

use crate::Pid;

/// Whose sending costs (RFC 7285 §6.1: costs are from a source to a destination).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the consumer that asks to the candidate.
    #[default]
    FromConsumer,
    /// From the candidate to the consumer that asks: what it downloads.
    ToConsumer,
}

/// Costs between PIDs for one direction: immutable.
///
/// A row holds the costs of one consumer's PID, whatever the direction, so that one consumer's
/// candidates are judged from one place in memory. A pair the map lacks has no cost: neither zero
/// nor infinite (RFC 7285 §11.2.3.6). A cell takes two octets while the map has no more than 65,536
/// different costs, otherwise eight; two more where its row is not complete.
#[derive(Clone, Debug)]
pub struct Costs {
    rows: Vec<Row>,
    /// The candidates' PIDs of rows that are not complete, ascending in each row.
    columns: Vec<u16>,
    cells: Cells,
}

/// One consumer's cells; a complete row has no columns.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    cells: usize,
    columns: usize,
    length: usize,
    /// Whether all its costs are one and the same.
    is_level: bool,
}

#[derive(Clone, Debug)]
enum Cells {
    /// Places in the list of all different costs.
    Shared {
        costs: Vec<f64>,
        places: Vec<u16>,
    },
    Plain(Vec<f64>),
}

impl Costs {
    /// The costs of a map of `pids` PIDs with at most `most` cells, each (source, destination,
    /// cost), in any order; gone through twice.
    ///
    /// # Errors
    /// If a cost is not finite, a pair comes twice, a PID's place is not below `pids`, or there are
    /// more cells than `most`: a map with one bad cell is not used at all.
    pub fn new<I>(
        pids: usize,
        cells: I,
        direction: Direction,
        most: usize,
    ) -> Result<Self, CostFault>
    where
        I: IntoIterator<Item = (Pid, Pid, f64)>,
        I::IntoIter: Clone,
    {
        let cells = cells.into_iter().map(|(source, destination, cost)| match direction {
            Direction::FromConsumer => (source, destination, cost),
            Direction::ToConsumer => (destination, source, cost),
        });
        let lengths = lengths(pids.min(Pid::MOST), cells.clone(), most)?;
        let (starts, mut filled) = placed(&lengths, cells);
        for (start, length) in starts.iter().zip(&lengths) {
            sort_row(&mut filled[*start..start + length])?;
        }
        Ok(Self::packed(&starts, &lengths, &filled))
    }

    /// How many PIDs the map has.
    pub fn pids(&self) -> usize {
        self.rows.len()
    }

    /// How many pairs have a cost.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// The cost between a consumer's PID and a candidate's.
    pub fn cost(&self, consumer: Pid, candidate: Pid) -> Option<f64> {
        let row = self.rows.get(consumer.index())?;
        let at = match self.columns_of(row) {
            None => Some(candidate.index()).filter(|at| *at < row.length),
            Some(columns) => {
                columns.binary_search_by_key(&candidate.index(), |c| usize::from(*c)).ok()
            }
        };
        Some(self.cells.at(row.cells + at?))
    }

    /// The candidates' PIDs that have a cost for a consumer's PID, ascending by place.
    pub fn row(&self, consumer: Pid) -> impl Iterator<Item = (Pid, f64)> + '_ {
        let row = self.rows.get(consumer.index()).copied().unwrap_or_default();
        let columns = self.columns_of(&row);
        (0..=u16::MAX).take(row.length).enumerate().map(move |(at, place)| {
            let place = columns.map_or(place, |columns| columns[at]);
            (Pid::new(place), self.cells.at(row.cells + at))
        })
    }

    /// Whether all PIDs cost a consumer's PID the same, or none has a cost for it.
    pub fn is_level(&self, consumer: Pid) -> bool {
        let row = self.rows.get(consumer.index()).copied().unwrap_or_default();
        row.length == 0 || (row.length == self.rows.len() && row.is_level)
    }

    /// Memory they hold, in octets.
    pub fn bytes(&self) -> usize {
        let cells = match &self.cells {
            Cells::Shared { costs, places } => size_of_val(&**costs) + size_of_val(&**places),
            Cells::Plain(costs) => size_of_val(&**costs),
        };
        size_of_val(&*self.rows) + size_of_val(&*self.columns) + cells
    }

    fn columns_of(&self, row: &Row) -> Option<&[u16]> {
        let complete = row.length == self.rows.len();
        (!complete).then(|| &self.columns[row.columns..row.columns + row.length])
    }

    fn packed(starts: &[usize], lengths: &[usize], filled: &[(u16, f64)]) -> Self {
        let mut columns = Vec::new();
        let mut rows = Vec::with_capacity(starts.len());
        for (&cells, &length) in starts.iter().zip(lengths) {
            let own = &filled[cells..cells + length];
            let is_level = own.windows(2).all(|pair| pair[0].1.total_cmp(&pair[1].1).is_eq());
            rows.push(Row { cells, columns: columns.len(), length, is_level });
            if length < starts.len() {
                columns.extend(own.iter().map(|(column, _)| *column));
            }
        }
        columns.shrink_to_fit();
        Self { rows, columns, cells: Cells::new(filled) }
    }
}

/// The length of each row, all cells checked.
fn lengths(
    pids: usize,
    cells: impl Iterator<Item = (Pid, Pid, f64)>,
    most: usize,
) -> Result<Vec<usize>, CostFault> {
    let mut lengths = vec![0; pids];
    for (count, (consumer, candidate, cost)) in cells.enumerate() {
        if count == most {
            return Err(CostFault::TooMany { most });
        }
        if !cost.is_finite() {
            return Err(CostFault::NotFinite);
        }
        if candidate.index() >= pids || consumer.index() >= pids {
            return Err(CostFault::UnknownPid { pid: candidate.max(consumer) });
        }
        lengths[consumer.index()] += 1;
    }
    Ok(lengths)
}

/// Where each row starts, and the cells (candidate, cost) row by row.
fn placed(
    lengths: &[usize],
    cells: impl Iterator<Item = (Pid, Pid, f64)>,
) -> (Vec<usize>, Vec<(u16, f64)>) {
    let mut sum = 0;
    let mut start = |length: &usize| {
        sum += length;
        sum - length
    };
    let starts: Vec<usize> = lengths.iter().map(&mut start).collect();
    let mut next = starts.clone();
    let mut filled = vec![(0, 0.0); sum];
    for (consumer, candidate, cost) in cells {
        let at = &mut next[consumer.index()];
        let column = u16::try_from(candidate.index()).unwrap_or(u16::MAX);
        filled[*at] = (column, cost + 0.0); // -0 is 0, so that costs equal by value are ties
        *at += 1;
    }
    (starts, filled)
}

fn sort_row(row: &mut [(u16, f64)]) -> Result<(), CostFault> {
    row.sort_by_key(|(column, _)| *column); // as good as free where it is sorted already
    match row.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(CostFault::Twice { pid: Pid::new(pair[0].0) }),
        None => Ok(()),
    }
}

impl Cells {
    fn new(filled: &[(u16, f64)]) -> Self {
        let mut known = HashMap::new();
        let mut costs = Vec::new();
        let mut places = Vec::with_capacity(filled.len());
        for (_, cost) in filled {
            let next = costs.len();
            let place = *known.entry(cost.to_bits()).or_insert_with(|| {
                costs.push(*cost);
                u16::try_from(next).ok()
            });
            let Some(place) = place else {
                return Self::Plain(filled.iter().map(|(_, cost)| *cost).collect());
            };
            places.push(place);
        }
        Self::Shared { costs, places }
    }

    fn len(&self) -> usize {
        match self {
            Self::Shared { places, .. } => places.len(),
            Self::Plain(costs) => costs.len(),
        }
    }

    #[inline]
    fn at(&self, at: usize) -> f64 {
        match self {
            Self::Shared { costs, places } => costs[usize::from(places[at])],
            Self::Plain(costs) => costs[at],
        }
    }
}

/// Why cells make no cost table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostFault {
    /// There are more than this.
    TooMany {
        /// The limit.
        most: usize,
    },
    /// A cost is no finite number.
    NotFinite,
    /// A PID is not in the network map.
    UnknownPid {
        /// The PID.
        pid: Pid,
    },
    /// One pair has two costs.
    Twice {
        /// The candidate's PID of the pair.
        pid: Pid,
    },
}

impl fmt::Display for CostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { most } => write!(f, "more than {most} costs"),
            Self::NotFinite => f.write_str("a cost is not a finite number"),
            Self::UnknownPid { pid } => write!(f, "no PID has the place {}", pid.index()),
            Self::Twice { pid } => {
                write!(f, "a pair with the PID at place {} has two costs", pid.index())
            }
        }
    }
}

impl std::error::Error for CostFault {}
