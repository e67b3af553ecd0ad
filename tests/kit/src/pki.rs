//! A certification authority that nobody but the test trusts.

use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// An authority; certificates are signed by it while it lives.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for clients, not for servers.
    ForClients,
    /// It is signed with its own key, by no authority.
    SelfSigned,
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
    /// A new one, with a name of its own.
    pub fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", MADE.fetch_add(1, Ordering::Relaxed));
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine names");
        params.distinguished_name.push(DnType::CommonName, name);
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
        self.identity(names, None)
    }

    /// The same with a flaw.
    pub fn sign_with(&self, flaw: Flaw, names: &[&str]) -> Identity {
        self.identity(names, Some(flaw))
    }

    fn identity(&self, names: &[&str], flaw: Option<Flaw>) -> Identity {
        let names: Vec<String> = names.iter().copied().map(String::from).collect();
        let mut params = CertificateParams::new(names).expect("names of servers");
        params.distinguished_name.push(DnType::CommonName, "server");
        match flaw {
            Some(Flaw::Expired) => params.not_after = date_time_ymd(2020, 1, 1),
            Some(Flaw::NotYetValid) => params.not_before = date_time_ymd(4000, 1, 1),
            Some(Flaw::ForClients) => {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }
            Some(Flaw::SelfSigned) | None => {}
        }
        let key = KeyPair::generate().expect("a key");
        let signed = match flaw {
            Some(Flaw::SelfSigned) => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        Identity { certificate: signed.expect("a certificate").pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
