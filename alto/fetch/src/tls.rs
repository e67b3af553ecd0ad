//! Trust in servers: the TLS configuration, and a name for each way in which trust fails.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use alto_discovery_core::Error;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage,
    OtherError, PeerIncompatible, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

/// The configuration for all connections: TLS 1.2 and 1.3, HTTP/1.1, no key log, no client
/// certificate; authorities from `ca_file` if given, else the system's. Files are read here only.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    // Our own provider: the process-wide one belongs to the host program.
    let provider = Arc::new(ring::default_provider());
    let unusable = |fault: rustls::Error| Error::config("fetch.ca_file", fault.to_string());
    let inner: Arc<dyn ServerCertVerifier> = match ca_file {
        Some(path) => file_verifier(path, Arc::clone(&provider))?,
        None => Arc::new(Verifier::new(Arc::clone(&provider)).map_err(unusable)?),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Named { inner }))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Trusts the authorities in a PEM file and no others.
fn file_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let unusable =
        |fault: String| Error::config("fetch.ca_file", format!("{}: {fault}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|fault| unusable(fault.to_string()))?
    {
        let certificate = certificate.map_err(|fault| unusable(fault.to_string()))?;
        roots.add(certificate).map_err(|fault| unusable(fault.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("no certificate in it".into()));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
    verifier.build().map(|built| built as _).map_err(|fault| unusable(fault.to_string()))
}

/// Verifies as `inner` does, but tells a self-signed certificate from one by an unknown issuer.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verdict.map_err(|fault| match fault {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
                if is_self_signed(end_entity) =>
            {
                CertificateError::Other(OtherError(Arc::new(SelfSigned))).into()
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

/// The certificate's issuer is its subject, and it is not trusted itself.
#[derive(Debug)]
struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("issued by its own subject")
    }
}

impl StdError for SelfSigned {}

/// Why there is no trusted TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFault {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate vouches for itself.
    SelfSigned,
    /// No trusted authority vouches for the certificate.
    UnknownIssuer,
    /// The certificate is another host's (RFC 9110 §4.3.4).
    WrongName,
    /// The certificate is not meant for servers.
    WrongUsage,
    /// An authority's certificate is used as a server's.
    AuthorityAsServer,
    /// A certificate that is no authority's issued another.
    IssuerIsNoAuthority,
    /// The chain is longer than an authority in it allows.
    PathTooLong,
    /// The certificate's name is outside what its authority may vouch for.
    NameConstraint,
    /// The certificate says something critical that we do not understand.
    CriticalExtension,
    /// A signature does not fit.
    BadSignature,
    /// Signed with an algorithm that we do not trust.
    Algorithm,
    /// The certificate cannot be read, or is older than X.509 version 3.
    BadCertificate,
    /// The certificate was revoked.
    Revoked,
    /// The server showed no certificate.
    NoCertificate,
    /// The server wants a certificate from us (RFC 7285 §8.3.5).
    WantsOurs,
    /// No protocol version in common: older than TLS 1.2.
    Version,
    /// No cipher, group or application protocol in common, or the server refused the handshake.
    Handshake,
    /// The server speaks something else than TLS.
    NotTls,
    /// The server broke the protocol.
    Protocol,
}

impl TlsFault {
    /// What a fault of the TLS library amounts to.
    pub(crate) fn of(fault: &rustls::Error) -> Self {
        use rustls::Error as E;
        match fault {
            E::InvalidCertificate(fault) => Self::of_certificate(fault),
            E::NoCertificatesPresented => Self::NoCertificate,
            E::AlertReceived(alert) => Self::of_alert(*alert),
            E::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => Self::Version,
            E::PeerIncompatible(_) | E::NoApplicationProtocol => Self::Handshake,
            E::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            _ => Self::Protocol,
        }
    }

    fn of_certificate(fault: &CertificateError) -> Self {
        use CertificateError as C;
        match fault {
            C::Expired | C::ExpiredContext { .. } => Self::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => Self::NotYetValid,
            C::UnknownIssuer => Self::UnknownIssuer,
            C::NotValidForName | C::NotValidForNameContext { .. } => Self::WrongName,
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => Self::WrongUsage,
            C::BadSignature => Self::BadSignature,
            C::UnsupportedSignatureAlgorithmContext { .. }
            | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::Algorithm,
            C::UnhandledCriticalExtension => Self::CriticalExtension,
            C::Revoked => Self::Revoked,
            C::Other(other) if other.0.is::<SelfSigned>() => Self::SelfSigned,
            C::Other(other) => {
                other.0.downcast_ref().map_or(Self::BadCertificate, Self::of_path_building)
            }
            _ => Self::BadCertificate,
        }
    }

    fn of_path_building(fault: &webpki::Error) -> Self {
        use webpki::Error as W;
        match fault {
            W::CaUsedAsEndEntity => Self::AuthorityAsServer,
            W::EndEntityUsedAsCa => Self::IssuerIsNoAuthority,
            W::PathLenConstraintViolated | W::MaximumPathDepthExceeded => Self::PathTooLong,
            W::NameConstraintViolation => Self::NameConstraint,
            W::UnsupportedCriticalExtension => Self::CriticalExtension,
            W::SignatureAlgorithmMismatch => Self::Algorithm,
            _ => Self::BadCertificate,
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::ProtocolVersion => Self::Version,
            AlertDescription::CertificateRequired => Self::WantsOurs,
            AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity
            | AlertDescription::UnrecognisedName
            | AlertDescription::NoApplicationProtocol => Self::Handshake,
            _ => Self::Protocol,
        }
    }

    /// A short stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Expired => "tls-expired",
            Self::NotYetValid => "tls-not-yet-valid",
            Self::SelfSigned => "tls-self-signed",
            Self::UnknownIssuer => "tls-unknown-issuer",
            Self::WrongName => "tls-wrong-name",
            Self::WrongUsage => "tls-wrong-usage",
            Self::AuthorityAsServer => "tls-authority-as-server",
            Self::IssuerIsNoAuthority => "tls-issuer-no-authority",
            Self::PathTooLong => "tls-path-too-long",
            Self::NameConstraint => "tls-name-constraint",
            Self::CriticalExtension => "tls-critical-extension",
            Self::BadSignature => "tls-bad-signature",
            Self::Algorithm => "tls-algorithm",
            Self::BadCertificate => "tls-bad-certificate",
            Self::Revoked => "tls-revoked",
            Self::NoCertificate => "tls-no-certificate",
            Self::WantsOurs => "tls-client-certificate",
            Self::Version => "tls-version",
            Self::Handshake => "tls-handshake",
            Self::NotTls => "not-tls",
            Self::Protocol => "tls-protocol",
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the server's certificate has expired",
            Self::NotYetValid => "the server's certificate is not valid yet",
            Self::SelfSigned => "the server's certificate is self-signed",
            Self::UnknownIssuer => "the server's certificate is by an unknown issuer",
            Self::WrongName => "the server's certificate names another host",
            Self::WrongUsage => "the server's certificate is not for servers",
            Self::AuthorityAsServer => "the server shows an authority's certificate as its own",
            Self::IssuerIsNoAuthority => "the server's certificate is issued by no authority",
            Self::PathTooLong => "the server's certificate chain is too long",
            Self::NameConstraint => "the authority may not vouch for this host",
            Self::CriticalExtension => "the server's certificate has an unknown critical extension",
            Self::BadSignature => "a signature is wrong",
            Self::Algorithm => "signed with an algorithm that is not trusted",
            Self::BadCertificate => "the server's certificate cannot be read",
            Self::Revoked => "the server's certificate was revoked",
            Self::NoCertificate => "the server shows no certificate",
            Self::WantsOurs => "the server wants a client certificate",
            Self::Version => "the server speaks no TLS as new as 1.2",
            Self::Handshake => "no TLS parameters in common with the server",
            Self::NotTls => "the server speaks no TLS",
            Self::Protocol => "the server breaks the TLS protocol",
        })
    }
}
