//! Where maps and certificates come from, and when they have changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use alto_messages::CostMetric;

use crate::csv::{LoadFault, Text};
use crate::maps::Maps;
use crate::server::ServerConfig;

/// Where the maps come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// CSV files, read anew when they change.
    Files {
        /// `prefix,pid`.
        network_map: PathBuf,
        /// `src,dst,cost`, one for each metric.
        cost_maps: Vec<CostFile>,
    },
    /// Maps that stay as they are.
    Maps(Arc<Maps>),
}

/// A cost map's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostFile {
    /// What the costs measure.
    pub metric: CostMetric,
    /// The file.
    pub path: PathBuf,
}

/// How clients are spoken to.
#[derive(Clone)]
pub enum Transport {
    /// Without TLS: for tests, and behind a proxy on the same host.
    Http,
    /// With the certificate chain and the key in these PEM files, read anew when they change.
    Files {
        /// The certificate, then those between it and its authority.
        certificates: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// With this certificate chain and key.
    Pem {
        /// The certificate, then those between it and its authority.
        certificates: String,
        /// The key.
        key: String,
    },
}

impl std::fmt::Debug for Transport {
    /// Keys are never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http => "Http",
            Self::Files { .. } => "Files",
            Self::Pem { .. } => "Pem",
        })
    }
}

impl Source {
    /// Reads the maps.
    ///
    /// # Errors
    /// If a file cannot be read, or makes no map.
    pub fn load(&self) -> Result<Arc<Maps>, LoadFault> {
        let (network_map, cost_maps) = match self {
            Self::Maps(maps) => return Ok(Arc::clone(maps)),
            Self::Files { network_map, cost_maps } => (network_map, cost_maps),
        };
        let network = File::read(network_map)?;
        let read = |file: &CostFile| Ok((file.metric.clone(), File::read(&file.path)?));
        let costs = cost_maps.iter().map(read).collect::<Result<Vec<_>, LoadFault>>()?;
        let costs: Vec<_> =
            costs.iter().map(|(metric, file)| (metric.clone(), file.text())).collect();
        Maps::parse(network.text(), &costs).map(Arc::new)
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        let (network, costs) = match self {
            Self::Maps(_) => (None, &[][..]),
            Self::Files { network_map, cost_maps } => (Some(&**network_map), &cost_maps[..]),
        };
        network.into_iter().chain(costs.iter().map(|file| &*file.path))
    }
}

/// When files were last changed and how long they are; `None` for one that cannot be seen.
pub(crate) type Stamps = Vec<Option<(SystemTime, u64)>>;

/// The stamps of all files that are read anew when they change.
pub(crate) fn stamps(config: &ServerConfig) -> Stamps {
    let ServerConfig { source, transport, neighbours, .. } = config;
    let keys = match transport {
        Transport::Files { certificates, key } => vec![&**certificates, &**key],
        Transport::Http | Transport::Pem { .. } => Vec::new(),
    };
    let neighbours = neighbours.as_ref().map(|neighbours| &*neighbours.path);
    source.files().chain(keys).chain(neighbours).map(stamp).collect()
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A file's content under its name.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content: String,
}

impl File {
    pub(crate) fn read(path: &Path) -> Result<Self, LoadFault> {
        let name = path.display().to_string();
        let octets = std::fs::read(path).map_err(|fault| LoadFault::of_file(&name, &fault))?;
        match String::from_utf8(octets) {
            Ok(content) => Ok(Self { name, content }),
            Err(fault) => {
                let valid = &fault.as_bytes()[..fault.utf8_error().valid_up_to()];
                let line = valid.split(|octet| *octet == b'\n').count();
                let text = Text { name: &name, csv: "" };
                Err(text.fault(line, &"no UTF-8"))
            }
        }
    }

    fn text(&self) -> Text<'_> {
        Text { name: &self.name, csv: &self.content }
    }
}
