//! Find the ALTO server that speaks for a peer: the trait, its types, and what wraps around it.
//!
//! A resource directory (a BitTorrent tracker, a request router) that wants guidance *on behalf of*
//! a resource consumer must first find the ALTO server of that consumer's network (RFC 8686, RFC
//! 6708 AR-33). There are several ways of finding it; each is a [`Backend`]. This crate knows none of
//! them. It holds
//!
//! - the question: [`Peer`] (a fact about whom we ask for) and [`Call`] (a wish: how, this once);
//! - the answer: [`Answer`], or an [`Error`] in which "surely none" ([`Error::NoServer`]) and "don't
//!   know" ([`Error::Unavailable`]) are far apart;
//! - the [`layers`]: chain, race, cache, coalesce, deadline, limit, confirm, each a backend around
//!   a backend;
//! - the [`Policy`]: which peers may be asked for, which servers may be contacted;
//! - with feature `conformance`: the laws that every backend must pass.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod absence;
mod answer;
mod backend;
mod backend_config;
mod call;
#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod error;
mod finding;
pub mod layers;
mod peer;
mod peer_id;
mod policy;
mod setting;
mod special_ranges;
mod trace;
mod uri;
mod validity;

pub use absence::NoServer;
pub use answer::{
    Answer, Dnssec, Guide, IdScope, Known, PeerCost, PeerCosts, Scope, Server, ServerList, Trust,
};
pub use backend::{Backend, BoxFuture};
pub use backend_config::{BackendConfig, Place};
pub use call::{Call, Freshness};
pub use error::{Cause, Error, code};
pub use finding::{Finding, Severity};
pub use peer::{Hints, Peer, PeerSyntax};
pub use peer_id::{PeerId, PeerIdSyntax, Token};
pub use policy::{Policy, Refusal};
pub use setting::{Setting, SettingFault, SettingValue, duration_text, parse_duration};
pub use trace::{Origin, Step, Trace};
pub use uri::{MAX_URI_OCTETS, UriFault, parse_uri, resolve_uri};
pub use validity::Validity;
