//! Equal requests under way are one.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alto_fetch::Hops;
use tokio::runtime::Handle;
use tokio::sync::watch;
use url::Url;

/// Where a request goes, and where the search has been before: what is refused as a circle for one
/// search is fine for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) uri: Url,
    pub(crate) hops: Hops,
}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uri.hash(state);
    }
}

/// Requests under way. Each runs as a task of its own: who gives up waiting cancels nothing for the
/// others.
#[derive(Debug)]
pub(crate) struct Flights<V> {
    under_way: Mutex<HashMap<Place, watch::Receiver<Option<V>>>>,
}

impl<V> Default for Flights<V> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<V: Clone + Send + Sync + 'static> Flights<V> {
    /// What comes of the request to `place`, which is made by `start` unless it is under way already.
    /// `None` if it was lost.
    pub(crate) async fn join<F>(
        self: &Arc<Self>,
        place: Place,
        start: impl FnOnce() -> F,
    ) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut landing = self.board(place, start)?;
        landing.wait_for(Option::is_some).await.ok().and_then(|value| value.clone())
    }

    fn board<F>(
        self: &Arc<Self>,
        place: Place,
        start: impl FnOnce() -> F,
    ) -> Option<watch::Receiver<Option<V>>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut under_way = self.lock();
        if let Some(landing) = under_way.get(&place) {
            return Some(landing.clone());
        }
        let runtime = Handle::try_current().ok()?;
        let (land, landing) = watch::channel(None);
        under_way.insert(place.clone(), landing.clone());
        let flight = Flight { flights: Arc::clone(self), place };
        let request = start();
        runtime.spawn(async move {
            let value = request.await;
            drop(flight); // who comes from now on asks anew
            land.send_replace(Some(value));
        });
        Some(landing)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, watch::Receiver<Option<V>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However a request ends, it leaves the map.
struct Flight<V: Clone + Send + Sync + 'static> {
    flights: Arc<Flights<V>>,
    place: Place,
}

impl<V: Clone + Send + Sync + 'static> Drop for Flight<V> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::{sleep, timeout};

    fn place(path: &str, limit: u16) -> Place {
        let uri = format!("https://a.example/{path}").parse().unwrap();
        Place { uri, hops: Hops::new(limit) }
    }

    /// A hundred who ask at once are one; one that gives up takes nothing from the others.
    #[tokio::test(start_paused = true)]
    async fn one_for_all() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let flights = Arc::new(Flights::default());
        let request = || async {
            sleep(Duration::from_secs(1)).await;
            MADE.fetch_add(1, Ordering::SeqCst)
        };
        let first = timeout(Duration::from_millis(1), flights.join(place("x", 5), request)).await;
        assert!(first.is_err());
        for _ in 0..100 {
            let flights = Arc::clone(&flights);
            tokio::spawn(async move {
                assert_eq!(flights.join(place("x", 5), request).await, Some(0));
            });
        }
        assert_eq!(flights.join(place("x", 5), request).await, Some(0));
        assert_eq!(flights.join(place("x", 5), request).await, Some(1));
        assert_eq!(flights.join(place("x", 4), request).await, Some(2));
        assert!(flights.lock().is_empty());
    }

    /// One that panics is lost for those who waited, and for nobody else.
    #[tokio::test(start_paused = true)]
    async fn lost_is_not_forever() {
        let flights = Arc::new(Flights::<usize>::default());
        let lost = flights.join(place("x", 5), || async { panic!("on purpose") }).await;
        assert_eq!(lost, None);
        assert_eq!(flights.join(place("x", 5), || async { 7 }).await, Some(7));
    }
}
