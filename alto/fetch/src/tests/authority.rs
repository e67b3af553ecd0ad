//! A certification authority for tests, and the configurations of servers it vouches for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// An authority with its key; its certificate lies in a file while it lives.
pub(super) struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    file: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::with(&authority_params("Test CA"))
    }

    pub(super) fn with(params: &CertificateParams) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("alto-fetch-test-{}-{count}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, certificate.pem()).unwrap();
        let issuer = Issuer::new(params.clone(), key);
        Self { issuer, certificate: certificate.der().clone(), file }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The certificate for `params`, signed, and its key.
    pub(super) fn sign(&self, params: &CertificateParams) -> Identity {
        Identity::signed(params, &self.issuer)
    }

    /// What a blameless server with these names shows.
    pub(super) fn server(&self, names: &[&str]) -> ServerConfig {
        self.sign(&server_params(names)).server()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.file);
    }
}

/// A chain, the server's own certificate first, and the key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: KeyPair,
}

impl Identity {
    pub(super) fn signed(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        Self { chain: vec![certificate.der().clone()], key }
    }

    /// A server that shows this, without looking whether it makes sense.
    pub(super) fn server(self) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = provider.key_provider.load_private_key(key).unwrap();
        let shown = Arc::new(CertifiedKey::new(self.chain, key));
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shows(shown)))
    }
}

#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub(super) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

pub(super) fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "a server");
    params
}
