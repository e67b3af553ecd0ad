//! How a message is read: how strictly, and how much of it.

use crate::fault::{Fault, Warning, code};

/// How a message is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Whether faults seen in other ALTO servers are forgiven.
    pub strictness: Strictness,
    /// How much is read.
    pub limits: Limits,
}

impl ReadOptions {
    /// The default limits, and faults of other servers forgiven where that is safe.
    pub fn lenient() -> Self {
        Self { strictness: Strictness::Lenient, ..Self::default() }
    }
}

/// Whether faults seen in other ALTO servers are forgiven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// What RFC 7285 demands is demanded.
    #[default]
    Strict,
    /// Faults that leave no doubt about what was meant become warnings.
    Lenient,
}

/// How much is read. Whatever exceeds a limit is refused as a whole, never cut.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets of a network map or cost map, decoded.
    pub map_octets: u64,
    /// Octets of any other body, and of all but the map itself within a map's body.
    pub body_octets: usize,
    /// PIDs in one map; at most 65,536.
    pub pids: usize,
    /// Prefixes in one network map.
    pub prefixes: usize,
    /// Costs in one cost map.
    pub costs: usize,
    /// Resources in one directory.
    pub resources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            map_octets: 128 << 20,
            body_octets: 1 << 20,
            pids: 65_536,
            prefixes: 2_000_000,
            costs: 16_000_000,
            resources: 500,
        }
    }
}

/// The most objects and arrays inside each other in any message. RFC 7285's own need five.
pub const MAX_DEPTH: u32 = 16;

/// The warnings of one message in the making.
#[derive(Debug, Default)]
pub(crate) struct Report {
    strictness: Strictness,
    warnings: Vec<Warning>,
}

impl Report {
    pub(crate) fn new(strictness: Strictness) -> Self {
        Self { strictness, warnings: Vec::new() }
    }

    pub(crate) fn is_lenient(&self) -> bool {
        self.strictness == Strictness::Lenient
    }

    /// Refuses the fault when strict, notes it when lenient.
    pub(crate) fn forgive(&mut self, fault: Fault) -> Result<(), Fault> {
        if !self.is_lenient() {
            return Err(fault);
        }
        self.note(fault.code(), || fault);
        Ok(())
    }

    /// Notes what is worth a warning in any case. `fault` is made only for the first of its code:
    /// a map can hold millions.
    pub(crate) fn note(&mut self, code: &'static str, fault: impl FnOnce() -> Fault) {
        match self.warnings.iter_mut().find(|warning| warning.code() == code) {
            Some(warning) => warning.count = warning.count.saturating_add(1),
            None => self.warnings.push(Warning { first: fault(), count: 1 }),
        }
    }

    pub(crate) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }
}

/// The fault of exceeding a limit.
pub(crate) fn too_large(field: &str, what: &str, limit: impl std::fmt::Display) -> Fault {
    Fault::value(code::TOO_LARGE, field, "", format!("holds more than {limit} {what}"))
}
