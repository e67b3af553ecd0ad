//! Approaches 2 and 4: any ALTO server is asked, and sends the asker on to the one that speaks for the
//! peer, by the peer's address (2) or by its address and peer ID (4).
//!
//! [`RedirectBackend`] starts at the servers of its configuration. Each is asked for its directory
//! (RFC 7285 §9), and then, by the endpoint property service (§11.4), for the property
//! `priv:3pdisc-ird` of the peer: the URI of the directory of the server that speaks for it. A server
//! that names itself is the answer; another one is asked in turn. Servers may also send the asker on by
//! HTTP redirects, or by another directory in place of an answer (§8.3.4.2).
//!
//! Its rules are pure: [`request`] says what is asked, [`verdict`] what a reply means, [`walk`] is the
//! procedure as a state machine. Around them, what several discoveries ask of one server at the same
//! time goes in one request, directories are kept while they are fresh, and a server that fails is left
//! alone for a moment.
//!
//! ```no_run
//! # async fn find() -> Result<(), alto_discovery_core::Error> {
//! use alto_backend_redirect::{RedirectBackend, RedirectConfig};
//! use alto_discovery_core::{Backend, BackendConfig, Call, Peer, Policy};
//!
//! let mut config = RedirectConfig::default();
//! config.set("redirect.servers", "https://alto.example/directory")?;
//! let backend = RedirectBackend::new(&config, Policy::default())?;
//! let peer: Peer = "8.8.8.8".parse()?;
//! let answer = backend.discover(&peer, &Call::default()).await?;
//! println!("{}", answer.servers()[0].uri);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod backend;
mod batches;
pub mod config;
mod directories;
mod doctor;
mod exchange;
pub mod failure;
mod flights;
pub mod request;
mod rest;
pub mod verdict;
pub mod walk;

pub use alto_fetch::{FetchConfig, Fetcher};
pub use backend::RedirectBackend;
pub use config::RedirectConfig;

/// The backend's name.
const NAME: &str = "redirect";

/// The code of a failure: those who were asked do not know the peer.
pub const UNKNOWN_PEER: &str = "unknown-peer";
