//! The assembled stack.

use std::sync::Arc;

use alto_discovery_core::layers::{Cache, Chain, Coalesce, Confirm, Deadline, Limit};
use alto_discovery_core::{Answer, Backend, Call, Error, Known, Peer, Place, code};
use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

use crate::log::{Log, Met};
use crate::{Config, registry};

/// Finds the ALTO server that speaks for a peer, by the backends of a [`Config`], in order.
///
/// Cheap to share (`Arc` or a reference); every method may be called from many threads at once.
/// Making one reads files at most; nothing is started until the first call.
///
/// ```no_run
/// # async fn example() -> Result<(), alto_discovery::Error> {
/// use alto_discovery::{Call, Config, Discovery, Peer};
///
/// let discovery = Discovery::new(&Config::default())?;
/// let peer: Peer<'_> = "203.0.113.5".parse()?;
/// let answer = discovery.discover(&peer, &Call::default()).await?;
/// println!("{}", answer.servers()[0].uri);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Discovery {
    stack: Arc<Deadline<Chain>>,
    /// For blocking callers only; made when the first of them comes. If that fails the caller gets
    /// an error and a later call may try again.
    runtime: OnceCell<Runtime>,
    log: Arc<Log>,
}

impl Discovery {
    /// The built-in backends that `config` names.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::with_backends(config, &[])
    }

    /// As [`new`](Self::new), with backends of your own: `backends` in the configuration names
    /// them, by [`Backend::name`], like built-in ones.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key.
    pub fn with_backends(config: &Config, own: &[Arc<dyn Backend>]) -> Result<Self, Error> {
        if config.order.is_empty() {
            return Err(Error::config("backends", "no backend to ask"));
        }
        let mut members = Vec::new();
        for name in &config.order {
            let own = own.iter().find(|backend| backend.name() == name).map(Arc::clone);
            let member = own.map_or_else(|| built_in(config, name), |own| Ok((own, Place::Cached)));
            let (backend, place) = member?;
            let is_cached = place == Place::Cached;
            members.push((if is_cached { remembered(config, backend) } else { backend }, place));
        }
        let stack = Arc::new(Deadline::new(chain(members), config.timeout));
        Ok(Self { stack, runtime: OnceCell::new(), log: Arc::new(Log::new(config.log)) })
    }

    /// Finds the server for `peer`. Must be polled inside a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// See [`Error`]: [`Error::NoServer`] only if it is sure.
    pub async fn discover(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let reply = self.stack.discover(peer, call).await;
        self.log.discovered(peer, &reply);
        reply
    }

    /// What is certain at `now`, without I/O, allocation or waiting.
    pub fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        self.stack.known(peer, now)
    }

    /// Finds the server for `peer` and waits for it, on a runtime of this handle's own.
    ///
    /// # Errors
    /// As [`discover`](Self::discover); [`Error::Invalid`] on a thread of a tokio runtime. Its async
    /// threads must not be blocked, and its blocking ones have `Handle::block_on` for `discover`.
    pub fn discover_blocking(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        if Handle::try_current().is_ok() {
            return Err(Error::invalid(code::INTERNAL, "a blocking call on an async thread"));
        }
        let runtime = self
            .runtime
            .get_or_try_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build());
        let runtime = runtime.map_err(|fault| {
            Error::config("runtime", format!("no thread for blocking calls: {fault}"))
        })?;
        runtime.block_on(self.discover(peer, call))
    }

    /// Notes that a question was turned away because too many are under way. The log tells how many
    /// were when the next discovery ends, so that nothing is written on the path of an announce.
    pub fn turned_away(&self) {
        self.log.met(Met::Calls);
    }

    /// Where it says what happens.
    #[cfg(feature = "guidance")]
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The whole stack as one backend, to be wrapped or composed further.
    pub fn backend(&self) -> Arc<dyn Backend> {
        self.stack.clone()
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        // Waiting for its thread is not allowed where this is dropped inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The members in their order; those that peers' words come from outside of the others' caches.
fn chain(members: Vec<(Arc<dyn Backend>, Place)>) -> Chain {
    let is_cached = |(_, place): &&(_, Place)| *place == Place::Cached;
    let cached = members.iter().filter(is_cached).map(|(backend, _)| Arc::clone(backend));
    let facts: Arc<dyn Backend> = Arc::new(Chain::new(cached.collect()));
    let placed = members.into_iter().filter_map(|(backend, place)| match place {
        Place::Nowhere => None,
        Place::Confirmed => Some(Arc::new(Confirm::new(backend, Arc::clone(&facts))) as _),
        _ => Some(backend),
    });
    Chain::new(placed.collect())
}

fn built_in(config: &Config, name: &str) -> Result<(Arc<dyn Backend>, Place), Error> {
    let entry = registry::find(name).ok_or_else(|| {
        let built_in: Vec<&str> = registry::ENTRIES.iter().map(|entry| entry.name).collect();
        let known = if built_in.is_empty() { "none".into() } else { built_in.join(", ") };
        Error::config("backends", format!("no backend `{name}` in this build; built in: {known}"))
    })?;
    let backend = (entry.build)(&config.backends, &config.sections, config.policy)?;
    Ok((backend, (entry.place)(&config.backends)))
}

/// A backend that asks the network, with what it learns remembered and equal questions merged:
/// above the cache, so that an answer is kept even if all who asked have given up.
fn remembered(config: &Config, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
    let cached = Cache::new(Limit::new(backend, config.calls), config.cache);
    let merged = Coalesce::with_flights(Arc::new(cached), config.calls);
    Arc::new(merged.lasting(config.timeout))
}
