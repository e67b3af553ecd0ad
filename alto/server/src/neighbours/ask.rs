//! Asking a neighbour: its directory, and its network map unless it is the one held.

use std::fmt;
use std::time::Duration;

use alto_discovery_core::{UriFault, Validity, resolve_uri};
use alto_fetch::{Body, BodyKind, Content, Error as FetchError, Fetcher, Request, Validators};
use alto_messages::{
    Directory, Fault as MessageFault, MediaType, NetworkMap, NetworkMapReader,
    RESPONSIBLE_DIRECTORY, ReadOptions, Resource, Service,
};
use url::Url;

use super::redirect::Services;
use super::word::{MOST_PREFIXES, TooMany};

/// What a neighbour says of itself.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) services: Services,
    pub(crate) map: Map,
    pub(crate) validity: Validity,
}

/// Its network map.
#[derive(Debug)]
pub(crate) enum Map {
    /// It was not asked for.
    Unasked,
    /// It is the version that is held.
    Same,
    /// Another one.
    New(Box<NetworkMap>, Option<Validators>),
}

/// Why it could not be learnt.
#[derive(Debug)]
pub(crate) enum Fault {
    Fetch(Box<FetchError>),
    /// What came from there is not what is due.
    Message(Url, Box<MessageFault>),
    /// A link that is no URI.
    Link(UriFault),
    /// A link from https to http.
    Downgrade(Url),
    /// The directory's default network map is not among its own resources.
    NoMap,
    /// More prefixes than are kept.
    TooMany(TooMany),
}

/// Asks the neighbour with this directory; for the map only if `map` is wanted, and only for a
/// version other than the one held.
pub(crate) async fn ask(
    fetcher: &Fetcher,
    uri: &Url,
    map: bool,
    held: Option<Validators>,
) -> Result<Said, Fault> {
    let accept = &[MediaType::Directory.as_str(), MediaType::Error.as_str()];
    let reply = fetcher.fetch(Request::get(uri.clone(), BodyKind::Directory, accept)).await?;
    let (base, validity) = (reply.uri, reply.freshness.validity);
    let Content::Body(mut body) = reply.content else { return Err(Fault::NoMap) };
    recognise(&base, &body, MediaType::Directory)?;
    let octets = body.read_all().await?;
    let directory = Directory::parse(&octets, &ReadOptions::default());
    let directory = directory.map_err(|fault| Fault::message(&base, fault))?.message;
    let services = Services::of_directory(&base, &directory)?;
    if !map {
        return Ok(Said { services, map: Map::Unasked, validity });
    }
    let (map, of_map) = network_map(fetcher, map_of(&base, &directory)?, held).await?;
    Ok(Said { services, map, validity: validity.and(of_map) })
}

async fn network_map(
    fetcher: &Fetcher,
    uri: Url,
    held: Option<Validators>,
) -> Result<(Map, Validity), Fault> {
    let accept = &[MediaType::NetworkMap.as_str(), MediaType::Error.as_str()];
    let request = Request { unless: held, ..Request::get(uri, BodyKind::Map, accept) };
    let reply = fetcher.fetch(request).await?;
    let (uri, freshness) = (reply.uri, reply.freshness);
    let Content::Body(mut body) = reply.content else {
        return Ok((Map::Same, freshness.validity));
    };
    recognise(&uri, &body, MediaType::NetworkMap)?;
    let mut reader = NetworkMapReader::new(&ReadOptions::default());
    while let Some(piece) = body.chunk().await? {
        reader.feed(&piece).map_err(|fault| Fault::message(&uri, fault))?;
    }
    let map = reader.finish().map_err(|fault| Fault::message(&uri, fault))?.message;
    Ok((Map::New(Box::new(map), freshness.validators), freshness.validity))
}

/// RFC 7285 §8.3.4.2: by its Content-Type, never by what the directory advertised.
fn recognise(uri: &Url, body: &Body, due: MediaType) -> Result<(), Fault> {
    let options = ReadOptions::default();
    let found = MediaType::of_body(body.content_type(), &[due], options.strictness);
    let found = found.map_err(|fault| Fault::message(uri, fault))?.message;
    if found == due { Ok(()) } else { Err(Fault::NoMap) }
}

/// The network map that the directory goes by.
fn map_of(base: &Url, directory: &Directory) -> Result<Url, Fault> {
    let (id, _) = directory.network_map().map_err(|fault| Fault::message(base, fault))?;
    let resource = directory.resources.get(id);
    let is_map = |resource: &&Resource| resource.service() == Some(Service::NetworkMap);
    link(base, resource.filter(is_map).ok_or(Fault::NoMap)?)
}

impl Services {
    /// The services by which a neighbour answers what others are sent there for.
    fn of_directory(base: &Url, directory: &Directory) -> Result<Self, Fault> {
        let first = |service, is_fit: fn(&Resource) -> bool| {
            let mut offered = directory.offering(service).map(|(_, resource)| resource);
            offered.find(|resource| is_fit(resource)).map(|found| link(base, found)).transpose()
        };
        let tells = |resource: &Resource| {
            let names = &resource.capabilities.prop_types;
            names.iter().any(|name| name.as_str() == RESPONSIBLE_DIRECTORY)
        };
        Ok(Self {
            endpoint_property: first(Service::EndpointProperty, tells)?,
            endpoint_cost: first(Service::EndpointCost, |_| true)?,
        })
    }
}

/// RFC 3986 §5, as strictly as any URI from the network; and no way out of TLS.
fn link(base: &Url, resource: &Resource) -> Result<Url, Fault> {
    let uri = resolve_uri(base, &resource.uri).map_err(Fault::Link)?;
    if base.scheme() == "https" && uri.scheme() != "https" {
        return Err(Fault::Downgrade(uri));
    }
    Ok(uri)
}

impl Fault {
    fn message(uri: &Url, fault: MessageFault) -> Self {
        Self::Message(uri.clone(), Box::new(fault))
    }

    /// How long the neighbour wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl From<FetchError> for Fault {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Message(uri, fault) => write!(f, "{uri}: {fault}"),
            Self::Link(fault) => write!(f, "a link of its directory: {fault}"),
            Self::Downgrade(uri) => write!(f, "its directory leads from https to {uri}"),
            Self::TooMany(TooMany) => {
                write!(f, "its map has more than {MOST_PREFIXES} prefixes where it is believed")
            }
            Self::NoMap => f.write_str("its directory has no network map to go by"),
        }
    }
}
