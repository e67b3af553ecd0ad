//! A small world in neutral terms.

use std::cmp::Reverse;
use std::sync::Arc;

use ipnet::IpNet;
use url::Url;

use super::{Hostile, Skip};
use crate::{IdScope, Peer, PeerId, Scope, Server, ServerList, Token, Trust};

/// Networks and what is true of them. The most specific network that contains a peer counts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    networks: Vec<Network>,
    left_out: Vec<Skip>,
}

/// Peers of whom one thing is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// What reports call it.
    pub name: String,
    /// Its peers: a prefix, and optionally some of the peer IDs in it.
    pub scope: Scope,
    /// What is true of them.
    pub truth: Truth,
}

/// What is true of the peers of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// These servers speak for them, in the order in which the network happens to list them.
    Speaks(Vec<Speaker>),
    /// Surely nobody speaks for them. (No such network lies inside one with servers: discovery
    /// goes on to the shorter prefix and would find those.)
    Nobody,
    /// The upstream says that it cannot tell.
    Failing,
    /// The upstream says nothing.
    Silent,
    /// The upstream, or the peer, says something hostile.
    Hostile(Hostile),
}

/// A server that speaks for a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Its IRD.
    pub uri: Url,
    /// Lower is tried first. A stage that cannot express it lists servers best first.
    pub order: u16,
    /// Lower is tried first within one order.
    pub preference: u16,
}

impl Facts {
    /// These networks.
    pub fn new(networks: impl IntoIterator<Item = Network>) -> Self {
        Self { networks: networks.into_iter().collect(), left_out: Vec::new() }
    }

    /// The world in which the laws are tried: IPv4 and IPv6 documentation prefixes (RFC 5737, RFC
    /// 3849, RFC 9637) at lengths that RFC 8686 §3.4 looks up, nested networks, server lists out
    /// of order, port blocks and a token behind one address, and the whole catalogue of hostility.
    pub fn standard() -> Self {
        let hostile = Hostile::catalogue(net("198.51.100.0/24")).into_iter().enumerate().map(
            |(number, hostile)| {
                let scope = Scope::net(net(&format!("3fff:66:0:{number:x}::/64")));
                let name = format!("hostile-{}-{number}", hostile.kind());
                Network::new(name, scope, Truth::Hostile(hostile))
            },
        );
        Self::new(friendly().into_iter().chain(troubled()).chain(hostile))
    }

    /// The networks that stand.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// What was left out, and why.
    pub fn left_out(&self) -> &[Skip] {
        &self.left_out
    }

    /// The same world without the networks that are `unfit` for a stage, for the `reason` given.
    #[must_use]
    pub fn without(mut self, reason: &'static str, unfit: impl Fn(&Network) -> bool) -> Self {
        let (out, kept): (Vec<_>, Vec<_>) = self.networks.into_iter().partition(unfit);
        self.left_out.extend(out.into_iter().map(|network| Skip::new(network.name, reason)));
        Self { networks: kept, ..self }
    }

    /// The same world with the best server of each network alone, for the `reason` given.
    #[must_use]
    pub fn with_one_server_each(mut self, reason: &'static str) -> Self {
        for network in &mut self.networks {
            let best = network.servers().into_iter().next();
            if let (Truth::Speaks(servers), Some(best)) = (&mut network.truth, best)
                && servers.len() > 1
            {
                *servers = vec![best];
                let others = format!("{}'s other servers", network.name);
                self.left_out.push(Skip::new(others, reason));
            }
        }
        self
    }

    /// What is true of `peer`; `None` if nothing is said of it, so that surely nobody speaks.
    pub fn about(&self, peer: &Peer<'_>) -> Option<&Network> {
        self.around(peer).into_iter().next()
    }

    /// All networks that contain `peer`, most specific first.
    pub fn around(&self, peer: &Peer<'_>) -> Vec<&Network> {
        let mut around: Vec<_> =
            self.networks.iter().filter(|network| network.scope.contains(peer)).collect();
        around.sort_by_key(|network| Reverse(network.specificity()));
        around
    }
}

impl Network {
    /// The peers in `scope`, of whom `truth` is true.
    pub fn new(name: impl Into<String>, scope: Scope, truth: Truth) -> Self {
        Self { name: name.into(), scope, truth }
    }

    /// Whether it is about some of the peer IDs behind its addresses only.
    pub fn needs_id(&self) -> bool {
        self.scope.id != IdScope::Any
    }

    /// Whether it is about one address only.
    pub fn is_host(&self) -> bool {
        self.scope.net.prefix_len() == self.scope.net.max_prefix_len()
    }

    /// Whether its upstream fails, is silent or hostile.
    pub fn is_troubled(&self) -> bool {
        !matches!(self.truth, Truth::Speaks(_) | Truth::Nobody)
    }

    /// Its servers, best first; empty unless servers speak for it.
    pub fn servers(&self) -> Vec<Speaker> {
        let Truth::Speaks(servers) = &self.truth else { return Vec::new() };
        let mut servers = servers.clone();
        servers.sort_by(|a, b| {
            (a.order, a.preference, a.uri.as_str()).cmp(&(b.order, b.preference, b.uri.as_str()))
        });
        servers
    }

    /// Its servers as a backend would give them; `None` unless servers speak for it.
    pub fn server_list(&self, trust: Trust) -> Option<ServerList> {
        ServerList::new(self.servers().iter().map(|speaker| speaker.server(None, trust)))
    }

    /// Greater is more specific: a longer prefix, then fewer peer IDs.
    pub(crate) fn specificity(&self) -> (u8, u32) {
        let few_ids = match self.scope.id {
            IdScope::Any => 0,
            IdScope::Ports { low, high } => 0x1_0000 - u32::from(high.saturating_sub(low)),
            IdScope::Exactly(_) => 0x1_0001,
        };
        (self.scope.net.prefix_len(), few_ids)
    }
}

impl Speaker {
    /// The server with this URI.
    ///
    /// # Panics
    /// If `uri` is no URI: facts are written by hand.
    pub fn new(uri: &str, order: u16, preference: u16) -> Self {
        Self { uri: Url::parse(uri).expect("a URI in the facts"), order, preference }
    }

    /// It, as a backend would give it.
    pub fn server(&self, found_at: Option<Arc<str>>, trust: Trust) -> Server {
        let Self { uri, order, preference } = self.clone();
        Server { uri, order, preference, found_at, trust }
    }
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix in the facts")
}

fn speaks(name: &str, scope: Scope, servers: &[(&str, u16, u16)]) -> Network {
    let servers = servers.iter().map(|&(host, order, preference)| {
        Speaker::new(&format!("https://{host}.example/ird"), order, preference)
    });
    Network::new(name, scope, Truth::Speaks(servers.collect()))
}

/// Networks with servers, and with surely none.
fn friendly() -> Vec<Network> {
    let all = |text| Scope::net(net(text));
    let carrier = |id| Scope { net: net("192.0.2.1/32"), id };
    let ports = |low, high| carrier(IdScope::Ports { low, high });
    let token = PeerId::Token(Token::new(b"gold").expect("four octets"));
    vec![
        speaks(
            "campus",
            all("198.51.100.0/24"),
            &[("campus-3", 200, 1), ("campus-2", 100, 50), ("campus-1", 100, 10)],
        ),
        speaks("library", all("198.51.100.3/32"), &[("library", 100, 10)]),
        speaks("carrier", all("192.0.2.0/24"), &[("carrier", 100, 10)]),
        speaks("carrier-east", ports(0x9c00, 0x9cff), &[("east-b", 100, 20), ("east-a", 100, 10)]),
        speaks("carrier-west", ports(0x9d00, 0x9dff), &[("west", 100, 10)]),
        speaks("carrier-gold", carrier(IdScope::Exactly(token)), &[("gold", 100, 10)]),
        speaks("isp6", all("2001:db8::/32"), &[("isp6-b", 100, 10), ("isp6-a", 100, 10)]),
        speaks("isp6-east", all("2001:db8:1::/48"), &[("isp6-east", 10, 10)]),
        speaks("isp6-shop", all("2001:db8:1:2::/64"), &[("shop-2", 20, 0), ("shop-1", 10, 9)]),
        speaks("isp6-till", all("2001:db8:1:2::5/128"), &[("till", 100, 10)]),
        Network::new("desert", all("203.0.113.0/24"), Truth::Nobody),
        speaks("oasis", all("203.0.113.5/32"), &[("oasis", 100, 10)]),
        Network::new("desert6", all("3fff:1::/32"), Truth::Nobody),
        speaks("oasis6", all("3fff:1:5::/48"), &[("oasis6", 100, 10)]),
    ]
}

/// Networks whose upstream fails or is silent, alone and inside one with servers.
fn troubled() -> Vec<Network> {
    let all = |text| Scope::net(net(text));
    vec![
        Network::new("failing", all("203.0.113.64/32"), Truth::Failing),
        Network::new("failing6", all("3fff:2::/48"), Truth::Failing),
        Network::new("failing-in-campus", all("198.51.100.66/32"), Truth::Failing),
        Network::new("silent", all("203.0.113.65/32"), Truth::Silent),
        Network::new("silent6", all("3fff:3::/48"), Truth::Silent),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(facts: &Facts, text: &str, id: Option<PeerId>) -> Option<String> {
        let peer: Peer<'static> = text.parse().unwrap();
        let peer = id.map_or(peer.clone(), |id| peer.with_id(id));
        facts.about(&peer).map(|network| network.name.clone())
    }

    /// The longest prefix counts, then the narrowest set of peer IDs; a prefix is not its hosts.
    #[test]
    fn the_most_specific_network_counts() {
        let facts = Facts::standard();
        let token = PeerId::Token(Token::new(b"gold").unwrap());
        for (text, id, name) in [
            ("198.51.100.3", None, Some("library")),
            ("198.51.100.4", None, Some("campus")),
            ("198.51.100.0/24", None, Some("campus")),
            ("192.0.2.1", Some(PeerId::Port(0x9c80)), Some("carrier-east")),
            ("192.0.2.1", Some(PeerId::Port(0x9e00)), Some("carrier")),
            ("192.0.2.1", Some(token), Some("carrier-gold")),
            ("192.0.2.1", None, Some("carrier")),
            ("2001:db8:1:2::6", None, Some("isp6-shop")),
            ("192.0.2.0/23", None, None),
        ] {
            assert_eq!(name_of(&facts, text, id).as_deref(), name, "{text}");
        }
    }

    /// What is left out is named, and what it covered falls to the network around it.
    #[test]
    fn leaving_out_is_never_silent() {
        let facts = Facts::standard().without("no hosts", Network::is_host);
        assert_eq!(name_of(&facts, "198.51.100.3", None).as_deref(), Some("campus"));
        let named = facts.left_out().iter().any(|skip| skip.what == "library");
        assert!(named && facts.networks().iter().all(|network| !network.is_host()));
    }

    /// The rule at [`Truth::Nobody`], which stages rely on.
    #[test]
    fn nobody_never_lies_inside_a_network_with_servers() {
        let facts = Facts::standard();
        for network in facts.networks().iter().filter(|network| network.truth == Truth::Nobody) {
            let around = facts.around(&Peer::network(network.scope.net));
            assert_eq!(around.len(), 1, "{}", network.name);
        }
    }
}
