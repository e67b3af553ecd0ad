//! The backend: reads a peer's claim anew each time. No I/O, no memory.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Answer, Backend, BoxFuture, Call, Cause, Error, Guide, Hints, Known, Peer, PeerCosts, Policy,
    Scope, Server, ServerList, Trace, Trust, Validity, code,
};
use tokio::time::Instant;
use url::Url;

use crate::NAME;
use crate::announce::{self, Sent};
use crate::config::{PeerInfoConfig, Trusted, plain_host};
use crate::{blob, claim};

/// Their numbers in the draft's comparison.
const BY_URI: u8 = 5;
const BY_GUIDANCE: u8 = 6;
/// A claim is for one reply; whoever reads a lifetime is told a short one.
const CLAIM_HOLDS: Duration = Duration::from_secs(60);

/// Discovery by what the peer itself sent (approaches 5 and 6).
///
/// It asks nobody and remembers nothing, so `known` says what `discover` would, but for what is
/// refused, of which `known` says nothing. Where a peer sent something `known` allocates.
///
/// A URI wins over guidance if it passes. What fails is [`Error::Rejected`]; a peer that sent nothing
/// is none that this applies to, nor is one whose server is not on the list.
#[derive(Clone, Debug)]
pub struct PeerInfoBackend {
    config: PeerInfoConfig,
    policy: Policy,
}

impl PeerInfoBackend {
    /// One that takes claims as the configuration says. With [`Trusted::Confirm`] it gives every
    /// claim; the layer [`Confirm`](alto_discovery_core::layers::Confirm) belongs around it.
    pub fn new(config: &PeerInfoConfig, policy: Policy) -> Self {
        Self { config: config.clone(), policy }
    }

    fn read(&self, peer: &Peer<'_>, now: Instant) -> Result<Arc<Answer>, Error> {
        let sent = self.sent(peer)?;
        let (approach, guide, life) = self.guide(sent)?;
        let validity = Validity::new(now, life);
        Ok(Arc::new(Answer::new(NAME, approach, guide, Scope::of(peer), validity)))
    }

    /// What the peer sent, if it is one whose word may count at all.
    fn sent<'a>(&self, peer: &'a Peer<'_>) -> Result<Sent<'a>, Error> {
        let nothing = |needs| not_applicable(code::NOTHING_TO_GO_BY, needs);
        if self.config.trust == Trusted::Off {
            return Err(nothing("claims of peers do not count here"));
        }
        let refused = |refusal| Error::not_global(NAME, refusal);
        self.policy.check_peer(peer.net()).map_err(refused)?;
        if *peer.hints() == Hints::None {
            return Err(nothing("the peer sent nothing"));
        }
        Ok(announce::find(peer.hints()))
    }

    fn guide(&self, sent: Sent<'_>) -> Result<(u8, Guide, Duration), Error> {
        let uri = sent.uri.map(|uri| match uri {
            Ok(octets) => claim::vet(&octets, self.policy).map_err(|why| rejected("URI", &why)),
            Err(fault) => Err(rejected("URI", &fault)),
        });
        let guidance = || match sent.guidance? {
            Ok(octets) => Some(self.blob(&octets).map_err(|fault| rejected("guidance", &fault))),
            Err(fault) => Some(Err(rejected("guidance", &fault))),
        };
        match uri {
            Some(Ok(uri)) => self.server(uri),
            Some(Err(fault)) => match guidance() {
                Some(Ok(costs)) => self.costs(costs),
                _ => Err(fault),
            },
            None => match guidance() {
                Some(costs) => self.costs(costs?),
                None => Err(not_applicable(code::NOTHING_TO_GO_BY, "the peer sent no ALTO server")),
            },
        }
    }

    fn server(&self, uri: Url) -> Result<(u8, Guide, Duration), Error> {
        let is_listed =
            || plain_host(&uri).is_some_and(|host| self.config.allowlist.contains(host));
        let trust = match self.config.trust {
            Trusted::Allowlist if is_listed() => Trust::Configured,
            Trusted::Allowlist => {
                return Err(not_applicable(code::UNCONFIRMED, "the server is not on the list"));
            }
            _ => Trust::PeerClaim,
        };
        let server = Server { uri, order: 0, preference: 0, found_at: None, trust };
        let list = ServerList::new([server]).map(Guide::Servers);
        let guide = list.ok_or_else(|| not_applicable(code::NOTHING_TO_GO_BY, "no server"))?;
        Ok((BY_URI, guide, CLAIM_HOLDS))
    }

    /// Guidance within the limits that are configured, which may be narrower than the format's.
    fn blob(&self, octets: &[u8]) -> Result<PeerCosts, blob::Fault> {
        if octets.len() > self.config.max_octets {
            return Err(blob::Fault::Size);
        }
        let costs = blob::read(octets)?;
        let fits = costs.entries.len() <= self.config.max_entries;
        fits.then_some(costs).ok_or(blob::Fault::Count)
    }

    /// Guidance names no server, so neither a list nor a network can vouch for it.
    fn costs(&self, costs: PeerCosts) -> Result<(u8, Guide, Duration), Error> {
        if self.config.trust != Trusted::Open {
            return Err(not_applicable(code::UNCONFIRMED, "nobody vouches for guidance of peers"));
        }
        let life = costs.lifetime;
        Ok((BY_GUIDANCE, Guide::Costs(costs), life))
    }
}

fn not_applicable(code: &'static str, needs: &str) -> Error {
    Error::NotApplicable { backend: NAME, needs: Cause::new(code, needs) }
}

/// What the peer sent is not repeated: messages are logged.
fn rejected(what: &str, why: &dyn Display) -> Error {
    let cause = Cause::new(code::POLICY, format!("the peer's {what} is refused: {why}"));
    Error::Rejected { backend: NAME, cause, trace: Trace::default() }
}

impl Backend for PeerInfoBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        _call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(async { self.read(peer, Instant::now()) })
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        if self.config.trust == Trusted::Off || *peer.hints() == Hints::None {
            return Known::NotApplicable;
        }
        match self.read(peer, now) {
            Ok(answer) => Known::Fresh(answer),
            Err(Error::NotApplicable { .. }) => Known::NotApplicable,
            Err(_) => Known::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_discovery_core::{BackendConfig as _, PeerCost};

    fn guidance(entries: u8) -> Vec<u8> {
        let entry =
            |n: u8| PeerCost { net: format!("198.51.100.{n}/32").parse().unwrap(), cost: 1 };
        let entries = (0..entries).map(entry).collect();
        blob::write(&PeerCosts { entries, lifetime: CLAIM_HOLDS }).unwrap()
    }

    /// Guidance at the configured limits counts, one entry or octet more is refused.
    #[test]
    fn limits_may_be_narrower_than_the_format() {
        let octets = |entries| guidance(entries).len().to_string();
        for (key, most) in
            [("peerinfo.max_entries", "7".into()), ("peerinfo.max_octets", octets(7))]
        {
            let mut config = PeerInfoConfig { trust: Trusted::Open, ..PeerInfoConfig::default() };
            config.set(key, &most).unwrap();
            let backend = PeerInfoBackend::new(&config, Policy::default());
            for (entries, counts) in [(7, true), (8, false)] {
                let option = guidance(entries);
                let raw = [&[0xA6, u8::try_from(option.len()).unwrap()], &option[..]].concat();
                let peer: Peer<'_> = "8.8.8.8".parse().unwrap();
                let peer = peer.with_hints(Hints::UdpOptions(raw.into()));
                let read = backend.read(&peer, Instant::now());
                assert_eq!(read.is_ok(), counts, "{key}: {entries}");
                assert_eq!(matches!(read, Err(Error::Rejected { .. })), !counts);
            }
        }
    }
}
