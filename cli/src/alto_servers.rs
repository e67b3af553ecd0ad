//! ALTO servers on loopback over https, certified by an authority that nobody else trusts.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

use alto_messages::CostMetric;
use alto_server::{Maps, Server, ServerConfig, Source, Text, Transport};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::NamedTempFile;

use crate::Failure;

/// An authority made for one run.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, for whoever is to trust it; gone when this is dropped.
    file: NamedTempFile,
}

impl Authority {
    /// Makes one.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new()).map_err(stage)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(stage)?;
        let certificate = params.self_signed(&key).map_err(stage)?;
        let mut file = NamedTempFile::new().map_err(stage)?;
        file.write_all(certificate.pem().as_bytes()).map_err(stage)?;
        Ok(Self { issuer: Issuer::new(params, key), file })
    }

    /// The file with its certificate (PEM).
    pub(crate) fn file(&self) -> &Path {
        self.file.path()
    }

    /// A certificate for 127.0.0.1 and its key.
    fn certify(&self) -> Result<Transport, Failure> {
        let key = KeyPair::generate().map_err(stage)?;
        let params = CertificateParams::new(vec!["127.0.0.1".into()]).map_err(stage)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(stage)?;
        Ok(Transport::Pem { certificates: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Starts a server on a free port of 127.0.0.1, with these maps (CSV).
pub(crate) async fn start(
    authority: &Authority,
    network: &str,
    costs: &str,
) -> Result<Server, Failure> {
    bind(config(authority, network, costs)?).await
}

/// How such a server is started.
pub(crate) fn config(
    authority: &Authority,
    network: &str,
    costs: &str,
) -> Result<ServerConfig, Failure> {
    let network = Text { name: "network map", csv: network };
    let costs = Text { name: "cost map", csv: costs };
    let maps = Maps::parse(network, &[(CostMetric::routingcost(), costs)]).map_err(stage)?;
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(ServerConfig::new(listen, Source::Maps(maps.into()), authority.certify()?))
}

/// Starts a server.
pub(crate) async fn bind(config: ServerConfig) -> Result<Server, Failure> {
    Server::bind(config).await.map_err(stage)
}

fn stage(fault: impl Display) -> Failure {
    Failure::Stage(fault.to_string())
}
