//! Reading URIs from the network: what RFC 3986 allows, and nothing that a parser would forgive.
//!
//! Where a URI may lead is another question, and [`Policy`](crate::Policy)'s.

use std::fmt;

use url::Url;

/// The longest URI we look at, in octets.
pub const MAX_URI_OCTETS: usize = 2_048;

/// Reads an absolute URI from the network (RFC 3986), strictly.
///
/// # Errors
/// If it is too long, has characters or percent-encodings that RFC 3986 does not know, user
/// information, a fragment, port 0, or (for schemes that name a host) no host.
pub fn parse_uri(text: &str) -> Result<Url, UriFault> {
    const NAME_HOSTS: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];
    if text.len() > MAX_URI_OCTETS {
        return Err(UriFault::TooLong);
    }
    check_characters(text.as_bytes())?;
    // For these the `url` crate forgives `https:host` and `https:///host`; RFC 3986 does not mean a
    // host there.
    let (scheme, rest) = text.split_once(':').ok_or(UriFault::NotAbsolute)?;
    let authority =
        rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
    let names_host = NAME_HOSTS.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    match authority {
        Some("") | None if names_host => return Err(UriFault::NoHost),
        Some(authority) if authority.contains('@') => return Err(UriFault::UserInformation),
        _ => {}
    }
    // RFC 3986 §3.2.2: square brackets stand around an address, and nowhere else.
    let behind = text.len() - rest.len() + authority.map_or(0, |authority| 2 + authority.len());
    if let Some(at) = text[behind..].find(['[', ']']) {
        return Err(UriFault::Character { at: behind + at });
    }
    let uri = Url::parse(text).map_err(|fault| match fault {
        url::ParseError::RelativeUrlWithoutBase => UriFault::NotAbsolute,
        url::ParseError::EmptyHost => UriFault::NoHost,
        other => UriFault::Syntax(other.to_string().into()),
    })?;
    // It decodes the host, whose characters are judged again.
    if check_characters(uri.as_str().as_bytes()).is_err() {
        return Err(UriFault::Syntax("its host has characters that no host has".into()));
    }
    if uri.domain().is_some_and(|host| host.split('.').rev().skip(1).any(str::is_empty)) {
        return Err(UriFault::Syntax("its host has an empty label".into()));
    }
    if uri.fragment().is_some() {
        return Err(UriFault::Fragment);
    }
    if uri.port() == Some(0) {
        return Err(UriFault::PortZero);
    }
    Ok(uri)
}

/// Reads a URI reference from the network against the URI it was found at (RFC 3986 §5), as
/// strictly as [`parse_uri`]. Directories and redirects hold such references.
///
/// # Errors
/// As [`parse_uri`], of the reference as it was written and of what it resolves to.
pub fn resolve_uri(base: &Url, reference: &str) -> Result<Url, UriFault> {
    if reference.len() > MAX_URI_OCTETS {
        return Err(UriFault::TooLong);
    }
    // RFC 3986 §4.2: a colon before any slash ends a scheme.
    if reference.find(['/', '?', '#', ':']).is_some_and(|at| reference[at..].starts_with(':')) {
        return parse_uri(reference);
    }
    if reference.starts_with("//") {
        return parse_uri(&format!("{}:{reference}", base.scheme()));
    }
    check_characters(reference.as_bytes())?;
    let resolved =
        base.join(reference).map_err(|fault| UriFault::Syntax(fault.to_string().into()))?;
    parse_uri(resolved.as_str())
}

/// Only what RFC 3986 §2 lists, and `%` only before two hex digits.
fn check_characters(text: &[u8]) -> Result<(), UriFault> {
    for (at, octet) in text.iter().enumerate() {
        let fine = match octet {
            b'%' => {
                text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            octet => octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(octet),
        };
        if !fine {
            return Err(UriFault::Character { at });
        }
    }
    Ok(())
}

/// Why a text is no URI we look at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriFault {
    /// Longer than [`MAX_URI_OCTETS`].
    TooLong,
    /// A character or percent-encoding outside RFC 3986.
    Character {
        /// Its offset in octets.
        at: usize,
    },
    /// No scheme.
    NotAbsolute,
    /// No host.
    NoHost,
    /// `user@` or `user:password@`.
    UserInformation,
    /// `#...`.
    Fragment,
    /// Port 0.
    PortZero,
    /// Anything else.
    Syntax(Box<str>),
}

impl fmt::Display for UriFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "URI longer than {MAX_URI_OCTETS} octets"),
            Self::Character { at } => write!(f, "octet {at} of the URI is outside RFC 3986"),
            Self::NotAbsolute => f.write_str("URI without a scheme"),
            Self::NoHost => f.write_str("URI without a host"),
            Self::UserInformation => f.write_str("URI with user information"),
            Self::Fragment => f.write_str("URI with a fragment"),
            Self::PortZero => f.write_str("URI with port 0"),
            Self::Syntax(fault) => write!(f, "no URI: {fault}"),
        }
    }
}

impl std::error::Error for UriFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_clean_uri_is_refused() {
        for text in [
            "",
            "a.example/ird",
            "https://a b/",
            "https:///ird",
            "https:a.example",
            "https://u@a.example/",
            "https://u:p@a.example/",
            "https://@a.example/",
            "https://a.example/#f",
            "https://a.example:0/",
            "https://a.example:65536/",
            "https://a.example/%zz",
            "https://a.example/%4",
            "https://a.example/\u{7f}",
            "https://ä.example/",
            "https://a.example/\\x",
            "https://a.example/<x>",
            "https://[::1/",
            "//a.example/",
        ] {
            assert!(parse_uri(text).is_err(), "{text}");
        }
        assert_eq!(
            parse_uri(&format!("https://a.example/{}", "x".repeat(2_040))),
            Err(UriFault::TooLong)
        );
        for text in [
            "https://a.example/ird",
            "HTTPS://a.example:4802/?c=ex",
            "mailto:x@a.example",
            "sip:a.example",
        ] {
            assert!(parse_uri(text).is_ok(), "{text}");
        }
    }

    /// RFC 3986 §5.4's shapes; what is refused as an absolute URI is refused as a reference.
    #[test]
    fn references_are_resolved_strictly() {
        let base = parse_uri("https://a.example:4802/b/c?q").unwrap();
        for (reference, resolved) in [
            ("d", "https://a.example:4802/b/d"),
            ("/d?x=1:2", "https://a.example:4802/d?x=1:2"),
            ("../../d", "https://a.example:4802/d"),
            ("?y", "https://a.example:4802/b/c?y"),
            ("", "https://a.example:4802/b/c?q"),
            ("//b.example/d", "https://b.example/d"),
            ("http://b.example", "http://b.example/"),
        ] {
            assert_eq!(
                resolve_uri(&base, reference).map(String::from),
                Ok(resolved.into()),
                "{reference}"
            );
        }
        for reference in [
            "https:d",
            "///b.example/",
            "//u@b.example/",
            "//@b.example/",
            "//",
            "#f",
            "/d#f",
            "/a b",
            "\\\\b.example/",
            "/\t/b.example",
            "/\u{e4}",
        ] {
            assert!(resolve_uri(&base, reference).is_err(), "{reference}");
        }
        let long = format!("/{}", "x".repeat(2_040));
        assert_eq!(resolve_uri(&base, &long), Err(UriFault::TooLong));
    }

    /// RFC 3986 §3.2.2: what a host's percent-encodings hide is judged as well, so that what was
    /// read and written can be read again. Found by fuzzing.
    #[test]
    fn a_host_hides_no_characters() {
        for uri in ["http://%22a.example/", "https://a%60.example/", "https://%7Ba%7D.example/"] {
            assert!(matches!(parse_uri(uri), Err(UriFault::Syntax(_))), "{uri}");
        }
        assert_eq!(parse_uri("https://%61.example/").unwrap().as_str(), "https://a.example/");
    }

    /// RFC 3986 §3: without `//` there is no host and no user information, whatever the scheme.
    /// Found by fuzzing.
    #[test]
    fn brackets_and_dots_have_their_places() {
        for text in ["https://a.example/[b]", "https://a.example/?a[b]=c", "urn:[a]"] {
            assert!(matches!(parse_uri(text), Err(UriFault::Character { .. })), "{text}");
        }
        for text in ["https://a..example/", "https://.example/"] {
            assert!(parse_uri(text).is_err(), "{text}");
        }
        let resolved = resolve_uri(&parse_uri("https://a.example/").unwrap(), "b[0]");
        assert!(matches!(resolved, Err(UriFault::Character { .. })));
        for text in ["https://[2001:db8::1]:8443/ird", "https://a.example./", "https://a.example/"]
        {
            assert!(parse_uri(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn no_scheme_has_its_slashes_forgiven() {
        for scheme in ["http", "https", "ws", "WSS", "ftp"] {
            for rest in ["user=@a.example", "a.example", "/a.example", "///a.example"] {
                let uri = format!("{scheme}:{rest}");
                assert_eq!(parse_uri(&uri), Err(UriFault::NoHost), "{uri}");
            }
        }
    }
}
