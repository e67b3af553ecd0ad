//! What a backend's configuration must offer so that a facade can hold it.

use std::fmt;
use std::sync::Arc;

use crate::{Backend, BoxFuture, Error, Finding, Policy};

/// The configuration of one backend: typed fields for Rust, keys and text for files, environment,
/// command line and C. A new option is a new key and changes no interface.
pub trait BackendConfig: Clone + Default + fmt::Debug + Send + Sync + 'static {
    /// The backend's name: what [`Backend::name`] says, and the part of each key before the dot.
    const NAME: &'static str;

    /// All keys, in full (`dns.timeout`).
    const KEYS: &'static [&'static str];

    /// Sets the value of a key from text. Lists are comma-separated.
    ///
    /// # Errors
    /// [`Error::Config`] if the key is not one of [`Self::KEYS`] or the text is no value for it.
    fn set(&mut self, key: &str, value: &str) -> Result<(), Error>;

    /// The value of a key as text that [`set`](Self::set) would take; `None` for other keys.
    fn get(&self, key: &str) -> Option<String>;

    /// Makes the backend. Reads files at most: no socket, no thread, no runtime needed.
    ///
    /// # Errors
    /// [`Error::Config`] if values contradict each other or a file they name is of no use.
    fn build(&self, policy: Policy) -> Result<Arc<dyn Backend>, Error>;

    /// Where in a stack the backend stands with this configuration.
    fn place(&self) -> Place {
        Place::Cached
    }

    /// Looks at what the backend stands on outside this program, and says what to do where that is
    /// not as it should be. May ask the network, a bounded time.
    fn examine(&self, policy: Policy) -> BoxFuture<'_, Vec<Finding>> {
        let _ = policy;
        Box::pin(std::future::ready(Vec::new()))
    }
}

/// Where in a stack a backend stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In none: it is switched off.
    Nowhere,
    /// Below a cache: it asks others, and what it learns is a fact for each peer in its scope.
    Cached,
    /// Outside of all caches: it reads what each peer sent, which is good for that peer alone.
    Uncached,
    /// As [`Uncached`](Self::Uncached), and what it says counts only if those below caches say so too.
    Confirmed,
}
