//! Strangers in great number must not push out those who come back.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use tokio::time::Instant;

use super::super::fact::Fact;
use super::super::store::Store;
use crate::layers::testing::{answer, seconds};
use crate::{Answer, Peer, Scope, Validity};

/// The reduced measure: 2 MiB, 600 honest /24s (a third of the room).
const BYTES: usize = 2 << 20;
const HONEST: u32 = 600;

#[derive(Clone, Copy, Debug)]
enum Strangers {
    /// One /48.
    OneSite,
    /// One /32.
    OneProvider,
    Everywhere,
}

struct Swarm {
    store: Store,
    template: Answer,
    now: Instant,
    random: u64,
}

impl Swarm {
    fn new() -> Self {
        let template = answer("a", "alto.example", "0.0.0.0/0", 0);
        let store = Store::new(BYTES, seconds(3_600), 1);
        Self { store, template, now: Instant::now(), random: 1 }
    }

    /// Reads; learns what is not known. Whether it was.
    fn announce(&self, peer: &Peer<'_>, scope: Scope) -> bool {
        if self.store.known(peer, self.now).is_some() {
            return true;
        }
        let validity = Validity::new(self.now, seconds(600));
        let learnt = Answer { scope, validity, ..self.template.clone() };
        self.store.keep(peer, Fact::Answer(Arc::new(learnt)), self.now);
        false
    }

    fn honest(&mut self) -> bool {
        let host = u32::try_from(self.next() % u64::from(HONEST)).unwrap() * 256 + 7;
        let peer = Peer::new(Ipv4Addr::from_bits(0x0b00_0000 + host).into());
        let net = ipnet::Ipv4Net::new(Ipv4Addr::from_bits(0x0b00_0000 + host), 24).unwrap();
        self.announce(&peer, Scope::net(net.into()))
    }

    fn stranger(&mut self, from: Strangers) -> Peer<'static> {
        let host = u128::from(self.next());
        let one_provider = 0x2001_0db8_u128 << 96;
        let bits = match from {
            Strangers::OneSite => one_provider | host,
            Strangers::OneProvider => one_provider | u128::from(self.next() % 65_536) << 80 | host,
            Strangers::Everywhere => u128::from(self.next()) << 64 | host,
        };
        Peer::new(Ipv6Addr::from_bits(bits).into())
    }

    fn strangers(&mut self, number: u32, times: u32, from: Strangers) {
        for _ in 0..number {
            let stranger = self.stranger(from);
            for _ in 0..times {
                self.announce(&stranger, Scope::of(&stranger));
            }
        }
    }

    fn warmed_up() -> Self {
        let mut swarm = Self::new();
        for _ in 0..HONEST * 10 {
            swarm.honest();
        }
        swarm
    }

    /// The share of honest announces that hit while, for each, so many strangers come so often.
    fn hit_rate(&mut self, strangers: u32, times: u32, from: Strangers) -> f64 {
        let rounds = 4_000;
        let mut hits = 0;
        for round in 0..rounds {
            self.strangers(strangers, times, from);
            hits += u32::from(self.honest());
            self.now += seconds(u64::from(round % 100 == 0));
        }
        f64::from(hits) / f64::from(rounds)
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// What honest networks would have without strangers.
fn alone() -> f64 {
    Swarm::warmed_up().hit_rate(0, 0, Strangers::OneSite)
}

/// A sweep of addresses that are each seen once, from one network or many: honest networks lose
/// less than one point.
#[test]
fn a_sweep_passes_by() {
    for from in [Strangers::OneProvider, Strangers::Everywhere] {
        let mut swept = Swarm::warmed_up();
        let (alone, during) = (alone(), swept.hit_rate(20, 1, from));
        assert!(alone - during < 0.01, "{alone} alone, {during} with strangers from {from:?}");
        let stats = swept.store.stats();
        assert!(stats.bytes <= BYTES && stats.evictions > 60_000, "{stats:?}");
    }
}

/// Strangers that come back at once, often enough to be kept: their network has its share of the
/// room and no more.
#[test]
fn no_network_takes_more_than_its_share() {
    for from in [Strangers::OneSite, Strangers::OneProvider] {
        let (alone, during) = (alone(), Swarm::warmed_up().hit_rate(8, 4, from));
        assert!(alone - during < 0.01, "{alone} alone, {during} with strangers from {from:?}");
    }
}

/// When strangers in many networks come back as well, who is read most stays: 95 % of the honest
/// announces hit, against 92 % if the main queue were no more than a queue.
#[test]
fn the_most_read_stay() {
    let (mut swarm, mut hits) = (Swarm::warmed_up(), 0);
    for _ in 0..2_000 {
        swarm.strangers(1, 4, Strangers::Everywhere);
        hits += (0..4).filter(|_| swarm.honest()).count();
    }
    assert!(hits > 7_500, "{hits} of 8000");
}

/// The honest get in during a sweep too, though it takes all of them out of probation before they
/// come back: who comes back soon is recognised.
#[test]
fn newcomers_get_in_during_a_sweep() {
    let mut swarm = Swarm::new();
    swarm.hit_rate(3, 1, Strangers::Everywhere);
    let later = swarm.hit_rate(3, 1, Strangers::Everywhere);
    assert!(later > 0.95, "{later}");
}
