//! What ALTO servers say (RFC 7285), asked on behalf of a consumer (RFC 8686 §4).
//!
//! Discovery finds the servers that speak for a consumer. [`Guidance`] asks them, in that order,
//! until one can be used: its directory leads to the network map and the cost map of the configured
//! metric, which are joined to one immutable [`ServerTable`] per server; where the maps say nothing
//! for the consumer, the endpoint cost service is asked ([`EcsUse`]).
//!
//! - One query set goes to one server: costs of two servers are never mixed.
//! - A server speaks only for the network that led to it ([`Consumer::speaks_for`]).
//! - Tables are fresh for as long as HTTP says, for announces a minute at least; they are fetched
//!   once for all who ask, replaced as a whole, and bounded in octets all together.
//! - The links of its directories lead to its own site, unless [`Links::Any`] is configured.
//! - Endpoint costs are kept for the consumer they were told for, as long as HTTP says.
//! - A server that fails is left alone for a while, longer each time. While a host cannot be reached, one
//!   attempt every two seconds (less often after a long outage) looks whether it is back, if anybody
//!   wants one of its servers. Meanwhile a server's last table is used for an hour beyond its time, with
//!   the warning `stale`.
//!
//! ```
//! use alto_discovery_core::Policy;
//! use alto_fetch::FetchConfig;
//! use alto_guidance::{Consumer, Guidance, GuidanceConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (config, fetch) = (GuidanceConfig::default(), FetchConfig::default());
//! let guidance = Guidance::new(&config, &fetch, Policy::default())?;
//! let servers = ["https://alto.example/directory".parse()?];
//! let consumer = Consumer::new("203.0.113.5".parse()?);
//! let candidates = ["198.51.100.7".parse()?, "192.0.2.9".parse()?];
//! let judgement = guidance.judge(&servers, consumer, &candidates).await?;
//! for (candidate, judged) in candidates.iter().zip(&judgement.candidates) {
//!     println!("{candidate} {:?} {:?}", judged.pid, judged.cost);
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answers;
mod client;
mod config;
mod ecs;
mod error;
mod life;
mod load;
mod locked;
mod plan;
mod reach;
mod resource;
mod server_table;
mod shelf;
mod site;
mod store;
mod summary;

pub use alto_fetch::FetchConfig;
pub use alto_messages::{MediaType, PidName, Strictness};
pub use alto_selection::{Direction, Ranked, rank};
pub use client::{Consumer, Exhausted, Guidance, Judged, Judgement};
pub use config::{EcsUse, GuidanceConfig, Links};
pub use error::{Error, Fault, Warning};
pub use server_table::{Maps, ServerTable};
pub use shelf::{Glance, State};
pub use store::Told;
pub use summary::Summary;
