//! The one trait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use crate::{Answer, Call, Error, Known, Peer};

/// A boxed future that may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way of finding the ALTO server that speaks for a peer.
///
/// Implementations are long-lived and shared: many calls run at once. A call that is dropped midway
/// must leave the backend usable. The laws an implementation must keep are in `conformance`
/// (feature of the same name), to be run from the implementation's own tests.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The backend's name in traces, configuration keys, metrics and C: lower case, one word.
    fn name(&self) -> &'static str;

    /// Finds the server for `peer`, asking whoever must be asked.
    ///
    /// # Errors
    /// [`Error::NoServer`] only if it is sure that no server exists; see [`Error`] for the rest.
    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>>;

    /// What is certain at `now`, without I/O, allocation or waiting: the path of every announce.
    ///
    /// It never says what [`discover`](Self::discover) would not. A backend that keeps nothing
    /// answers [`Known::Ask`].
    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let _ = (peer, now);
        Known::Ask
    }
}

macro_rules! forward_backend {
    ($pointer:ident) => {
        impl<B: Backend + ?Sized> Backend for $pointer<B> {
            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn discover<'a>(
                &'a self,
                peer: &'a Peer<'a>,
                call: &'a Call,
            ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
                (**self).discover(peer, call)
            }

            fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
                (**self).known(peer, now)
            }
        }
    };
}

forward_backend!(Arc);
forward_backend!(Box);
