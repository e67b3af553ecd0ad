//! The choice of peers, with real discovery layers and ALTO servers on loopback.
#![cfg(feature = "guidance")]

mod claims;
mod hanging;
mod learning;
mod replies;
mod twin;
mod world;
