//! What a network publishes in reverse DNS so that the ALTO server that speaks for its addresses is
//! found by RFC 8686. No I/O.
//!
//! A [`Publication`] says which prefixes have which servers, the longest prefix deciding.
//! [`records`](Publication::records) gives the fewest records that say just that to whoever walks as
//! the RFC tells, and [`Format::write`] puts them as a name server wants them. [`check`] examines what
//! is deployed.
//!
//! ```
//! use alto_zone::{Entry, Format, Publication, ServerLine};
//!
//! let server = ServerLine::new(0, "https://alto.example/ird");
//! let entry = Entry::new("198.51.100.0/23".parse()?, vec![server]);
//! let publication = Publication { entries: vec![entry], ..Publication::default() };
//! let text = Format::Bind.write(&publication.records()?);
//! assert!(text.contains("\n101 3600 IN NAPTR 100 10 \"u\" \"ALTO:https\" "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod check;
mod fault;
mod fewest;
mod format;
mod names;
mod publication;
mod record;
mod remarks;
mod shape;
mod tree;
mod writer;

pub use fault::Fault;
pub use format::Format;
pub use names::reverse_name;
pub use publication::{Entry, PortBlock, Publication, ServerLine, Style, ZoneName, check_service};
pub use record::{Data, Naptr, Record};
