//! Whom names are asked of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{BoxFuture, Dnssec, Error};
use tokio::time::Instant;

use crate::config::DnsConfig;
use crate::fact::Failure;
use crate::naptr::Naptr;
use crate::resolvers::Resolvers;

/// Somebody who resolves names: the site's resolvers, or something in their place.
pub trait Upstream: fmt::Debug + Send + Sync + 'static {
    /// Asks for the NAPTR records of `name` (lower case, absolute).
    ///
    /// `patience` is how long somebody waits for the reply. One that comes later is still of use, up
    /// to the time the upstream is given by its own configuration.
    fn ask<'a>(
        &'a self,
        name: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Reply, Failure>>;

    /// Whether it is worth asking at `now`. While it is not, nobody asks, and what is remembered of
    /// replies that did not come is void.
    fn standing(&self, now: Instant) -> Standing {
        let _ = now;
        Standing::Up
    }

    /// How many times it was found working again after it could not be reached. What is remembered
    /// of earlier outages is void.
    fn recoveries(&self) -> u64 {
        0
    }

    /// How many questions it has sent to the network.
    fn questions_sent(&self) -> u64 {
        0
    }
}

/// The resolvers of the configuration, or else the system's, for whoever asks for names beside walks.
/// Reads files at most.
///
/// # Errors
/// [`Error::Config`] as [`DnsBackend::new`](crate::DnsBackend::new).
pub fn configured(config: &DnsConfig) -> Result<Arc<dyn Upstream>, Error> {
    config.check()?;
    Ok(Arc::new(Resolvers::new(config)?))
}

/// Whether an upstream is worth asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As far as is known.
    Up,
    /// It could not be reached, and it is time to try again.
    Due,
    /// It could not be reached a moment ago.
    Down,
}

/// What an upstream replied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the name holds.
    pub holds: Holds,
    /// How long, in seconds, as the reply says.
    pub ttl: u32,
    /// For a denial: the zone that denies, lower case, absolute.
    pub zone: Option<Arc<str>>,
    /// Whether it was authenticated.
    pub dnssec: Dnssec,
    /// If the name is an alias (RFC 1034 §3.6.2): where that leads, lower case, absolute. All the rest
    /// is said of that name.
    pub alias: Option<Arc<str>>,
}

/// What a name holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// These records.
    Records(Vec<Naptr>),
    /// No NAPTR record.
    NoRecords,
    /// Nothing: there is no such name.
    NoName,
}
