//! What the project's tests stand on.
//!
//! - [`vectors`]: the test vectors of RFC 8686 discovery, from `tests/vectors/rfc8686.toml`;
//! - [`dns_zone`]: a zone in memory, for tests of pure code, that also writes a master file;
//! - [`nsd`], [`knot`], [`bind`], [`pdns`], [`unbound`]: real name servers on loopback, each a
//!   [`NameServer`];
//! - [`signer`]: zones signed, soundly or not;
//! - [`scripted`]: a name server in process that misbehaves as told;
//! - [`http`]: an HTTP server in process that says what a test wants;
//! - [`alto`]: a small ALTO server on it;
//! - [`acts`]: a web server, with or without TLS, that misbehaves as told;
//! - [`nginx`]: a real web server in front of another, with TLS and a cache;
//! - [`namespace`]: a network of the test's own, with counters of packets in the kernel;
//! - [`dhcp`]: real DHCP servers and clients in it;
//! - [`spellings`]: of hosts that must not be contacted;
//! - [`pki`]: an authority that only the test trusts;
//! - [`tap`]: a proxy that notes the queries a name server gets;
//! - [`client`]: a DNS client of a few lines;
//! - [`control`]: how late the machine is, for deadlines in real time;
//! - [`mod@bench`]: how benchmarks begin;
//! - [`process`], [`ports`]: programs and ports.
//!
//! Messages are built and read by the kit's own few lines ([`wire`]), not by the DNS library that
//! the product uses: a test that shares its subject's code shares its faults.
//!
//! Nothing here returns an error for a broken set-up: it panics and says what to do about it.
#![forbid(unsafe_code)]
// Every function here may panic: that is how a test fails.
#![allow(clippy::missing_panics_doc)]

pub mod acts;
pub mod alto;
mod background;
pub mod bench;
pub mod bind;
pub mod client;
pub mod control;
pub mod dhcp;
pub mod dns_zone;
pub mod http;
pub mod knot;
mod master_file;
mod name_server;
pub mod namespace;
pub mod nginx;
pub mod nsd;
pub mod pdns;
pub mod pki;
pub mod ports;
pub mod process;
mod query_log;
mod record;
pub mod scripted;
pub mod signer;
pub mod spellings;
pub mod tap;
pub mod unbound;
pub mod vectors;
pub mod wire;

pub use dns_zone::{Found, Lookup, Zone};
pub use name_server::{Daemon, NameServer, ZoneFile};
pub use query_log::{Asked, QueryLog};
pub use record::{Data, Naptr, Record, Soa};
