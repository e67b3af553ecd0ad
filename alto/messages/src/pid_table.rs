//! PIDs by number: a map's names are stored once, everything else refers to them in two octets.

use std::collections::HashMap;

use crate::fault::{Fault, code};
use crate::names::{NameFault, PidName};
use crate::options::{Report, too_large};

/// The number of a PID in the [`PidTable`] of one map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PidId(u16);

impl PidId {
    pub(crate) fn numbered(number: u16) -> Self {
        Self(number)
    }

    /// From 0 on, without gaps.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// As it is stored.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// The PIDs of one map, in the order in which the map first names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PidTable {
    names: Vec<PidName>,
    ids: HashMap<PidName, PidId>,
}

impl PidTable {
    /// The number of that PID, if the map names it.
    pub fn id(&self, name: &str) -> Option<PidId> {
        self.ids.get(name).copied()
    }

    /// The name of a PID.
    ///
    /// # Panics
    /// If `id` belongs to another, larger map.
    pub fn name(&self, id: PidId) -> &PidName {
        &self.names[id.index()]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All PIDs, in order of number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PidId, &PidName)> {
        let number = |index| PidId(u16::try_from(index).unwrap_or(u16::MAX)); // at most 65,536
        self.names.iter().enumerate().map(move |(index, name)| (number(index), name))
    }

    /// The number of that PID, given one if need be, unless there are `limit` already.
    pub(crate) fn number(
        &mut self,
        name: &str,
        limit: usize,
        field: &str,
        report: &mut Report,
    ) -> Result<PidId, Fault> {
        if let Some(id) = self.id(name) {
            return Ok(id);
        }
        let too_many = || too_large(field, "PIDs", limit.min(1 << 16));
        let number = u16::try_from(self.len()).map_err(|_| too_many())?;
        if self.len() >= limit {
            return Err(too_many());
        }
        let refuse =
            |fault: NameFault| Fault::value(code::BAD_NAME, field, name, fault.to_string());
        let pid: PidName = name.parse().map_err(refuse)?;
        if name.contains('.') {
            let sentence = format!("the PID name `{name}` holds the reserved character `.`");
            report.note(code::RESERVED_DOT, || {
                Fault::value(code::RESERVED_DOT, field, name, sentence)
            });
        }
        self.names.push(pid.clone());
        self.ids.insert(pid, PidId(number));
        Ok(PidId(number))
    }
}
