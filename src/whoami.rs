//! The peer's half of approaches 5 and 6: which ALTO server speaks for the host that this runs on
//! (RFC 7286).

pub mod dhcp4;
pub mod dhcp6;
pub mod domain;
pub mod lease;
