//! A PID by number.

use std::fmt;
use std::num::NonZeroU32;

/// A PID (RFC 7285 §5.1) by its place in its network map: 65,536 of them at most.
///
/// `Option<Pid>` is four octets, `None` standing for "the map knows no PID".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroU32);

impl Pid {
    /// The most PIDs one map can have.
    pub const MOST: usize = 1 << 16;

    /// The PID at this place, counted from 0.
    pub fn new(place: u16) -> Self {
        Self(NonZeroU32::MIN.saturating_add(u32::from(place)))
    }

    /// Its place, below [`Pid::MOST`]: for indexing.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// Its code in packed structures; 0 stands for no PID.
    pub(crate) fn code(pid: Option<Self>) -> u32 {
        pid.map_or(0, |pid| pid.0.get())
    }

    /// The PID, or none, of a code.
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        NonZeroU32::new(code).map(Self)
    }
}

impl From<u16> for Pid {
    fn from(place: u16) -> Self {
        Self::new(place)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pid({})", self.index())
    }
}
