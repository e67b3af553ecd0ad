//! The choice of peers, with real discovery layers and ALTO servers on loopback.
#![cfg(feature = "guidance")]

mod announced;
mod claims;
mod hanging;
mod learning;
mod liars;
mod replies;
mod twin;
mod world;
