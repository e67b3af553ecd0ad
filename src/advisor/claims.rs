//! Servers that only peers name: whom of them to contact, and where their tables are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_guidance::{Glance, Guidance};
use ipnet::IpNet;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

/// Tables fetched only because of a claim get this part of the memory for tables, and never evict
/// others.
const MEMORY_PART: usize = 10;
/// Fetches for claims under way at once, so that places are left for what networks say.
const FETCHES: usize = 4;
/// Hosts that were not contacted lately, within [`A_WHILE`], by the claims of one /24 (IPv4) or /48
/// (IPv6).
const NEW_HOSTS: u32 = 5;
const A_WHILE: Duration = Duration::from_secs(60);
/// A host and port without a table is contacted for claims once in this time, whatever came of it.
const PAUSE: Duration = Duration::from_secs(600);
/// Hosts and blocks that are remembered. When there are more, no new ones are contacted.
const MOST: usize = 4_096;

/// Whoever claims a server makes us contact it, so there are bounds: on hosts, on who names them, on
/// contacts at a time, and on memory.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    tables: Guidance,
    gate: Arc<Mutex<Gate>>,
    places: Arc<Semaphore>,
}

impl Claims {
    /// Beside the tables of the servers that networks name.
    pub(super) fn beside(others: &Guidance, memory: usize) -> Self {
        let tables = others.apart(memory / MEMORY_PART);
        Self { tables, gate: Arc::default(), places: Arc::new(Semaphore::new(FETCHES)) }
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
        FETCHES - self.places.available_permits()
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was contacted lately, and for whom. Pure.
#[derive(Debug, Default)]
struct Gate {
    /// When, for whatever claim.
    hosts: HashMap<(Box<str>, u16), Instant>,
    /// Since when so many hosts were new.
    blocks: HashMap<IpNet, (Instant, u32)>,
    swept: Option<Instant>,
}

impl Gate {
    /// How often what is over is forgotten; it stands in nobody's way meanwhile.
    const SWEEP: Duration = Duration::from_secs(1);

    /// Whether a server may be contacted because the peer `from` names it; if so, that is noted.
    fn admits(&mut self, server: &Url, from: IpNet, now: Instant) -> bool {
        let (Some(host), Some(port)) = (server.host_str(), server.port_or_known_default()) else {
            return false;
        };
        let key = (host.strip_suffix('.').unwrap_or(host).into(), port);
        self.sweep(now);
        let tried = self.hosts.get(&key);
        let is_free = match tried {
            Some(tried) => !is_within(*tried, PAUSE, now),
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
        *count <= NEW_HOSTS
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|last| is_within(last, Self::SWEEP, now)) {
            return;
        }
        self.swept = Some(now);
        self.hosts.retain(|_, tried| is_within(*tried, PAUSE, now));
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

    fn server(n: usize) -> Url {
        format!("https://host{n}.example/ird").parse().unwrap()
    }

    fn peer(text: &str) -> IpNet {
        IpNet::from(text.parse::<std::net::IpAddr>().unwrap())
    }

    /// Each block of peers has its own few new hosts a minute.
    #[test]
    fn a_block_names_few_new_hosts() {
        let (mut gate, now) = (Gate::default(), Instant::now());
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

    /// A host is contacted once in a while, whoever names it and however it is spelled.
    #[test]
    fn a_host_is_contacted_once_in_a_while() {
        let (mut gate, now) = (Gate::default(), Instant::now());
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
        let (mut gate, now) = (Gate::default(), Instant::now());
        let net = |n: usize| {
            let [.., a, b] = u32::try_from(n).unwrap().to_be_bytes();
            peer(&format!("192.{a}.{b}.1"))
        };
        let admitted = (0..MOST + 99).filter(|n| gate.admits(&server(*n), net(*n), now)).count();
        assert_eq!((admitted, gate.hosts.len()), (MOST, MOST));
        assert!(gate.blocks.len() <= MOST);
    }
}
