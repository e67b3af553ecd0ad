//! Which hosts cannot be reached, and when somebody looks whether one of them is back. Pure.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use url::{Position, Url};

use crate::error::Error;
use crate::shelf::{Landing, is_under_way};

/// So often somebody looks whether a host is back. As long as it is not, that is an attempt to connect
/// and no more.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What has been away for long is looked for once in this part of the time it has been away, which is
/// more than [`LOOK_EVERY`] after two minutes.
const PART_OF_OUTAGE: u32 = 60;
const LEAST_OFTEN: Duration = Duration::from_secs(3_600);
/// So many look at a time: hosts that swallow what is sent to them must not take all places of those
/// that are there (`fetch.in_flight`).
const MOST_LOOKS: usize = 4;
/// Hosts that are remembered.
const MOST_HOSTS: usize = 10_000;

/// The hosts that cannot be reached. Whichever server of such a host is wanted, one fetch after the other
/// looks whether it is back; that it is ends the outage for all of them.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    away: HashMap<Box<str>, Away>,
    looks: Vec<(Box<str>, watch::Receiver<Landing>)>,
}

#[derive(Debug)]
struct Away {
    error: Error,
    since: Instant,
    /// When somebody looked last.
    looked: Instant,
}

impl Reach {
    /// Why nobody is to ask the host of `uri` now.
    pub(crate) fn away(&self, uri: &Url, now: Instant) -> Option<&Error> {
        let away = self.away.get(host(uri))?;
        let is_left_alone = now < away.due() || self.has_no_place(host(uri));
        is_left_alone.then_some(&away.error)
    }

    /// Notes that a fetch from this server began. If its host is away, it looks for all.
    pub(crate) fn take_off(
        &mut self,
        server: &Url,
        flight: &watch::Receiver<Landing>,
        now: Instant,
    ) {
        if let Some(away) = self.away.get_mut(host(server)) {
            away.looked = now;
            self.looks.retain(|(_, flight)| is_under_way(flight));
            self.looks.push((host(server).into(), flight.clone()));
        }
    }

    /// Notes that a server replied: its host is there.
    pub(crate) fn replied(&mut self, server: &Url) {
        self.away.remove(host(server));
    }

    /// Notes how asking a server failed. A reply of no use is one, and so is one that led elsewhere.
    pub(crate) fn failed(&mut self, server: &Url, error: &Error, now: Instant) {
        let is_unreachable = error.is_unreachable();
        if !is_unreachable || host(&error.uri) != host(server) {
            self.replied(server);
        }
        if is_unreachable {
            self.goes(error, now);
        } else {
            self.replied(&error.uri);
        }
    }

    fn goes(&mut self, error: &Error, now: Instant) {
        if let Some(away) = self.away.get_mut(host(&error.uri)) {
            away.error = error.clone();
            return;
        }
        if self.away.len() >= MOST_HOSTS {
            // Those that somebody wanted lately are left.
            let mut looked: Vec<Instant> = self.away.values().map(|away| away.looked).collect();
            looked.sort_unstable();
            let oldest = looked.get(looked.len() / 5).copied().unwrap_or(now);
            self.away.retain(|_, away| away.looked > oldest);
        }
        let away = Away { error: error.clone(), since: now, looked: now };
        self.away.insert(host(&error.uri).into(), away);
    }

    /// Whether somebody looks for this host already, or as many as may for others.
    fn has_no_place(&self, host: &str) -> bool {
        let looks = || self.looks.iter().filter(|(_, flight)| is_under_way(flight));
        looks().any(|(other, _)| **other == *host) || looks().count() >= MOST_LOOKS
    }
}

impl Away {
    fn due(&self) -> Instant {
        let lasted = self.looked.saturating_duration_since(self.since);
        self.looked + (lasted / PART_OF_OUTAGE).clamp(LOOK_EVERY, LEAST_OFTEN)
    }
}

/// Scheme, host and port.
fn host(uri: &Url) -> &str {
    &uri[Position::BeforeScheme..Position::AfterPort]
}
