//! Approach 1: the network says in reverse DNS which ALTO server speaks for it (RFC 8686).
#![forbid(unsafe_code)]

mod explain;
pub mod fact;
pub mod naptr;
mod outcome;
pub mod plan;
pub mod scope;
pub mod service;
pub mod walk;

/// The backend's name.
const NAME: &str = "dns";
/// Its number in the draft's comparison.
const APPROACH: u8 = 1;
