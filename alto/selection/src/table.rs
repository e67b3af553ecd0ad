//! What one ALTO server says: PIDs and the costs between them.

mod costs;
mod order;
mod promotions;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::{Pid, PrefixMap};
pub use costs::{CostFault, Costs, Direction};
pub use order::Order;
use order::OrderCache;
pub(crate) use order::Step;
pub(crate) use promotions::Promotions;

/// A network map and a cost map that belong together: immutable, shared by threads.
///
/// Only the orders made on demand come and go, within the octets given for them; and it counts how
/// often candidates were promoted by it lately.
#[derive(Debug)]
pub struct Table {
    prefixes: PrefixMap,
    costs: Costs,
    orders: OrderCache,
    promotions: Promotions,
}

impl Table {
    /// The table of these maps; `order_octets` bounds what is kept of orders made on demand.
    pub fn new(prefixes: PrefixMap, costs: Costs, order_octets: usize) -> Self {
        let orders = OrderCache::new(order_octets, costs.pids());
        Self { prefixes, costs, orders, promotions: Promotions::new() }
    }

    /// Which PID an address is in.
    pub fn prefixes(&self) -> &PrefixMap {
        &self.prefixes
    }

    /// The costs between PIDs.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// The PID of a consumer that was led to this server by its address being in `speaks_for`.
    ///
    /// `None` if the map has no PID for it, or if it is elsewhere: a server speaks only for the
    /// network that named it, whatever its map says of others.
    pub fn consumer(&self, consumer: IpAddr, speaks_for: IpNet) -> Option<Pid> {
        let consumer = consumer.to_canonical();
        if speaks_for.contains(&consumer) { self.prefixes.pid(consumer) } else { None }
    }

    /// The cost between a consumer's PID and a candidate's; `None` if the map has none.
    pub fn cost(&self, consumer: Option<Pid>, candidate: Option<Pid>) -> Option<f64> {
        self.costs.cost(consumer?, candidate?)
    }

    /// Whether it tells any two candidates apart for a consumer. Where all that have a PID cost the same
    /// it is no guidance (RFC 7285 §15.2.2), unless there are candidates without a PID beside them.
    pub fn tells_apart(&self, consumer: Pid) -> bool {
        let has_costs = self.costs.row(consumer).next().is_some();
        has_costs && (!self.costs.is_level(consumer) || self.prefixes.has_gaps())
    }

    /// All PIDs by their cost for a consumer, made on first use and kept while there is room.
    pub fn order(&self, consumer: Pid) -> Arc<Order> {
        self.orders.get(consumer, || Order::new(&self.costs, consumer))
    }

    /// How often candidates were promoted lately.
    pub(crate) fn promotions(&self) -> &Promotions {
        &self.promotions
    }

    /// Memory it holds, in octets; for the orders kept, the most they may take.
    pub fn bytes(&self) -> usize {
        self.prefixes.bytes() + self.costs.bytes() + self.orders.bytes() + self.promotions.bytes()
    }
}

#[cfg(test)]
mod tests;
