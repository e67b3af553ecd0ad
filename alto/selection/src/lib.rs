//! Which peers are best for the peer that asked: pure data structures, no I/O, no clock.
//!
//! - [`PrefixMap`]: address to PID by longest-prefix match (RFC 7285 §11.2.2), immutable;
//! - [`Table`]: what one ALTO server says, PIDs and the costs between them, immutable;
//! - [`rank()`]: candidates in the order of their cost for one consumer.
#![forbid(unsafe_code)]

mod pid;
mod prefix_map;
mod rank;
mod table;

pub use pid::Pid;
pub use prefix_map::{PrefixFault, PrefixMap};
pub use rank::{Ranked, rank};
pub use table::{CostFault, Costs, Direction, Order, Table};
