//! The peer's half of approaches 5 and 6: which ALTO server speaks for the host that this runs on
//! (RFC 7286), and what to tell trackers of it.
//!
//! 1. The name of the access network: the user's word, or else what DHCP said ([`Access`]): options 213
//!    and 15 of DHCPv4, option 57 of DHCPv6, from what DHCP clients keep ([`Leases`], [`lease`]), or asked for
//!    now ([`ask_v4`], [`ask_v6`]).
//! 2. The servers that the network names there, by U-NAPTR ([`Access::find`]).
//! 3. What to send along with announces: the server's URI (5), or what matters of its maps
//!    ([`guidance`], 6); [`announce`] writes both.
//!
//! Whatever DHCP says comes from whoever is on the link: all of it is bounded and read strictly, and no
//! name of it is asked for that is none of a network ([`Domain`]).
//!
//! ```no_run
//! use alto_discovery::whoami::{Access, announce};
//! use alto_discovery::{Call, Config};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let access = Access::by_hand("access.example".parse()?);
//! let tried = access.find(&Config::default(), &Call::default()).await?;
//! if let Some(Ok(answer)) = tried.last().map(|tried| &tried.outcome) {
//!     println!("&{}", announce::uri_parameter(&answer.servers()[0].uri).ok_or("too long")?);
//! }
//! # Ok(())
//! # }
//! ```

mod access;
mod ask;
pub mod dhcp4;
pub mod dhcp6;
mod domain;
mod find;
mod guide;
pub mod lease;
mod places;

pub use access::{Access, Named, Says};
/// What is written into an announce and read out of it, guidance as it carries it, and what trackers
/// say to a URI in it.
pub use alto_backend_peerinfo::{announce, blob, claim};
pub use ask::{AskFault, ask_v4, ask_v6};
pub use domain::{Domain, Fault as DomainFault};
pub use find::Tried;
pub use guide::{NoGuidance, guidance};
pub use lease::Family;
pub use places::{Leases, Passed, Why};
