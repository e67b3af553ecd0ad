//! `alto serve`: an ALTO server on CSV files.

use std::io::{Write as _, stderr, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use alto_discovery::Policy;
use alto_messages::CostMetric;
use alto_server::{CostFile, NeighbourSource, Server, ServerConfig, Source, Transport};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Failure;
use crate::report::Status;

/// What to serve, and where.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// Where to listen; port 0 for one that is free.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,

    /// The network map, CSV with the header `prefix,pid`.
    #[arg(long, value_name = "FILE")]
    network_map: PathBuf,

    /// A cost map, CSV with the header `src,dst,cost`; the metric is routingcost unless named.
    /// Repeat for several metrics.
    #[arg(long, value_name = "[METRIC=]FILE", num_args = 1.., value_parser = cost_file)]
    cost_map: Vec<CostFile>,

    /// The certificate and those between it and its authority (PEM).
    #[arg(long, value_name = "FILE", requires = "key", required_unless_present = "http")]
    cert: Option<PathBuf>,

    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Serve without TLS: for tests, and behind a proxy on the same host.
    #[arg(long, conflicts_with_all = ["cert", "key"])]
    http: bool,

    /// The servers that speak for other networks, and for which prefixes (TOML): whoever asks who is
    /// responsible for an endpoint is told.
    #[arg(long, value_name = "FILE")]
    neighbours: Option<PathBuf>,

    /// Certification authorities to trust when neighbours are asked, instead of the system's (PEM).
    #[arg(long, value_name = "FILE", requires = "neighbours")]
    ca: Option<PathBuf>,

    /// Also name and ask servers with private and loopback addresses.
    #[arg(long, requires = "neighbours")]
    allow_private: bool,

    /// Also name and ask servers without TLS.
    #[arg(long, requires = "neighbours")]
    allow_http: bool,
}

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(options: &ServeOptions) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let status = runtime.block_on(serve(options.config()));
    // A file that never ends, such as a pipe, may still be read.
    runtime.shutdown_background();
    status
}

async fn serve(config: ServerConfig) -> Result<Status, Failure> {
    // From the start: reading large files takes a while.
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let bound = tokio::select! {
        bound = Server::bind(config) => bound,
        () = received(&mut signals) => return Ok(Status::Found),
    };
    let server = bound.map_err(|fault| Failure::Usage(fault.to_string()))?;
    let mut output = stdout();
    writeln!(output, "listening {}", server.uri()).map_err(Failure::Output)?;
    output.flush().map_err(Failure::Output)?;
    received(&mut signals).await;
    server.stop().await;
    Ok(Status::Found)
}

/// Waits for either signal.
async fn received([one, other]: &mut [std::io::Result<Signal>; 2]) {
    tokio::select! {
        () = delivered(one) => {}
        () = delivered(other) => {}
    }
}

/// Waits for a signal; for ever if the system does not deliver it.
async fn delivered(signal: &mut std::io::Result<Signal>) {
    if let Ok(signal) = signal {
        signal.recv().await;
    } else {
        std::future::pending::<()>().await;
    }
}

impl ServeOptions {
    fn config(&self) -> ServerConfig {
        let (network_map, cost_maps) = (self.network_map.clone(), self.cost_map.clone());
        let transport = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                Transport::Files { certificates: cert.clone(), key: key.clone() }
            }
            _ => Transport::Http, // the only other case that the flags allow
        };
        let source = Source::Files { network_map, cost_maps };
        // A server goes on if nobody hears it.
        let notice = Arc::new(|notice| drop(writeln!(stderr(), "alto: {notice}")));
        let neighbours = self.neighbours();
        ServerConfig { neighbours, notice, ..ServerConfig::new(self.listen, source, transport) }
    }

    fn neighbours(&self) -> Option<NeighbourSource> {
        let policy = Policy {
            allow_private_servers: self.allow_private,
            allow_http: self.allow_http,
            ..Policy::default()
        };
        let source = NeighbourSource::new(self.neighbours.as_ref()?);
        Some(NeighbourSource { policy, ca_file: self.ca.clone(), ..source })
    }
}

/// `METRIC=FILE`, or a file with routing costs. A text before the equals sign that is no metric is
/// part of the file's name.
fn cost_file(text: &str) -> Result<CostFile, String> {
    let named = text.split_once('=').and_then(|(metric, path)| Some((metric.parse().ok()?, path)));
    let (metric, path) = named.unwrap_or_else(|| (CostMetric::routingcost(), text));
    if path.is_empty() {
        return Err("wanted: a file, or METRIC=FILE".into());
    }
    Ok(CostFile { metric, path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metric is optional, and no metric holds a slash.
    #[test]
    fn cost_files_with_and_without_metric() {
        let read = |text| cost_file(text).map(|file| (file.metric.as_str().to_owned(), file.path));
        assert_eq!(read("a.csv"), Ok(("routingcost".into(), "a.csv".into())));
        assert_eq!(read("delay-ow=b=1.csv"), Ok(("delay-ow".into(), "b=1.csv".into())));
        assert_eq!(read("./a=b.csv"), Ok(("routingcost".into(), "./a=b.csv".into())));
        assert!(read("hopcount=").is_err());
        assert!(read("").is_err());
    }
}
