//! Vets the URI that a peer sent. Pure.

use std::fmt;

use alto_discovery_core::{Policy, Refusal, UriFault, parse_uri};
use url::Url;

/// A server's URI that may be contacted, as far as can be told without resolving its host.
///
/// # Errors
/// If it is no clean URI (see [`parse_uri`]), or not one that the policy lets anybody contact: https,
/// a port that may be, no denied address in any spelling.
pub fn vet(octets: &[u8], policy: Policy) -> Result<Url, Why> {
    let text = std::str::from_utf8(octets).map_err(|_| Why::NotText)?;
    let uri = parse_uri(text).map_err(Why::Uri)?;
    policy.check_uri(&uri).map_err(Why::Policy)?;
    Ok(uri)
}

/// Why a URI is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Not even text.
    NotText,
    /// No URI we look at.
    Uri(UriFault),
    /// A server that may not be contacted.
    Policy(Refusal),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not text"),
            Self::Uri(fault) => fault.fmt(f),
            Self::Policy(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for Why {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Syntax, scheme, port and literal addresses are judged before anybody is contacted.
    #[test]
    fn what_is_refused() {
        for octets in [
            &b""[..],
            b"\xff\xfe",
            b"alto.example",
            b"http://alto.example/",
            b"ftp://alto.example/",
            b"https://alto.example:22/",
            b"https://u:p@alto.example/",
            b"https://alto.example/#f",
            b"https://127.0.0.1/",
            b"https://2130706433/",
            b"https://[::ffff:10.0.0.1]/",
        ] {
            assert!(vet(octets, Policy::default()).is_err(), "{}", octets.escape_ascii());
        }
        let fine = vet(b"https://alto.example:8443/directory", Policy::default()).unwrap();
        assert_eq!(fine.as_str(), "https://alto.example:8443/directory");
    }
}
