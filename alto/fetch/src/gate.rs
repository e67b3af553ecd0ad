//! How many requests are under way: in all, and to one host and port.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::error::Fault;

/// Lets requests through, so many at a time; a few more may wait, the rest is refused at once.
#[derive(Debug)]
pub(crate) struct Gate {
    all: Arc<Semaphore>,
    waiting: Semaphore,
    per_host: usize,
    hosts: Mutex<HashMap<Place, Weak<Semaphore>>>,
}

/// A host and a port.
type Place = (String, u16);

/// The right to have one request under way, until dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _all: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.in_flight)),
            waiting: Semaphore::new(limits.waiting),
            per_host: limits.in_flight_per_host,
            hosts: Mutex::default(),
        }
    }

    /// Waits for a turn to ask `host`; in the order of arrival for each host.
    pub(crate) async fn enter(&self, host: &str, port: u16) -> Result<Permit, Fault> {
        let slots = self.slots(host, port);
        if let Some(permit) = self.enter_now(&slots) {
            return Ok(permit);
        }
        let _place_in_queue = self.waiting.try_acquire().map_err(|_| Fault::Busy)?;
        // The host's turn first: who waits for a busy host holds no place that others could use.
        let closed = |_: AcquireError| Fault::Busy;
        let host = slots.acquire_owned().await.map_err(closed)?;
        let all = Arc::clone(&self.all).acquire_owned().await.map_err(closed)?;
        Ok(Permit { _all: all, _host: host })
    }

    fn enter_now(&self, slots: &Arc<Semaphore>) -> Option<Permit> {
        let host = Arc::clone(slots).try_acquire_owned().ok()?;
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Permit { _all: all, _host: host })
    }

    /// The slots of one place; they live as long as somebody holds or awaits one.
    fn slots(&self, host: &str, port: u16) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|_, slots| slots.strong_count() > 0);
        let known = hosts.entry((host.to_owned(), port)).or_default();
        known.upgrade().unwrap_or_else(|| {
            let slots = Arc::new(Semaphore::new(self.per_host));
            *known = Arc::downgrade(&slots);
            slots
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn gate(in_flight: usize, in_flight_per_host: usize, waiting: usize) -> Gate {
        Gate::new(&Limits { in_flight, in_flight_per_host, waiting, ..Limits::default() })
    }

    /// Two per host and port, sixteen in all; a port is another place.
    #[tokio::test]
    async fn limits_are_per_place_and_in_all() {
        let gate = gate(4, 2, 0);
        let mut held = Vec::new();
        for (host, port) in [("a", 443), ("a", 443), ("a", 8443), ("b", 443)] {
            held.push(gate.enter(host, port).await.unwrap());
        }
        for (host, port) in [("a", 443), ("c", 443)] {
            assert!(matches!(gate.enter(host, port).await, Err(Fault::Busy)), "{host}");
        }
        held.pop();
        assert!(matches!(gate.enter("a", 443).await, Err(Fault::Busy)));
        gate.enter("c", 443).await.unwrap();
    }

    /// A full queue answers at once; one place in the queue waits for its turn and gets it.
    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let gate = gate(1, 1, 1);
        let held = gate.enter("a", 443).await.unwrap();
        let mut second = pin!(gate.enter("a", 443));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(matches!(poll_once(gate.enter("b", 443)), Poll::Ready(Err(Fault::Busy))));
        drop(held);
        second.await.unwrap();
        gate.enter("b", 443).await.unwrap();
    }

    /// What is remembered of hosts is bounded by what is under way.
    #[tokio::test]
    async fn hosts_are_forgotten() {
        let gate = gate(16, 2, 0);
        for host in 0..10_000 {
            gate.enter(&host.to_string(), 443).await.unwrap();
        }
        assert!(gate.hosts.lock().unwrap().len() <= 1);
    }
}
