//! Which peers are best for the peer that asked: pure data structures, no I/O, no clock.
//!
//! - [`PrefixMap`]: address to PID by longest-prefix match (RFC 7285 §11.2.2), immutable.
#![forbid(unsafe_code)]

mod pid;
mod prefix_map;

pub use pid::Pid;
pub use prefix_map::{PrefixFault, PrefixMap};
