//! The client: one request at a time through all checks, one hop after the other.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alto_discovery_core::{self as core, Policy, parse_uri};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::address::{CheckedLookup, Guard, Lookup, SystemLookup};
use crate::body::BodyKind;
use crate::config::{FetchConfig, Limits};
use crate::error::{Error, Fault, Phase, StatusReply};
use crate::freshness::{self, Arrival, Bounds, Freshness};
use crate::gate::{Gate, Permit};
use crate::hops::{self, Hops, Leg, Next};
use crate::reply::{Body, Content, Redirect, Reply, media_type};
use crate::request::Request;
use crate::tls;
use crate::transport;

/// What we call ourselves: the same to every server, and nothing about the host.
pub const USER_AGENT: &str = concat!("alto-discovery/", env!("CARGO_PKG_VERSION"));

/// The most that is read of the body of an error reply.
pub const MAX_ERROR_OCTETS: usize = 64 << 10;

/// How long a redirect holds if its server does not say, and at most.
const REDIRECT_BOUNDS: Bounds =
    Bounds { default: Duration::from_secs(300), longest: Duration::from_secs(3_600) };

/// How long a connection is kept for the next request: a directory and its maps come in one go.
/// Shorter than common servers keep theirs, so that none closes just as we send.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// Fetches resources. Long-lived and shared; needs a tokio runtime while it works.
pub struct Fetcher {
    client: reqwest::Client,
    guard: Guard,
    gate: Gate,
    policy: Policy,
    limits: Limits,
}

/// The head of a reply, and what is needed to go on from it.
struct Head {
    response: reqwest::Response,
    arrival: Arrival,
    permit: Permit,
}

impl Fetcher {
    /// A client that contacts what `policy` allows. Certificates are read here and never again.
    ///
    /// # Errors
    /// If a value is out of bounds, or there are no authorities to trust.
    pub fn new(config: &FetchConfig, policy: Policy) -> Result<Self, core::Error> {
        Self::with_lookup(config, policy, Arc::new(SystemLookup::default()))
    }

    /// The same with a resolver of one's own; what it says is checked like all else.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_lookup(
        config: &FetchConfig,
        policy: Policy,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, core::Error> {
        Self::with_guard(config, policy, lookup, Guard::new(policy))
    }

    pub(crate) fn with_guard(
        config: &FetchConfig,
        policy: Policy,
        lookup: Arc<dyn Lookup>,
        guard: Guard,
    ) -> Result<Self, core::Error> {
        config.check()?;
        let limits = config.limits;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(config.ca_file.as_deref())?)
            .dns_resolver(CheckedLookup { lookup, guard: guard.clone() })
            .https_only(!policy.allow_http)
            .http1_only()
            .http1_max_headers(limits.max_headers)
            .local_address(config.source)
            .no_proxy()
            .referer(false)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(USER_AGENT)
            .connect_timeout(limits.connect_timeout)
            .pool_max_idle_per_host(limits.in_flight_per_host)
            .pool_idle_timeout(KEEP_IDLE)
            .build()
            .map_err(|fault| core::Error::config("fetch", fault.to_string()))?;
        Ok(Self { client, guard, gate: Gate::new(&limits), policy, limits })
    }

    /// What may be contacted.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// A search that has been nowhere and may hop as often as configured.
    pub fn hops(&self) -> Hops {
        Hops::new(self.limits.max_hops)
    }

    /// Fetches a resource, following redirects. The body is still to be read from the reply.
    ///
    /// # Errors
    /// If it cannot be had, may not be asked for, or the reply is no success (its body is then in
    /// the error).
    pub async fn fetch(&self, request: Request<'_>) -> Result<Reply, Error> {
        let total = self.total_deadline(&request);
        let mut hops = request.hops.clone().unwrap_or_else(|| self.hops());
        hops.visit(&request.uri);
        let mut redirects = Vec::new();
        let mut leg = request.first_leg();
        loop {
            let at = |fault| Error { uri: leg.uri.clone(), fault };
            let head = self.ask(&request, &leg, total).await.map_err(at)?;
            let next = self.judge(&request, &leg, &head, &mut hops).map_err(at)?;
            let Next::Follow(next) = next else {
                let freshness = self.freshness(&request, &leg, &head);
                let content = self.content(&request, &leg, head, next, total).await.map_err(at)?;
                return Ok(Reply { uri: leg.uri, freshness, redirects, hops, content });
            };
            redirects.push(redirect(&head, &leg.uri, &next.uri));
            leg = next;
        }
    }

    /// The end of the total time, or the caller's deadline if that is earlier.
    fn total_deadline(&self, request: &Request<'_>) -> Instant {
        let total = Instant::now() + self.limits.total_timeout;
        request.deadline.map_or(total, |deadline| deadline.min(total))
    }

    /// Sends one request and waits for the head of its reply.
    async fn ask(&self, request: &Request<'_>, leg: &Leg, total: Instant) -> Result<Head, Fault> {
        self.check(&leg.uri)?;
        let host = leg.uri.host_str().unwrap_or_default();
        let port = leg.uri.port_or_known_default().unwrap_or_default();
        let turn = timeout_at(total, self.gate.enter(host, port)).await;
        let permit = turn.map_err(|_| Fault::Slow(Phase::Total))??;

        let asked = Instant::now();
        let headers_due = asked + self.limits.headers_timeout;
        let phase = if total < headers_due { Phase::Total } else { Phase::Headers };
        let sent = request.build(&self.client, leg).send();
        let response = timeout_at(headers_due.min(total), sent)
            .await
            .map_err(|_| Fault::Slow(phase))?
            .map_err(|fault| transport::fault(&fault))?;
        self.check_peer(&response)?;
        self.check_head(response.headers())?;
        let arrival = Arrival { asked, came: Instant::now(), wall: wall_clock() };
        Ok(Head { response, arrival, permit })
    }

    /// All that can be checked of a URI before anything is sent.
    fn check(&self, uri: &Url) -> Result<(), Fault> {
        parse_uri(uri.as_str()).map_err(Fault::Uri)?;
        self.policy.check_uri(uri).map_err(Fault::Policy)?;
        self.guard.check_literal(uri)
    }

    /// A second belt: whoever we are connected to passes the check too.
    fn check_peer(&self, response: &reqwest::Response) -> Result<(), Fault> {
        let peer = response.remote_addr();
        let peer = peer.ok_or_else(|| Fault::Broken("its sender is not known".into()))?;
        self.guard.check(&[peer.ip()])
    }

    /// Headers are read at once and whole, so they are bounded by themselves.
    fn check_head(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let octets = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + ": \r\n".len()
        };
        let octets: usize = headers.iter().map(octets).sum();
        if octets as u64 > self.limits.max_head {
            return Err(Fault::HeadersTooLarge);
        }
        Ok(())
    }

    fn judge(
        &self,
        request: &Request<'_>,
        leg: &Leg,
        head: &Head,
        hops: &mut Hops,
    ) -> Result<Next, Fault> {
        let (status, headers) = (head.response.status(), head.response.headers());
        let conditional = request.held(leg).is_some();
        hops::judge(leg, status, headers, conditional, hops, self.policy)
    }

    /// What the head says of the resource; a 304 need not repeat what the caller holds.
    fn freshness(&self, request: &Request<'_>, leg: &Leg, head: &Head) -> Freshness {
        let bounds =
            Bounds { default: request.kind.default_lifetime(), longest: self.limits.max_age };
        let headers = head.response.headers();
        let mut freshness = freshness::judge(headers, &leg.uri, head.arrival, bounds);
        freshness.validators = freshness.validators.or_else(|| request.held(leg).cloned());
        freshness
    }

    async fn content(
        &self,
        request: &Request<'_>,
        leg: &Leg,
        head: Head,
        next: Next,
        total: Instant,
    ) -> Result<Content, Fault> {
        match next {
            Next::NotModified => Ok(Content::NotModified),
            Next::Body => {
                let kind = request.kind;
                // A map takes as long as it takes, at its least rate.
                let deadline = if kind == BodyKind::Map { request.deadline } else { Some(total) };
                let most = kind.max_octets(&self.limits);
                let Head { response, permit, .. } = head;
                Body::new(response, &leg.uri, kind, most, &self.limits, deadline, permit)
                    .map(|body| Content::Body(Box::new(body)))
            }
            Next::Follow(_) | Next::Failure => Err(self.failure(leg, head, total).await),
        }
    }

    /// The fault that a reply with another status is, with its body as far as it can be had.
    async fn failure(&self, leg: &Leg, head: Head, total: Instant) -> Fault {
        let Head { response, arrival, permit } = head;
        let headers = response.headers();
        let mut reply = StatusReply {
            status: response.status().as_u16(),
            retry_after: freshness::retry_after(headers, arrival.wall),
            media_type: media_type(headers),
            body: Arc::default(),
        };
        let most = MAX_ERROR_OCTETS as u64;
        let deadline = Some(total);
        let kind = BodyKind::Endpoints;
        let body = Body::new(response, &leg.uri, kind, most, &self.limits, deadline, permit);
        if let Ok(mut body) = body {
            reply.body = body.read_all().await.unwrap_or_default().into();
        }
        Fault::Status(Box::new(reply))
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fetcher = f.debug_struct("Fetcher");
        fetcher.field("policy", &self.policy).field("limits", &self.limits);
        fetcher.finish_non_exhaustive()
    }
}

fn redirect(head: &Head, from: &Url, to: &Url) -> Redirect {
    let headers = head.response.headers();
    let freshness = freshness::judge(headers, from, head.arrival, REDIRECT_BOUNDS);
    let status = head.response.status().as_u16();
    Redirect { from: from.clone(), to: to.clone(), status, validity: freshness.validity }
}

/// The one place that reads the wall clock: HTTP dates need it, and are judged by pure code.
#[allow(clippy::disallowed_methods)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
