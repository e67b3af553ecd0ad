//! What a directory or a map holds, in numbers.

use alto_fetch::{Body, BodyKind, Content, Fault as FetchFault, Request};
use alto_messages::{
    CostMap, CostMapReader, Directory, Fault as MessageFault, MediaType, NetworkMap,
    NetworkMapReader, Parsed, ReadOptions, code,
};
use url::Url;

use crate::error::{Error, Fault, Warning};
use crate::load::Loader;
use crate::resource::{Got, Reader, Whole};
use crate::server_table::{Maps, ServerTable};

/// What a directory with its maps, or one map, holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What the URI led to: a directory, a network map or a cost map.
    pub kind: MediaType,
    /// PIDs of the network map, or those that a cost map names.
    pub pids: usize,
    /// Prefixes of the network map.
    pub prefixes: usize,
    /// Pairs that have a cost.
    pub costs: usize,
    /// The version of the network map, or the one that a cost map depends on.
    pub tag: Option<String>,
    /// What was forgiven, or is worth knowing.
    pub warnings: Vec<Warning>,
}

/// What may come.
const EXPECTED: [MediaType; 3] = [MediaType::Directory, MediaType::NetworkMap, MediaType::CostMap];

const ACCEPT: [&str; 4] = [
    MediaType::Directory.as_str(),
    MediaType::NetworkMap.as_str(),
    MediaType::CostMap.as_str(),
    MediaType::Error.as_str(),
];

/// Fetches what is at `uri` and sums it up; of a directory its maps.
pub(crate) async fn fetch(loader: &Loader, uri: &Url) -> Result<Summary, Error> {
    let reader = &loader.reader;
    let reply = reader.fetcher.fetch(Request::get(uri.clone(), BodyKind::Map, &ACCEPT)).await?;
    let at = reply.uri;
    let Content::Body(mut body) = reply.content else {
        let fault = FetchFault::Broken("status 304 to a request without conditions".into());
        return Err(Error::new(&at, Fault::Fetch(fault)));
    };
    let (kind, mut warnings) = reader.recognise(&at, &mut body, &EXPECTED).await?;
    let is_generic = warnings.iter().any(|warning| warning.code == code::GENERIC_MEDIA_TYPE);
    let found = if is_generic {
        guess(&body.read_all().await?, &reader.options).map_err(|fault| Error::new(&at, fault))?
    } else {
        read(kind, reader, &at, &mut body).await?
    };
    drop(body); // its place is needed for what a directory links to
    warnings.extend(found.warnings().iter().map(|warning| Warning::new(&at, warning)));
    let (message, freshness) = match found {
        Found::Directory(parsed) => (parsed.message, reply.freshness),
        Found::NetworkMap(parsed) => return Ok(Summary::of_network_map(&parsed.message, warnings)),
        Found::CostMap(parsed) => return Ok(Summary::of_cost_map(&parsed.message, warnings)),
    };
    let root = Got { message, uri: at, freshness, warnings };
    Ok(Summary::of_table(&loader.load_from(uri, root, None).await?.table))
}

/// What came.
#[derive(Debug)]
enum Found {
    Directory(Parsed<Directory>),
    NetworkMap(Parsed<NetworkMap>),
    CostMap(Parsed<CostMap>),
}

async fn read(kind: MediaType, reader: &Reader, at: &Url, body: &mut Body) -> Result<Found, Error> {
    Ok(match kind {
        MediaType::NetworkMap => {
            Found::NetworkMap(reader.read::<NetworkMapReader>(at, body).await?)
        }
        MediaType::CostMap => Found::CostMap(reader.read::<CostMapReader>(at, body).await?),
        _ => Found::Directory(reader.read::<Whole<Directory>>(at, body).await?),
    })
}

/// What a body is that does not say what it is: what it can be read as; if it is nothing, the fault
/// of what it has the member of.
fn guess(octets: &[u8], options: &ReadOptions) -> Result<Found, MessageFault> {
    let network_map = NetworkMap::parse(octets, options).map(Found::NetworkMap);
    let cost_map = || CostMap::parse(octets, options).map(Found::CostMap);
    let directory = || Directory::parse(octets, options).map(Found::Directory);
    let has = |member: &[u8]| octets.windows(member.len()).any(|window| window == member);
    match network_map {
        Err(fault) if has(b"\"network-map\"") => cost_map().or_else(|_| directory()).or(Err(fault)),
        Err(_) => match cost_map() {
            Err(fault) if has(b"\"cost-map\"") => directory().or(Err(fault)),
            Err(_) => directory(),
            found => found,
        },
        found => found,
    }
}

impl Found {
    fn warnings(&self) -> &[alto_messages::Warning] {
        match self {
            Self::Directory(parsed) => &parsed.warnings,
            Self::NetworkMap(parsed) => &parsed.warnings,
            Self::CostMap(parsed) => &parsed.warnings,
        }
    }
}

impl Summary {
    fn of_network_map(map: &NetworkMap, warnings: Vec<Warning>) -> Self {
        Self {
            kind: MediaType::NetworkMap,
            pids: map.pids().len(),
            prefixes: map.prefix_count(),
            costs: 0,
            tag: map.vtag.as_ref().map(|vtag| vtag.tag.to_string()),
            warnings,
        }
    }

    fn of_cost_map(map: &CostMap, warnings: Vec<Warning>) -> Self {
        Self {
            kind: MediaType::CostMap,
            pids: map.pids().len(),
            prefixes: 0,
            costs: map.cost_count(),
            tag: map.dependent_vtags.first().map(|vtag| vtag.tag.to_string()),
            warnings,
        }
    }

    fn of_table(table: &ServerTable) -> Self {
        let maps = table.maps();
        Self {
            kind: MediaType::Directory,
            pids: maps.map_or(0, Maps::pids),
            prefixes: maps.map_or(0, Maps::prefixes),
            costs: maps.map_or(0, |maps| maps.table().costs().cells()),
            tag: maps.and_then(|maps| maps.vtag()).map(|vtag| vtag.tag.to_string()),
            warnings: table.warnings().to_vec(),
        }
    }
}
