//! A guarded HTTP client for ALTO resources (RFC 7285 §8.3).
//!
//! The URIs that discovery finds, servers redirect to and directories list are instructions from
//! strangers to connect somewhere and swallow what comes. This client is for them alone. It
//!
//! - contacts what the [`Policy`](alto_discovery_core::Policy) allows: the parsed host, every
//!   address its name has, and the peer once connected are checked, on each hop anew;
//! - follows redirects by hand: few, never in circles, never from https to http, and nothing but
//!   the request itself survives a hop;
//! - bounds sizes (decoded), growth when decoded, times, rates and the requests under way;
//! - speaks HTTP/1.1 over TLS 1.2 or newer without proxy, cookies, referer, key log or environment
//!   variables, and has no process-wide state: the host program's TLS provider is not touched;
//! - says of each resource how long it is fresh, and asks again with conditions.
//!
//! ```
//! use alto_discovery_core::Policy;
//! use alto_fetch::{BodyKind, Content, FetchConfig, Fetcher, Request};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let fetcher = Fetcher::new(&FetchConfig::default(), Policy::default())?;
//! let uri = "https://alto.example/directory".parse()?;
//! let accept = &["application/alto-directory+json", "application/alto-error+json"];
//! let reply = fetcher.fetch(Request::get(uri, BodyKind::Directory, accept)).await?;
//! if let Content::Body(mut body) = reply.content {
//!     assert_eq!(body.media_type(), Some("application/alto-directory+json"));
//!     let directory: Vec<u8> = body.read_all().await?;
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod address;
mod body;
mod client;
mod config;
mod error;
mod freshness;
mod gate;
mod hops;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use address::{Lookup, SystemLookup};
pub use body::BodyKind;
pub use client::{Fetcher, MAX_ERROR_OCTETS, USER_AGENT};
pub use config::{FetchConfig, Limits};
pub use error::{Error, Fault, Phase, RedirectFault, StatusReply};
pub use freshness::{Freshness, Validators};
pub use hops::{Hops, normal_form};
pub use reply::{Body, Content, Redirect, Reply};
pub use request::{Post, Request};
pub use tls::TlsFault;
