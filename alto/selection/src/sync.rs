//! What threads share swarms and orders by: the standard library's locks or, under `--cfg shuttle`, a
//! model checker's that tries one schedule after the other (`make models`). Counters of promotions are
//! not in here: they may lose a count.

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
