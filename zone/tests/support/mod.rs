//! Zones in memory, as a resolver would tell of them.

use alto_backend_dns::naptr::Naptr;
use alto_backend_dns::upstream::Holds;
use alto_testkit::{Data, Found, Zone, wire::kind};

/// What a name holds.
pub(crate) fn holds(zone: &Zone, name: &str) -> Holds {
    let records = match zone.lookup(name, kind::NAPTR).found {
        Found::Records(records) => records,
        Found::NoData(_) => return Holds::NoRecords,
        Found::NxDomain(_) => return Holds::NoName,
        Found::Loop => panic!("{name}: a circle of aliases"),
    };
    let records = records.into_iter().filter_map(|record| match record.data {
        Data::Naptr(n) => Some(Naptr {
            order: n.order,
            preference: n.preference,
            flags: n.flags.into(),
            services: n.services.into(),
            regexp: n.regexp.into(),
            replacement: n.replacement.into(),
        }),
        _ => None,
    });
    Holds::Records(records.collect())
}
