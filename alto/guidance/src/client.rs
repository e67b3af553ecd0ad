//! Asks servers on behalf of a consumer, in order, until one answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{self as core, Policy};
use alto_fetch::{FetchConfig, Fetcher, Freshness};
use alto_messages::{PidName, ReadOptions};
use alto_selection::Pid;
use ipnet::IpNet;
use tokio::time::Instant;
use url::Url;

use crate::answers::{Asked, Costs};
use crate::config::{EcsUse, GuidanceConfig};
use crate::ecs;
use crate::error::{Error, Fault, Warning};
use crate::load::Loader;
use crate::plan::Link;
use crate::resource::Reader;
use crate::server_table::{ServerTable, as_advertised};
use crate::shelf::{Asker, Glance};
use crate::store::{Store, Told};
use crate::summary::{self, Summary};

/// What ALTO servers say. Long-lived and shared; needs a tokio runtime while it works.
#[derive(Clone, Debug)]
pub struct Guidance {
    store: Arc<Store>,
}

/// For whom costs are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its address.
    pub address: IpAddr,
    /// The network for which the servers were found: they speak for nobody else.
    pub speaks_for: IpNet,
}

/// What one server says of all candidates. Never a mix of several: the numbers of two servers
/// cannot be compared (RFC 8686 §4.4).
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The server that answered.
    pub server: Url,
    /// Of each candidate, in the order given.
    pub candidates: Vec<Judged>,
    /// What was forgiven, or is worth knowing.
    pub warnings: Vec<Warning>,
    /// Those of the servers asked that could not be used.
    pub failed: Vec<Error>,
}

/// What a server says of a candidate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Its PID, if the network map knows it.
    pub pid: Option<PidName>,
    /// Its cost for the consumer; `None` is neither zero nor infinite.
    pub cost: Option<f64>,
}

/// No server could be used: why each of them, in the order asked.
#[derive(Clone, Debug)]
pub struct Exhausted {
    /// Never empty, unless no server was given.
    pub failed: Vec<Error>,
}

impl Guidance {
    /// A client that contacts what `policy` allows. Files are read here and never again.
    ///
    /// # Errors
    /// If a value is out of bounds, or there are no authorities to trust.
    pub fn new(
        config: &GuidanceConfig,
        fetch: &FetchConfig,
        policy: Policy,
    ) -> Result<Self, core::Error> {
        let fetcher = Arc::new(Fetcher::new(fetch, policy)?);
        let options = ReadOptions { strictness: config.strictness, ..ReadOptions::default() };
        let loader = Loader { reader: Reader { fetcher, options }, config: config.clone() };
        Ok(Self { store: Arc::new(Store::new(loader)) })
    }

    /// Another one that contacts servers in the same way and within the same limits, and keeps its
    /// tables apart, in `memory` octets: neither evicts what the other holds.
    #[must_use]
    pub fn apart(&self, memory: usize) -> Self {
        let Loader { reader, config } = &self.store.loader;
        let config = GuidanceConfig { memory, ..config.clone() };
        Self { store: Arc::new(Store::new(Loader { reader: reader.clone(), config })) }
    }

    /// Tells what comes of each fetch, on the thread where it ended, which must not be kept for long.
    /// Once told to whom, it stays so.
    #[must_use]
    pub fn telling(self, tell: impl Fn(Told<'_>) + Send + Sync + 'static) -> Self {
        self.store.tell(Box::new(tell));
        self
    }

    /// What the first of `servers` that can be used says of `candidates` (RFC 8686 §4.3, §4.4); one
    /// that has no cost for any of them only if no other has. Those that failed a short time ago
    /// are not asked again. To wait no longer than some time,
    /// drop the call: what is under way goes on for others.
    ///
    /// # Errors
    /// If none can be used; then behave as without ALTO (RFC 7285 §8.3.4.3).
    pub async fn judge(
        &self,
        servers: &[Url],
        consumer: Consumer,
        candidates: &[IpAddr],
    ) -> Result<Judgement, Exhausted> {
        let (mut failed, mut silent) = (Vec::new(), None);
        for server in servers {
            match self.ask(server, consumer, candidates).await {
                Ok(judgement) if judgement.has_costs() || candidates.is_empty() => {
                    return Ok(Judgement { failed, ..judgement });
                }
                Ok(judgement) => silent = silent.or(Some(judgement)),
                Err(error) => failed.push(error),
            }
        }
        match silent {
            Some(judgement) => Ok(Judgement { failed, ..judgement }),
            None => Err(Exhausted { failed }),
        }
    }

    /// The table of a server for the announces to come, fetched if need be: used for a minute at
    /// least, whatever `Cache-Control` says.
    ///
    /// # Errors
    /// If it cannot be had or used.
    pub async fn table(&self, server: &Url) -> Result<Arc<ServerTable>, Error> {
        self.store.get(server, Asker::Announces).await
    }

    /// The table of a server if it is known and fresh, or out of date by an hour at most while the
    /// server cannot be reached (a warning `stale` marks it): no I/O, no waiting.
    pub fn known(&self, server: &Url, now: Instant) -> Option<Arc<ServerTable>> {
        self.store.known(server, now)
    }

    /// How long the table at hand of a server stays fresh, as HTTP says; `None` if there is none.
    pub fn fresh_for(&self, server: &Url, now: Instant) -> Option<Duration> {
        self.store.fresh_for(server, now)
    }

    /// What is at hand of a server, and whether to [`prepare`](Self::prepare) it
    /// ([`State::Due`](crate::State::Due)): no I/O, no waiting, no allocation.
    pub fn glance(&self, server: &Url, now: Instant) -> Glance {
        self.store.glance(server, now)
    }

    /// Starts to fetch the table of a server if it is missing or in the last fifth of its life;
    /// does not wait. Must be called inside a tokio runtime.
    pub fn prepare(&self, server: &Url) {
        self.store.prepare(server);
    }

    /// The octets that all tables take.
    pub fn memory(&self) -> usize {
        self.store.octets()
    }

    /// Fetches a directory with its maps, or one map, and sums it up; nothing is kept.
    ///
    /// # Errors
    /// If it cannot be had, or is refused.
    pub async fn summary(&self, uri: &Url) -> Result<Summary, Error> {
        summary::fetch(&self.store.loader, uri).await
    }

    async fn ask(
        &self,
        server: &Url,
        consumer: Consumer,
        candidates: &[IpAddr],
    ) -> Result<Judgement, Error> {
        if !consumer.is_spoken_for() {
            return Err(Error::new(server, Fault::NotSpokenFor));
        }
        let table = self.store.get(server, Asker::Waiting).await?;
        let mut judgement = by_maps(&table, consumer, candidates);
        if let Some(link) = self.endpoint_costs_due(&table, consumer) {
            let asked = Asked { link: link.clone(), consumer: consumer.address.to_canonical() };
            let (costs, warnings) = self.endpoint_costs(server, asked, candidates).await?;
            for (judged, candidate) in judgement.candidates.iter_mut().zip(candidates) {
                judged.cost = costs.get(&candidate.to_canonical()).copied().flatten();
            }
            judgement.warnings.extend(warnings);
        }
        Ok(judgement)
    }

    /// The endpoint cost service, if it is to be asked: always, or where the maps say nothing for
    /// the consumer (RFC 8686 §4.1).
    fn endpoint_costs_due<'t>(
        &self,
        table: &'t ServerTable,
        consumer: Consumer,
    ) -> Option<&'t Link> {
        let due = match self.store.loader.config.ecs {
            EcsUse::Off => false,
            EcsUse::Fallback => !table.has_row(consumer.address, consumer.speaks_for),
            EcsUse::Always => true,
        };
        table.ecs.as_ref().filter(|_| due)
    }

    /// The costs of candidates: those told before, as long as they hold, and the rest by asking.
    async fn endpoint_costs(
        &self,
        server: &Url,
        asked: Asked,
        candidates: &[IpAddr],
    ) -> Result<(Costs, Vec<Warning>), Error> {
        let candidates: Vec<IpAddr> = candidates.iter().map(IpAddr::to_canonical).collect();
        let mut costs = self.store.answers().told(&asked, &candidates, Instant::now());
        let unknown: Vec<IpAddr> =
            candidates.into_iter().filter(|candidate| !costs.contains_key(candidate)).collect();
        if unknown.is_empty() {
            return Ok((costs, Vec::new()));
        }
        if let Some(error) = self.store.failing(server) {
            return Err(error);
        }
        let answers = self.ask_for_costs(&asked, &unknown).await;
        self.store.note(server, &answers);
        let mut warnings = Vec::new();
        for (told, freshness, forgiven) in answers? {
            if !freshness.no_store {
                self.store.answers().keep(&asked, &told, freshness.validity, Instant::now());
            }
            costs.extend(told);
            warnings.extend(forgiven);
        }
        Ok((costs, warnings))
    }

    /// What each question brought.
    async fn ask_for_costs(
        &self,
        asked: &Asked,
        candidates: &[IpAddr],
    ) -> Result<Vec<(Costs, Freshness, Vec<Warning>)>, Error> {
        let (Loader { reader, config }, link) = (&self.store.loader, &asked.link);
        let questions = ecs::questions(link, config.direction, asked.consumer, candidates);
        let mut answers = Vec::new();
        for (part, question) in questions.map_err(|fault| Error::new(&link.uri, fault))? {
            let got = reader.endpoint_costs(&link.uri, &question).await?;
            as_advertised(link, &got.message.cost_type)?;
            let cost = |of| ecs::cost(&got.message, config.direction, asked.consumer, of);
            let costs = part.into_iter().map(|candidate| (candidate, cost(candidate))).collect();
            answers.push((costs, got.freshness, got.warnings));
        }
        Ok(answers)
    }
}

impl Judgement {
    fn has_costs(&self) -> bool {
        self.candidates.iter().any(|judged| judged.cost.is_some())
    }
}

impl Consumer {
    /// One for whose own address alone the servers were found, or to whom the user gave them.
    pub fn new(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, speaks_for: address.into() }
    }

    fn is_spoken_for(&self) -> bool {
        self.speaks_for.contains(&self.address.to_canonical())
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.failed.iter().map(ToString::to_string).collect();
        write!(f, "no server can be used: {}", faults.join("; "))
    }
}

impl std::error::Error for Exhausted {}

/// What the maps say; without maps nothing.
fn by_maps(table: &ServerTable, consumer: Consumer, candidates: &[IpAddr]) -> Judgement {
    let judged = match table.maps() {
        Some(maps) => {
            let own = maps.table().consumer(consumer.address, consumer.speaks_for);
            let name = |pid: Option<Pid>| pid.and_then(|pid| maps.name(pid)).cloned();
            let judged = maps.table().judge(own, candidates).into_iter();
            judged.map(|(pid, cost)| Judged { pid: name(pid), cost }).collect()
        }
        None => vec![Judged::default(); candidates.len()],
    };
    Judgement {
        server: table.server().clone(),
        candidates: judged,
        warnings: table.warnings().to_vec(),
        failed: Vec::new(),
    }
}
