//! A small correct ALTO server (RFC 7285).
//!
//! It serves one network map and a cost map per metric, from CSV files: a directory, both kinds of
//! maps whole and filtered, the endpoint property service (PIDs) and the endpoint cost service.
//!
//! - [`Maps`] are read from CSV: nothing is guessed or left out, a fault names file and line.
//! - [`Catalogue`] is what is offered: bodies written once, tags that change only with content.
//! - [`Catalogue::plan`] and [`Catalogue::answer`] make an [`Answer`] of a request, as plain data.
//! - [`Server`] is the shell: HTTP/1.1 over TLS, bounded in sizes, times and connections; it takes
//!   up changed files and stops gracefully.
//!
//! ```
//! use alto_messages::CostMetric;
//! use alto_server::{Maps, Server, ServerConfig, Source, Text, Transport};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = Text { name: "network.csv", csv: "prefix,pid\n0.0.0.0/0,PID1\n::/0,PID1\n" };
//! let costs = Text { name: "costs.csv", csv: "src,dst,cost\nPID1,PID1,1\n" };
//! let maps = Maps::parse(network, &[(CostMetric::routingcost(), costs)])?;
//! let listen = "127.0.0.1:0".parse()?;
//! let config = ServerConfig::new(listen, Source::Maps(maps.into()), Transport::Http);
//! let server = Server::bind(config).await?;
//! assert_eq!(server.uri(), format!("http://{}/directory", server.address()));
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod accept;
mod answer;
mod catalogue;
mod csv;
mod exchange;
mod maps;
mod neighbours;
mod offer;
mod posted;
mod properties;
mod reload;
mod replying;
mod server;
mod source;
mod tap;
mod tls;

pub use answer::{Answer, Asker, Head, Plan, Target};
pub use catalogue::Catalogue;
pub use csv::{LoadFault, Text};
pub use maps::Maps;
pub use neighbours::file::NeighbourFile;
pub use neighbours::learn::NeighbourSource;
pub use neighbours::refresh::Pace;
pub use neighbours::{Neighbours, Responsible};
pub use server::{BindFault, Notice, Server, ServerConfig};
pub use source::{CostFile, Source, Transport};
pub use tap::{Said, Tap};
