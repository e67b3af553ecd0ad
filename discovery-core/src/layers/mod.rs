//! What wraps around a backend: each layer is a [`Backend`](crate::Backend) around others.
//!
//! | layer | what it adds |
//! |---|---|
//! | [`Chain`] | several backends, the first answer wins, in order |
//! | [`Race`] | several backends at once, the first answer wins |
//! | [`Deadline`] | an end to waiting |
//! | [`Limit`] | a bound on calls at once |
//! | [`Coalesce`] | equal questions in flight are one |
//! | [`Cache`] | facts are remembered under their proven scope |
//! | [`Confirm`] | a peer's claim counts only if another source names the same host |
//!
//! A layer around one backend goes by that backend's name, and what fails keeps the name of the
//! one that failed. Every layer passes on `known` as well as `discover`: the lint below refuses a
//! layer that forgets it.
//!
//! The usual stack keeps facts apart from decisions: each source has a cache of its own, as in
//! `Deadline(Coalesce(Cache(Limit(source))))`, and the chain on top decides anew each time. Nothing
//! is to be stored above a chain. Coalescing above the cache, not below: then a fact is kept by the
//! flight that found it, even if its callers have given up, and who comes between the reply and
//! its keeping doesn't ask again.
#![deny(clippy::missing_trait_methods)]

mod cache;
mod chain;
mod coalesce;
mod confirm;
mod deadline;
mod flights;
mod limit;
mod race;
mod sync;
#[cfg(test)]
mod testing;
mod verdict;

pub use cache::{Cache, CacheConfig, Stats};
pub use chain::Chain;
pub use coalesce::Coalesce;
pub use confirm::Confirm;
pub use deadline::Deadline;
pub use limit::Limit;
pub use race::Race;
