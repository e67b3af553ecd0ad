//! Addresses of the prefix that find no server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alto_backend_dns::plan::Rung;
use alto_backend_dns::service::Service;
use alto_discovery_core::Finding;
use ipnet::IpNet;

use super::sample::bits;
use super::text::{master_name, shell_word};
use super::{Check, End, Place};
use crate::names::Family;
use crate::publication::{ZoneName, check_service};
use crate::shape::Shape;

/// So many holes are told of one by one; what is left then is told of together.
const MOST_HOLES: usize = 16;
/// So many prefixes or names are written into a fix.
const MOST_IN_FIX: usize = 256;

/// Neighbouring blocks without a server.
struct Hole {
    nets: Vec<IpNet>,
    stand: Stand,
    /// Further blocks, not beside these.
    elsewhere: Vec<IpNet>,
}

/// Where records for a block have to stand. A name that is an alias holds nothing else (RFC 1034
/// §3.6.2).
#[derive(PartialEq, Eq)]
enum Stand {
    /// At its own names.
    Here,
    /// Its hosts are aliases of names in this zone, each with its host's label (RFC 2317 §4).
    InZone(String),
    /// Its names are aliases of these.
    At(Vec<Arc<str>>),
}

impl Check<'_> {
    /// Addresses without a server, as the largest blocks in which none has one, neighbours together.
    pub(super) fn holes(
        &self,
        ends: &[(&Place, &End)],
        explained: &BTreeSet<IpNet>,
    ) -> Vec<Finding> {
        let blocks = self.empty_blocks(ends, explained);
        let blocks = blocks.iter().flat_map(|(net, places)| self.stands(*net, places));
        let mut holes = neighbours(blocks);
        if holes.len() > MOST_HOLES {
            let rest = holes.split_off(MOST_HOLES - 1);
            holes.extend(gathered(rest).into_iter().take(MOST_HOLES));
        }
        let example = ends.iter().find_map(|(_, end)| end.uris.first());
        holes.iter().map(|hole| self.hole(hole, example)).collect()
    }

    /// How the prefix gets records of its own.
    pub(super) fn published_alone(&self, example: Option<&String>) -> String {
        let places: Vec<&Place> = self.peers.iter().collect();
        let holes = gathered(neighbours(self.stands(self.prefix, &places)));
        let fixes = holes.iter().take(MOST_HOLES).map(|hole| self.mended(hole, example));
        fixes.collect::<Vec<_>>().join("; and ")
    }

    /// The largest blocks without a server, with the addresses looked at in each.
    fn empty_blocks<'e>(
        &self,
        ends: &[(&'e Place, &End)],
        explained: &BTreeSet<IpNet>,
    ) -> BTreeMap<IpNet, Vec<&'e Place>> {
        let mut has_server: BTreeMap<IpNet, bool> = BTreeMap::new();
        for (place, end) in ends {
            for block in self.blocks(place.net) {
                *has_server.entry(block).or_default() |= !end.uris.is_empty();
            }
        }
        let mut empty: BTreeMap<IpNet, Vec<&Place>> = BTreeMap::new();
        let without = ends.iter().filter(|(_, end)| end.uris.is_empty());
        for (place, _) in without.filter(|(place, _)| !explained.contains(&place.net)) {
            let block = self.blocks(place.net).find(|block| !has_server[block]);
            empty.entry(block.unwrap_or(place.net)).or_default().push(*place);
        }
        empty
    }

    /// The prefix and the blocks of asked lengths in it around an address, the largest first.
    fn blocks(&self, net: IpNet) -> impl Iterator<Item = IpNet> {
        let (prefix, shape) = (self.prefix, Family::of(net).shape());
        let lengths =
            shape.asked.iter().copied().filter(move |length| *length > prefix.prefix_len());
        let block = move |length| IpNet::new(net.addr(), length).map_or(net, |block| block.trunc());
        [prefix].into_iter().chain(lengths.map(block))
    }

    /// Where the records of an empty block have to stand; in parts, if that is not one place.
    fn stands(&self, net: IpNet, places: &[&Place]) -> Vec<(IpNet, Stand)> {
        let holds = |rung: &&Rung| rung.net.prefix_len() >= net.prefix_len();
        let holders = places.iter().filter_map(|place| place.rungs.iter().rev().find(holds));
        let holders: BTreeMap<IpNet, &Arc<str>> =
            holders.map(|rung| (rung.net, &rung.name)).collect();
        if holders.values().all(|name| self.alias_of(name).is_none()) {
            return vec![(net, Stand::Here)];
        }
        holders.into_iter().map(|(net, name)| (net, self.stand(net, name))).collect()
    }

    fn stand(&self, net: IpNet, name: &str) -> Stand {
        let Some(target) = self.alias_of(name) else { return Stand::Here };
        let is_host = Family::of(net) == Family::V4 && net.prefix_len() == Shape::IPV4.width;
        let label = name.split('.').next().unwrap_or_default();
        let zone = target.strip_prefix(label).and_then(|rest| rest.strip_prefix('.'));
        let zone = zone.filter(|zone| is_host && zone.parse::<ZoneName>().is_ok());
        zone.map_or_else(|| Stand::At(vec![target.clone()]), |zone| Stand::InZone(zone.to_owned()))
    }

    fn hole(&self, hole: &Hole, example: Option<&String>) -> Finding {
        let nets = IpNet::aggregate(&hole.nets);
        let name = range(&nets);
        let mut reason = if nets == [self.prefix] && example.is_none() {
            "no server is found for any address".to_owned()
        } else {
            "no server is found, other than for addresses beside it".into()
        };
        let more = hole.elsewhere.len();
        if more > 0 {
            reason = format!("{reason} ({more} more such prefixes)");
        }
        Finding::fault("hole", name, reason).fix(self.mended(hole, example))
    }

    /// What closes the hole.
    fn mended(&self, hole: &Hole, example: Option<&String>) -> String {
        let nets = IpNet::aggregate(&[&hole.nets[..], &hole.elsewhere[..]].concat());
        let uri = example.map_or("https://YOUR-SERVER/ird", |uri| uri);
        let listed: Vec<String> = nets.iter().take(MOST_IN_FIX).map(ToString::to_string).collect();
        let mut command = format!("--prefix {} --uri {}", listed.join(","), shell_word(uri));
        let looked_for = check_service(&self.rules.service).is_ok();
        let service = if looked_for { &self.rules.service } else { &Service::default() };
        if *service != Service::default() {
            command = format!("{command} --service {service}");
        }
        if self.rules.policy.allow_private_servers {
            command.push_str(" --allow-private");
        }
        match &hole.stand {
            Stand::Here => format!("append to the zone: alto zone {command}"),
            Stand::InZone(zone) => {
                let zone = zone.trim_end_matches('.');
                let style = format!("--style rfc2317 --child-zone {zone} --zone {zone}");
                format!(
                    "the names are aliases, so append to the zone {zone}: alto zone {style} {command}"
                )
            }
            Stand::At(targets) => {
                let record = format!("3600 IN NAPTR 100 10 \"u\" \"{service}\" \"!.*!{uri}!\" .");
                let names = targets.iter().take(MOST_IN_FIX).map(|name| master_name(name));
                let records: Vec<String> = names.map(|name| format!("{name} {record}")).collect();
                format!("the names are aliases, so write: {}", records.join("; "))
            }
        }
    }
}

/// Blocks that follow each other, in order, and are mended alike, as one.
fn neighbours(blocks: impl IntoIterator<Item = (IpNet, Stand)>) -> Vec<Hole> {
    let mut holes: Vec<Hole> = Vec::new();
    for (net, stand) in blocks {
        let before = holes
            .last_mut()
            .filter(|hole| hole.nets.last().is_some_and(|last| follows(*last, net)));
        match (before, stand) {
            (Some(Hole { nets, stand: Stand::At(targets), .. }), Stand::At(more)) => {
                nets.push(net);
                targets.extend(more);
            }
            (Some(hole), stand) if hole.stand == stand => hole.nets.push(net),
            (_, stand) => holes.push(Hole { nets: vec![net], stand, elsewhere: Vec::new() }),
        }
    }
    holes
}

fn follows(before: IpNet, net: IpNet) -> bool {
    Family::of(before) == Family::of(net)
        && bits(before.broadcast()).checked_add(1) == Some(bits(net.network()))
}

/// Those that are mended alike, wherever they are, as one.
fn gathered(holes: Vec<Hole>) -> Vec<Hole> {
    let mut all: Vec<Hole> = Vec::new();
    for hole in holes {
        match all.iter_mut().find(|other| other.stand == hole.stand) {
            Some(other) => other.elsewhere.extend(IpNet::aggregate(&hole.nets)),
            None => all.push(hole),
        }
    }
    all
}

/// The prefix, or the first and the last address of several.
fn range(nets: &[IpNet]) -> String {
    match nets {
        [net] => net.to_string(),
        [first, .., last] => format!("{}-{}", first.network(), last.broadcast()),
        [] => String::new(),
    }
}
