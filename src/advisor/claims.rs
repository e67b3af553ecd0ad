//! Servers that only peers name: whom of them to contact, and where their tables are kept.

mod config;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_guidance::{Glance, Guidance};
use ipnet::IpNet;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

pub use config::ClaimsConfig;

/// The time in which a block's new hosts are counted.
const A_WHILE: Duration = Duration::from_secs(60);
/// Hosts and blocks that are remembered. When there are more, no new ones are contacted.
const MOST: usize = 4_096;

/// Whoever claims a server makes us contact it, so there are bounds: on hosts, on who names them, on
/// contacts at a time, and on memory.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    tables: Guidance,
    gate: Arc<Mutex<Gate>>,
    places: Arc<Semaphore>,
    most_fetches: usize,
}

impl Claims {
    /// Beside the tables of the servers that networks name, which take so much memory.
    pub(super) fn beside(others: &Guidance, memory: usize, config: ClaimsConfig) -> Self {
        let tables = others.apart(config.memory.of(memory));
        let gate = Arc::new(Mutex::new(Gate::new(config)));
        let most_fetches = config.fetches;
        Self { tables, gate, places: Arc::new(Semaphore::new(most_fetches)), most_fetches }
    }

    /// What is at hand of a server that the peer `from` names.
    pub(super) fn glance(&self, server: &Url, now: Instant) -> Glance {
        self.tables.glance(server, now)
    }

    /// Starts to fetch the table of a server that the peer `from` names, if the bounds allow.
    pub(super) fn fetch(&self, server: &Url, from: IpNet, now: Instant, handle: &Handle) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let has_table = self.tables.known(server, now).is_some();
        if !has_table && !self.gate().admits(server, from, now) {
            return;
        }
        let (tables, server) = (self.tables.clone(), server.clone());
        handle.spawn(async move {
            if has_table {
                tables.prepare(&server);
            }
            // What comes of it is remembered: the next request will see.
            let _ = tables.table(&server).await;
            drop(place);
        });
    }

    /// How many fetches are under way.
    pub(super) fn under_way(&self) -> usize {
        self.most_fetches - self.places.available_permits()
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was contacted lately, and for whom. Pure.
#[derive(Debug)]
struct Gate {
    new_hosts: u32,
    pause: Duration,
    /// When, for whatever claim.
    hosts: HashMap<(Box<str>, u16), Instant>,
    /// Since when so many hosts were new.
    blocks: HashMap<IpNet, (Instant, u32)>,
    swept: Option<Instant>,
}

impl Gate {
    /// How often what is over is forgotten; it stands in nobody's way meanwhile.
    const SWEEP: Duration = Duration::from_secs(1);

    fn new(config: ClaimsConfig) -> Self {
        let ClaimsConfig { new_hosts, pause, .. } = config;
        Self { new_hosts, pause, hosts: HashMap::new(), blocks: HashMap::new(), swept: None }
    }

    /// Whether a server may be contacted because the peer `from` names it; if so, that is noted.
    fn admits(&mut self, server: &Url, from: IpNet, now: Instant) -> bool {
        let (Some(host), Some(port)) = (server.host_str(), server.port_or_known_default()) else {
            return false;
        };
        let key = (host.strip_suffix('.').unwrap_or(host).into(), port);
        self.sweep(now);
        let tried = self.hosts.get(&key);
        let is_free = match tried {
            Some(tried) => !is_within(*tried, self.pause, now),
            None => self.hosts.len() < MOST,
        };
        let is_admitted = is_free && self.is_within_rate(block(from), now);
        if is_admitted {
            self.hosts.insert(key, now);
        }
        is_admitted
    }

    fn is_within_rate(&mut self, block: IpNet, now: Instant) -> bool {
        if !self.blocks.contains_key(&block) && self.blocks.len() >= MOST {
            return false;
        }
        let (since, count) = self.blocks.entry(block).or_insert((now, 0));
        if !is_within(*since, A_WHILE, now) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.new_hosts
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|last| is_within(last, Self::SWEEP, now)) {
            return;
        }
        self.swept = Some(now);
        let pause = self.pause;
        self.hosts.retain(|_, tried| is_within(*tried, pause, now));
        self.blocks.retain(|_, (since, _)| is_within(*since, A_WHILE, now));
    }
}

fn is_within(since: Instant, span: Duration, now: Instant) -> bool {
    now.saturating_duration_since(since) < span
}

fn block(from: IpNet) -> IpNet {
    let length = if from.addr().is_ipv4() { 24 } else { 48 };
    let length = length.min(from.prefix_len());
    IpNet::new(from.addr(), length).map_or(from, |block| block.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(ClaimsConfig::default())
    }

    fn server(n: usize) -> Url {
        format!("https://host{n}.example/ird").parse().unwrap()
    }

    fn peer(text: &str) -> IpNet {
        IpNet::from(text.parse::<std::net::IpAddr>().unwrap())
    }

    /// Each block of peers has its own few new hosts a minute.
    #[test]
    fn a_block_names_few_new_hosts() {
        let (mut gate, now) = (gate(), Instant::now());
        let admitted = |gate: &mut Gate, hosts: std::ops::Range<usize>, from: &str, now| {
            hosts.filter(|n| gate.admits(&server(*n), peer(from), now)).count()
        };
        assert_eq!(admitted(&mut gate, 0..20, "203.0.113.5", now), 5);
        assert_eq!(admitted(&mut gate, 20..40, "203.0.113.200", now), 0);
        assert_eq!(admitted(&mut gate, 20..40, "198.51.100.5", now), 5);
        assert_eq!(admitted(&mut gate, 40..60, "2001:db8:1:2::3", now), 5);
        assert_eq!(admitted(&mut gate, 60..80, "2001:db8:1:9::3", now), 0);
        assert_eq!(admitted(&mut gate, 80..99, "203.0.113.5", now + A_WHILE), 5);
    }

    /// Both bounds are the configuration's.
    #[test]
    fn the_bounds_can_be_set() {
        let now = Instant::now();
        let pause = Duration::from_secs(20);
        for most in [0, 1, 9] {
            let config = ClaimsConfig { new_hosts: most, pause, ..ClaimsConfig::default() };
            let mut gate = Gate::new(config);
            let from = peer("203.0.113.5");
            let admitted = (0..20).filter(|n| gate.admits(&server(*n), from, now)).count();
            assert_eq!(admitted, usize::try_from(most).unwrap());
            let other = peer("198.51.100.5");
            let again = |gate: &mut Gate, at| gate.admits(&server(0), other, at);
            assert!(!again(&mut gate, now + pause - Duration::from_millis(1)));
            assert_eq!(again(&mut gate, now + pause), most > 0);
        }
    }

    /// A host is contacted once in a while, whoever names it and however it is spelled.
    #[test]
    fn a_host_is_contacted_once_in_a_while() {
        const PAUSE: Duration = Duration::from_secs(600);
        let (mut gate, now) = (gate(), Instant::now());
        let mut admits =
            |uri: &str, from: &str, now| gate.admits(&uri.parse().unwrap(), peer(from), now);
        assert!(admits("https://victim.example/1", "203.0.113.5", now));
        for (n, uri) in
            ["https://victim.example/2", "https://VICTIM.example.:443/3"].iter().enumerate()
        {
            assert!(!admits(uri, &format!("198.51.{n}.5"), now + PAUSE - Duration::from_secs(1)));
        }
        assert!(admits("https://victim.example:8443/1", "203.0.113.5", now));
        assert!(admits("https://victim.example/1", "203.0.113.5", now + PAUSE));
    }

    /// However many claim, the memory is bounded.
    #[test]
    fn it_remembers_a_bounded_number() {
        let (mut gate, now) = (gate(), Instant::now());
        let net = |n: usize| {
            let [.., a, b] = u32::try_from(n).unwrap().to_be_bytes();
            peer(&format!("192.{a}.{b}.1"))
        };
        let admitted = (0..MOST + 99).filter(|n| gate.admits(&server(*n), net(*n), now)).count();
        assert_eq!((admitted, gate.hosts.len()), (MOST, MOST));
        assert!(gate.blocks.len() <= MOST);
    }
}
