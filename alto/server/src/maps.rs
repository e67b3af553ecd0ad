//! A network map and its cost maps, from CSV to tagged messages and look-ups.

use std::collections::HashMap;
use std::net::IpAddr;

use alto_messages::{
    AddressType, CostMap, CostMapBuilder, CostMetric, CostMode, CostType, Fault, Limits,
    NetworkMap, NetworkMapBuilder, PidId, VersionTag,
};
use alto_selection::{Pid, PrefixMap};
use ring::digest::{SHA256, digest};

use crate::csv::{self, CostLine, LoadFault, PrefixLine, Text};

/// The resource ID of the network map.
const NETWORK_MAP: &str = "network-map";

/// One network map, and cost maps for it: one per metric, numerical.
///
/// PIDs have the same numbers in all of them, ascending by name, so that equal contents make equal
/// maps whatever the order of the lines.
#[derive(Clone, Debug)]
pub struct Maps {
    network: NetworkMap,
    vtag: VersionTag,
    costs: Vec<CostMap>,
    prefixes: PrefixMap,
    pids: Vec<PidId>,
}

impl Maps {
    /// Reads a network map (`prefix,pid`) and cost maps (`src,dst,cost`).
    ///
    /// # Errors
    /// The first fault, with file and line: a line that cannot be read, a prefix or a pair of PIDs
    /// that is there twice, a PID without prefixes in a cost map, a metric that is there twice.
    pub fn parse(network: Text<'_>, costs: &[(CostMetric, Text<'_>)]) -> Result<Self, LoadFault> {
        let refuse = |fault: &dyn std::fmt::Display| LoadFault::of_file(network.name, fault);
        let mut map = network_map(network)?.finish(None).map_err(|fault| refuse(&fault))?.message;
        let tag = fingerprint(&map.to_json()).parse().map_err(|fault| refuse(&fault))?;
        let resource_id = NETWORK_MAP.parse().map_err(|fault| refuse(&fault))?;
        let vtag = VersionTag { resource_id, tag };
        map.vtag = Some(vtag.clone());
        let pid = |(net, pid): (_, PidId)| (net, Pid::new(pid.number()));
        let prefixes = PrefixMap::new(map.prefixes().map(pid), map.prefix_count())
            .map_err(|fault| refuse(&fault))?;
        let pids = map.pids().iter().map(|(id, _)| id).collect();
        let mut maps = Self { network: map, vtag, costs: Vec::new(), prefixes, pids };
        for (metric, text) in costs {
            maps.add_costs(metric, *text)?;
        }
        Ok(maps)
    }

    fn add_costs(&mut self, metric: &CostMetric, text: Text<'_>) -> Result<(), LoadFault> {
        if self.costs.iter().any(|map| map.cost_type.metric == *metric) {
            let sentence = format!("there is a cost map for `{metric}` already");
            return Err(LoadFault::of_file(text.name, &sentence));
        }
        // A metric is a step of a path, too.
        if [".", ".."].contains(&metric.as_str()) {
            return Err(LoadFault::of_file(
                text.name,
                &format!("`{metric}` cannot be a metric here"),
            ));
        }
        self.costs.push(cost_map(&self.network, &self.vtag, metric, text)?);
        Ok(())
    }

    /// The network map, tagged.
    pub fn network(&self) -> &NetworkMap {
        &self.network
    }

    /// The network map's version.
    pub fn vtag(&self) -> &VersionTag {
        &self.vtag
    }

    /// The cost maps. Their PIDs have the numbers of the network map's.
    pub fn costs(&self) -> &[CostMap] {
        &self.costs
    }

    /// The cost map of this type, if there is one.
    pub fn costs_of(&self, cost_type: &CostType) -> Option<&CostMap> {
        self.costs.iter().find(|map| map.cost_type == *cost_type)
    }

    /// The PID of an address by longest-prefix match (RFC 7285 §11.2.2), if any covers it.
    pub fn pid(&self, address: IpAddr) -> Option<PidId> {
        self.prefixes.pid(address).map(|pid| self.pids[pid.index()])
    }

    /// What RFC 7285 wants of a server's maps and these do not have, in sentences.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for family in [AddressType::Ipv4, AddressType::Ipv6] {
            if !self.network.is_complete(family) {
                let family = family.as_str();
                sentences.push(format!("some {family} addresses have no PID (RFC 7285 §11.2.2)"));
            }
        }
        if self.costs_of(&CostType::routingcost()).is_none() {
            sentences.push("there is no cost map for routingcost (RFC 7285 §6.1.1.1)".into());
        }
        sentences
    }
}

/// A hash of contents, short enough for a tag or an ETag: 128 bits.
pub(crate) fn fingerprint(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for octet in &digest(&SHA256, content).as_ref()[..16] {
        let _ = write!(text, "{octet:02x}"); // into a string, which does not fail
    }
    text
}

/// The map without its tag.
fn network_map(text: Text<'_>) -> Result<NetworkMapBuilder, LoadFault> {
    let mut lines = csv::prefixes(text)?;
    refuse_repeated_prefix(text, &mut lines)?;
    lines.sort_unstable_by_key(|(net, pid, _)| (*pid, *net));
    let mut builder = NetworkMapBuilder::new(Limits::default());
    for (net, name, line) in lines {
        let refuse = |fault| text.fault(line, &fault);
        let pid = builder.pid(name).map_err(refuse)?;
        builder.prefix(pid, net).map_err(refuse)?;
    }
    Ok(builder)
}

fn refuse_repeated_prefix(text: Text<'_>, lines: &mut [PrefixLine<'_>]) -> Result<(), LoadFault> {
    lines.sort_unstable_by_key(|(net, _, line)| (*net, *line));
    match lines.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(&[(net, one, first), (_, other, line)]) => {
            let sentence = format!("{net} is in {one} already (line {first}), here in {other}");
            Err(text.fault(line, &sentence))
        }
        _ => Ok(()),
    }
}

fn cost_map(
    network: &NetworkMap,
    vtag: &VersionTag,
    metric: &CostMetric,
    text: Text<'_>,
) -> Result<CostMap, LoadFault> {
    let whole = |fault: Fault| LoadFault::of_file(text.name, &fault);
    let mut builder = CostMapBuilder::new(Limits::default());
    let mut ids = HashMap::new();
    for (_, name) in network.pids().iter() {
        ids.insert(name.as_str(), builder.pid(name.as_str()).map_err(whole)?);
    }
    let numbered = numbered(text, &ids, &csv::costs(text, metric)?)?;
    for row in numbered.chunk_by(|one, other| one.0 == other.0) {
        let costs = row.iter().map(|(_, destination, cost, _)| (*destination, *cost));
        builder.row(row[0].0, costs).map_err(whole)?;
    }
    let cost_type = CostType::new(metric.clone(), CostMode::Numerical);
    Ok(builder.finish(cost_type, vec![vtag.clone()]).map_err(whole)?.message)
}

/// The costs by number of PID, ascending; each pair once.
fn numbered(
    text: Text<'_>,
    ids: &HashMap<&str, PidId>,
    lines: &[CostLine<'_>],
) -> Result<Vec<(PidId, PidId, f64, usize)>, LoadFault> {
    let id = |name: &str, line| {
        let refuse = || text.fault(line, &format!("the network map has no PID `{name}`"));
        ids.get(name).copied().ok_or_else(refuse)
    };
    let mut numbered = Vec::with_capacity(lines.len());
    for (source, destination, cost, line) in lines {
        numbered.push((id(source, *line)?, id(destination, *line)?, *cost, *line));
    }
    numbered.sort_unstable_by_key(|(source, destination, _, line)| (*source, *destination, *line));
    match numbered.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1)) {
        Some(&[(.., first), (.., line)]) => {
            let sentence = format!("the cost of this pair is known already (line {first})");
            Err(text.fault(line, &sentence))
        }
        _ => Ok(numbered),
    }
}

#[cfg(test)]
mod tests;
