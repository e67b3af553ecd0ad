//! Discovery through the whole stack, as a user has it: the command `alto`, asking real name servers
//! over real sockets.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod bed;
mod cases;
mod command;
mod dnssec;
mod grid;
mod other_signers;
mod port_blocks;
mod signed_vectors;
mod signed_zones;
mod trust;
