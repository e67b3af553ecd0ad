//! The stage of backend dns: neutral facts become a reverse tree, served by a scripted server.

use std::sync::Arc;
use std::time::Duration;

use alto_backend_dns::DnsConfig;
use alto_discovery::core::conformance::{
    Facts, Hostile, Network, Scene, Skip, Speaker, Stage, Switched, Truth, Upstream,
};
use alto_discovery::{BackendConfig as _, BoxFuture, IdScope, Peer, PeerId, Policy, Scope};
use alto_testkit::scripted::{Act, Query, Scripted};
use alto_testkit::wire::Message;
use alto_testkit::{Data, NameServer as _, Naptr, Record, Zone};
use ipnet::IpNet;
use tokio::sync::Mutex;

const TTL: u32 = 600;

pub(crate) struct DnsStage {
    facts: Facts,
    /// What the server of each scene holds.
    zone: Arc<Zone>,
    /// Each host comes with a peer ID, and what is true of a network stands at the wildcard below its
    /// name as well, where questions for IDs find it.
    by_id: bool,
}

impl DnsStage {
    pub(crate) fn new() -> Self {
        let facts = facts().without("told apart by peer ID: approach 3", Network::needs_id);
        Self::of(facts, false)
    }

    pub(crate) fn with_peer_ids() -> Self {
        Self::of(facts(), true)
    }

    fn of(facts: Facts, by_id: bool) -> Self {
        Self { zone: Arc::new(zone(&facts, by_id)), facts, by_id }
    }
}

impl Stage for DnsStage {
    fn name(&self) -> &'static str {
        if self.by_id { "dns with peer ID" } else { "dns" }
    }

    fn peer(&self, seen: IpNet, id: Option<PeerId>) -> Result<Peer<'static>, Skip> {
        let is_host = seen.prefix_len() == seen.max_prefix_len();
        let id = id.or((self.by_id && is_host).then_some(PeerId::Port(6_881)));
        let peer = Peer::network(seen);
        Ok(id.map_or(peer.clone(), |id| peer.with_id(id)))
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        Box::pin(async {
            let server = Scripted::start(Arc::clone(&self.zone));
            for network in self.facts.networks() {
                script(&server, network);
            }
            let policy = Policy { allow_documentation: true, ..Policy::default() };
            let backend = config(&server).build(policy).expect("a configuration that is right");
            Scene::new(backend, Arc::new(Switchable(Mutex::new(server))))
        })
    }
}

fn facts() -> Facts {
    Facts::standard().without(
        "a NAPTR record holds 250 octets of URI",
        |network| matches!(&network.truth, Truth::Hostile(Hostile::Uri(uri)) if uri.len() > 250),
    )
}

/// The networks with servers, as a zone. What it does not name does not exist.
fn zone(facts: &Facts, by_id: bool) -> Zone {
    let networks = facts.networks().iter();
    Zone::new(networks.flat_map(|network| {
        let owner = name_of(&network.scope);
        let wildcard = format!("*.{owner}");
        let also = by_id && network.scope.id == IdScope::Any;
        let owners = [Some(owner), also.then_some(wildcard)];
        owners.into_iter().flatten().flat_map(|owner| match &network.truth {
            Truth::Speaks(speakers) => records(&owner, TTL, speakers),
            Truth::Hostile(hostile) => hostile_records(&owner, hostile),
            _ => Vec::new(),
        })
    }))
}

fn config(server: &Scripted) -> DnsConfig {
    let mut config = DnsConfig::default();
    for (key, value) in [
        ("dns.resolver", server.address().to_string().as_str()),
        ("dns.zone_qps", "100000"),
        ("dns.total_qps", "100000"),
        ("dns.in_flight", "1024"),
    ] {
        config.set(key, value).expect("a value within bounds");
    }
    config
}

struct Switchable(Mutex<Scripted>);

impl Upstream for Switchable {
    fn switch(&self, on: bool) -> Switched<'_> {
        Box::pin(async move {
            let mut server = self.0.lock().await;
            if on {
                server.restart();
            } else {
                server.stop();
            }
            Ok(())
        })
    }

    fn asked(&self) -> Result<u64, Skip> {
        let server =
            self.0.try_lock().map_err(|_| Skip::new("questions asked", "being switched"))?;
        Ok(server.log().total() as u64)
    }
}

fn records(owner: &str, ttl: u32, speakers: &[Speaker]) -> Vec<Record> {
    let of = |speaker: &Speaker| {
        let terminal = naptr("u", &format!("!.*!{}!", speaker.uri), ".");
        let naptr = Naptr { order: speaker.order, preference: speaker.preference, ..terminal };
        Record::new(owner, ttl, Data::Naptr(naptr))
    };
    speakers.iter().map(of).collect()
}

fn naptr(flags: &str, regexp: &str, replacement: &str) -> Naptr {
    Naptr {
        order: 100,
        preference: 10,
        flags: flags.into(),
        services: "ALTO:https".into(),
        regexp: regexp.into(),
        replacement: replacement.into(),
    }
}

/// What a zone can hold of the hostile; the rest is scripted.
fn hostile_records(owner: &str, hostile: &Hostile) -> Vec<Record> {
    let one = |naptr| vec![Record::new(owner, TTL, Data::Naptr(naptr))];
    match hostile {
        Hostile::Uri(text) => one(naptr("u", &format!("!.*!{text}!"), ".")),
        Hostile::Loop => one(naptr("", "", owner)),
        Hostile::Lifetime(ttl) => records(owner, *ttl, &hostile.servers()),
        Hostile::Flood(_) | Hostile::Unasked { .. } => records(owner, TTL, &hostile.servers()),
        _ => Vec::new(),
    }
}

/// What only a server can do that does as told.
fn script(server: &Scripted, network: &Network) {
    let name = reverse_name(network.scope.net);
    match &network.truth {
        Truth::Failing => server.on_tree(&name, |query| {
            vec![query.message(alto_testkit::wire::rcode::SERVFAIL).into()]
        }),
        Truth::Silent => server.on_tree(&name, |_| vec![]),
        Truth::Hostile(Hostile::Garbage) => server.on_tree(&name, |query| {
            let mut reply = query.from_zone().write();
            reply.truncate(14); // its header promises more
            vec![Act::raw(reply)]
        }),
        Truth::Hostile(Hostile::Oversize) => server.on_tree(&name, oversize),
        Truth::Hostile(Hostile::Trickle) => server.on_tree(&name, trickle),
        Truth::Hostile(Hostile::Endless) => {
            server.on_tree(&name, |query| vec![endless(query).into()]);
        }
        Truth::Hostile(Hostile::Unasked { victim }) => {
            let victim = reverse_name(*victim);
            server.on_tree(&name, move |query| vec![unasked(query, &victim).into()]);
        }
        _ => {}
    }
}

/// As many records as a message holds.
fn oversize(query: &Query) -> Vec<Act> {
    if !query.tcp {
        return vec![query.truncated().into()];
    }
    let name = query.question.name.clone();
    let servers = Hostile::Flood(450).servers();
    let mut message = query.from_zone();
    message.answers = records(&name, TTL, &servers);
    let mut reply = message.write();
    reply.resize(65_535, 0);
    vec![Act::raw(reply)]
}

/// Over TCP, a message of one octet each second.
fn trickle(query: &Query) -> Vec<Act> {
    if !query.tcp {
        return vec![query.truncated().into()];
    }
    let pieces = query
        .from_zone()
        .write()
        .into_iter()
        .map(|octet| Act::raw([octet]).after(Duration::from_secs(1)));
    pieces.collect()
}

/// A reference to a name of its own, which has one to the next, and so on.
fn endless(query: &Query) -> Message {
    let name = &query.question.name;
    let mut message = query.from_zone();
    message.rcode = 0;
    message.authorities.clear();
    let next = Data::Naptr(naptr("", "", &format!("n{}.{name}", name.len())));
    message.answers = vec![Record::new(name.clone(), TTL, next)];
    message
}

/// The answer, and beside it records of a name that nobody asked for, in each section.
fn unasked(query: &Query, victim: &str) -> Message {
    let mut message = query.from_zone();
    let poison = Speaker::new(Hostile::POISON, 1, 1);
    for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
        section.extend(records(victim, TTL, std::slice::from_ref(&poison)));
    }
    message
}

/// Where the peers of a scope are named: blocks of ports by the digits they share.
fn name_of(scope: &Scope) -> String {
    let host = reverse_name(scope.net);
    match scope.id {
        IdScope::Any => host,
        IdScope::Ports { low, high } => {
            assert_eq!((low & 0xff, high), (0, low | 0xff), "a block of two digits");
            let (a, b) = (low >> 12, low >> 8 & 15);
            format!("*.{b:x}.{a:x}._p.{host}")
        }
        IdScope::Exactly(PeerId::Token(token)) => {
            assert_eq!(token.as_bytes(), b"gold", "the token of the facts");
            format!("_tctnmop0.{host}")
        }
        IdScope::Exactly(PeerId::Port(_)) => unreachable!("no such network in the facts"),
    }
}

/// The name of a prefix in the reverse tree, at a length that is a multiple of a label's bits.
fn reverse_name(net: IpNet) -> String {
    let labels = |texts: Vec<String>, tree: &str| format!("{}.{tree}", texts.join("."));
    match net {
        IpNet::V4(net) => {
            let octets = net.addr().octets();
            let kept = &octets[..usize::from(net.prefix_len() / 8)];
            labels(kept.iter().rev().map(u8::to_string).collect(), "in-addr.arpa.")
        }
        IpNet::V6(net) => {
            let nibbles: Vec<String> =
                format!("{:032x}", net.addr().to_bits()).chars().map(String::from).collect();
            let kept = &nibbles[..usize::from(net.prefix_len() / 4)];
            labels(kept.iter().rev().cloned().collect(), "ip6.arpa.")
        }
    }
}
