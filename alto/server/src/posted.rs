//! Answers to requests with a body: filtered maps and endpoint costs (RFC 7285 §11.3, §11.5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use alto_messages::{
    AddressType, Constraint, CostMap, CostMapBuilder, CostMapFilter, CostType, EndpointCostRequest,
    EndpointCosts, EndpointId, ErrorBody, ErrorCode, Fault, Limits, NetworkMapBuilder,
    NetworkMapFilter, PidId, PidName, PidTable, ReadOptions, TypedAddress,
};
use bytes::Bytes;
use ipnet::IpNet;

use crate::answer::{Answer, Asker, Target};
use crate::catalogue::Catalogue;
use crate::maps::Maps;
use crate::offer::{NETWORK_MAP, cost_map_path};

/// The most pairs of endpoints in one request: the work is their product, the request only their
/// sum (§15.5).
pub(crate) const MOST_PAIRS: usize = 250_000;

impl Catalogue {
    /// The answer to a request for `target` with this body.
    pub fn answer(&self, target: Target, body: &[u8], asker: Asker) -> Answer {
        let ours = |body| (body, self.max_age());
        let made = match target {
            Target::FilteredNetworkMap => self.filtered_network_map(body).map(ours),
            Target::FilteredCostMap => self.filtered_cost_map(body).map(ours),
            Target::EndpointCost => self.endpoint_costs(body, asker).map(ours),
            Target::EndpointProperty => self.endpoint_properties(body, asker),
        };
        made.map_or_else(Refusal::answer, |(body, max_age)| {
            Answer::found(target.media_type(), body, max_age)
        })
    }

    /// RFC 7285 §11.3.1; what filters nothing is answered with the map that is written already.
    fn filtered_network_map(&self, body: &[u8]) -> Made {
        let filter = NetworkMapFilter::parse(body, &read_options());
        let filter = filter.map_err(|fault| Refusal::request(&fault))?.message;
        let whole = filter.pids.is_empty() && filter.address_types.is_empty();
        match self.stored(NETWORK_MAP).filter(|_| whole) {
            Some(stored) => Ok(stored.body.clone()),
            None => part_of_network_map(self.maps(), &filter),
        }
    }

    /// RFC 7285 §11.3.2; likewise.
    fn filtered_cost_map(&self, body: &[u8]) -> Made {
        let filter = CostMapFilter::parse(body, &read_options());
        let filter = filter.map_err(|fault| Refusal::request(&fault))?.message;
        let map = offered(self.maps(), &filter.cost_type)?;
        let lists = [&filter.sources, &filter.destinations];
        let whole = filter.constraints.is_empty() && lists.iter().all(|list| list.is_empty());
        match self.stored(&cost_map_path(map)).filter(|_| whole) {
            Some(stored) => Ok(stored.body.clone()),
            None => part_of_cost_map(map, &filter),
        }
    }

    /// RFC 7285 §11.5; an empty list means the client (§11.5.1.3).
    fn endpoint_costs(&self, body: &[u8], asker: Asker) -> Made {
        let request = EndpointCostRequest::parse(body, &read_options());
        let mut request = request.map_err(|fault| Refusal::request(&fault))?.message;
        let map = offered(self.maps(), &request.cost_type)?;
        for list in [&mut request.sources, &mut request.destinations] {
            if list.is_empty() {
                list.push(TypedAddress(asker.address.to_canonical()));
            }
        }
        let pairs = request.sources.len().saturating_mul(request.destinations.len());
        if pairs > MOST_PAIRS {
            let sentence = format!("{pairs} pairs; at most {MOST_PAIRS}");
            return Err(Refusal::value("endpoints", &sentence));
        }
        let consumers = consumers(&request.sources, &request.destinations);
        let consumers = consumers.map(|endpoint| (endpoint.0, None));
        self.check_here(Target::EndpointCost, consumers, asker)?;
        Ok(costs_between(self.maps(), map, &request))
    }

    /// Refuses to answer here what a neighbour is to be asked.
    pub(crate) fn check_here<'i>(
        &self,
        target: Target,
        endpoints: impl Iterator<Item = (IpAddr, Option<&'i EndpointId>)>,
        asker: Asker,
    ) -> Result<(), Refusal> {
        let Some(neighbours) = self.neighbours() else { return Ok(()) };
        match neighbours.elsewhere(target, endpoints, asker, self.max_age()) {
            Some(answer) => Err(Refusal::Elsewhere(Box::new(answer))),
            None => Ok(()),
        }
    }
}

/// A body, or why there is none.
pub(crate) type Made = Result<Bytes, Refusal>;

/// Why a request has no answer here.
pub(crate) enum Refusal {
    /// It is at fault, and this says how.
    Theirs(ErrorBody),
    /// We are. A part of a map is a map, so putting it together does not fail.
    Ours,
    /// Another server is to be asked, and this says which.
    Elsewhere(Box<Answer>),
}

impl Refusal {
    pub(crate) fn value(field: &str, value: &str) -> Self {
        let (field, value) = (Some(field.into()), Some(value.into()));
        let code = ErrorCode::InvalidFieldValue;
        Self::Theirs(ErrorBody { code, syntax_error: None, field, value })
    }

    pub(crate) fn request(fault: &Fault) -> Self {
        Self::Theirs(ErrorBody::from(fault))
    }

    fn part(_: Fault) -> Self {
        Self::Ours
    }

    fn answer(self) -> Answer {
        match self {
            Self::Theirs(error) => Answer::refusal(400, &error),
            Self::Ours => Answer::bare(500),
            Self::Elsewhere(answer) => *answer,
        }
    }
}

/// Some of the PIDs, some kinds of addresses; the version is that of the whole map (§11.3.1.6).
fn part_of_network_map(maps: &Maps, filter: &NetworkMapFilter) -> Made {
    let network = maps.network();
    let wanted = chosen(network.pids(), &filter.pids);
    let is_wanted = |net: &IpNet| {
        let types = &filter.address_types;
        types.is_empty() || types.contains(&AddressType::of(net.addr()))
    };
    let mut builder = NetworkMapBuilder::new(Limits::default());
    let mut places = BTreeMap::new();
    for (pid, name) in network.pids().iter().filter(|(pid, _)| wanted[pid.index()]) {
        places.insert(pid, builder.pid(name.as_str()).map_err(Refusal::part)?);
    }
    for (net, pid) in network.prefixes().filter(|(net, _)| is_wanted(net)) {
        if let Some(place) = places.get(&pid) {
            builder.prefix(*place, net).map_err(Refusal::part)?;
        }
    }
    let made = builder.finish(Some(maps.vtag().clone())).map_err(Refusal::part)?;
    Ok(made.message.to_json().into())
}

/// Some of the rows and columns, and costs that meet all constraints (§11.3.2.6).
fn part_of_cost_map(map: &CostMap, filter: &CostMapFilter) -> Made {
    let sources = chosen(map.pids(), &filter.sources);
    let destinations = chosen(map.pids(), &filter.destinations);
    let mut builder = CostMapBuilder::new(Limits::default());
    for (_, name) in map.pids().iter() {
        builder.pid(name.as_str()).map_err(Refusal::part)?; // so that the numbers stay the same
    }
    for source in map.sources().filter(|source| sources[source.index()]) {
        let row = map.row(source).filter(|(destination, cost)| {
            destinations[destination.index()] && admitted(&filter.constraints, *cost)
        });
        let row: Vec<_> = row.collect();
        if !row.is_empty() {
            builder.row(source, row).map_err(Refusal::part)?;
        }
    }
    let made = builder.finish(map.cost_type.clone(), map.dependent_vtags.clone());
    Ok(made.map_err(Refusal::part)?.message.to_json().into())
}

/// Which PIDs a list names, by number. An empty list names all (§11.3.1.3); names of no PID count
/// as absent, but a list of only such names is not empty, and names none.
fn chosen(pids: &PidTable, names: &[PidName]) -> Vec<bool> {
    let mut chosen = vec![names.is_empty(); pids.len()];
    for pid in names.iter().filter_map(|name| pids.id(name.as_str())) {
        chosen[pid.index()] = true;
    }
    chosen
}

fn admitted(constraints: &[Constraint], cost: f64) -> bool {
    constraints.iter().all(|constraint| constraint.admits(cost))
}

/// The cost map of that type; the refusal names the half of the type that is not offered.
fn offered<'m>(maps: &'m Maps, cost_type: &CostType) -> Result<&'m CostMap, Refusal> {
    maps.costs_of(cost_type).ok_or_else(|| {
        let is_known = maps.costs().iter().any(|map| map.cost_type.metric == cost_type.metric);
        if is_known {
            Refusal::value("cost-type/cost-mode", cost_type.mode.as_str())
        } else {
            Refusal::value("cost-type/cost-metric", cost_type.metric.as_str())
        }
    })
}

/// On whose behalf costs are asked for (RFC 8686 §4.4): of one source and many destinations the
/// source, of many sources and one destination the destination, of many of both all of them.
fn consumers<'e>(
    sources: &'e [TypedAddress],
    destinations: &'e [TypedAddress],
) -> impl Iterator<Item = &'e TypedAddress> {
    let (sources, destinations) = match (sources.len(), destinations.len()) {
        (1, _) => (sources, &[][..]),
        (_, 1) => (&[][..], destinations),
        _ => (sources, destinations),
    };
    sources.iter().chain(destinations)
}

/// Costs between the endpoints' PIDs.
fn costs_between(maps: &Maps, map: &CostMap, request: &EndpointCostRequest) -> Bytes {
    let destinations = located(maps, &request.destinations);
    let mut costs = BTreeMap::new();
    for (source, from) in located(maps, &request.sources) {
        let cost = |(to, pid): &(TypedAddress, PidId)| Some((*to, map.get(from, *pid)?));
        let row = destinations.iter().filter_map(cost);
        let row: BTreeMap<_, _> =
            row.filter(|(_, cost)| admitted(&request.constraints, *cost)).collect();
        if !row.is_empty() {
            costs.insert(source, row);
        }
    }
    EndpointCosts { cost_type: map.cost_type.clone(), costs }.to_json().into()
}

/// The endpoints that have a PID, with it.
fn located(maps: &Maps, endpoints: &[TypedAddress]) -> Vec<(TypedAddress, PidId)> {
    endpoints.iter().filter_map(|endpoint| Some((*endpoint, maps.pid(endpoint.0)?))).collect()
}

pub(crate) fn read_options() -> ReadOptions {
    ReadOptions::default()
}
