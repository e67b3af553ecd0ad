//! The backend: walks through reverse DNS for one peer at a time, many at once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Answer, Backend, BoxFuture, Call, Error, Freshness, Known, Peer, Policy,
};
use tokio::time::Instant;

use crate::config::DnsConfig;
use crate::lifetimes::Lifetimes;
use crate::names::Names;
use crate::pace::Pace;
use crate::plan::{Granularity, is_refused};
use crate::resolvers::Resolvers;
use crate::rules::Rules;
use crate::upstream::Upstream;
use crate::walk::Walk;
use crate::{APPROACH_OF_PEERS, NAME};

/// The most time one call takes; a caller may give it less.
const CALL: Duration = Duration::from_secs(3);
/// With less time than this left nothing is tried a second time.
const WORTH_A_RETRY: Duration = Duration::from_millis(20);

/// Discovery by reverse DNS (RFC 8686). For a host with a peer ID that ID's own name is asked first
/// (approach 3).
#[derive(Debug)]
pub struct DnsBackend {
    rules: Rules,
    timeout: Duration,
    names: Names,
    upstream: Arc<dyn Upstream>,
}

impl DnsBackend {
    /// A backend that asks the resolvers of the configuration, or else the system's. Reads files at
    /// most; sockets are opened and tasks started only by [`discover`](Backend::discover), on the
    /// runtime that it is called on.
    ///
    /// # Errors
    /// [`Error::Config`] if a value is out of bounds, no resolver is to be found, or `require` cannot
    /// be kept.
    pub fn new(config: &DnsConfig, policy: Policy) -> Result<Self, Error> {
        config.check()?;
        Ok(Self::build(config, policy, Arc::new(Resolvers::new(config)?)))
    }

    /// A backend that asks somebody else than resolvers.
    ///
    /// # Errors
    /// [`Error::Config`] if a value is out of bounds.
    pub fn with_upstream(
        config: &DnsConfig,
        policy: Policy,
        upstream: Arc<dyn Upstream>,
    ) -> Result<Self, Error> {
        config.check()?;
        Ok(Self::build(config, policy, upstream))
    }

    fn build(config: &DnsConfig, policy: Policy, upstream: Arc<dyn Upstream>) -> Self {
        let pace = Pace::new(config.zone_qps, config.total_qps, config.in_flight);
        let lifetimes = Lifetimes { least: config.ttl_min, most: config.ttl_max };
        let names = Names::new(upstream.clone(), pace, lifetimes, config.nxdomain_cut);
        Self { rules: config.rules(policy), timeout: config.timeout, names, upstream }
    }

    /// How many questions were sent to the network so far, repetitions over TCP and probes included.
    pub fn questions_sent(&self) -> u64 {
        self.upstream.questions_sent()
    }

    /// The servers that an access network names at its own domain name (lower case, absolute), to `host`
    /// within it (RFC 7286 §3.2): the second half of what a peer does to find its own server. What is
    /// found holds for that host alone. Must be polled inside a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// [`Error::NoServer`] only if the name surely has no matching record, [`Error::Invalid`] if it is
    /// no name.
    pub async fn at_domain(
        &self,
        name: &Arc<str>,
        host: IpAddr,
        call: &Call,
    ) -> Result<Arc<Answer>, Error> {
        let rules = Rules { granularity: Granularity::Host, ..self.rules.clone() };
        let answer = self.follow(Walk::at(name, host, &rules)?, call).await?;
        Ok(Arc::new(Answer { approach: APPROACH_OF_PEERS, ..answer }))
    }

    async fn walk(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        self.follow(Walk::of(peer, &self.rules)?, call).await.map(Arc::new)
    }

    async fn follow(&self, mut walk: Walk<'_>, call: &Call) -> Result<Answer, Error> {
        let end = call.end_within(CALL, Instant::now());
        self.ask_all(&mut walk, end, call.freshness).await;
        if end.saturating_duration_since(Instant::now()) >= WORTH_A_RETRY && walk.retry() {
            self.ask_all(&mut walk, end, Freshness::Refresh).await;
        }
        walk.outcome()
    }

    async fn ask_all(&self, walk: &mut Walk<'_>, end: Instant, freshness: Freshness) {
        while let Some(name) = walk.next_name() {
            let patience = self.patience(end, walk.names_left());
            let (fact, origin) = self.names.ask(&name, patience, freshness).await;
            walk.learn(fact, origin, Instant::now());
        }
    }

    /// Each name gets its share of the time left.
    fn patience(&self, end: Instant, names: usize) -> Duration {
        let left = end.saturating_duration_since(Instant::now());
        self.timeout.min(left / u32::try_from(names).unwrap_or(u32::MAX).max(1))
    }
}

impl Backend for DnsBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.walk(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, _now: Instant) -> Known {
        if is_refused(peer.net(), self.rules.policy) { Known::NotApplicable } else { Known::Ask }
    }
}
