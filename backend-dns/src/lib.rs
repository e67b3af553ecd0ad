//! Approaches 1 and 3: the network says in reverse DNS which ALTO server speaks for it (RFC 8686), or
//! for each of those who share an address.
//!
//! [`DnsBackend`] asks for the NAPTR records of a peer's reverse names, that of its peer ID first, then
//! the longest, until one names a server. Its rules are pure: [`plan`] says which names, [`naptr`] reads records, [`walk`]
//! is the procedure as a state machine, [`scope`] says for whom the outcome was proven. Around them,
//! what is learnt of names is kept and dated in one place for all peers, questions are paced, and
//! the site's resolvers are asked over UDP and TCP or over TLS.
//!
//! ```no_run
//! # async fn find() -> Result<(), alto_discovery_core::Error> {
//! use alto_backend_dns::{DnsBackend, DnsConfig};
//! use alto_discovery_core::{Backend, BackendConfig, Call, Peer, Policy};
//!
//! let mut config = DnsConfig::default();
//! config.set("dns.resolver", "127.0.0.1")?;
//! let backend = DnsBackend::new(&config, Policy::default())?;
//! let peer: Peer = "8.8.8.8".parse()?;
//! let answer = backend.discover(&peer, &Call::default()).await?;
//! println!("{}", answer.servers()[0].uri);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod address;
mod backend;
mod branch;
mod breaker;
pub mod config;
mod doctor;
mod domain;
mod exchange;
mod explain;
pub mod fact;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod lifetimes;
mod names;
pub mod naptr;
mod outcome;
mod pace;
pub mod plan;
mod reply;
mod resolvers;
pub mod rules;
pub mod scope;
pub mod service;
mod sockets;
mod store;
mod transport;
pub mod upstream;
pub mod walk;

pub use address::ResolverAddress;
pub use backend::DnsBackend;
pub use config::DnsConfig;

/// The backend's name.
const NAME: &str = "dns";
/// Its numbers in the draft's comparison: by the address, by the peer ID, and by the name of the peer's
/// own network, which a peer asks to tell it to others.
const APPROACH: u8 = 1;
const APPROACH_BY_ID: u8 = 3;
const APPROACH_OF_PEERS: u8 = 5;
