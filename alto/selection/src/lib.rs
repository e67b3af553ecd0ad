//! Which peers are best for the peer that asked: pure data structures, no I/O, no clock.
//!
//! - [`PrefixMap`]: address to PID by longest-prefix match (RFC 7285 §11.2.2), immutable;
//! - [`Table`]: what one ALTO server says, PIDs and the costs between them, immutable;
//! - [`rank()`]: candidates in the order of their cost for one consumer;
//! - [`Swarm`]: the peers of a torrent, from which the best k are chosen without a scan.
#![forbid(unsafe_code)]

mod among;
mod pid;
mod prefix_map;
mod random;
mod rank;
mod record;
mod scratch;
mod sorted;
mod swarm;
mod sync;
mod table;
mod view;

pub use among::{choose_among, random_among};
pub use pid::Pid;
pub use prefix_map::{PrefixFault, PrefixMap};
pub use rank::{Ranked, rank};
pub use record::{Record, V4Record, V6Record};
pub use scratch::with_scratch;
pub use swarm::{Ask, Basis, Built, Role, Swarm};
pub use table::{CostFault, Costs, Direction, Order, Table};
