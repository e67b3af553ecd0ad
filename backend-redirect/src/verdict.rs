//! What a reply means: where to ask next, who speaks for a peer, or why it is refused. Pure.

use std::fmt;

use alto_discovery_core::{self as core, Policy, UriFault, parse_uri, resolve_uri};
use alto_fetch::{Hops, RedirectFault};
use alto_messages::{
    Directory, EndpointProperties, ErrorBody, Fault, MediaType, RESPONSIBLE_DIRECTORY, ReadOptions,
    Resource, Service, Strictness,
};
use url::Url;

use crate::request::Question;

/// Of the directories that a directory lists, no more are looked at.
const MOST_DIRECTORIES: usize = 10;

/// A body as it came from `uri`.
#[derive(Clone, Copy, Debug)]
pub struct Came<'r> {
    /// Where it came from, after redirects: the base of relative URIs in it (RFC 3986 §5.1.3).
    pub uri: &'r Url,
    /// Its `Content-Type`.
    pub content_type: Option<&'r str>,
    /// The octets.
    pub body: &'r [u8],
}

/// What a directory leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The resource that tells who speaks for an endpoint.
    Properties(Url),
    /// Further directories, which may list such a resource (RFC 7285 §9.2.4).
    Directories(Vec<Url>),
    /// Neither.
    Nothing,
}

/// What came in reply to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Properties of endpoints.
    Values(EndpointProperties),
    /// A directory in their place: ask there (RFC 7285 §8.3.4.2).
    Elsewhere(Offer),
}

/// Who speaks for a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The server that was asked, under the name of this URI.
    Itself(Url),
    /// The server with this directory, says the one that was asked.
    Another(Url),
    /// The server that was asked does not know.
    Nobody,
}

/// Reads the reply to a request for a directory.
///
/// # Errors
/// If it is none, or leads nowhere we go.
pub fn directory(came: Came<'_>) -> Result<Offer, Refusal> {
    recognise(came, &[MediaType::Directory])?;
    offer(came)
}

/// Reads the reply to a question.
///
/// # Errors
/// If it is neither properties nor a directory, or a directory that leads nowhere we go.
pub fn properties(came: Came<'_>) -> Result<Said, Refusal> {
    let expected = [MediaType::EndpointProperties, MediaType::Directory];
    if recognise(came, &expected)? == MediaType::Directory {
        return Ok(Said::Elsewhere(offer(came)?));
    }
    let read = EndpointProperties::parse(came.body, &ReadOptions::lenient())?;
    Ok(Said::Values(read.message))
}

/// Who speaks for the peer of `question`, by what the server at `asked` said. It goes by the names
/// `own`; a URI that leads elsewhere must be one that may be contacted.
///
/// What is said of endpoints that were not asked about does not count.
///
/// # Errors
/// If it names what is no URI, or what may not be contacted.
pub fn named(
    values: &EndpointProperties,
    question: &Question,
    asked: &Url,
    own: &[Url],
    policy: Policy,
) -> Result<Named, Refusal> {
    let Some(text) = values.get(question.address, RESPONSIBLE_DIRECTORY) else {
        return Ok(Named::Nobody);
    };
    let uri = parse_uri(text).map_err(Refusal::Uri)?;
    if is_one_of(&uri, own) {
        return Ok(Named::Itself(uri));
    }
    no_downgrade(asked, &uri)?;
    policy.check_uri(&uri).map_err(Refusal::Policy)?;
    Ok(Named::Another(uri))
}

/// Whether `uri` is among `own`, in whatever spelling.
pub(crate) fn is_one_of(uri: &Url, own: &[Url]) -> bool {
    let mut names = Hops::new(1);
    for name in own {
        names.visit(name);
    }
    names.follow(uri) == Err(RedirectFault::Loop)
}

fn no_downgrade(from: &Url, to: &Url) -> Result<(), Refusal> {
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Refusal::Redirect(RedirectFault::Downgrade));
    }
    Ok(())
}

/// Which of the `expected` the body is, by its Content-Type alone (RFC 7285 §8.3.4.2).
fn recognise(came: Came<'_>, expected: &[MediaType]) -> Result<MediaType, Refusal> {
    let found = MediaType::of_body(came.content_type, expected, Strictness::Strict)?.message;
    if found == MediaType::Error {
        let error = ErrorBody::parse(came.body, &ReadOptions::lenient())?;
        return Err(Refusal::ErrorBody(error.message));
    }
    Ok(found)
}

/// A resource that has the property, or else further directories. Entries that cannot be used are
/// somebody else's trouble.
fn offer(came: Came<'_>) -> Result<Offer, Refusal> {
    let directory = Directory::parse(came.body, &ReadOptions::lenient())?.message;
    let has_property = |resource: &Resource| {
        let offered = &resource.capabilities.prop_types;
        offered.iter().any(|property| property.as_str() == RESPONSIBLE_DIRECTORY)
    };
    let mut services = directory.offering(Service::EndpointProperty);
    if let Some((_, resource)) = services.find(|(_, resource)| has_property(resource)) {
        return Ok(Offer::Properties(link(came.uri, resource)?));
    }
    let links = directory.offering(Service::Directory).take(MOST_DIRECTORIES);
    let (usable, unusable): (Vec<_>, Vec<_>) =
        links.map(|(_, resource)| link(came.uri, resource)).partition(Result::is_ok);
    let usable: Vec<Url> = usable.into_iter().flatten().collect();
    match unusable.into_iter().find_map(Result::err) {
        Some(refusal) if usable.is_empty() => Err(refusal),
        _ if usable.is_empty() => Ok(Offer::Nothing),
        _ => Ok(Offer::Directories(usable)),
    }
}

fn link(base: &Url, resource: &Resource) -> Result<Url, Refusal> {
    let uri = resolve_uri(base, &resource.uri).map_err(Refusal::Uri)?;
    no_downgrade(base, &uri)?;
    Ok(uri)
}

/// Why a reply is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not the message that was asked for.
    Message(Fault),
    /// It is an error body with a status of success (RFC 7285 §8.5).
    ErrorBody(ErrorBody),
    /// It leads to what is no URI we look at.
    Uri(UriFault),
    /// It leads to where we do not go.
    Policy(core::Refusal),
    /// It leads back, too far, or out of TLS.
    Redirect(RedirectFault),
}

impl Refusal {
    /// A short stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Message(fault) => fault.code(),
            Self::ErrorBody(_) => "error-body",
            Self::Uri(_) => "bad-uri",
            Self::Policy(_) => core::code::POLICY,
            Self::Redirect(fault) => fault.code(),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Message(fault)
    }
}

impl From<RedirectFault> for Refusal {
    fn from(fault: RedirectFault) -> Self {
        Self::Redirect(fault)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(fault) => fault.fmt(f),
            Self::ErrorBody(error) => write!(f, "an error: {error}"),
            Self::Uri(fault) => fault.fmt(f),
            Self::Policy(refusal) => refusal.fmt(f),
            Self::Redirect(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: &str = "application/alto-directory+json";
    const PROPERTIES: &str = "application/alto-endpointprop+json";

    fn uri(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn came<'r>(uri: &'r Url, content_type: &'r str, body: &'r str) -> Came<'r> {
        Came { uri, content_type: Some(content_type), body: body.as_bytes() }
    }

    fn offered(resources: &str) -> Result<Offer, Refusal> {
        let base = uri("https://a.example:8443/ird/root");
        let body = format!(r#"{{"meta": {{}}, "resources": {{{resources}}}}}"#);
        directory(came(&base, DIRECTORY, &body))
    }

    fn service(uri: &str, property: &str) -> String {
        format!(
            r#""eps": {{"uri": "{uri}", "media-type": "{PROPERTIES}",
            "accepts": "application/alto-endpointpropparams+json",
            "capabilities": {{"prop-types": ["{property}"]}}}}"#
        )
    }

    /// RFC 7285 §9: relative links count from where the directory came from; of several services the
    /// one with the property counts; further directories only without one.
    #[test]
    fn directories_lead_to_the_property() {
        let further = format!(r#""sub": {{"uri": "sub", "media-type": "{DIRECTORY}"}}"#);
        let ours = service("../eps", RESPONSIBLE_DIRECTORY);
        let other = service("/other", "priv:other").replace(r#""eps""#, r#""a-eps""#);
        let found = Offer::Properties(uri("https://a.example:8443/eps"));
        assert_eq!(offered(&[&*further, &other, &ours].join(",")), Ok(found));
        let more = Offer::Directories(vec![uri("https://a.example:8443/ird/sub")]);
        assert_eq!(offered(&[&*further, &other].join(",")), Ok(more));
        assert_eq!(offered(&other), Ok(Offer::Nothing));
    }

    /// A link that may not be followed is refused; an unusable directory beside a usable one is not.
    #[test]
    fn links_are_judged() {
        for (to, code) in [
            ("http://a.example/eps", "redirect-downgrade"),
            ("https://u:p@a.example/eps", "bad-uri"),
            ("https:eps", "bad-uri"),
        ] {
            let refusal = offered(&service(to, RESPONSIBLE_DIRECTORY)).unwrap_err();
            assert_eq!(refusal.code(), code, "{to}");
        }
        let entry = |id: &str, to: &str| {
            format!(r#""{id}": {{"uri": "{to}", "media-type": "{DIRECTORY}"}}"#)
        };
        let (bad, good) = (entry("a", "http://b.example/"), entry("b", "https://b.example/"));
        assert!(offered(&bad).is_err());
        let more = Offer::Directories(vec![uri("https://b.example/")]);
        assert_eq!(offered(&[bad, good].join(",")), Ok(more));
    }

    /// RFC 7285 §8.3.4.2: the Content-Type decides what a reply is, never what was asked for.
    #[test]
    fn the_content_type_decides() {
        let base = uri("https://a.example/eps");
        let values = r#"{"meta": {"dependent-vtags": []}, "endpoint-properties": {}}"#;
        assert!(matches!(properties(came(&base, PROPERTIES, values)), Ok(Said::Values(_))));
        let elsewhere = format!(
            r#"{{"resources": {{{}}}}}"#,
            service("https://b.example/eps", RESPONSIBLE_DIRECTORY)
        );
        let offer = Offer::Properties(uri("https://b.example/eps"));
        assert_eq!(properties(came(&base, DIRECTORY, &elsewhere)), Ok(Said::Elsewhere(offer)));
        for (content_type, body, code) in [
            (DIRECTORY, values, "missing-field"),
            (PROPERTIES, &*elsewhere, "missing-field"),
            ("application/json", values, "generic-media-type"),
            ("text/html", values, "media-type"),
            ("application/alto-error+json", r#"{"meta": {"code": "E_SYNTAX"}}"#, "error-body"),
            (PROPERTIES, "<html>", "syntax"),
        ] {
            let refusal = properties(came(&base, content_type, body)).unwrap_err();
            assert_eq!(refusal.code(), code, "{content_type} {body}");
        }
    }

    fn judged(value: &str) -> Result<Named, Refusal> {
        let question = Question { address: "ipv4:198.51.100.3".parse().unwrap(), id: None };
        let mut values = EndpointProperties::default();
        let property = RESPONSIBLE_DIRECTORY.parse().unwrap();
        let entry = [(property, value.to_owned())].into_iter().collect();
        values.endpoints.insert(question.address, entry);
        let own = [uri("https://a.example/ird"), uri("https://alias.example/ird")];
        named(&values, &question, &uri("https://a.example/eps"), &own, Policy::default())
    }

    /// A server names itself by any of its URIs, in any spelling.
    #[test]
    fn own_names_and_others() {
        for own in
            ["https://a.example/ird", "HTTPS://A.example:443/%69rd", "https://alias.example/ird"]
        {
            assert!(matches!(judged(own), Ok(Named::Itself(_))), "{own}");
        }
        for other in ["https://a.example/", "https://a.example:8443/ird", "https://b.example/ird"] {
            assert_eq!(judged(other), Ok(Named::Another(uri(other))), "{other}");
        }
    }

    /// What a value leads to is judged like any URI from the network.
    #[test]
    fn values_are_judged() {
        for (value, code) in [
            ("", "bad-uri"),
            ("b.example/ird", "bad-uri"),
            ("/ird", "bad-uri"),
            ("https://u:p@b.example/ird", "bad-uri"),
            ("https://b.example/ird#part", "bad-uri"),
            ("http://b.example/ird", "redirect-downgrade"),
            ("ftp://b.example/ird", "redirect-downgrade"),
            ("https://b.example:22/ird", "refused-by-policy"),
            ("https://2130706433/ird", "refused-by-policy"),
            ("https://[::ffff:10.0.0.1]/ird", "refused-by-policy"),
        ] {
            assert_eq!(judged(value).unwrap_err().code(), code, "{value}");
        }
    }

    /// What is said of others does not count.
    #[test]
    fn only_who_was_asked_about_counts() {
        let body = r#"{"meta": {"dependent-vtags": []}, "endpoint-properties":
            {"ipv4:198.51.100.4": {"priv:3pdisc-ird": "https://b.example/ird"},
             "ipv4:198.51.100.3": {"priv:other": "https://c.example/ird"}}}"#;
        let at = uri("https://a.example/eps");
        let Ok(Said::Values(values)) = properties(came(&at, PROPERTIES, body)) else { panic!() };
        let question = Question { address: "ipv4:198.51.100.3".parse().unwrap(), id: None };
        let judged = named(&values, &question, &at, &[], Policy::default());
        assert_eq!(judged, Ok(Named::Nobody));
    }
}
