//! Directories, each asked for once while it is fresh.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_discovery_core::{Freshness, Origin, Validity};
use tokio::time::Instant;
use url::Url;

use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::flights::{Flights, Place};
use crate::rest::Rest;
use crate::verdict::Offer;
use crate::walk::Page;

/// How many are kept; over that, those whose time is over or ends first are forgotten.
const MOST: usize = 1_024;

type Reply = Result<Arc<Page<Offer>>, Failure>;

/// What is known of directories, and who is asked for one.
#[derive(Debug)]
pub(crate) struct Directories {
    exchange: Arc<Exchange>,
    /// A directory is kept at least so long.
    least: Duration,
    flights: Arc<Flights<Reply>>,
    shelf: Arc<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    held: Mutex<HashMap<Url, Held>>,
    rest: Rest,
}

#[derive(Debug)]
struct Held {
    page: Arc<Page<Offer>>,
    validity: Validity,
}

impl Directories {
    pub(crate) fn new(exchange: Arc<Exchange>, least: Duration) -> Self {
        Self { exchange, least, flights: Arc::default(), shelf: Arc::default() }
    }

    /// The directory at a place, and whether it was asked for.
    pub(crate) async fn get(&self, place: Place, freshness: Freshness) -> (Reply, Origin) {
        if let Some(reply) = self.shelf.recall(&place.uri, freshness, Instant::now()) {
            return (reply, Origin::Cache);
        }
        let own = place.clone();
        let fetched = self.flights.join(place, || {
            let (exchange, kept) = (Arc::clone(&self.exchange), Arc::clone(&self.shelf));
            let at_least = self.least;
            async move {
                let reply = exchange.directory(&own).await.map(Arc::new);
                kept.keep(&own.uri, &reply, at_least, Instant::now());
                reply
            }
        });
        (fetched.await.unwrap_or(Err(Failure::Lost)), Origin::Wire)
    }
}

impl Shelf {
    fn recall(&self, uri: &Url, freshness: Freshness, now: Instant) -> Option<Reply> {
        let held = self.lock();
        let fresh = held.get(uri).filter(|held| freshness.accepts(held.validity, now));
        if let Some(held) = fresh {
            return Some(Ok(Arc::clone(&held.page)));
        }
        let failure = self.rest.failure(uri, now).filter(|_| freshness != Freshness::Refresh)?;
        Some(Err(failure))
    }

    fn keep(&self, uri: &Url, reply: &Reply, least: Duration, now: Instant) {
        self.rest.note(uri, reply, now);
        let Ok(page) = reply else { return };
        let redirects = page.redirects.iter().map(|redirect| redirect.validity);
        let shortest = redirects.fold(page.validity, Validity::and);
        let validity = Validity::new(now, shortest.left(now).max(least));
        let mut held = self.lock();
        make_room(&mut held, now);
        held.insert(uri.clone(), Held { page: Arc::clone(page), validity });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Url, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(held: &mut HashMap<Url, Held>, now: Instant) {
    if held.len() < MOST {
        return;
    }
    held.retain(|_, held| held.validity.holds(now));
    if held.len() >= MOST {
        let first = held.iter().min_by_key(|(_, held)| held.validity.until());
        if let Some(uri) = first.map(|(uri, _)| uri.clone()) {
            held.remove(&uri);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(uri: &Url, seconds: u64, now: Instant) -> Arc<Page<Offer>> {
        let validity = Validity::new(now, Duration::from_secs(seconds));
        let (uri, redirects) = (uri.clone(), Vec::new());
        Arc::new(Page { uri, redirects, validity, says: Offer::Nothing })
    }

    /// Kept as long as HTTP says, and at least as long as we say; asked for ahead of its end.
    #[test]
    fn kept_while_fresh() {
        let (shelf, uri) = (Shelf::default(), "https://a.example/".parse().unwrap());
        let (now, least) = (Instant::now(), Duration::from_secs(60));
        let later = |seconds| now + Duration::from_secs(seconds);
        let recall = |freshness, at| shelf.recall(&uri, freshness, later(at)).is_some();
        for (stated, lives) in [(0, 60), (600, 600)] {
            shelf.keep(&uri, &Ok(page(&uri, stated, now)), least, now);
            assert!(recall(Freshness::Cached, lives - 1) && !recall(Freshness::Cached, lives));
            assert!(!recall(Freshness::Ahead, lives - 1) && !recall(Freshness::Refresh, 0));
        }
    }

    /// What is kept is bounded, and the newest stays.
    #[test]
    fn few_are_kept() {
        let (shelf, now) = (Shelf::default(), Instant::now());
        let uri = |n: usize| format!("https://a.example/{n}").parse::<Url>().unwrap();
        for n in 0..2 * MOST {
            shelf.keep(&uri(n), &Ok(page(&uri(n), n as u64, now)), Duration::from_secs(1), now);
        }
        assert_eq!(shelf.lock().len(), MOST);
        assert!(shelf.recall(&uri(2 * MOST - 1), Freshness::Cached, now).is_some());
    }
}
