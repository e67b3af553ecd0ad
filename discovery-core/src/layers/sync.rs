//! What threads share the layers' state by: the standard library's locks and tokio's tasks or, under
//! `--cfg shuttle`, a model checker's that tries one schedule after the other (`make models`).
//!
//! Shuttle and not loom: locks guard all that matters here, so orders count and not weak memory; loom
//! tries all orders, which for tables and tasks as large as ours does not end.
//!
//! Counters that may lose a count are not in here: models are about what must not be lost.

#[cfg(shuttle)]
pub(super) use shuttle::sync::{
    Mutex, MutexGuard, RwLock,
    atomic::{AtomicU32, AtomicU64},
};
#[cfg(not(shuttle))]
pub(super) use std::sync::{
    Mutex, MutexGuard, RwLock,
    atomic::{AtomicU32, AtomicU64},
};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Runs `task` on `runtime` as one of `tasks`.
#[cfg(not(shuttle))]
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    task: impl Future<Output = ()> + Send + 'static,
    runtime: &Handle,
) {
    tasks.spawn_on(task, runtime);
}

#[cfg(shuttle)]
pub(super) fn spawn(
    _: &mut JoinSet<()>,
    task: impl Future<Output = ()> + Send + 'static,
    _: &Handle,
) {
    drop(shuttle::future::spawn(task)); // it runs on
}
