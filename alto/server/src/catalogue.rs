//! What is offered, with all bodies that don't depend on the request written once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alto_messages::{MediaType, NameFault};
use bytes::Bytes;

use crate::maps::{Maps, fingerprint};
use crate::neighbours::Neighbours;
use crate::offer::{DIRECTORY, NETWORK_MAP, cost_map_path, directory};

/// Maps, ready to be asked for.
#[derive(Clone, Debug)]
pub struct Catalogue {
    maps: Arc<Maps>,
    max_age: Duration,
    stored: BTreeMap<String, Stored>,
    neighbours: Option<Arc<Neighbours>>,
}

/// A resource that is fetched by GET.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) media_type: MediaType,
    /// A hash of the body, in quotes: changes with the content only.
    pub(crate) etag: String,
    pub(crate) body: Bytes,
}

impl Stored {
    fn new(media_type: MediaType, body: Vec<u8>) -> Self {
        Self { media_type, etag: format!("\"{}\"", fingerprint(&body)), body: body.into() }
    }
}

impl Catalogue {
    /// A catalogue of these maps; clients may keep what they get for `max_age` without asking.
    ///
    /// # Errors
    /// If a metric is too long to be part of a resource's name.
    pub fn new(maps: Arc<Maps>, max_age: Duration) -> Result<Self, NameFault> {
        Self::with_neighbours(maps, None, max_age)
    }

    /// The same, of a server that knows who speaks for others' endpoints.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_neighbours(
        maps: Arc<Maps>,
        neighbours: Option<Arc<Neighbours>>,
        max_age: Duration,
    ) -> Result<Self, NameFault> {
        let directory = directory(&maps, neighbours.is_some())?;
        let mut stored = BTreeMap::from([
            (DIRECTORY.into(), Stored::new(MediaType::Directory, directory.to_json())),
            (NETWORK_MAP.into(), Stored::new(MediaType::NetworkMap, maps.network().to_json())),
        ]);
        for map in maps.costs() {
            stored.insert(cost_map_path(map), Stored::new(MediaType::CostMap, map.to_json()));
        }
        Ok(Self { maps, max_age, stored, neighbours })
    }

    /// What it is made of.
    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    pub(crate) fn neighbours(&self) -> Option<&Arc<Neighbours>> {
        self.neighbours.as_ref()
    }

    pub(crate) fn max_age(&self) -> Duration {
        self.max_age
    }

    pub(crate) fn stored(&self, path: &str) -> Option<&Stored> {
        self.stored.get(path)
    }
}
