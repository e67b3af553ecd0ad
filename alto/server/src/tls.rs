//! The server's side of TLS: 1.2 and 1.3, ring, no process-wide provider.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::csv::LoadFault;
use crate::source::Transport;

/// How to shake hands; `None` without TLS.
///
/// # Errors
/// If a file cannot be read, there is no certificate or no key, or the key is another's.
pub(crate) fn acceptor(transport: &Transport) -> Result<Option<TlsAcceptor>, LoadFault> {
    match transport {
        Transport::Http => Ok(None),
        Transport::Files { certificates, key } => {
            let (chain, private) = (read(certificates)?, read(key)?);
            let names = [certificates.display().to_string(), key.display().to_string()];
            from_pem(&chain, &private, [&names[0], &names[1]]).map(Some)
        }
        Transport::Pem { certificates, key } => {
            from_pem(certificates.as_bytes(), key.as_bytes(), ["certificates", "key"]).map(Some)
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadFault> {
    std::fs::read(path).map_err(|fault| LoadFault::of_file(&path.display().to_string(), &fault))
}

fn from_pem(chain: &[u8], key: &[u8], names: [&str; 2]) -> Result<TlsAcceptor, LoadFault> {
    let in_chain = |fault: String| LoadFault::of_file(names[0], &fault);
    let certificates = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| in_chain(fault.to_string()))?;
    if certificates.is_empty() {
        return Err(in_chain("no certificate in it".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|fault| LoadFault::of_file(names[1], &format!("no private key: {fault}")))?;
    // Our own provider: the process-wide one belongs to the host program.
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|fault| in_chain(fault.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|fault| in_chain(fault.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
