//! The bodies of the ALTO protocol (RFC 7285): read and written, no I/O.
//!
//! - A directory ([`Directory`]) says what a server offers and where.
//! - Maps ([`NetworkMap`], [`CostMap`]) put addresses into PIDs and tell the costs between these.
//!   They can be large, so they are read in pieces ([`NetworkMapReader`], [`CostMapReader`]) and
//!   kept in a fraction of their text's size.
//! - Requests ([`NetworkMapFilter`], [`CostMapFilter`], [`EndpointCostRequest`],
//!   [`EndpointPropertyRequest`]) and their answers ([`EndpointCosts`], [`EndpointProperties`]).
//! - Errors ([`ErrorBody`]); one can be made of any [`Fault`] in a request.
//! - [`MediaType`] tells which of these a body is.
//!
//! Each has `parse` and `to_json`. What is read comes from strangers: everything is bounded
//! ([`Limits`]), no key may occur twice, and a [`Fault`] names what is wrong and where. Reading is
//! strict by default; [`ReadOptions::lenient`] forgives faults that are known from other servers
//! and names each as a [`Warning`].
//!
//! ```
//! use alto_messages::{NetworkMap, ReadOptions, code};
//!
//! let body = br#"{"network-map": {"PID1": {"ipv4": ["192.0.2.7/24"]}}}"#;
//! let fault = NetworkMap::parse(body, &ReadOptions::default()).unwrap_err();
//! assert_eq!((fault.code(), &*fault.to_string()), (code::MISSING_VTAG, "meta/vtag: is missing"));
//!
//! let read = NetworkMap::parse(body, &ReadOptions::lenient())?;
//! let codes: Vec<_> = read.warnings.iter().map(|warning| warning.code()).collect();
//! assert_eq!(codes, [code::HOST_BITS, code::MISSING_VTAG]);
//! # Ok::<(), alto_messages::Fault>(())
//! ```
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
