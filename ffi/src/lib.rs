//! The C interface: `libalto_discovery`, whose header is `include/alto_discovery.h`.
//!
//! Each function checks its arguments, makes one call of the facade, and copies the result out. The
//! contract stands at the top of the header (`cbindgen.toml`); this crate is the only one with
//! `unsafe`.
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
// C's names, not Rust's.
#![allow(non_camel_case_types)]

mod boundary;
mod cancel;
mod clock;
mod config;
mod engine;
mod eventfd;
mod finder;
mod handle;
mod last_error;
mod life;
mod lookup;
#[cfg(test)]
mod panics;
mod peer;
mod records;
mod select;
mod stack;
mod stats;
mod status;
mod structs;
mod swarm;
mod swarms;
mod version;

pub use config::*;
pub use handle::*;
pub use last_error::*;
pub use lookup::*;
pub use select::*;
pub use stats::*;
pub use status::*;
pub use structs::*;
pub use swarm::*;
pub use version::*;
