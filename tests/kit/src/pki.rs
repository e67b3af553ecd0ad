//! A certification authority that nobody but the test trusts.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// An authority; certificates are signed by it while it lives.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a server shows and what it keeps, as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate of its own").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Its certificate, as clients need it to trust servers.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The identity of a server with these names and addresses.
    pub fn sign(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().copied().map(String::from).collect();
        let params = CertificateParams::new(names).expect("names of servers");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
