//! Claims of peers, held against what their networks say.

use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

use crate::{
    Answer, Backend, BoxFuture, Call, Cause, Error, Guide, Known, Peer, Server, Trust, code,
};

/// Passes a peer's claim only if another source is known to name the same host for that peer.
///
/// Nothing is asked for a claim's sake: if the other source does not know yet, the claim is
/// skipped this time (not applicable, code `unconfirmed`), and the next announce may find it
/// confirmed. What passes is still marked as a claim. Hosts are compared in ASCII without a final
/// dot; the port and the path may differ, since a host's owner decides about them.
///
/// Guidance that a peer sent along (approach 6) names no host, so nothing can confirm it: here it
/// is always skipped. What is no claim (an allowlisted server, say) passes as it is.
#[derive(Debug)]
pub struct Confirm {
    claims: Arc<dyn Backend>,
    by: Arc<dyn Backend>,
}

impl Confirm {
    /// Passes what `claims` finds if `by` knows the same; `by` is never told what the peer sent.
    pub fn new(claims: Arc<dyn Backend>, by: Arc<dyn Backend>) -> Self {
        Self { claims, by }
    }

    async fn confirmed(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let answer = self.claims.discover(peer, call).await?;
        if self.passes(&answer, peer, Instant::now()) {
            return Ok(answer);
        }
        let needs = Cause::new(code::UNCONFIRMED, "nobody we believe names the claimed server");
        Err(Error::NotApplicable { backend: self.name(), needs })
    }

    fn passes(&self, answer: &Answer, peer: &Peer<'_>, now: Instant) -> bool {
        match &answer.guide {
            Guide::Costs(_) => false,
            Guide::Servers(servers) => {
                let mut claimed = servers.as_slice().iter().filter(|s| is_claim(s)).peekable();
                claimed.peek().is_none()
                    || match self.by.known(&peer.without_hints(), now) {
                        Known::Fresh(other) | Known::Stale(other) => {
                            claimed.all(|server| names_host(&other, &server.uri))
                        }
                        Known::None(_) | Known::NotApplicable | Known::Ask => false,
                    }
            }
        }
    }
}

impl Backend for Confirm {
    fn name(&self) -> &'static str {
        self.claims.name()
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.confirmed(peer, call))
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        match self.claims.known(peer, now) {
            Known::Fresh(answer) | Known::Stale(answer) if !self.passes(&answer, peer, now) => {
                Known::NotApplicable
            }
            word => word,
        }
    }
}

fn is_claim(server: &Server) -> bool {
    server.trust == Trust::PeerClaim
}

/// Whether `answer` has a server on the host of `uri` on someone else's word than a peer's.
fn names_host(answer: &Answer, uri: &Url) -> bool {
    let mut believed = answer.servers().iter().filter(|server| !is_claim(server));
    host(uri).is_some_and(|claimed| believed.any(|server| host(&server.uri) == Some(claimed)))
}

/// The parser has made it ASCII and lower case already.
fn host(uri: &Url) -> Option<&str> {
    uri.host_str().map(|host| host.strip_suffix('.').unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;
    use crate::{Hints, PeerCosts, ServerList};
    use std::borrow::Cow;

    fn claim(hosts: &[&str], trust: Trust) -> Arc<Answer> {
        let servers = ServerList::new(hosts.iter().map(|host| server(host, trust))).unwrap();
        let guide = Guide::Servers(servers);
        Arc::new(Answer { guide, ..answer("peerinfo", "x.example", "192.0.2.7/32", 60) })
    }

    /// What `Confirm` makes of a claim if the network's word is `known`; both paths agree.
    async fn verdict(claimed: Arc<Answer>, known: Known) -> Kind {
        let word = Known::Fresh(claimed.clone());
        let claims = Fake::saying("peerinfo", Ok(claimed)).knowing(move |_, _| word.clone());
        let by = Fake::saying("dns", Err(rejected("dns"))).knowing(move |peer, _| {
            assert_eq!(*peer.hints(), Hints::None);
            known.clone()
        });
        let by = Arc::new(by);
        let layer = Confirm::new(Arc::new(claims), by.clone());
        let peer = peer("192.0.2.7").with_hints(Hints::HttpQuery(Cow::Borrowed(b"alto=x")));
        let reply = layer.discover(&peer, &Call::default()).await;
        match (layer.known(&peer, Instant::now()), &reply) {
            (Known::Fresh(_), Ok(_)) => {}
            (Known::NotApplicable, Err(error)) => assert_eq!(error.code(), code::UNCONFIRMED),
            (known, reply) => panic!("{known:?} but {reply:?}"),
        }
        assert_eq!(by.asked(), 0, "nothing is asked for a claim's sake");
        Kind::of(&reply)
    }

    fn network_says(host: &str) -> Known {
        Known::Fresh(Arc::new(answer("dns", host, "192.0.2.0/24", 60)))
    }

    /// The same host, else the claim is skipped this time.
    #[tokio::test]
    async fn passes_only_what_the_network_confirms() {
        let claimed = || claim(&["alto.example:8443"], Trust::PeerClaim);
        assert_eq!(verdict(claimed(), network_says("alto.example")).await, Kind::Answer);
        assert_eq!(verdict(claimed(), network_says("ALTO.example.")).await, Kind::Answer);
        for doubt in [
            network_says("alto.example.net"),
            Known::None(Arc::new(absence("dns", "192.0.2.0/24", 60))),
            Known::NotApplicable,
            Known::Ask,
        ] {
            assert_eq!(verdict(claimed(), doubt).await, Kind::NotApplicable);
        }
    }

    /// One confirmed server doesn't let another one in, and no claim confirms a claim.
    #[tokio::test]
    async fn each_claim_needs_its_own_confirmation() {
        let two = claim(&["alto.example", "evil.example"], Trust::PeerClaim);
        assert_eq!(verdict(two, network_says("alto.example")).await, Kind::NotApplicable);
        let one = claim(&["alto.example"], Trust::PeerClaim);
        assert_eq!(verdict(one.clone(), Known::Fresh(one)).await, Kind::NotApplicable);
    }

    /// Guidance a peer sent names no host, so nothing confirms it.
    #[tokio::test]
    async fn sent_guidance_is_never_confirmed() {
        let costs = PeerCosts { entries: Arc::new([]), lifetime: seconds(60) };
        let base = answer("peerinfo", "alto.example", "192.0.2.7/32", 60);
        let sent = Arc::new(Answer { guide: Guide::Costs(costs), ..base });
        assert_eq!(verdict(sent, network_says("alto.example")).await, Kind::NotApplicable);
    }

    /// What our own configuration vouches for is no claim.
    #[tokio::test]
    async fn passes_what_is_no_claim() {
        let listed = claim(&["alto.example"], Trust::Configured);
        assert_eq!(verdict(listed, Known::Ask).await, Kind::Answer);
    }
}
