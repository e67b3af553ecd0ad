//! A server of two PIDs, on a scripted HTTP server, made with the writers of the messages.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use alto_discovery_core::Policy;
use alto_guidance::{
    Consumer, Exhausted, FetchConfig, Guidance, GuidanceConfig, Judgement, PidName,
};
use alto_messages::{
    CostMap, CostMapBuilder, Directory, Limits, MediaType, NetworkMap, NetworkMapBuilder,
    ReadOptions, VersionTag,
};
use alto_testkit::http::{HttpReply, HttpServer};
use std::net::IpAddr;
use url::Url;

pub const NETWORK: &str = "/network";
pub const COST: &str = "/cost";
pub const ECS: &str = "/ecs";

/// The peer that asks, in PID `near`.
pub const CONSUMER: &str = "203.0.113.5";

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn vtag(tag: &str) -> VersionTag {
    VersionTag { resource_id: "map".parse().unwrap(), tag: tag.parse().unwrap() }
}

/// 203.0.113.0/24 is `near`, 198.51.100.0/24 is `mid`, all else of IPv4 is `far`.
pub fn network_map(tag: &str) -> NetworkMap {
    let mut builder = NetworkMapBuilder::new(Limits::default());
    for (pid, net) in [("near", "203.0.113.0/24"), ("mid", "198.51.100.0/24"), ("far", "0.0.0.0/0")]
    {
        let pid = builder.pid(pid).unwrap();
        builder.prefix(pid, net.parse().unwrap()).unwrap();
    }
    builder.finish(Some(vtag(tag))).unwrap().message
}

/// Its PIDs come in another order than those of the network map.
pub fn cost_map(tag: &str, mode: &str) -> CostMap {
    let mut builder = CostMapBuilder::new(Limits::default());
    let [far, near, mid] = ["far", "near", "mid"].map(|pid| builder.pid(pid).unwrap());
    builder.row(near, [(far, 20.0), (near, 1.0), (mid, 5.0)]).unwrap();
    builder.row(mid, [(near, 7.0)]).unwrap();
    builder.finish(cost_type("routingcost", mode), vec![vtag(tag)]).unwrap().message
}

pub fn cost_type(metric: &str, mode: &str) -> alto_messages::CostType {
    alto_messages::CostType::new(metric.parse().unwrap(), mode.parse().unwrap())
}

/// A directory with these resources.
pub fn directory(resources: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"meta": {{"cost-types": {{
            "num": {{"cost-metric": "routingcost", "cost-mode": "numerical"}},
            "ord": {{"cost-metric": "routingcost", "cost-mode": "ordinal"}},
            "hops": {{"cost-metric": "hopcount", "cost-mode": "numerical"}}}},
          "default-alto-network-map": "map"}},
          "resources": {{
            "map": {{"uri": "network", "media-type": "application/alto-networkmap+json"}}{resources}}}}}"#
    );
    Directory::parse(text.as_bytes(), &ReadOptions::default()).unwrap();
    text.into_bytes()
}

pub fn cost_entry(name: &str) -> String {
    format!(
        r#", "cost-{name}": {{"uri": "cost", "media-type": "application/alto-costmap+json",
            "capabilities": {{"cost-type-names": ["{name}"]}}, "uses": ["map"]}}"#
    )
}

pub fn ecs_entry(name: &str) -> String {
    format!(
        r#", "ecs": {{"uri": "/ecs", "media-type": "application/alto-endpointcost+json",
            "accepts": "application/alto-endpointcostparams+json",
            "capabilities": {{"cost-type-names": ["{name}"]}}}}"#
    )
}

pub fn says(server: &HttpServer, path: &str, kind: MediaType, body: impl Into<Vec<u8>>) {
    server.says(path, HttpReply::ok(kind.as_str(), body));
}

/// A server with numerical routing costs.
pub fn server() -> HttpServer {
    let server = HttpServer::start();
    says(&server, "/ird", MediaType::Directory, directory(&cost_entry("num")));
    says(&server, NETWORK, MediaType::NetworkMap, network_map("1").to_json());
    says(&server, COST, MediaType::CostMap, cost_map("1", "numerical").to_json());
    server
}

pub fn ird(server: &HttpServer) -> Url {
    server.uri("/ird").parse().unwrap()
}

/// A client for loopback, with these settings.
pub fn guidance(settings: &[(&str, &str)]) -> Guidance {
    let mut config = GuidanceConfig::default();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    let policy = Policy { allow_private_servers: true, allow_http: true, ..Policy::default() };
    Guidance::new(&config, &FetchConfig::default(), policy).unwrap()
}

pub fn consumer() -> Consumer {
    Consumer::new(address(CONSUMER))
}

/// PID and cost of each candidate.
pub fn told(judgement: &Judgement) -> Vec<(Option<&str>, Option<f64>)> {
    let judged = judgement.candidates.iter();
    judged.map(|one| (one.pid.as_ref().map(PidName::as_str), one.cost)).collect()
}

pub const CANDIDATES: [&str; 4] =
    ["192.0.2.1", "198.51.100.7", "::ffff:203.0.113.9", "2001:db8::1"];

pub async fn ask(guidance: &Guidance, servers: &[Url]) -> Result<Judgement, Exhausted> {
    guidance.judge(servers, consumer(), &CANDIDATES.map(address)).await
}

pub async fn refused(guidance: &Guidance, server: &HttpServer) -> alto_guidance::Error {
    ask(guidance, &[ird(server)]).await.unwrap_err().failed.remove(0)
}
