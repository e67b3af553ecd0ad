//! The maps that tests serve, and the schemas that answers are judged by.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

#[path = "../../../messages/tests/schemas/mod.rs"]
mod schemas;

pub(crate) mod live;
pub(crate) mod network;

use std::sync::Arc;
use std::time::Duration;

use alto_messages::CostMetric;
use alto_server::{Catalogue, Maps, Text};
pub(crate) use schemas::valid;

/// The map of RFC 7285's look-ups; PID5 has IPv6 only.
pub(crate) const NETWORK: &str = "prefix,pid\n0.0.0.0/0,PID1\n::/0,PID0\n192.0.2.0/24,PID2\n\
    198.51.100.0/24,PID2\n192.0.2.0/25,PID3\n192.0.2.128/25,PID3\n2001:db8::/32,PID5\n";
pub(crate) const ROUTINGCOST: &str = "src,dst,cost\nPID1,PID2,5\nPID2,PID3,1\nPID2,PID2,10\n\
    PID3,PID2,2.5\nPID3,PID3,0\nPID0,PID5,3\n";
pub(crate) const DELAY: &str = "src,dst,cost\nPID1,PID1,1200\n";

pub(crate) fn maps(network: &str) -> Arc<Maps> {
    let network = Text { name: "net.csv", csv: network };
    let text = |csv| Text { name: "costs.csv", csv };
    let delay = "delay-ow".parse().unwrap();
    let costs = [(CostMetric::routingcost(), text(ROUTINGCOST)), (delay, text(DELAY))];
    Arc::new(Maps::parse(network, &costs).unwrap())
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::new(maps(NETWORK), Duration::from_secs(300)).unwrap()
}
