//! What a network map says of whose prefixes are: which of its PIDs are its server's own is for the
//! operator's file to say, since no map tells.

use alto_messages::{NetworkMap, PidName};
use ipnet::IpNet;

use super::prefix_table::PrefixTable;
use super::territory::Word;

/// The most prefixes that are kept of one map.
pub(crate) const MOST_PREFIXES: usize = 100_000;

/// A map's word, and what is to be said of how it came about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) word: Word,
    /// How many prefixes are the server's own.
    pub(crate) own: usize,
    /// How many of its own do not count, since they reach beyond where its word counts.
    pub(crate) beyond: usize,
    /// The PIDs that the map does not have.
    pub(crate) absent: Vec<PidName>,
}

/// More prefixes than are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// What `map` says, whose server's own PIDs are `pids`, inside the prefixes `within`. A prefix that
/// reaches beyond them, such as the one that catches all the rest of the Internet, does not count.
pub(crate) fn hear(
    map: &NetworkMap,
    pids: &[PidName],
    within: &PrefixTable<()>,
) -> Result<Heard, TooMany> {
    let mut heard = Heard::default();
    let mut is_own = vec![false; map.pids().len()];
    for name in pids {
        match map.pids().id(name.as_str()) {
            Some(pid) => is_own[pid.index()] = true,
            None => heard.absent.push(name.clone()),
        }
    }
    for (net, pid) in map.prefixes() {
        let own = is_own[pid.index()];
        if !is_inside(net, within) {
            heard.beyond += usize::from(own);
            continue;
        }
        heard.own += usize::from(own);
        *heard.word.entry(net) = own;
        if heard.word.len() > MOST_PREFIXES {
            return Err(TooMany);
        }
    }
    Ok(heard)
}

/// The prefixes of these PIDs.
pub(crate) fn prefixes_of<'m>(
    map: &'m NetworkMap,
    pids: &'m [PidName],
) -> impl Iterator<Item = IpNet> + 'm {
    let is_own = move |name: &str| pids.iter().any(|own| own.as_str() == name);
    let own: Vec<bool> = map.pids().iter().map(|(_, name)| is_own(name.as_str())).collect();
    map.prefixes().filter(move |(_, pid)| own[pid.index()]).map(|(net, _)| net)
}

/// Whether all of a prefix lies in one of those.
fn is_inside(net: IpNet, within: &PrefixTable<()>) -> bool {
    within.around(net.addr()).any(|(outer, ())| outer.contains(&net))
}
