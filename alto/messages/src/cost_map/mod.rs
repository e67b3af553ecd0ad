//! Cost maps: what it costs to get from one PID to another (RFC 7285 §11.2.3).

mod cells;
mod fast;
mod guess;
mod reader;
mod table;

pub use reader::CostMapReader;
use table::CostTable;

use crate::cost::Judge;
use crate::fault::{Fault, Parsed, code};
use crate::json::writer::Writer;
use crate::meta::{CostType, VersionTag, write_dependent_vtags};
use crate::options::{Limits, ReadOptions, Report, too_large};
use crate::pid_table::{PidId, PidTable};

/// The costs between PIDs. A pair that is missing has no known cost: neither zero nor infinity.
#[derive(Clone, Debug, PartialEq)]
pub struct CostMap {
    /// What the numbers mean.
    pub cost_type: CostType,
    /// The version of the network map whose PIDs these are: one, or none if that was forgiven.
    pub dependent_vtags: Vec<VersionTag>,
    pids: PidTable,
    costs: CostTable,
}

impl CostMap {
    /// Reads a cost map that is held as a whole; [`CostMapReader`] reads one in pieces.
    ///
    /// # Errors
    /// If it is none, or any cost in it makes no sense; see [`code`].
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        let mut reader = CostMapReader::new(options);
        reader.feed(body)?;
        reader.finish()
    }

    /// The PIDs that it names. Their numbers differ from those in the network map.
    pub fn pids(&self) -> &PidTable {
        &self.pids
    }

    /// The number of costs.
    pub fn cost_count(&self) -> usize {
        self.costs.len()
    }

    /// What it costs to get from one PID to another, if known.
    pub fn get(&self, source: PidId, destination: PidId) -> Option<f64> {
        self.costs.get(source, destination)
    }

    /// The PIDs with costs to get from, in the order of the map.
    pub fn sources(&self) -> impl Iterator<Item = PidId> + Clone {
        self.costs.sources()
    }

    /// What it costs to get from a PID to others, ascending by their number.
    pub fn row(&self, source: PidId) -> impl Iterator<Item = (PidId, f64)> + Clone {
        self.costs.row(source)
    }

    /// The octets that the costs take in memory.
    pub fn memory(&self) -> usize {
        self.costs.memory()
    }

    /// The body as it is sent: sources in the order of the map, destinations in order of number.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("meta", |writer| {
                write_dependent_vtags(writer, &self.dependent_vtags);
                writer.object_member("cost-type", |writer| self.cost_type.write(writer));
            });
            writer.object_member("cost-map", |writer| {
                for source in self.sources() {
                    writer.object_member(self.pids.name(source).as_str(), |writer| {
                        for (destination, cost) in self.row(source) {
                            writer.plain_member(self.pids.name(destination).as_str(), cost);
                        }
                    });
                }
            });
        })
    }
}

/// A cost map in the making, source by source.
#[derive(Debug, Default)]
pub struct CostMapBuilder {
    limits: Limits,
    pids: PidTable,
    table: CostTable,
    judge: Judge,
    report: Report,
}

impl CostMapBuilder {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The PID of that name, which is added if need be.
    ///
    /// # Errors
    /// If that is no PID name, or there are too many.
    pub fn pid(&mut self, name: &str) -> Result<PidId, Fault> {
        self.pids.number(name, self.limits.pids, "cost-map", &mut self.report)
    }

    /// Adds the costs to get from a PID to others.
    ///
    /// # Errors
    /// If there are some already, a destination is named twice, a cost is not finite, or there are
    /// too many.
    pub fn row(
        &mut self,
        source: PidId,
        costs: impl IntoIterator<Item = (PidId, f64)>,
    ) -> Result<(), Fault> {
        let (destinations, costs): (Vec<_>, Vec<_>) =
            costs.into_iter().map(|(destination, cost)| (destination, cost + 0.0)).unzip();
        if self.table.len() + costs.len() > self.limits.costs {
            return Err(too_large("cost-map", "costs", self.limits.costs));
        }
        for (destination, cost) in destinations.iter().zip(&costs) {
            let field = || {
                let (source, destination) = (self.pids.name(source), self.pids.name(*destination));
                format!("cost-map/{source}/{destination}")
            };
            if !cost.is_finite() {
                let sentence = format!("{cost} is no finite number");
                return Err(Fault::value(code::BAD_COST, field(), &cost.to_string(), sentence));
            }
            self.judge.note(*cost, &field);
        }
        self.table.push_row(source, &destinations, &costs).map_err(|twice| twice.fault(&self.pids))
    }

    /// The map.
    ///
    /// # Errors
    /// If a cost makes no sense as this cost type.
    pub fn finish(
        self,
        cost_type: CostType,
        dependent_vtags: Vec<VersionTag>,
    ) -> Result<Parsed<CostMap>, Fault> {
        self.judge.accepts(&cost_type)?;
        let message = CostMap { cost_type, dependent_vtags, pids: self.pids, costs: self.table };
        Ok(Parsed { message, warnings: self.report.into_warnings() })
    }
}
