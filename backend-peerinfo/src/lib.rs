//! Approaches 5 and 6: the peer itself says which ALTO server speaks for it, or what that server told it.
//!
//! A peer behind a NAT or in a network that publishes nothing can find its own server (RFC 7286) and
//! send the URI of its directory with each announce (5), or ask it and send what matters of its maps (6):
//!
//! | | HTTP announce (BEP 3) | UDP announce (BEP 41) |
//! |---|---|---|
//! | 5 | `alto=` the URI, percent-encoded, at most 250 octets | option 0xA5, or `alto=` inside of URLData |
//! | 6 | `altog=` the [`blob`] in base64url | option 0xA6, repeated ones in a row, or `altog=` inside of URLData |
//!
//! What a peer says is a claim: bounded before it is read, marked to the end, good for the reply to
//! the announce that carried it and for nothing else. [`PeerInfoBackend`] asks nobody and keeps
//! nothing. Its rules are pure: [`announce`] finds what was sent, [`claim`] vets a URI, [`blob`] reads
//! guidance. [`write`] is the peer's half.
//!
//! ```
//! use alto_backend_peerinfo::{PeerInfoBackend, PeerInfoConfig};
//! use alto_discovery_core::{Backend, BackendConfig, Hints, Known, Peer, Policy};
//! use tokio::time::Instant;
//!
//! let mut config = PeerInfoConfig::default();
//! config.set("peerinfo.trust", "open")?;
//! let backend = PeerInfoBackend::new(&config, Policy::default());
//!
//! let query = b"info_hash=...&port=6881&alto=https%3A%2F%2Falto.example%2Fdirectory";
//! let peer: Peer = "8.8.8.8".parse()?;
//! let peer = peer.with_hints(Hints::HttpQuery(query[..].into()));
//! let Known::Fresh(answer) = backend.known(&peer, Instant::now()) else { panic!() };
//! assert_eq!(answer.servers()[0].uri.as_str(), "https://alto.example/directory");
//! # Ok::<(), alto_discovery_core::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod announce;
mod backend;
pub mod blob;
pub mod claim;
pub mod config;

pub use backend::PeerInfoBackend;
pub use config::{PeerInfoConfig, Trusted};

/// The backend's name.
const NAME: &str = "peerinfo";
