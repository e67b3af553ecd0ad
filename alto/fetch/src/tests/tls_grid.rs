//! Each way in which trust fails, refused with its own code.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::authority::{Authority, Identity, authority_params, server_params};
use super::server::{Server, reply};
use super::world::{PRIVATE, get, read, trusting};
use crate::{Error, FetchConfig, Fetcher};

const HOST: &str = "alto.isp.test";

/// Fetches from a server that shows this; also how many requests it got to see.
async fn ask(authority: &Authority, tls: ServerConfig) -> (Result<Vec<u8>, Error>, usize) {
    let server = Server::start(Some(tls), |_| reply(200, &[], b"{}")).await;
    let uri = format!("https://{HOST}:{}/", server.port());
    let outcome = read(&trusting(authority, PRIVATE), get(&uri)).await;
    (outcome, server.asked().len())
}

async fn code(authority: &Authority, tls: ServerConfig) -> &'static str {
    let (outcome, asked) = ask(authority, tls).await;
    assert_eq!(asked, 0, "a request was sent to a server that is not trusted");
    let error = outcome.unwrap_err();
    assert!(error.fault.is_refusal(), "{error}");
    error.code()
}

/// The same client reads from a server that is blameless, of its name and of another one given.
#[tokio::test]
async fn a_blameless_server_is_trusted() {
    let authority = Authority::new();
    for names in [&[HOST][..], &["other.test", HOST], &["*.isp.test"]] {
        let (outcome, asked) = ask(&authority, authority.server(names)).await;
        assert_eq!((outcome.unwrap(), asked), (b"{}".to_vec(), 1));
    }
}

/// One fault of the certificate each.
#[tokio::test]
async fn bad_certificates_have_their_own_codes() {
    let authority = Authority::new();
    let fine = || server_params(&[HOST]);

    let mut expired = fine();
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut not_yet_valid = fine();
    not_yet_valid.not_before = date_time_ymd(4000, 1, 1);
    let mut for_clients = fine();
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut critical = fine();
    let mut extension =
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    extension.set_criticality(true);
    critical.custom_extensions = vec![extension];
    let mut an_authority = fine();
    an_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (params, expected) in [
        (expired, "tls-expired"),
        (not_yet_valid, "tls-not-yet-valid"),
        (server_params(&["other.test"]), "tls-wrong-name"),
        (server_params(&["alto.isp.test.evil.example"]), "tls-wrong-name"),
        (server_params(&["127.0.0.1"]), "tls-wrong-name"),
        (for_clients, "tls-wrong-usage"),
        (critical, "tls-critical-extension"),
        (an_authority, "tls-authority-as-server"),
    ] {
        assert_eq!(code(&authority, authority.sign(&params).server()).await, expected);
    }
}

/// Nobody vouches, or somebody unknown.
#[tokio::test]
async fn unknown_issuers_are_told_from_self_signed() {
    let authority = Authority::new();
    let unknown = Authority::with(&authority_params("Unknown CA"));
    assert_eq!(code(&authority, unknown.server(&[HOST])).await, "tls-unknown-issuer");

    let key = KeyPair::generate().unwrap();
    let certificate = server_params(&[HOST]).self_signed(&key).unwrap();
    let alone = Identity { chain: vec![certificate.der().clone()], key };
    assert_eq!(code(&authority, alone.server()).await, "tls-self-signed");
}

/// A server's certificate at the end of a chain of these authorities, the first one signed by
/// `root`; the root itself is not sent.
fn chained(root: &Authority, between: &[&CertificateParams]) -> ServerConfig {
    let mut chain = Vec::new();
    let mut issuer = &root.issuer;
    let mut last;
    for params in between {
        let key = KeyPair::generate().unwrap();
        chain.insert(0, params.signed_by(&key, issuer).unwrap().der().clone());
        last = Issuer::new((*params).clone(), key);
        issuer = &last;
    }
    let mut identity = Identity::signed(&server_params(&[HOST]), issuer);
    identity.chain.extend(chain);
    identity.server()
}

/// An authority in between that oversteps its own limits.
#[tokio::test]
async fn chains_are_checked_too() {
    let authority = Authority::new();
    let between = authority_params("Intermediate CA");
    let (outcome, _) = ask(&authority, chained(&authority, &[&between])).await;
    outcome.unwrap();

    let mut no_authority = server_params(&["intermediate.test"]);
    no_authority.distinguished_name.push(DnType::CommonName, "no authority");
    let mut elsewhere = authority_params("Intermediate CA for others");
    elsewhere.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("other.test".into())],
        excluded_subtrees: Vec::new(),
    });
    let mut childless = authority_params("Intermediate CA for servers only");
    childless.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    for (chain, expected) in [
        (&[&no_authority][..], "tls-issuer-no-authority"),
        (&[&elsewhere], "tls-name-constraint"),
        (&[&childless, &between], "tls-path-too-long"),
    ] {
        assert_eq!(code(&authority, chained(&authority, chain)).await, expected);
    }
}

/// A certificate changed after signing, a key that is another's, and no certificate at all.
#[tokio::test]
async fn forged_certificates_have_their_own_codes() {
    let authority = Authority::new();
    let mut forged = authority.sign(&server_params(&[HOST]));
    let mut der = forged.chain[0].to_vec();
    // The last octets are the signature's; an earlier one is of the serial number.
    der[20] ^= 1;
    forged.chain = vec![CertificateDer::from(der)];
    assert_eq!(code(&authority, forged.server()).await, "tls-bad-signature");

    let mut stolen = authority.sign(&server_params(&[HOST]));
    stolen.key = KeyPair::generate().unwrap();
    assert_eq!(code(&authority, stolen.server()).await, "tls-bad-signature");

    let mut garbage = authority.sign(&server_params(&[HOST]));
    garbage.chain = vec![CertificateDer::from(vec![0x30, 3, 1, 2, 3])];
    assert_eq!(code(&authority, garbage.server()).await, "tls-bad-certificate");

    let mut none = authority.sign(&server_params(&[HOST]));
    none.chain.clear();
    assert_eq!(code(&authority, none.server()).await, "tls-no-certificate");
}

/// RFC 7285 §8.3.5 knows servers that ask for a certificate; we have none to show.
#[tokio::test]
async fn a_server_that_wants_ours_is_named() {
    let authority = Authority::new();
    let identity = authority.sign(&server_params(&[HOST]));
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.key.serialize_der());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(identity.chain, key.into())
        .unwrap();
    assert_eq!(code(&authority, tls).await, "tls-client-certificate");
}

/// A server whose first words are these.
async fn code_of_words(words: &'static [u8]) -> &'static str {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{HOST}:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 64];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(words).await.unwrap();
        // Until the client goes: a reset must not overtake the words.
        let _reset_or_end = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = read(&trusting(&authority, PRIVATE), get(&uri)).await.unwrap_err();
    server.await.unwrap();
    error.code()
}

/// What is no TLS, too old, or shares nothing with us.
#[tokio::test]
async fn other_protocols_have_their_own_codes() {
    let tls_1_1 = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\xc0\x13\x00";
    for (words, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "not-tls"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not-tls"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls-version"),
        (tls_1_1, "tls-version"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls-handshake"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "tls-protocol"),
        (b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00", "tls-protocol"),
    ] {
        assert_eq!(code_of_words(words).await, expected, "{words:?}");
    }
}

/// No HTTP/1.1 to be had: the only protocol we offer.
#[tokio::test]
async fn a_server_for_other_protocols_is_named() {
    let authority = Authority::new();
    let mut tls = authority.server(&[HOST]);
    tls.alpn_protocols = vec![b"h2".to_vec()];
    assert_eq!(code(&authority, tls).await, "tls-handshake");
}

/// An unusable file of authorities is the configuration's fault, told at once.
#[test]
fn a_bad_ca_file_is_a_config_error() {
    let authority = Authority::new();
    let mut files = vec![("/nonexistent/ca.pem".into(), "/nonexistent/ca.pem")];
    for content in ["", "no pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"]
    {
        let file = authority.file().with_extension(format!("{}.pem", content.len()));
        std::fs::write(&file, content).unwrap();
        files.push((file, ""));
    }
    for (file, told) in files {
        let config = FetchConfig { ca_file: Some(file.clone()), ..FetchConfig::default() };
        let error = Fetcher::new(&config, PRIVATE).unwrap_err().to_string();
        assert!(error.starts_with("fetch.ca_file: ") && error.contains(told), "{error}");
        let _absent = std::fs::remove_file(file);
    }
}
