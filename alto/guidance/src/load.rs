//! From a server's URI to its table.

use std::collections::VecDeque;
use std::sync::Arc;

use alto_fetch::{Freshness, Validators};
use alto_messages::{CostMap, CostMapReader, Directory, NetworkMap, NetworkMapReader};
use tokio::task::spawn_blocking;
use url::Url;

use crate::config::GuidanceConfig;
use crate::error::{Error, Fault, Warning};
use crate::life::Life;
use crate::plan::{Link, MOST_PROBLEMS, Placed, Plan, Planned, Wanted, Way, further, offered};
use crate::resource::{Got, Reader, Reply, Whole};
use crate::server_table::{Maps, ServerTable, agree, as_advertised};
use crate::site::Site;

/// Directories read for one server, the root included, and how deep they may link.
const MOST_DIRECTORIES: usize = 10;
const MOST_DEPTH: usize = 3;

/// A server's table with what is needed to fetch it again.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) table: Arc<ServerTable>,
    pub(crate) life: Life,
    plan: Plan,
    network: Option<Validators>,
    cost: Option<Validators>,
    map_warnings: Vec<Warning>,
}

/// Fetches tables.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) reader: Reader,
    pub(crate) config: GuidanceConfig,
}

/// Directories as they were read, and how long what they say holds.
#[derive(Debug, Default)]
struct Directories {
    read: Vec<(Url, Directory)>,
    life: Option<Life>,
    warnings: Vec<Warning>,
    problems: Vec<Error>,
}

/// Maps, joined, and what is needed to ask for them again.
#[derive(Debug, Default)]
struct Fetched {
    maps: Option<Arc<Maps>>,
    life: Option<Life>,
    network: Option<Validators>,
    cost: Option<Validators>,
    warnings: Vec<Warning>,
}

impl Loader {
    /// The table of a server. Of what is held already only a change is asked for.
    pub(crate) async fn load(&self, server: &Url, held: Option<&Loaded>) -> Result<Loaded, Error> {
        let root = self.reader.get::<Whole<Directory>>(server).await?;
        self.load_from(server, root, held).await
    }

    /// The same, of a server whose directory is here already.
    pub(crate) async fn load_from(
        &self,
        server: &Url,
        root: Got<Directory>,
        held: Option<&Loaded>,
    ) -> Result<Loaded, Error> {
        let root_life = Life::new(&root.freshness);
        let site = Site::new(self.config.links, server, &root.uri);
        let way = Way { site: &site, policy: self.reader.fetcher.policy() };
        let wanted = Wanted { metric: &self.config.metric, ecs: self.config.ecs, way };
        let mut directories = self.directories(server, root, wanted).await;
        let planned = Planned::new(&directories.placed(), wanted);
        directories.problems.extend(planned.problems);
        if !planned.plan.has_costs() {
            return Err(self.no_costs(server, directories));
        }
        let mut warnings = [directories.warnings, planned.warnings].concat();
        warnings.extend(directories.problems.iter().map(Warning::of_error));
        let plan = planned.plan;
        let held = held.filter(|held| held.plan == plan);
        let fetched = self.maps(&plan, held).await?;
        warnings.extend_from_slice(&fetched.warnings);
        let life = directories.life.map_or(root_life, |life| life.and(root_life));
        let life = fetched.life.map_or(life, |maps| maps.and(life));
        let ecs = plan.ecs.clone();
        let table = ServerTable { server: server.clone(), maps: fetched.maps, ecs, warnings };
        Ok(Loaded {
            table: self.within_memory(table)?,
            life,
            plan,
            network: fetched.network,
            cost: fetched.cost,
            map_warnings: fetched.warnings,
        })
    }

    /// The server's directory, and those it links to as long as something is still missing (RFC
    /// 7285 §9.2.4). Of these one that fails is done without.
    async fn directories(
        &self,
        server: &Url,
        root: Got<Directory>,
        wanted: Wanted<'_>,
    ) -> Directories {
        let mut found = Directories::default();
        let mut known = vec![server.clone()];
        let mut queue = found.add(root, 1, wanted.way);
        while !Planned::new(&found.placed(), wanted).plan.is_complete(wanted) {
            let Some((uri, depth)) = queue.pop_front() else { break };
            if known.contains(&uri) || known.len() == MOST_DIRECTORIES || depth > MOST_DEPTH {
                continue;
            }
            known.push(uri.clone());
            match self.reader.get::<Whole<Directory>>(&uri).await {
                Ok(got) => queue.extend(found.add(got, depth, wanted.way)),
                Err(error) => found.problems.push(error),
            }
        }
        found
    }

    /// Why there are no costs. Something that failed may have had them, and may do better another
    /// time: failure is not absence.
    fn no_costs(&self, server: &Url, directories: Directories) -> Error {
        let offered = offered(&directories.placed());
        let wanted = self.config.metric.as_str().into();
        let absent = || Error::new(server, Fault::NoMetric { wanted, offered });
        let problems = directories.problems.into_iter();
        problems.min_by_key(Error::is_refusal).unwrap_or_else(absent)
    }

    async fn maps(&self, plan: &Plan, held: Option<&Loaded>) -> Result<Fetched, Error> {
        match (&plan.network, &plan.cost) {
            (Some(network), Some(cost)) => self.both_maps(network, cost, held).await,
            (Some(network), None) => {
                // It only tells the names of PIDs; the costs come from the endpoint cost service.
                let without = |error| {
                    let warnings = vec![Warning::of_error(&error)];
                    Fetched { warnings, ..Fetched::default() }
                };
                Ok(self.network_map_alone(network).await.unwrap_or_else(without))
            }
            (None, _) => Ok(Fetched::default()),
        }
    }

    async fn network_map_alone(&self, uri: &Url) -> Result<Fetched, Error> {
        let network = self.reader.get::<NetworkMapReader>(uri).await?;
        let life = Some(Life::new(&network.freshness));
        let (maps, warnings) = self.join(network, None).await?;
        Ok(Fetched { maps: Some(maps), life, warnings, ..Fetched::default() })
    }

    async fn both_maps(
        &self,
        network_uri: &Url,
        link: &Link,
        held: Option<&Loaded>,
    ) -> Result<Fetched, Error> {
        let (version, cost_version) =
            held.map(|held| (held.network.clone(), held.cost.clone())).unwrap_or_default();
        let network = self.reader.get_unless::<NetworkMapReader>(network_uri, version).await?;
        let cost = self.reader.get_unless::<CostMapReader>(&link.uri, cost_version).await?;
        if let (Reply::Same(network), Reply::Same(cost), Some(held)) = (&network, &cost, held) {
            let warnings = held.map_warnings.clone();
            return Ok(Fetched::new(held.table.maps.clone(), warnings, network, cost));
        }
        // One of them changed: the other one's text is not kept, so it is fetched again.
        let network = match network {
            Reply::New(got) => got,
            Reply::Same(_) => self.reader.get::<NetworkMapReader>(network_uri).await?,
        };
        let cost = match cost {
            Reply::New(got) => got,
            Reply::Same(_) => self.reader.get::<CostMapReader>(&link.uri).await?,
        };
        let (network, cost) = self.agreeing(network_uri, link, network, cost).await?;
        let (freshness, cost_freshness) = (network.freshness.clone(), cost.freshness.clone());
        let (maps, warnings) = self.join(network, Some(cost)).await?;
        Ok(Fetched::new(Some(maps), warnings, &freshness, &cost_freshness))
    }

    /// Network map and cost map of one version (RFC 7285 §6.3): if they are not, one of them was
    /// replaced between the two requests, or a cache on the way kept an old one. The network map is
    /// fetched once more, past caches, then the cost map.
    async fn agreeing(
        &self,
        network_uri: &Url,
        link: &Link,
        mut network: Got<NetworkMap>,
        mut cost: Got<CostMap>,
    ) -> Result<(Got<NetworkMap>, Got<CostMap>), Error> {
        as_advertised(link, &cost.message.cost_type)?;
        if agree(&network.message, &cost.message).is_err() {
            network = self.reader.get_anew::<NetworkMapReader>(network_uri).await?;
        }
        if agree(&network.message, &cost.message).is_err() {
            cost = self.reader.get_anew::<CostMapReader>(&link.uri).await?;
            as_advertised(link, &cost.message.cost_type)?;
        }
        agree(&network.message, &cost.message).map_err(|fault| Error::new(&link.uri, fault))?;
        Ok((network, cost))
    }

    /// Joins maps on a thread where that may take a second.
    async fn join(
        &self,
        network: Got<NetworkMap>,
        cost: Option<Got<CostMap>>,
    ) -> Result<(Arc<Maps>, Vec<Warning>), Error> {
        let direction = self.config.direction;
        let uri = cost.as_ref().map_or(&network.uri, |cost| &cost.uri).clone();
        let mut warnings = network.warnings;
        warnings.extend(cost.iter().flat_map(|cost| cost.warnings.iter().cloned()));
        let (network, cost) = (network.message, cost.map(|cost| cost.message));
        let join = move || Maps::join(&network, cost.as_ref(), direction);
        let joined = spawn_blocking(join).await.unwrap_or(Err(Fault::BrokenOff));
        let (maps, unknown) = joined.map_err(|fault| Error::new(&uri, fault))?;
        let unknown = unknown.map(|message| Warning { uri, code: "unknown-pid", message });
        warnings.extend(unknown);
        Ok((Arc::new(maps), warnings))
    }

    fn within_memory(&self, table: ServerTable) -> Result<Arc<ServerTable>, Error> {
        let (needed, limit) = (table.bytes(), self.config.memory);
        if needed > limit {
            return Err(Error::new(&table.server, Fault::Memory { needed, limit }));
        }
        Ok(Arc::new(table))
    }
}

impl Directories {
    /// Adds a directory of that depth, and gives those it links to.
    fn add(&mut self, got: Got<Directory>, depth: usize, way: Way<'_>) -> VecDeque<(Url, usize)> {
        let life = Life::new(&got.freshness);
        self.life = Some(self.life.map_or(life, |shortest| shortest.and(life)));
        self.warnings.extend(got.warnings);
        let (mut links, mut problems) = (VecDeque::new(), Vec::new());
        for link in further((&got.uri, &got.message), way) {
            match link {
                Ok(uri) => links.push_back((uri, depth + 1)),
                Err(error) => problems.push(error),
            }
        }
        problems.truncate(MOST_PROBLEMS);
        self.problems.extend(problems);
        self.read.push((got.uri, got.message));
        links
    }

    fn placed(&self) -> Vec<Placed<'_>> {
        self.read.iter().map(|(uri, directory)| (uri, directory)).collect()
    }
}

impl Fetched {
    fn new(
        maps: Option<Arc<Maps>>,
        warnings: Vec<Warning>,
        network: &Freshness,
        cost: &Freshness,
    ) -> Self {
        Self {
            maps,
            warnings,
            life: Some(Life::new(network).and(Life::new(cost))),
            network: network.validators.clone(),
            cost: cost.validators.clone(),
        }
    }
}

#[cfg(test)]
impl Loaded {
    /// A server that has no maps, for tests of what holds it.
    pub(crate) fn empty(server: &Url, life: Life) -> Self {
        let table =
            ServerTable { server: server.clone(), maps: None, ecs: None, warnings: Vec::new() };
        let (plan, map_warnings) = (Plan::default(), Vec::new());
        Self { table: Arc::new(table), life, plan, network: None, cost: None, map_warnings }
    }
}

#[cfg(test)]
mod tests;
