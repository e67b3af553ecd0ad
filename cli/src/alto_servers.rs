//! ALTO servers on loopback over https, certified by an authority that nobody else trusts.

use std::fmt::Display;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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

    /// A certificate for an address and its key.
    fn certify(&self, address: IpAddr) -> Result<Transport, Failure> {
        let key = KeyPair::generate().map_err(stage)?;
        let params = CertificateParams::new(vec![address.to_string()]).map_err(stage)?;
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
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    bind(config(authority, anywhere, network, costs)?).await
}

/// How such a server is started at an address.
pub(crate) fn config(
    authority: &Authority,
    listen: SocketAddr,
    network: &str,
    costs: &str,
) -> Result<ServerConfig, Failure> {
    let network = Text { name: "network map", csv: network };
    let costs = Text { name: "cost map", csv: costs };
    let maps = Maps::parse(network, &[(CostMetric::routingcost(), costs)]).map_err(stage)?;
    let transport = authority.certify(listen.ip())?;
    Ok(ServerConfig::new(listen, Source::Maps(maps.into()), transport))
}

/// Starts a server.
pub(crate) async fn bind(config: ServerConfig) -> Result<Server, Failure> {
    Server::bind(config).await.map_err(stage)
}

fn stage(fault: impl Display) -> Failure {
    Failure::Stage(fault.to_string())
}
