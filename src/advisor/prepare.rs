//! What a peer's requests need, learnt while the caller waits.

use std::fmt;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use alto_discovery_core::{self as core, Call, Cause, Error, Peer, code};
use alto_guidance::{Exhausted, Guidance};
use tokio::runtime::Handle;

use super::Advisor;
use crate::Discovery;

impl Advisor {
    /// Learns, and waits for it, what requests of this peer need: its server, and the server's maps.
    /// What the peer sent plays no part. Must be polled inside a tokio runtime.
    ///
    /// # Errors
    /// If that cannot be had; requests are then answered at random.
    pub async fn prepare(&self, peer: &Peer<'_>) -> Result<(), Unprepared> {
        learn(&self.discovery, &self.guidance, &peer.without_hints()).await
    }

    /// As [`prepare`](Self::prepare) for callers outside of tokio, waiting so long at most; then it goes
    /// on without the caller. It [starts](Self::start) if nothing has been started.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); [`Error::Unavailable`] if it takes longer or is stopped meanwhile;
    /// [`Error::Invalid`] on a thread that runs async tasks, which must not be blocked.
    pub fn prepare_blocking(&self, peer: &Peer<'_>, wait: Duration) -> Result<(), Unprepared> {
        if Handle::try_current().is_ok() {
            let refused = Error::invalid(code::INTERNAL, "a blocking call on an async thread");
            return Err(Unprepared::Discovery(refused));
        }
        if self.learner.handle().is_none() {
            self.start().map_err(Unprepared::Discovery)?;
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let (discovery, guidance) = (Arc::clone(&self.discovery), self.guidance.clone());
        let peer = peer.without_hints();
        if let Some(handle) = self.learner.handle() {
            handle.spawn(async move {
                // The caller may have stopped waiting.
                let _ = sender.send(learn(&discovery, &guidance, &peer).await);
            });
        }
        // A task that is stopped drops its sender.
        receiver.recv_timeout(wait).unwrap_or_else(|end| Err(Unprepared::Discovery(gone(end))))
    }
}

/// Why a peer's requests cannot be guided.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Unprepared {
    /// No server was found.
    Discovery(Error),
    /// None of those found can be used.
    Guidance(Exhausted),
}

impl fmt::Display for Unprepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery(error) => error.fmt(f),
            Self::Guidance(exhausted) => exhausted.fmt(f),
        }
    }
}

impl std::error::Error for Unprepared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Discovery(error) => Some(error),
            Self::Guidance(exhausted) => Some(exhausted),
        }
    }
}

async fn learn(
    discovery: &Discovery,
    guidance: &Guidance,
    peer: &Peer<'_>,
) -> Result<(), Unprepared> {
    let answer = discovery.discover(peer, &Call::default()).await;
    let answer = answer.map_err(Unprepared::Discovery)?;
    let mut failed = Vec::new();
    for server in answer.servers() {
        match guidance.table(&server.uri).await {
            Ok(_) => return Ok(()),
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Unprepared::Guidance(Exhausted { failed })) }
}

fn gone(end: mpsc::RecvTimeoutError) -> Error {
    let cause = match end {
        mpsc::RecvTimeoutError::Timeout => Cause::new(code::TIMEOUT, "not learnt in time"),
        mpsc::RecvTimeoutError::Disconnected => Cause::new(code::INTERNAL, "stopped meanwhile"),
    };
    let trace = core::Trace::default();
    Error::Unavailable { backend: "advisor", retry_after: None, cause, trace }
}
