//! A small ALTO server, as text (RFC 7285): a directory, one network map, and its costs.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::http::{HttpReply, HttpServer};

/// A directory of the resources `map`, at `network`, and `cost`, at `cost`, beside it.
pub const DIRECTORY: &str = r#"{
  "meta": {"cost-types": {"num": {"cost-metric": "routingcost", "cost-mode": "numerical"}},
           "default-alto-network-map": "map"},
  "resources": {
    "map": {"uri": "network", "media-type": "application/alto-networkmap+json"},
    "cost": {"uri": "cost", "media-type": "application/alto-costmap+json",
             "capabilities": {"cost-type-names": ["num"]}, "uses": ["map"]}}}"#;

/// The map `map`, tag `t1`, of these PIDs and prefixes.
pub fn network_map(prefixes: &[(&str, &str)]) -> String {
    let mut pids: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
    for (pid, prefix) in prefixes {
        pids.entry(pid).or_default()[usize::from(prefix.contains(':'))].push(format!("{prefix:?}"));
    }
    let lists = |[v4, v6]: &[Vec<String>; 2]| {
        let lists = [("ipv4", v4), ("ipv6", v6)].into_iter().filter(|(_, list)| !list.is_empty());
        object(lists.map(|(family, list)| (family, format!("[{}]", list.join(", ")))))
    };
    let map = object(pids.iter().map(|(pid, prefixes)| (*pid, lists(prefixes))));
    let meta = r#"{"vtag": {"resource-id": "map", "tag": "t1"}}"#;
    format!(r#"{{"meta": {meta}, "network-map": {map}}}"#)
}

/// What these sources pay for these destinations, on the map of [`network_map`].
pub fn cost_map(costs: &[(&str, &str, f64)]) -> String {
    let mut rows: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for (from, to, cost) in costs {
        rows.entry(from).or_default().push((to, *cost));
    }
    let map = object(rows.iter().map(|(from, row)| (*from, object(row.iter().copied()))));
    let meta = r#"{"dependent-vtags": [{"resource-id": "map", "tag": "t1"}],
        "cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"}}"#;
    format!(r#"{{"meta": {meta}, "cost-map": {map}}}"#)
}

/// Serves a [`DIRECTORY`] at `/ird`, and what it names.
pub fn serve(network_map: &str, cost_map: &str) -> HttpServer {
    let server = HttpServer::start();
    for (path, kind, body) in [
        ("/ird", "directory", DIRECTORY),
        ("/network", "networkmap", network_map),
        ("/cost", "costmap", cost_map),
    ] {
        server.says(path, HttpReply::ok(&format!("application/alto-{kind}+json"), body));
    }
    server
}

fn object<'a>(members: impl Iterator<Item = (&'a str, impl Display)>) -> String {
    let members: Vec<String> = members.map(|(name, value)| format!("{name:?}: {value}")).collect();
    format!("{{{}}}", members.join(", "))
}
