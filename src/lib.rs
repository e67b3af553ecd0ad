#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "guidance")]
mod advisor;
mod config;
mod discovery;
mod log;
#[cfg(feature = "guidance")]
mod opentracker;
mod registry;
#[cfg(feature = "whoami")]
#[cfg_attr(docsrs, doc(cfg(feature = "whoami")))]
pub mod whoami;

#[cfg(feature = "guidance")]
#[cfg_attr(docsrs, doc(cfg(feature = "guidance")))]
pub use advisor::{
    Advisor, Choice, ClaimsConfig, Request, Requester, SelectConfig, Share, Unprepared, Why,
};
pub use alto_discovery_core as core;
pub use alto_discovery_core::{
    Answer, Backend, BackendConfig, BoxFuture, Call, Cause, Dnssec, Error, Finding, Freshness,
    Guide, Hints, IdScope, Known, NoServer, Origin, Peer, PeerCost, PeerCosts, PeerId,
    PeerIdSyntax, Place, Policy, Scope, Server, ServerList, Severity, Step, Token, Trace, Trust,
    Validity, code, layers,
};
#[cfg(feature = "guidance")]
#[cfg_attr(docsrs, doc(cfg(feature = "guidance")))]
pub use alto_guidance as guidance;
#[cfg(feature = "guidance")]
#[cfg_attr(docsrs, doc(cfg(feature = "guidance")))]
pub use alto_selection as selection;
pub use config::Config;
pub use discovery::Discovery;
/// A prefix: what a [`Peer`] or a [`Scope`] is about.
pub use ipnet::IpNet;
pub use log::{Level, LogConfig, Target};
#[cfg(feature = "guidance")]
#[cfg_attr(docsrs, doc(cfg(feature = "guidance")))]
pub use opentracker::OpentrackerConfig;
pub use registry::{Backends, Sections};
/// A moment, as [`Discovery::known`] wants it.
pub use tokio::time::Instant;
