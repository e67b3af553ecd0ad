//! What has been learnt of one neighbour.

use std::sync::Arc;

use alto_fetch::Validators;
use tokio::time::Instant;

use super::ask::{Fault, Map, Said};
use super::file::Entry;
use super::prefix_table::PrefixTable;
use super::redirect::Services;
use super::refresh::Refresh;
use super::territory::Word;
use super::word::{Heard, hear};
use crate::server::Notice;

/// What a neighbour has said, and when it is to be asked again.
#[derive(Clone, Debug)]
pub(crate) struct Learnt {
    /// What its map says; `None` if that is not known (any more).
    pub(crate) word: Option<Arc<Word>>,
    pub(crate) services: Services,
    /// The version of its map.
    pub(crate) held: Option<Validators>,
    pub(crate) refresh: Refresh,
}

impl Learnt {
    /// Nothing yet.
    pub(crate) fn new(now: Instant) -> Self {
        let services = Services::default();
        Self { word: None, services, held: None, refresh: Refresh::new(now) }
    }

    /// What it said no longer counts.
    pub(crate) fn forget(&mut self) {
        *self = Self { refresh: self.refresh, ..Self::new(Instant::now()) };
    }

    /// Takes up what it says; a notice if that is new.
    pub(crate) fn take(&mut self, said: Said, entry: &Entry) -> Result<Option<Notice>, Fault> {
        let uri = entry.uri.to_string();
        let mut heard = Heard::default();
        let is_new = match said.map {
            Map::New(map, version) => {
                let mut within = PrefixTable::default();
                entry.within.iter().for_each(|net| *within.entry(*net) = ());
                heard = hear(&map, &entry.pids, &within).map_err(Fault::TooMany)?;
                self.word = Some(Arc::new(std::mem::take(&mut heard.word)));
                self.held = version;
                true
            }
            Map::Same | Map::Unasked => self.services != said.services,
        };
        self.services = said.services;
        let Heard { own, beyond, absent, .. } = heard;
        let absent = absent.iter().map(ToString::to_string).collect();
        Ok(is_new.then_some(Notice::Learnt { uri, prefixes: own, beyond, absent }))
    }
}
