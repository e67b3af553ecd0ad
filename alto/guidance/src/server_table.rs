//! What one server says, joined to one table. Pure.

use std::net::IpAddr;
use std::sync::Arc;

use alto_messages::{CostMap, NetworkMap, PidId, PidName, PidTable, VersionTag};
use alto_selection::{Costs, Direction, Pid, PrefixMap, Table};
use ipnet::IpNet;
use url::Url;

use crate::error::{Error, Fault, Warning};
use crate::plan::Link;

/// What is kept of the orders that each table makes on demand, in octets.
const ORDER_OCTETS: usize = 1 << 20;

/// About what the name of a PID takes: a pointer to its text, and the text with its counters.
const NAME_OCTETS: usize = 64;

/// What one server says: immutable, shared by threads, never a mix of two versions.
#[derive(Debug)]
pub struct ServerTable {
    /// The server's directory.
    pub(crate) server: Url,
    /// The maps, joined; `None` if there is no network map to go by.
    pub(crate) maps: Option<Arc<Maps>>,
    /// Where endpoint costs can be asked for.
    pub(crate) ecs: Option<Link>,
    /// What was forgiven on the way.
    pub(crate) warnings: Vec<Warning>,
}

/// A network map and, if there is one, the cost map that belongs to it.
#[derive(Debug)]
pub struct Maps {
    table: Arc<Table>,
    names: Box<[PidName]>,
    vtag: Option<VersionTag>,
    prefixes: usize,
}

impl ServerTable {
    /// The server's directory, as it was given.
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// Its maps; `None` if it has no network map to go by and serves endpoint costs only.
    pub fn maps(&self) -> Option<&Maps> {
        self.maps.as_deref()
    }

    /// What was forgiven, or is worth knowing.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Memory it holds, in octets.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.maps.as_ref().map_or(0, |maps| maps.bytes())
    }

    /// Whether the maps have any cost for a consumer that the server speaks for.
    pub fn has_row(&self, consumer: IpAddr, speaks_for: IpNet) -> bool {
        self.maps().is_some_and(|maps| {
            let pid = maps.table.consumer(consumer, speaks_for);
            pid.is_some_and(|pid| maps.table.costs().row(pid).next().is_some())
        })
    }
}

impl Maps {
    /// Joins a network map and a cost map by the names of their PIDs.
    ///
    /// # Errors
    /// If they make no table. Costs of PIDs that the network map lacks are of no use to anybody;
    /// they are left out with a warning.
    pub(crate) fn join(
        network: &NetworkMap,
        cost: Option<&CostMap>,
        direction: Direction,
    ) -> Result<(Self, Option<String>), Fault> {
        let prefixes = network.prefixes().map(|(net, pid)| (net, place(pid)));
        let prefixes = PrefixMap::new(prefixes, network.prefix_count())?;
        let pids = network.pids();
        let (costs, warning) = match cost {
            Some(cost) => joined_costs(pids, cost, direction)?,
            None => (Costs::new(pids.len(), [], direction, 0)?, None),
        };
        let table = Table::new(prefixes, costs, ORDER_OCTETS);
        let maps = Self {
            table: Arc::new(table),
            names: pids.iter().map(|(_, name)| name.clone()).collect(),
            vtag: network.vtag.clone(),
            prefixes: network.prefix_count(),
        };
        Ok((maps, warning))
    }

    /// Prefixes, PIDs by number, and costs. The same `Arc` as long as the maps stay the same, so that
    /// what is derived from it can be kept beside it.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The name of a PID of this table.
    pub fn name(&self, pid: Pid) -> Option<&PidName> {
        self.names.get(pid.index())
    }

    /// The version of the network map; `None` only if its absence was forgiven.
    pub fn vtag(&self) -> Option<&VersionTag> {
        self.vtag.as_ref()
    }

    /// How many prefixes the network map has.
    pub fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// How many PIDs it has.
    pub fn pids(&self) -> usize {
        self.names.len()
    }

    fn bytes(&self) -> usize {
        self.table.bytes() + self.names.len() * NAME_OCTETS
    }
}

/// Whether a cost map is of the version that a network map has (RFC 7285 §6.3). Where the absence
/// of a tag was forgiven there is nothing to compare.
pub(crate) fn agree(network: &NetworkMap, cost: &CostMap) -> Result<(), Fault> {
    match (&network.vtag, cost.dependent_vtags.first()) {
        (Some(network), Some(cost)) if network != cost => {
            Err(Fault::Versions { network: network.clone(), cost: cost.clone() })
        }
        _ => Ok(()),
    }
}

/// Checks that costs are what the directory says they are.
pub(crate) fn as_advertised(link: &Link, found: &alto_messages::CostType) -> Result<(), Error> {
    if *found == link.cost_type {
        return Ok(());
    }
    let (advertised, found) = (link.cost_type.clone(), found.clone());
    Err(Error::new(&link.uri, Fault::OtherCosts { advertised, found }))
}

fn joined_costs(
    pids: &PidTable,
    cost: &CostMap,
    direction: Direction,
) -> Result<(Costs, Option<String>), Fault> {
    let by_name = |(_, name): (PidId, &PidName)| pids.id(name.as_str()).map(place);
    let known: Vec<Option<Pid>> = cost.pids().iter().map(by_name).collect();
    let known = &known[..];
    let cells = cost.sources().flat_map(move |source| {
        let row = cost.row(source);
        row.filter_map(move |(destination, cost)| {
            Some((known[source.index()]?, known[destination.index()]?, cost))
        })
    });
    let costs = Costs::new(pids.len(), cells, direction, cost.cost_count())?;
    let unknown = cost.pids().iter().zip(known).filter(|(_, known)| known.is_none());
    let names: Vec<&PidName> = unknown.map(|((_, name), _)| name).collect();
    let warning = names.first().map(|first| {
        format!("costs of {} PIDs that the network map lacks, such as {first}", names.len())
    });
    Ok((costs, warning))
}

fn place(pid: PidId) -> Pid {
    Pid::new(pid.number())
}
