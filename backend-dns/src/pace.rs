//! How much we ask of others: questions per zone, in all, and at the same time; and which zones have
//! recovered from a failure.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::fact::Failure;
use crate::store::Store;

/// At least so many questions may come at once after a quiet time; a fifth of a second's worth if
/// that is more.
const BURST: u32 = 20;
/// For what is known of zones, in octets: some ten thousand of them.
const ZONES_MEMORY: usize = 2 << 20;

/// One part in so many of a burst comes on top for names that were heard of before, and as many places.
/// It is paid back before a new name is asked for, so they go first: peers can be made up, and must not
/// keep what is known from being asked for again.
const RESERVE: u32 = 4;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A name that nothing is known of.
    First,
    /// A name that was asked for before, and there was a reply.
    Again,
}

/// The limits on questions. Over a limit, a question is not asked at all, at once.
#[derive(Debug)]
pub(crate) struct Pace {
    in_flight: Arc<Semaphore>,
    /// For names asked for before, when all places are taken.
    spare: Arc<Semaphore>,
    rates: Mutex<Rates>,
}

/// Leave to ask one question; held while it is under way.
#[derive(Debug)]
pub(crate) struct Leave {
    _slot: OwnedSemaphorePermit,
}

impl Pace {
    /// `zone_qps` and `total_qps` are questions a second, `in_flight` questions at a time.
    pub(crate) fn new(zone_qps: u32, total_qps: u32, in_flight: u32) -> Self {
        let places = |number: u32| Arc::new(Semaphore::new(number as usize));
        let (in_flight, spare) = (places(in_flight), places(in_flight / RESERVE));
        Self { in_flight, spare, rates: Mutex::new(Rates::new(zone_qps, total_qps)) }
    }

    /// Leave to ask for `name` at `now`.
    pub(crate) fn leave(&self, name: &str, asked: Asked, now: Instant) -> Result<Leave, Failure> {
        let slot = self.in_flight.clone().try_acquire_owned();
        let slot = match asked {
            Asked::First => slot,
            Asked::Again => slot.or_else(|_| self.spare.clone().try_acquire_owned()),
        };
        let slot = slot.map_err(|_| Failure::Limit("too many questions are under way"))?;
        self.rates().take(name, asked, now)?;
        Ok(Leave { _slot: slot })
    }

    /// Learns from a denial of `name` whose start of authority `zone` is.
    pub(crate) fn learn(&self, name: &str, zone: &Arc<str>) {
        self.rates().learn(name, zone);
    }

    /// Takes back that `name` was asked for: no question was sent.
    pub(crate) fn give_back(&self, name: &str, now: Instant) {
        self.rates().give_back(name, now);
    }

    /// Notes whether the zone of `name` replied, when asked for it.
    pub(crate) fn note(&self, name: &str, has_replied: bool) {
        self.rates().note(name, has_replied);
    }

    /// How many times the zone of `name` replied again after it had failed.
    pub(crate) fn recoveries(&self, name: &str) -> u32 {
        let mut rates = self.rates();
        let zone = rates.zone_of(name);
        rates.zones.get(&zone).map_or(0, |known| known.recoveries)
    }

    fn rates(&self) -> std::sync::MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rates, as pure data.
#[derive(Debug)]
struct Rates {
    total: Bucket,
    total_rate: Rate,
    zone_rate: Rate,
    /// For each block of names that usually is one zone: its zone by the last denial, and for each
    /// zone its bucket.
    zones: Store<Zone>,
}

#[derive(Debug, Default)]
struct Zone {
    bucket: Bucket,
    last_denial: Option<Arc<str>>,
    /// The last question about one of its names failed.
    fails: bool,
    /// Replies after that.
    recoveries: u32,
}

impl Rates {
    fn new(zone_qps: u32, total_qps: u32) -> Self {
        let (total_rate, zone_rate) = (Rate::new(total_qps), Rate::new(zone_qps));
        Self { total: Bucket::default(), total_rate, zone_rate, zones: Store::new(ZONES_MEMORY) }
    }

    fn take(&mut self, name: &str, asked: Asked, now: Instant) -> Result<(), Failure> {
        if !self.total.has_room(self.total_rate, asked, now) {
            return Err(Failure::Limit("too many questions in all"));
        }
        let rate = self.zone_rate;
        if let Some(known) = self.zone(name) {
            if !known.bucket.has_room(rate, asked, now) {
                return Err(Failure::Limit("too many questions to one zone"));
            }
            known.bucket.take(rate, now);
        }
        self.total.take(self.total_rate, now);
        Ok(())
    }

    fn give_back(&mut self, name: &str, now: Instant) {
        let rate = self.zone_rate;
        if let Some(known) = self.zone(name) {
            known.bucket.give_back(rate, now);
        }
        self.total.give_back(self.total_rate, now);
    }

    fn note(&mut self, name: &str, has_replied: bool) {
        if let Some(known) = self.zone(name) {
            known.recoveries = known.recoveries.wrapping_add(u32::from(known.fails && has_replied));
            known.fails = !has_replied;
        }
    }

    /// What is known of the zone of a name.
    fn zone(&mut self, name: &str) -> Option<&mut Zone> {
        let zone = self.zone_of(name);
        if self.zones.get(&zone).is_none() {
            self.zones.put(&zone, Zone::default(), 0);
        }
        self.zones.get(&zone)
    }

    fn zone_of(&mut self, name: &str) -> Arc<str> {
        let block = block_of(name);
        let last = self.zones.get(block).and_then(|known| known.last_denial.clone());
        last.filter(|zone| is_within(name, zone)).unwrap_or_else(|| block.into())
    }

    fn learn(&mut self, name: &str, zone: &Arc<str>) {
        let block = block_of(name);
        if let Some(known) = self.zones.get(block) {
            if known.last_denial.as_ref() != Some(zone) {
                known.last_denial = Some(zone.clone());
            }
        } else {
            let known = Zone { last_denial: Some(zone.clone()), ..Zone::default() };
            self.zones.put(&block.into(), known, zone.len());
        }
    }
}

/// The zone that a name is taken to be in until a denial tells: its /16 (IPv4), its /32 (IPv6),
/// elsewhere the two last labels.
fn block_of(name: &str) -> &str {
    let labels = match name {
        _ if name.ends_with(".in-addr.arpa.") => 4,
        _ if name.ends_with(".ip6.arpa.") => 10,
        _ => 2,
    };
    let from_the_end = name.trim_end_matches('.').rmatch_indices('.').nth(labels - 1);
    from_the_end.map_or(name, |(at, _)| &name[at + 1..])
}

fn is_within(name: &str, zone: &str) -> bool {
    match name.strip_suffix(zone) {
        Some(above) => above.is_empty() || above.ends_with('.') || zone == ".",
        None => false,
    }
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        Self { interval: Duration::from_secs(1) / per_second, burst: BURST.max(per_second / 5) }
    }
}

/// A token bucket kept as one moment: when it will be full again.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    fn has_room(self, rate: Rate, asked: Asked, now: Instant) -> bool {
        let most = match asked {
            Asked::First => rate.burst,
            Asked::Again => rate.burst + rate.burst / RESERVE,
        };
        self.debt(now) + rate.interval <= rate.interval * most
    }

    fn take(&mut self, rate: Rate, now: Instant) {
        self.full_at = Some(now + self.debt(now) + rate.interval);
    }

    fn give_back(&mut self, rate: Rate, now: Instant) {
        self.full_at = Some(now + self.debt(now).saturating_sub(rate.interval));
    }

    fn debt(self, now: Instant) -> Duration {
        self.full_at.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many of a thousand questions may be asked.
    fn passed_as(
        asked: Asked,
        rates: &mut Rates,
        now: Instant,
        name: impl Fn(usize) -> String,
    ) -> usize {
        (0..1_000).filter(|n| rates.take(&name(*n), asked, now).is_ok()).count()
    }

    fn passed(rates: &mut Rates, now: Instant, name: impl Fn(usize) -> String) -> usize {
        passed_as(Asked::First, rates, now, name)
    }

    /// One question a second to a zone, twenty at once after a quiet time.
    #[test]
    fn a_zone_gets_its_rate_and_its_burst() {
        let mut rates = Rates::new(1, 1_000_000);
        let one_zone = |n: usize| format!("{}.{}.51.198.in-addr.arpa.", n % 250, n / 250);
        let start = Instant::now();
        assert_eq!(passed(&mut rates, start, one_zone), 20);
        for second in 1..30 {
            assert_eq!(passed(&mut rates, start + SECOND * second, one_zone), 1);
        }
        assert_eq!(passed(&mut rates, start + SECOND * 1_000, one_zone), 20);
    }

    /// A hundred a second in all, whatever the zones.
    #[test]
    fn all_zones_together_get_the_total() {
        let mut rates = Rates::new(1, 100);
        let many_zones = |n: usize| format!("1.1.{}.{}.in-addr.arpa.", n % 250, n / 250);
        let start = Instant::now();
        assert_eq!(passed(&mut rates, start, many_zones), 20);
        let over_ten_seconds: usize = (1..=1_000)
            .map(|n| passed(&mut rates, start + Duration::from_millis(10) * n, many_zones))
            .sum();
        assert_eq!(over_ten_seconds, 1_000);
    }

    /// Names asked for before get a little more than a burst, and go first until that is paid back.
    #[test]
    fn the_known_go_first() {
        let mut rates = Rates::new(1, 100);
        let zones = [
            |n: usize| format!("1.1.{}.{}.in-addr.arpa.", n % 250, n / 250),
            |_| "1.1.46.in-addr.arpa.".to_owned(),
        ];
        for (seconds, zone) in zones.into_iter().enumerate() {
            let now = Instant::now() + SECOND * u32::try_from(seconds).unwrap() * 60;
            assert_eq!(passed(&mut rates, now, zone), 20);
            assert_eq!(passed_as(Asked::Again, &mut rates, now, zone), 5);
            let paid_back = now + 5 * if seconds == 0 { SECOND / 100 } else { SECOND };
            assert_eq!(passed(&mut rates, paid_back, zone), 0);
            assert_eq!(passed_as(Asked::Again, &mut rates, paid_back, zone), 5);
        }
    }

    /// A refusal by the zone's limit does not count against the total.
    #[test]
    fn a_refused_question_costs_nothing() {
        let mut rates = Rates::new(1, 100);
        let start = Instant::now();
        let one_zone = |_| "1.51.198.in-addr.arpa.".to_owned();
        assert_eq!(passed(&mut rates, start, one_zone), 20);
        let later = start + Duration::from_millis(200);
        assert_eq!(passed(&mut rates, later, one_zone), 0);
        assert_eq!(passed(&mut rates, later, |n| format!("1.{n}.198.in-addr.arpa.")), 20);
    }

    /// The zone is the owner of the SOA in the last denial.
    #[test]
    fn denials_tell_the_zone() {
        let mut rates = Rates::new(1, 100);
        let (name, other) = ("3.100.51.198.in-addr.arpa.", "3.101.51.198.in-addr.arpa.");
        assert_eq!(&*rates.zone_of(name), "51.198.in-addr.arpa.");
        rates.learn(name, &"100.51.198.in-addr.arpa.".into());
        assert_eq!(&*rates.zone_of(name), "100.51.198.in-addr.arpa.");
        assert_eq!(&*rates.zone_of(other), "51.198.in-addr.arpa.");
        rates.learn(other, &"198.in-addr.arpa.".into());
        assert_eq!(&*rates.zone_of(name), "198.in-addr.arpa.");
        rates.learn(other, &".".into());
        assert_eq!(&*rates.zone_of(name), ".");
    }

    #[test]
    fn blocks() {
        for (name, block) in [
            ("3.100.51.198.in-addr.arpa.", "51.198.in-addr.arpa."),
            ("51.198.in-addr.arpa.", "51.198.in-addr.arpa."),
            ("198.in-addr.arpa.", "198.in-addr.arpa."),
            ("0.0.8.b.d.0.1.0.0.2.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."),
            ("alto.customer.example.", "customer.example."),
            ("example.", "example."),
            (".", "."),
        ] {
            assert_eq!(block_of(name), block);
        }
        assert!(is_within("a.example.", "example.") && !is_within("aexample.", "example."));
    }

    /// So many at a time, and a place is free again when its question ends.
    #[test]
    fn places_are_given_back() {
        let pace = Pace::new(1_000, 1_000, 2);
        let now = Instant::now();
        let first = pace.leave("a.example.", Asked::Again, now).unwrap();
        let _second = pace.leave("b.example.", Asked::Again, now).unwrap();
        assert!(pace.leave("c.example.", Asked::Again, now).is_err());
        drop(first);
        assert!(pace.leave("c.example.", Asked::Again, now).is_ok());
        let pace = Pace::new(1_000, 1_000, 4);
        let _places = [(); 4].map(|()| pace.leave("a.example.", Asked::First, now).unwrap());
        assert!(pace.leave("b.example.", Asked::First, now).is_err());
        let _spare = pace.leave("b.example.", Asked::Again, now).unwrap();
        assert!(pace.leave("b.example.", Asked::Again, now).is_err());
    }
}
