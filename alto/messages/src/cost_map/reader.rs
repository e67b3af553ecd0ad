//! Reads a cost map in pieces.

use super::cells::whole;
use super::guess::Guess;
use super::table::CostTable;
use super::{CostMap, fast};
use crate::cost::Judge;
use crate::fault::{Fault, Parsed, code};
use crate::json::envelope::{Body, Envelope};
use crate::json::grammar::Event;
use crate::json::keys::duplicate;
use crate::json::lexer::skip_space;
use crate::meta::Meta;
use crate::options::{Limits, ReadOptions, Report, too_large};
use crate::pid_table::{PidId, PidTable};

/// Reads a cost map in pieces, so that its text need not be held as a whole.
///
/// ```
/// use alto_messages::{CostMapReader, ReadOptions};
///
/// let text = br#"{"meta": {"cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"},
///                           "dependent-vtags": [{"resource-id": "map", "tag": "1"}]},
///                 "cost-map": {"PID1": {"PID1": 1, "PID2": 2.5}}}"#;
/// let mut reader = CostMapReader::new(&ReadOptions::default());
/// for piece in text.chunks(10) {
///     reader.feed(piece)?;
/// }
/// let map = reader.finish()?.message;
/// let [one, two] = ["PID1", "PID2"].map(|name| map.pids().id(name).unwrap());
/// assert_eq!(map.get(one, two), Some(2.5));
/// assert_eq!(map.get(two, one), None);
/// # Ok::<(), alto_messages::Fault>(())
/// ```
#[derive(Debug)]
pub struct CostMapReader(Envelope<Rows>);

impl CostMapReader {
    /// Nothing read yet.
    pub fn new(options: &ReadOptions) -> Self {
        Self(Envelope::new(options, Rows::new(options.limits)))
    }

    /// Reads the next piece of the body.
    ///
    /// # Errors
    /// If what was read so far can be no cost map; then the same fault is given ever after.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.0.feed(piece)
    }

    /// The map, once all pieces were read.
    ///
    /// # Errors
    /// If they are no cost map, or any cost in it makes no sense.
    pub fn finish(self) -> Result<Parsed<CostMap>, Fault> {
        self.0.finish()
    }
}

/// The reader of the member `cost-map`.
#[derive(Debug)]
struct Rows {
    limits: Limits,
    pids: PidTable,
    table: CostTable,
    judge: Judge,
    place: Place,
    guess: Guess,
    source: Option<PidId>,
    /// The row in the reading.
    destinations: Vec<PidId>,
    costs: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Start,
    Sources,
    Source,
    Row,
    /// The cost to that PID is due.
    Cost(PidId),
}

/// Longer than any row of different PIDs.
const LONGEST_ROW: usize = 1 << 16;

impl Body for Rows {
    type Message = CostMap;

    const MEMBER: &'static str = "cost-map";

    fn event(&mut self, event: Event<'_>, report: &mut Report) -> Result<(), Fault> {
        self.place = match (self.place, event) {
            (Place::Start, Event::BeginObject) => Place::Sources,
            (Place::Sources, Event::Key(name)) => self.open_row(&name, report)?,
            (Place::Sources, Event::EndObject) => Place::Start,
            (Place::Source, Event::BeginObject) => Place::Row,
            (Place::Row, Event::Key(name)) => {
                let pid = self.pids.number(&name, self.limits.pids, "cost-map", report)?;
                self.guess.miss(pid);
                Place::Cost(pid)
            }
            (Place::Row, Event::EndObject) => self.close_row()?,
            (Place::Cost(destination), event) => self.cost(destination, &event)?,
            (_, event) => return Err(self.wrong_type(&event)),
        };
        Ok(())
    }

    fn fast(&mut self, input: &[u8], mut first: bool, _: &mut Report) -> usize {
        if !matches!(self.place, Place::Row) {
            return 0;
        }
        let mut done = 0;
        for _ in 0..self.room() {
            let mut at = skip_space(input, done);
            if !first {
                if input.get(at) != Some(&b',') {
                    break;
                }
                at = skip_space(input, at + 1);
            }
            let Some(end) = self.member(input, at) else { break };
            done = end;
            first = false;
        }
        self.destinations.extend_from_slice(self.guess.run());
        done
    }

    fn finish(mut self, meta: Meta, report: &mut Report) -> Result<CostMap, Fault> {
        let cost_type = Meta::cost_type(meta.cost_type)?;
        self.judge.accepts(&cost_type)?;
        let dependent_vtags =
            Meta::dependencies(meta.dependent_vtags.filter(|vtags| !vtags.is_empty()), report)?;
        if dependent_vtags.len() > 1 {
            let sentence = "a cost map depends on one network map";
            let field = "meta/dependent-vtags";
            return Err(Fault::value(code::WRONG_COUNT, field, "", sentence));
        }
        self.table.shrink();
        Ok(CostMap { cost_type, dependent_vtags, pids: self.pids, costs: self.table })
    }
}

impl Rows {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            pids: PidTable::default(),
            table: CostTable::default(),
            judge: Judge::default(),
            place: Place::Start,
            guess: Guess::default(),
            source: None,
            destinations: Vec::new(),
            costs: Vec::new(),
        }
    }

    /// How many costs may still be added to this row.
    fn room(&self) -> usize {
        let in_all = self.limits.costs.saturating_sub(self.table.len());
        in_all.min(LONGEST_ROW).saturating_sub(self.costs.len())
    }

    fn open_row(&mut self, name: &str, report: &mut Report) -> Result<Place, Fault> {
        let pid = self.pids.number(name, self.limits.pids, "cost-map", report)?;
        if self.table.has_row(pid) {
            return Err(duplicate("cost-map", name));
        }
        self.source = Some(pid);
        Ok(Place::Source)
    }

    fn cost(&mut self, destination: PidId, event: &Event<'_>) -> Result<Place, Fault> {
        if self.room() == 0 {
            return Err(too_large("cost-map", "costs", self.limits.costs.min(LONGEST_ROW)));
        }
        let (pids, source) = (&self.pids, self.source);
        let cost = self.judge.read(event, &|| field(pids, source, Some(destination)))?;
        self.destinations.push(destination);
        self.costs.push(cost);
        Ok(Place::Row)
    }

    /// Takes one destination and its cost straight from the bytes, and gives where they end; only
    /// PIDs that were named before. Of destinations that were due, only their run is noted.
    #[inline]
    fn member(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let (id, length, is_due) = match self.guess.due() {
            Some((id, key)) if starts_with(&input[at..], key) => (id, key.len(), true),
            _ => {
                let name = fast::name(&input[at..])?;
                (self.pids.id(name)?, name.len() + 2, false)
            }
        };
        let (cost, end) = fast::cost(input, at + length)?;
        if is_due {
            self.guess.hit();
        } else {
            self.destinations.extend_from_slice(self.guess.run());
            self.destinations.push(id);
            self.guess.miss(id);
        }
        self.costs.push(cost);
        Some(end)
    }

    fn close_row(&mut self) -> Result<Place, Fault> {
        if let Some(source) = self.source {
            self.judge_row(source);
            let row = self.table.push_row(source, &self.destinations, &self.costs);
            row.map_err(|twice| twice.fault(&self.pids))?;
        }
        self.guess.end_row(&self.destinations, &self.pids);
        self.destinations.clear();
        self.costs.clear();
        Ok(Place::Sources)
    }

    /// What the fast reader took was not judged yet.
    fn judge_row(&mut self, source: PidId) {
        if self.costs.iter().all(|cost| whole(*cost).is_some()) {
            return;
        }
        for (destination, cost) in self.destinations.iter().zip(&self.costs) {
            self.judge.note(*cost, &|| field(&self.pids, Some(source), Some(*destination)));
        }
    }

    fn wrong_type(&self, event: &Event<'_>) -> Fault {
        let (field, wanted) = match self.place {
            Place::Start | Place::Sources => (field(&self.pids, None, None), "an object of PIDs"),
            _ => (field(&self.pids, self.source, None), "an object of PIDs and costs"),
        };
        Fault::wrong_type(field, event.noun(), wanted)
    }
}

/// Whether `input` starts with `key`. Names of up to 14 octets are compared in two steps without a
/// loop, each of eight octets, which may overlap.
#[inline]
fn starts_with(input: &[u8], key: &[u8]) -> bool {
    let Some(input) = input.get(..key.len()) else { return false };
    match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) if key.len() <= 16 => {
            input.first_chunk() == Some(first) && input.last_chunk() == Some(last)
        }
        _ => input == key,
    }
}

/// Where something is, for faults.
fn field(pids: &PidTable, source: Option<PidId>, destination: Option<PidId>) -> String {
    let names = [source, destination].into_iter().flatten().map(|id| pids.name(id).as_str());
    ["cost-map"].into_iter().chain(names).collect::<Vec<_>>().join("/")
}
