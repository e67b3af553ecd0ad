//! The laws that every backend must keep, to be run from the backend's own tests.
//!
//! A backend's test builds one [`Stage`]: it turns neutral [`Facts`] (which network has which
//! servers, where surely none exists, where the upstream fails, is silent or hostile) into whatever
//! the backend works from, a DNS zone, HTTP routes or announces, and opens [`Scene`]s: a backend that
//! remembers nothing, in that world. [`run_all`] then tries every law of [`laws::LAWS`] on every peer
//! the law is about and gives a [`Report`] with one row, so rows of several backends make a matrix.
//!
//! ```
//! use alto_discovery_core::conformance::{Clock, Facts, ScriptedStage, run_all};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let stage = ScriptedStage::new(Facts::standard(), Clock::Running);
//! let report = run_all(&stage).await;
//! println!("{}\n{report}", alto_discovery_core::conformance::Report::heading());
//! report.assert_lawful();
//! # }
//! ```
//!
//! How a stage may render the facts, and what belongs into [`Facts::without`]:
//!
//! | fact | a DNS zone | HTTP routes | announces |
//! |---|---|---|---|
//! | [`Truth::Speaks`] | records in the order listed | a redirect or IRD per network | `alto=` and the URI |
//! | [`Truth::Nobody`] | no record | the reply that says "none" | left out |
//! | [`Truth::Failing`] | SERVFAIL | 503 | left out |
//! | [`Truth::Silent`] | no reply | a connection, no reply | left out |
//! | [`Hostile::Uri`] | a record with it | `Location` with it | `alto=` and it |
//! | [`Hostile::Garbage`], [`Oversize`](Hostile::Oversize) | octets that are no message; the largest message | a body that is no JSON; an endless one | octets that are no query |
//! | [`Hostile::Trickle`] | a TCP reply an octet at a time | a body an octet at a time | left out |
//! | [`Hostile::Loop`], [`Endless`](Hostile::Endless) | non-terminal records | redirects | left out |
//! | [`Hostile::Flood`] | that many records | that many servers | the key that many times |
//! | [`Hostile::Lifetime`] | the TTL | `max-age` | the blob's lifetime |
//! | [`Hostile::Unasked`] | records of the victim's in the additional section | the victim in the reply | left out |
//!
//! What a stage cannot express is a named [`Skip`], printed with the report and never silent.
//! [`Layered`] puts a layer around the backend of another stage, so the same laws are tried on each
//! backend inside each layer. [`Scripted`] is a backend that answers from facts in memory: the
//! reference for the laws, and a stand-in for tests of code that uses a backend. [`wrong`] holds a
//! deliberately wrong backend per law, which shows that each law can be broken.
//!
//! Choices in the laws are pseudo-random with a fixed seed (`splitmix64`): every run asks the same
//! questions.

mod facts;
mod hearing;
mod hostile;
pub mod laws;
mod layered;
mod outcome;
mod report;
mod scripted;
mod scripted_stage;
mod sequence;
mod stage;
pub mod wrong;

pub use facts::{Facts, Network, Speaker, Truth};
pub use hostile::Hostile;
pub use laws::run_all;
pub use layered::Layered;
pub use report::{Report, Verdict};
pub use scripted::Scripted;
pub use scripted_stage::ScriptedStage;
pub use stage::{Clock, NoUpstream, Scene, Skip, Stage, Switched, Upstream};
