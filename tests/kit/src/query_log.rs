//! What a name server was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;

use crate::wire::Question;

/// The queries a name server got, first asked first. Clones share one log.
#[derive(Clone, Debug, Default)]
pub struct QueryLog(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    all: Vec<Asked>,
    counts: HashMap<Arc<str>, usize>,
}

/// One query as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name in lower case.
    pub name: Arc<str>,
    /// The type.
    pub kind: u16,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// When it came.
    pub at: Instant,
}

impl QueryLog {
    /// Notes a query and tells how often its name was asked before.
    pub(crate) fn note(&self, question: &Question, tcp: bool) -> usize {
        let name: Arc<str> = question.name.to_ascii_lowercase().into();
        let mut entries = self.lock();
        // The name is stored once, however often it is asked.
        let name = entries.counts.get_key_value(&name).map_or(name, |(known, _)| Arc::clone(known));
        let count = entries.counts.entry(Arc::clone(&name)).or_default();
        *count += 1;
        let before = *count - 1;
        entries.all.push(Asked { name, kind: question.kind, tcp, at: Instant::now() });
        before
    }

    /// All of them.
    pub fn all(&self) -> Vec<Asked> {
        self.lock().all.clone()
    }

    /// The names asked, repetitions and all.
    pub fn names(&self) -> Vec<String> {
        self.lock().all.iter().map(|asked| asked.name.to_string()).collect()
    }

    /// How often this name was asked, given in lower case.
    pub fn count(&self, name: &str) -> usize {
        self.lock().counts.get(name).copied().unwrap_or(0)
    }

    /// How many queries came in all.
    pub fn total(&self) -> usize {
        self.lock().all.len()
    }

    /// Forgets them.
    pub fn clear(&self) {
        *self.lock() = Entries::default();
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("nobody panics with the lock held")
    }
}
