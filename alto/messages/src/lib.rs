//! The bodies of the ALTO protocol (RFC 7285): read and written, no I/O.
#![forbid(unsafe_code)]

mod address;
mod cost;
mod cost_map;
mod directory;
mod endpoint_cost;
mod endpoint_property;
mod error_body;
mod fault;
mod filters;
mod json;
mod media_type;
mod meta;
mod names;
mod network_map;
mod options;
mod pid_table;

pub use address::{AddressFault, AddressType, TypedAddress, parse_prefix};
pub use cost_map::{CostMap, CostMapBuilder, CostMapReader};
pub use directory::{Capabilities, Directory, Resource, Service};
pub use endpoint_cost::{EndpointCostRequest, EndpointCosts};
pub use endpoint_property::{
    EndpointId, EndpointProperties, EndpointPropertyRequest, RESPONSIBLE_DIRECTORY,
};
pub use error_body::{ErrorBody, ErrorCode};
pub use fault::{Class, Fault, Parsed, Warning, code};
pub use filters::{Constraint, CostMapFilter, NetworkMapFilter, Operator};
pub use media_type::{ContentType, MediaType};
pub use meta::{CostType, VersionTag};
pub use names::{
    CostMetric, CostMode, NameFault, OtherMode, PidName, PropertyName, ResourceId, Tag,
};
pub use network_map::{NetworkMap, NetworkMapBuilder, NetworkMapReader};
pub use options::{Limits, MAX_DEPTH, ReadOptions, Strictness};
pub use pid_table::{PidId, PidTable};
