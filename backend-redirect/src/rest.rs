//! Who failed a moment ago is left alone for another. No I/O; `now` is an argument.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_fetch::Fault;
use tokio::time::Instant;
use url::Url;

use crate::failure::Failure;

/// How long the first failure is remembered; each further one in a row twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// The longest, unless the server itself asks for more.
const LONGEST: Duration = Duration::from_secs(5);
/// How many are remembered; over that, those whose time is over or ends first are forgotten.
const MOST: usize = 1_024;

/// What failed, by URI.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    failed: Mutex<HashMap<Url, Failed>>,
}

#[derive(Debug)]
struct Failed {
    failure: Failure,
    pause: Duration,
    until: Instant,
}

impl Rest {
    /// Why `uri` is not asked now.
    pub(crate) fn failure(&self, uri: &Url, now: Instant) -> Option<Failure> {
        self.lock().get(uri).filter(|failed| now < failed.until).map(|f| f.failure.clone())
    }

    /// Remembers how a request to `uri` ended.
    pub(crate) fn note<T>(&self, uri: &Url, ended: &Result<T, Failure>, now: Instant) {
        let mut failed = self.lock();
        let Err(failure) = ended else {
            failed.remove(uri);
            return;
        };
        let Some(asked_for) = pause(failure) else { return };
        let before = failed.get(uri).map(|failed| failed.pause * 2);
        let pause = before.unwrap_or(FIRST).min(LONGEST);
        make_room(&mut failed, now);
        let until = now + pause.max(asked_for);
        failed.insert(uri.clone(), Failed { failure: failure.clone(), pause, until });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Url, Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the server wants to be left alone; `None` if asking again at once may help, or another
/// search may fare better: the reply may be one to what was asked, and a circle is one of the search.
fn pause(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::Fetch(error) if matches!(error.fault, Fault::Busy) => None,
        Failure::Fetch(error) if error.fault.is_refusal() => None,
        Failure::Fetch(error) => Some(error.retry_after().unwrap_or_default()),
        Failure::Refused(_) | Failure::Slow | Failure::Lost => None,
    }
}

fn make_room(failed: &mut HashMap<Url, Failed>, now: Instant) {
    if failed.len() < MOST {
        return;
    }
    failed.retain(|_, failed| now < failed.until);
    if failed.len() >= MOST {
        let first = failed.iter().min_by_key(|(_, failed)| failed.until);
        if let Some(uri) = first.map(|(uri, _)| uri.clone()) {
            failed.remove(&uri);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_fetch::{Error, Phase};

    fn failing(uri: &Url, fault: Fault) -> Result<(), Failure> {
        Err(Error { uri: uri.clone(), fault }.into())
    }

    /// Half a second, then twice as long each time, at most five; a success ends it.
    #[test]
    fn pauses_grow_and_end() {
        let (rest, uri) = (Rest::default(), "https://a.example/".parse().unwrap());
        let mut now = Instant::now();
        for pause in [500, 1_000, 2_000, 4_000, 5_000, 5_000] {
            rest.note(&uri, &failing(&uri, Fault::Slow(Phase::Connect)), now);
            now += Duration::from_millis(pause - 1);
            assert!(rest.failure(&uri, now).is_some(), "{pause}");
            now += Duration::from_millis(1);
            assert!(rest.failure(&uri, now).is_none(), "{pause}");
        }
        rest.note(&uri, &Ok::<_, Failure>(()), now);
        rest.note(&uri, &failing(&uri, Fault::Slow(Phase::Connect)), now);
        assert!(rest.failure(&uri, now + FIRST).is_none());
    }

    /// Our own limits and refusals put nobody to rest.
    #[test]
    fn others_are_not_blamed() {
        let (rest, uri) = (Rest::default(), "https://a.example/".parse().unwrap());
        let now = Instant::now();
        for fault in [Fault::Busy, Fault::TooLarge(1), Fault::HeadersTooLarge] {
            rest.note(&uri, &failing(&uri, fault), now);
            assert!(rest.failure(&uri, now).is_none());
        }
    }

    /// What is remembered is bounded.
    #[test]
    fn few_are_remembered() {
        let (rest, now) = (Rest::default(), Instant::now());
        for n in 0..2 * MOST {
            let uri = format!("https://a.example/{n}").parse().unwrap();
            rest.note(&uri, &failing(&uri, Fault::Slow(Phase::Connect)), now);
        }
        assert_eq!(rest.lock().len(), MOST);
    }
}
