//! Facts are remembered under their proven scope.

mod entry;
mod fact;
mod ghosts;
mod key;
mod presence;
mod shard;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use self::fact::Fact;
use self::store::Store;
use super::deadline::within;
use crate::{Answer, Backend, BoxFuture, Call, Error, Freshness, Known, Peer, Setting, code};

type Reply = Result<Arc<Answer>, Error>;

/// Remembers what one source said, answers and absences, for the peers for which it was proven.
///
/// - A fact is kept for its validity less a random part of at most a tenth, so that facts learnt
///   together don't expire together; an incomplete answer for at most a minute. A failure is never
///   kept, nor is what a peer claims. What a peer sent does not reach the backend below.
/// - The size is bounded in octets. Entries that are read again are kept; a sweep of addresses that
///   are each seen once passes through a tenth of the room. No IPv6 /48 holds more than a hundredth
///   of a full cache, and no /32 more than a tenth, beyond that tenth.
/// - While the source cannot be reached (codes `timeout` and `unreachable`), an answer is served for
///   up to an hour past its life (RFC 8767), marked: its validity is over and it is incomplete. A
///   denial or a refusal puts an end to that.
/// - A `discover` in the last tenth of a fact's life gets it at once, and it is asked for again in
///   the background ([`Freshness::Ahead`]), once. `known` starts nothing: who sees that an answer's validity is nearly over
///   may call `discover`.
/// - A call with [`Freshness::Refresh`] or [`Freshness::Ahead`] is told only what the source says now, which is then kept.
pub struct Cache<B> {
    shared: Arc<Shared<B>>,
}

struct Shared<B> {
    inner: B,
    store: Store,
}

/// How much a [`Cache`] keeps and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Octets in all, about; see [`CacheConfig::BYTES`].
    pub bytes: u64,
    /// How long past its life an answer may be served; see [`CacheConfig::STALE`].
    pub stale: Duration,
    /// Where the random shortening of lives starts.
    pub seed: u64,
}

impl CacheConfig {
    /// The room for facts, places included.
    pub const BYTES: Setting<u64> = Setting {
        key: "cache.bytes",
        default: 32 << 20,
        floor: 64 << 10,
        ceiling: 64 << 30,
        source: "decision: half of a 64 MiB process; about 1 KiB an answer",
    };

    /// The time for which an answer may be served past its life while its source is unreachable.
    pub const STALE: Setting<Duration> = Setting {
        key: "cache.stale",
        default: Duration::from_secs(3_600),
        floor: Duration::ZERO,
        ceiling: Duration::from_secs(3_600),
        source: "RFC 8767; decision: at most 1 h",
    };
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { bytes: Self::BYTES.default, stale: Self::STALE.default, seed: 0 }
    }
}

/// What a [`Cache`] has done so far, and what it holds. Of reads at the same moment one may go
/// uncounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Reads that found a fact.
    pub hits: u64,
    /// Reads that found none that holds.
    pub misses: u64,
    /// Times that an answer past its life was told.
    pub stale: u64,
    /// Places taken; some by facts that are past their life.
    pub entries: usize,
    /// Octets in use, about.
    pub bytes: usize,
    /// Facts that had to make room for others.
    pub evictions: u64,
}

impl<B: Backend> Cache<B> {
    /// Remembers what `inner` says. Numbers out of bounds are moved to the nearest bound.
    pub fn new(inner: B, config: CacheConfig) -> Self {
        let bytes = CacheConfig::BYTES.clamp(config.bytes);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX / 2);
        let stale = CacheConfig::STALE.clamp(config.stale);
        Self { shared: Arc::new(Shared { inner, store: Store::new(bytes, stale, config.seed) }) }
    }

    /// What it has done so far, and what it holds.
    pub fn stats(&self) -> Stats {
        self.shared.store.stats()
    }

    async fn recall_or_ask(&self, peer: Peer<'static>, call: &Call) -> Reply {
        let now = Instant::now();
        match self.shared.store.hit(&peer, now) {
            Some(hit) => {
                if hit.is_ageing && self.shared.store.claim_refresh(&peer, now) {
                    self.refresh(peer);
                }
                hit.reply
            }
            None => self.shared.ask_or_serve_stale(&peer, call).await,
        }
    }

    /// Asks again in the background.
    fn refresh(&self, peer: Peer<'static>) {
        const LONGEST: Duration = Duration::from_secs(30);
        let Ok(runtime) = Handle::try_current() else { return };
        let shared = self.shared.clone();
        runtime.spawn(async move {
            let deadline = Some(Instant::now() + LONGEST);
            let call = Call { deadline, freshness: Freshness::Ahead };
            // Whether it succeeds shows in the store.
            let _ = within(&call, shared.inner.name(), shared.ask(&peer, &call)).await;
        });
    }
}

impl<B: Backend> Backend for Cache<B> {
    fn name(&self) -> &'static str {
        self.shared.inner.name()
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        let peer = peer.without_hints();
        Box::pin(async move {
            match call.freshness {
                Freshness::Cached => self.recall_or_ask(peer, call).await,
                Freshness::Ahead | Freshness::Refresh => self.shared.ask(&peer, call).await,
            }
        })
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let shared = &self.shared;
        if let Some(known) = shared.store.known(peer, now) {
            return known;
        }
        match shared.inner.known(&peer.without_hints(), now) {
            Known::Ask => shared.store.known_stale(peer, now).map_or(Known::Ask, Known::Stale),
            word => word,
        }
    }
}

impl<B: Backend> Shared<B> {
    /// Asks the source and keeps what it proves.
    async fn ask(&self, peer: &Peer<'_>, call: &Call) -> Reply {
        let reply = self.inner.discover(peer, call).await;
        match &reply {
            Err(Error::Rejected { .. }) => self.store.forget(peer),
            other => {
                if let Some(fact) = Fact::proven_by(other) {
                    self.store.keep(peer, fact, Instant::now());
                }
            }
        }
        reply
    }

    async fn ask_or_serve_stale(&self, peer: &Peer<'_>, call: &Call) -> Reply {
        let now = Instant::now();
        if !self.store.has_stale(peer, now) {
            return self.ask(peer, call).await;
        }
        let sooner = leaving_time_to_serve(*call, now);
        let reply = within(&sooner, self.inner.name(), self.ask(peer, &sooner)).await;
        match reply {
            Err(error) if is_unreachable(&error) => self.in_place_of(error, peer, Instant::now()),
            reply => reply,
        }
    }

    /// What another call has learnt meanwhile, or else what may be served past its life.
    fn in_place_of(&self, error: Error, peer: &Peer<'_>, now: Instant) -> Reply {
        match self.store.hit(peer, now) {
            Some(hit) => hit.reply,
            None => self.store.serve_stale(peer, now).ok_or(error),
        }
    }
}

impl<B: Backend> fmt::Debug for Cache<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("Cache").field("inner", &self.shared.inner).field("stats", &stats).finish()
    }
}

/// With something at hand the source gets no longer than a waiting caller should be kept (RFC 8767
/// §5), and a little less than this caller has, so that there is time left to serve it.
fn leaving_time_to_serve(call: Call, now: Instant) -> Call {
    const RESPONSE_TIMER: Duration = Duration::from_millis(1_800);
    const ENOUGH: Duration = Duration::from_millis(50);
    let sooner = match call.deadline {
        Some(deadline) => deadline - ENOUGH.min(deadline.saturating_duration_since(now) / 8),
        None => return call.at_most(now + RESPONSE_TIMER),
    };
    call.at_most(sooner.min(now + RESPONSE_TIMER))
}

fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Unavailable { .. })
        && [code::UNREACHABLE, code::TIMEOUT].contains(&error.code())
}
