//! What each party received and sent, counted and looked into while users announce, one at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alto_server::Said;
use hickory_proto::op::Message;

use super::standard::{split, unknown_in_alto, unknown_in_announce};
use super::world::{Home, User, shared};

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Party {
    /// The resolver that the tracker asks, and the name servers of the reverse tree behind it.
    NameServers,
    /// The name server of a user's own access network.
    AccessNameServer,
    /// The ALTO server of a user's own network.
    OwnAltoServer,
    /// An ALTO server of another network.
    OtherAltoServer,
    /// The server that liars name.
    Attacker,
    /// The tracker.
    Tracker,
    /// The user's own program.
    Peer,
}

impl Party {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NameServers => "resolver and name servers",
            Self::AccessNameServer => "own network's name server",
            Self::OwnAltoServer => "own network's ALTO server",
            Self::OtherAltoServer => "another network's ALTO server",
            Self::Attacker => "attacker's server",
            Self::Tracker => "tracker",
            Self::Peer => "peer",
        }
    }

    /// Whether it may be anybody: neither of the user's network nor the tracker, which the user
    /// itself turned to.
    pub(super) fn is_third(self) -> bool {
        matches!(self, Self::NameServers | Self::OtherAltoServer | Self::Attacker)
    }
}

/// What a party may learn of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Secret {
    /// Its address, as others see it.
    Address,
    /// Its address within its network, where that is another one.
    InnerAddress,
    /// The port that it is seen at, which tells it from others behind the address.
    Port,
    /// Which server speaks for it, so which region it is in.
    Server,
    /// What its network prefers.
    Guidance,
}

impl Secret {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::InnerAddress => "inner address",
            Self::Port => "port",
            Self::Server => "server",
            Self::Guidance => "guidance",
        }
    }
}

/// Messages and their octets, received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) messages: u64,
    pub(super) octets: u64,
}

impl Traffic {
    fn add(&mut self, octets: usize) {
        self.messages += 1;
        self.octets += octets as u64;
    }
}

/// What the books say in the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) traffic: BTreeMap<Party, Traffic>,
    /// Of how many users a party learned what.
    pub(super) exposed: BTreeMap<(Party, Secret), usize>,
    /// What in announces is in no BEP.
    pub(super) in_announces: BTreeSet<String>,
    /// What in ALTO messages is not in RFC 7285.
    pub(super) in_alto: BTreeSet<String>,
    /// Messages at servers that work for users of other networks.
    pub(super) for_others: u64,
}

impl Account {
    pub(super) fn traffic(&self, party: Party) -> Traffic {
        self.traffic.get(&party).copied().unwrap_or_default()
    }
}

/// The books of one run.
#[derive(Default)]
pub(super) struct Books(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    account: Account,
    subject: Option<Subject>,
    talks: HashMap<(usize, SocketAddr), Talk>,
    /// ALTO bodies that were compared already.
    compared: HashSet<u64>,
}

/// The user who announces now.
struct Subject {
    home: Home,
    outer: Ipv4Addr,
    inner: Ipv4Addr,
    port: u16,
    /// The directory of its network's server.
    server: String,
    seen: HashSet<(Party, Secret)>,
}

/// A connection with an ALTO server: a request, and the reply to it.
#[derive(Default)]
struct Talk {
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Books {
    /// From now on everything happens because of this user, which is seen at this port.
    pub(super) fn open(&self, user: &User, port: u16, server: &str) {
        let mut inner = self.inner();
        inner.settle();
        let subject = Subject {
            home: user.home,
            outer: user.outer,
            inner: user.inner,
            port,
            server: server.into(),
            seen: HashSet::new(),
        };
        inner.subject = Some(subject);
    }

    /// What happens from now on is not counted.
    pub(super) fn close(&self) {
        let mut inner = self.inner();
        inner.settle();
        inner.subject = None;
    }

    pub(super) fn account(&self) -> Account {
        self.inner().account.clone()
    }

    /// A name server was asked, and replied.
    pub(super) fn asked(&self, at: Party, from: SocketAddr, query: &[u8], reply: Option<&[u8]>) {
        let mut inner = self.inner();
        if inner.subject.is_none() {
            return;
        }
        for octets in [Some(query), reply].into_iter().flatten() {
            inner.count(at, octets.len());
            inner.count(client(from), octets.len());
        }
        let name = Message::from_vec(query)
            .ok()
            .and_then(|query| Some(query.queries.first()?.name().to_lowercase().to_ascii()));
        let name = name.unwrap_or_default();
        inner.learn_from_source(at, from);
        inner.learn_from_name(at, &name);
    }

    /// Something was said on a connection with the ALTO server of that number.
    pub(super) fn heard(
        &self,
        server: usize,
        at: Option<Home>,
        client: SocketAddr,
        said: Said<'_>,
    ) {
        let mut inner = self.inner();
        if inner.subject.is_some() {
            inner.hear(server, at, client, said);
        }
    }

    /// The tracker received an announce, or what goes before it, from there.
    pub(super) fn announced(&self, from: SocketAddr, octets: &[u8], reply: &[u8]) {
        let mut inner = self.inner();
        let Some(subject) = &inner.subject else { return };
        let says = |what: &[u8]| octets.windows(what.len()).any(|window| window == what);
        let encoded = subject.server.replace(':', "%3A").replace('/', "%2F");
        let knows_server = says(subject.server.as_bytes()) || says(encoded.as_bytes());
        let unknown = unknown_in_announce(octets);
        let gives = unknown.iter().any(|name| name.contains("0xa6") || name.contains("altog"));
        for party in [Party::Tracker, Party::Peer] {
            inner.count(party, octets.len());
            inner.count(party, reply.len());
        }
        inner.learn_from_source(Party::Tracker, from);
        inner.learn_if(knows_server, Party::Tracker, Secret::Server);
        inner.learn_if(gives, Party::Tracker, Secret::Guidance);
        inner.account.in_announces.extend(unknown);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever is at this machine's usual address is the tracker; users have their own.
fn client(from: SocketAddr) -> Party {
    if from.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) { Party::Tracker } else { Party::Peer }
}

impl Inner {
    fn count(&mut self, party: Party, octets: usize) {
        self.account.traffic.entry(party).or_default().add(octets);
    }

    fn learn_if(&mut self, is_so: bool, party: Party, what: Secret) {
        let Some(subject) = self.subject.as_mut().filter(|_| is_so) else { return };
        if subject.seen.insert((party, what)) {
            *self.account.exposed.entry((party, what)).or_default() += 1;
        }
    }

    /// Whoever receives a packet knows where it comes from.
    fn learn_from_source(&mut self, at: Party, from: SocketAddr) {
        let Some(subject) = &self.subject else { return };
        let (is_outer, is_inner) = (from.ip() == subject.outer, from.ip() == subject.inner);
        let (is_port, is_hidden) = (from.port() == subject.port, subject.outer != subject.inner);
        self.learn_if(is_outer, at, Secret::Address);
        self.learn_if(is_outer && is_port && is_hidden, at, Secret::Port);
        self.learn_if(is_inner && is_hidden, at, Secret::InnerAddress);
    }

    fn learn_from_name(&mut self, at: Party, name: &str) {
        let Some(subject) = &self.subject else { return };
        let [a, b, c, d] = subject.outer.octets();
        let own = format!("{d}.{c}.{b}.{a}.in-addr.arpa.");
        let digits: Vec<String> =
            format!("{:04x}", subject.port).chars().rev().map(String::from).collect();
        let by_port = format!("{}._p.{own}", digits.join("."));
        let (address, port) = (name == own || name.ends_with(&format!(".{own}")), name == by_port);
        let is_own = is_below_own(subject.outer, name);
        let is_hidden = subject.outer != subject.inner;
        self.learn_if(address, at, Secret::Address);
        self.learn_if(port && is_hidden, at, Secret::Port);
        if at == Party::NameServers && !is_own {
            self.account.for_others += 2; // the question and the reply
        }
    }

    fn hear(&mut self, server: usize, at: Option<Home>, from: SocketAddr, said: Said<'_>) {
        let party = self.party_at(at);
        let mut talk = self.talks.remove(&(server, from)).unwrap_or_default();
        let octets = match said {
            Said::Received(octets) => {
                if !talk.reply.is_empty() {
                    self.compare(&std::mem::take(&mut talk.reply));
                }
                if talk.request.is_empty() {
                    self.account.traffic.entry(party).or_default().messages += 1;
                    self.account.traffic.entry(client(from)).or_default().messages += 1;
                    self.account.for_others += u64::from(party == Party::OtherAltoServer);
                }
                talk.request.extend_from_slice(octets);
                octets
            }
            Said::Sent(octets) => {
                if !talk.request.is_empty() {
                    let request = std::mem::take(&mut talk.request);
                    self.learn_from_request(party, from, &request);
                    self.compare(&request);
                    self.account.traffic.entry(party).or_default().messages += 1;
                    self.account.traffic.entry(client(from)).or_default().messages += 1;
                    self.account.for_others += u64::from(party == Party::OtherAltoServer);
                }
                talk.reply.extend_from_slice(octets);
                octets
            }
        };
        for party in [party, client(from)] {
            self.account.traffic.entry(party).or_default().octets += octets.len() as u64;
        }
        self.talks.insert((server, from), talk);
    }

    fn party_at(&self, at: Option<Home>) -> Party {
        match (at, &self.subject) {
            (None, _) => Party::Attacker,
            (Some(home), Some(subject)) if home == subject.home => Party::OwnAltoServer,
            _ => Party::OtherAltoServer,
        }
    }

    fn learn_from_request(&mut self, at: Party, from: SocketAddr, request: &[u8]) {
        self.learn_from_source(at, from);
        let Some(subject) = &self.subject else { return };
        let (_, body) = split(request);
        let text = String::from_utf8_lossy(body);
        let is_hidden = subject.outer != subject.inner;
        let address = says(&text, &subject.outer.to_string());
        let inner = is_hidden && says(&text, &subject.inner.to_string());
        let port = is_hidden && says(&text, &format!("port:{}", subject.port));
        self.learn_if(address, at, Secret::Address);
        self.learn_if(inner, at, Secret::InnerAddress);
        self.learn_if(port, at, Secret::Port);
    }

    /// Compares a message with RFC 7285, unless its like was compared before.
    fn compare(&mut self, message: &[u8]) {
        let mut hasher = DefaultHasher::new();
        split(message).1.hash(&mut hasher);
        if self.compared.insert(hasher.finish()) {
            self.account.in_alto.extend(unknown_in_alto(message));
        }
    }

    /// Replies that nothing followed.
    fn settle(&mut self) {
        let replies: Vec<Vec<u8>> =
            self.talks.values_mut().map(|talk| std::mem::take(&mut talk.reply)).collect();
        for reply in replies.iter().filter(|reply| !reply.is_empty()) {
            self.compare(reply);
        }
    }
}

/// Whether a text holds a word that does not go on.
fn says(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let next = text[at + word.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_digit())
    })
}

/// Whether a name is one that the user's own network answers for: below its /16, or the pool's /24s.
fn is_below_own(outer: Ipv4Addr, name: &str) -> bool {
    let octets = outer.octets();
    let own = if shared().contains(&IpAddr::from(outer)) {
        format!("{}.{}.{}.in-addr.arpa.", octets[2], octets[1], octets[0])
    } else {
        format!("{}.{}.in-addr.arpa.", octets[1], octets[0])
    };
    name == own || name.ends_with(&format!(".{own}"))
}

/// The books, shared by all who write in them.
pub(super) type Shared = Arc<Books>;
