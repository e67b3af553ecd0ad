//! Real trackers on loopback, with and without guidance, and peers that announce to them.
//!
//! - [`World`]: networks below 127.0.0.0/8, each with an ALTO server, found by NSD's records;
//! - [`Tracker`]: Debian's opentracker, plain or with the object for `LD_PRELOAD`, or a program on
//!   libowfat that is linked with the object;
//! - [`announce`]: one peer's side of BEP 15 (UDP) and BEP 3 (HTTP), from its own address;
//! - [`clients`]: python3-libtorrent and aria2, and [`Relay`], which notes what passes between them and
//!   a tracker.
//!
//! Nothing here returns an error for a broken set-up: it panics and says what to do about it.
#![forbid(unsafe_code)]
// Every function here may panic: that is how a test fails.
#![allow(clippy::missing_panics_doc)]

pub mod announce;
pub mod clients;
mod object;
mod relay;
mod tracker;
mod world;

pub use announce::{Ask, Event, Peer, Record, Reply};
pub use object::{host, preloaded};
pub use relay::{Exchange, Relay};
pub use tracker::{Setup, Tracker};
pub use world::{MapText, Network, World};
