//! The stage of backend peerinfo: neutral facts become what peers send along with their announces.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use alto_backend_peerinfo::announce::{MOST_GUIDANCE, OPTION_GUIDANCE, OPTION_URI};
use alto_backend_peerinfo::blob;
use alto_discovery::core::conformance::{
    Facts, Hostile, Network, Scene, Skip, Stage, Truth, Upstream,
};
use alto_discovery::{
    Answer, Backend, BackendConfig as _, BoxFuture, Call, Error, Guide, Hints, Instant, IpNet,
    Known, Peer, PeerCost, PeerCosts, PeerId, Policy, Scope, Trust, Validity,
};

/// What peers send, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    Uri,
    Guidance,
}

/// The wire of an announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Http,
    Udp,
}

pub(crate) struct PeerInfoStage {
    name: String,
    facts: Facts,
    sends: Sends,
    wire: Wire,
}

impl PeerInfoStage {
    pub(crate) fn new(sends: Sends, wire: Wire) -> Self {
        let what = if sends == Sends::Uri { "URI" } else { "guidance" };
        let how = if wire == Wire::Http { "HTTP" } else { "UDP" };
        let facts = Facts::standard()
            .without("an announce is no place for it", |network| {
                matches!(network.truth, Truth::Nobody | Truth::Failing | Truth::Silent)
            })
            .without("an announce names one server", move |network| {
                sends == Sends::Uri && network.servers().len() > 1
            })
            .without("nothing that an announce can say", move |network| match &network.truth {
                Truth::Hostile(hostile) => value(sends, hostile).is_none(),
                _ => false,
            });
        Self { name: format!("peerinfo {what} {how}"), facts, sends, wire }
    }

    fn hints(&self, network: &Network) -> Hints<'static> {
        let values = match &network.truth {
            Truth::Hostile(hostile) => value(self.sends, hostile).unwrap_or_default(),
            _ if self.sends == Sends::Uri => {
                network.servers().iter().map(|server| server.uri.to_string().into_bytes()).collect()
            }
            _ => vec![guidance(network.scope.net, 600)],
        };
        match self.wire {
            Wire::Http => Hints::HttpQuery(query(self.sends, &values).into()),
            Wire::Udp => Hints::UdpOptions(options(self.sends, &values).into()),
        }
    }

    /// What another source is known to say: the same as the facts.
    pub(crate) fn facts_known(&self) -> Arc<dyn Backend> {
        Arc::new(Knows(self.facts.clone()))
    }
}

impl Stage for PeerInfoStage {
    fn name(&self) -> &str {
        &self.name
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        Box::pin(async {
            let mut config = alto_backend_peerinfo::PeerInfoConfig::default();
            config.set("peerinfo.trust", "open").expect("a choice");
            let policy = Policy { allow_documentation: true, ..Policy::default() };
            let backend = config.build(policy).expect("a configuration that is right");
            Scene::new(backend, Arc::new(AsksNobody))
        })
    }

    fn peer(&self, seen: IpNet, id: Option<PeerId>) -> Result<Peer<'static>, Skip> {
        if seen.prefix_len() < seen.max_prefix_len() {
            return Err(Skip::new("prefixes as a whole", "they send no announce"));
        }
        let peer = Peer::network(seen);
        let peer = id.map_or(peer.clone(), |id| peer.with_id(id));
        Ok(match self.facts.about(&peer) {
            Some(network) => peer.with_hints(self.hints(network)),
            None => peer,
        })
    }
}

struct AsksNobody;

impl Upstream for AsksNobody {
    fn asked(&self) -> Result<u64, Skip> {
        Ok(0)
    }
}

/// What a hostile peer says under the key, each element once; `None` if it has no way to say it.
fn value(sends: Sends, hostile: &Hostile) -> Option<Vec<Vec<u8>>> {
    let net = "198.51.100.0/24".parse().expect("a prefix");
    let one = |value: &[u8]| Some(vec![value.to_vec()]);
    match (sends, hostile) {
        (Sends::Uri, Hostile::Uri(text)) => one(text.as_bytes()),
        (_, Hostile::Garbage) => one(b"\xff%\xfe"),
        (_, Hostile::Oversize) => one(&[b'a'; 8 * MOST_GUIDANCE]),
        (Sends::Uri, Hostile::Flood(_)) => {
            let servers = hostile.servers();
            Some(servers.into_iter().map(|server| server.uri.to_string().into_bytes()).collect())
        }
        (Sends::Guidance, Hostile::Flood(count)) => Some(vec![guidance(net, 600); (*count).into()]),
        (Sends::Guidance, Hostile::Lifetime(seconds)) => {
            Some(vec![guidance(net, u16::try_from(*seconds).unwrap_or(u16::MAX))])
        }
        _ => None,
    }
}

/// Guidance with one entry, which may claim any lifetime.
fn guidance(net: IpNet, seconds: u16) -> Vec<u8> {
    let entries = [PeerCost { net, cost: 1 }].into();
    let costs = PeerCosts { entries, lifetime: Duration::from_secs(1) };
    let mut octets = blob::write(&costs).expect("one entry");
    octets[2..4].copy_from_slice(&seconds.to_be_bytes());
    octets
}

fn query(sends: Sends, values: &[Vec<u8>]) -> Vec<u8> {
    let mut text = "info_hash=%00&port=6881".to_owned();
    for value in values {
        match sends {
            Sends::Uri => {
                text += "&alto=";
                for octet in value {
                    let _ = write!(text, "%{octet:02x}"); // a String takes all
                }
            }
            Sends::Guidance => {
                let _ = write!(text, "&altog={}", data_encoding::BASE64URL_NOPAD.encode(value));
            }
        }
    }
    text.into_bytes()
}

fn options(sends: Sends, values: &[Vec<u8>]) -> Vec<u8> {
    let kind = if sends == Sends::Uri { OPTION_URI } else { OPTION_GUIDANCE };
    let empty = |value: &Vec<u8>| value.is_empty().then(|| vec![kind, 0]);
    let parts = |value: &Vec<u8>| -> Vec<u8> {
        let chunks = value.chunks(255);
        chunks
            .flat_map(|part| [&[kind, u8::try_from(part.len()).unwrap_or(255)], part].concat())
            .collect()
    };
    values.iter().flat_map(|value| empty(value).unwrap_or_else(|| parts(value))).collect()
}

/// Knows the facts and asks nobody.
#[derive(Debug)]
struct Knows(Facts);

impl Backend for Knows {
    fn name(&self) -> &'static str {
        "knows"
    }

    fn discover<'a>(
        &'a self,
        _: &'a Peer<'a>,
        _: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        unreachable!("nothing is asked for a claim's sake")
    }

    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let servers = self.0.about(peer).and_then(|network| network.server_list(Trust::Network));
        let Some(servers) = servers else { return Known::Ask };
        let validity = Validity::new(now, Duration::from_secs(600));
        let guide = Guide::Servers(servers);
        Known::Fresh(Arc::new(Answer::new("knows", 1, guide, Scope::of(peer), validity)))
    }
}

/// The stages are not all of one kind: each wire and each thing sent has a name of its own.
#[test]
fn stages_have_names() {
    let all = [Sends::Uri, Sends::Guidance]
        .map(|sends| [Wire::Http, Wire::Udp].map(|wire| PeerInfoStage::new(sends, wire).name));
    assert_eq!(all.as_flattened().iter().collect::<HashSet<_>>().len(), 4);
}
