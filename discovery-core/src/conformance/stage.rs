//! Where a backend stands while the laws are tried on it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use url::Url;

use super::Facts;
use crate::{Backend, BoxFuture, Peer, PeerId, Policy};

/// Turns neutral facts into the world of one kind of backend. A backend's test writes one.
///
/// Laws may be tried at the same time on one stage: each opens scenes of its own, and what is
/// switched in one scene must not be felt in another.
pub trait Stage: Send + Sync {
    /// What the row in the report is called.
    fn name(&self) -> &str;

    /// The facts that stand in this world, and (in [`Facts::left_out`]) those that it cannot
    /// express.
    fn facts(&self) -> &Facts;

    /// Opens a scene: a backend that remembers nothing, in the world of [`facts`](Self::facts).
    ///
    /// The backend must allow peers in documentation prefixes, and its limits on questions per
    /// second must be out of the way. A stage whose world does not come up panics.
    fn open(&self) -> BoxFuture<'_, Scene>;

    /// The peer whose messages come from `seen`, as it would be handed to a backend of this kind:
    /// with the hints it would send. `seen` may be an IPv4-mapped form, as dual-stack sockets give.
    ///
    /// # Errors
    /// If no such peer can come to this backend (a whole prefix sends no announce).
    fn peer(&self, seen: IpNet, id: Option<PeerId>) -> Result<Peer<'static>, Skip> {
        let peer = Peer::network(seen);
        Ok(match id {
            Some(id) => peer.with_id(id),
            None => peer,
        })
    }

    /// Whether the service asked for and the policy in force let a server have this URI.
    fn admits(&self, uri: &Url) -> bool {
        Policy::default().check_uri(uri).is_ok()
    }

    /// The URI under which the server that the facts know by `uri` stands in this world: servers of a
    /// test have ports of their own.
    fn place(&self, uri: &Url) -> Url {
        uri.clone()
    }

    /// The clock the laws are tried under.
    fn clock(&self) -> Clock {
        Clock::Running
    }
}

/// The clock the laws are tried under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Time passes as usual: for backends with real sockets. Laws never wait longer than a few
    /// deadlines; checks that need hours are left out by name.
    Running,
    /// tokio's clock is paused (`#[tokio::test(start_paused = true)]`) and nothing waits for real
    /// input or output, so sleeping costs nothing and deadlines are exact.
    Paused,
}

/// A backend that remembers nothing, in a world of its own.
#[derive(Clone)]
pub struct Scene {
    /// The backend the laws are tried on.
    pub backend: Arc<dyn Backend>,
    /// The names it may speak under: its own and, inside layers, those of what it is made of.
    pub names: Vec<&'static str>,
    /// What it asks.
    pub upstream: Arc<dyn Upstream>,
}

impl Scene {
    /// A scene of this backend, which speaks under its own name.
    pub fn new(backend: Arc<dyn Backend>, upstream: Arc<dyn Upstream>) -> Self {
        Self { names: vec![backend.name()], backend, upstream }
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// What [`Upstream::switch`] gives.
pub type Switched<'a> = BoxFuture<'a, Result<(), Skip>>;

/// Handles on what a backend asks. Each has a default that says it is missing.
pub trait Upstream: Send + Sync {
    /// Makes the upstream reachable or not. While off, asking it fails (refused or unanswered).
    fn switch(&self, on: bool) -> Switched<'_> {
        let _ = on;
        Box::pin(async { Err(Skip::new("upstream off", "this stage has no switch")) })
    }

    /// How many questions have reached it so far.
    ///
    /// # Errors
    /// If nobody counts.
    fn asked(&self) -> Result<u64, Skip> {
        Err(Skip::new("questions asked", "this stage does not count them"))
    }
}

/// Of a backend that asks nobody, or of a stage without handles.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoUpstream;

impl Upstream for NoUpstream {}

/// Something that was not tried, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// What was not tried.
    pub what: Cow<'static, str>,
    /// Why.
    pub reason: Cow<'static, str>,
}

impl Skip {
    /// `what` is not tried because of `reason`.
    pub fn new(what: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}
