//! The records that say what a network wants to say.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::fault::Fault;
use crate::fewest::{Label, fewest};
use crate::names::{Family, block, port_name};
use crate::publication::{PortBlock, Publication, ServerLine, Style};
use crate::record::{Data, Record};
use crate::shape::{Block, Shape};
use crate::tree::{Colour, NOTHING, Tree};

/// Length of the IPv4 prefixes that a zone is usually delegated for.
const ZONE_V4: u8 = 24;

/// The records of a publication that makes sense.
pub(crate) fn records(publication: &Publication) -> Result<Vec<Record>, Fault> {
    let palette = Palette::of(publication);
    let mut records = Records { publication, palette: &palette, all: Vec::new() };
    for family in [Family::V4, Family::V6] {
        records.addresses(family)?;
    }
    records.ports()?;
    Ok(in_order_of_origins(records.all))
}

/// Sets of servers and the numbers they are known by.
struct Palette<'p>(Vec<Vec<&'p ServerLine>>);

impl<'p> Palette<'p> {
    fn of(publication: &'p Publication) -> Self {
        let mut sets = vec![Vec::new()];
        for entry in &publication.entries {
            let set = sorted(&entry.servers);
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        Self(sets)
    }

    fn colour(&self, servers: &[ServerLine]) -> Colour {
        let wanted = sorted(servers);
        self.0.iter().position(|set| *set == wanted).unwrap_or(NOTHING)
    }

    fn weights(&self) -> Vec<u32> {
        self.0.iter().map(|set| u32::try_from(set.len()).unwrap_or(u32::MAX)).collect()
    }
}

fn sorted(servers: &[ServerLine]) -> Vec<&ServerLine> {
    let set: BTreeSet<&ServerLine> = servers.iter().collect();
    set.into_iter().collect()
}

/// The records so far.
struct Records<'p> {
    publication: &'p Publication,
    palette: &'p Palette<'p>,
    all: Vec<Record>,
}

impl Records<'_> {
    fn addresses(&mut self, family: Family) -> Result<(), Fault> {
        let entries = self.publication.entries.iter();
        let entries = entries.filter(|entry| entry.ports.is_none());
        let entries = entries.filter(|entry| Family::of(entry.net) == family);
        let blocks: Vec<(Block, Colour)> =
            entries.map(|entry| (block(entry.net), self.palette.colour(&entry.servers))).collect();
        let shape = self.in_style(family.shape());
        let mut labels = self.fewest(&shape, &blocks)?;
        if self.publication.style == Style::Wildcard {
            add_wildcards(&shape, &mut labels);
        }
        self.check_ports(family, &labels)?;
        for label in labels {
            self.put(family, label);
        }
        self.within_limit()
    }

    fn in_style(&self, shape: Shape) -> Shape {
        let none = self.publication.style == Style::PerName;
        Shape { wildcards: if none { None } else { shape.wildcards }, ..shape }
    }

    fn fewest(&self, shape: &Shape, blocks: &[(Block, Colour)]) -> Result<Vec<Label>, Fault> {
        let tree = Tree::build(shape, blocks);
        fewest(shape, &tree, &self.palette.weights(), Publication::LIMIT).map_err(Fault::TooMany)
    }

    fn within_limit(&self) -> Result<(), Fault> {
        let count = self.all.len() as u128;
        if count > Publication::LIMIT { Err(Fault::TooMany(count)) } else { Ok(()) }
    }

    /// A name for a port makes the names above it exist, which hides them from wildcards.
    fn check_ports(&self, family: Family, labels: &[Label]) -> Result<(), Fault> {
        let with_ports = self.publication.entries.iter().filter(|entry| entry.ports.is_some());
        for entry in with_ports.filter(|entry| Family::of(entry.net) == family) {
            let host = block(entry.net);
            let around = labels.iter().filter(|label| label.at.contains(host));
            let nearest = around.max_by_key(|label| (label.at.length, !label.wildcard));
            if nearest.is_some_and(|label| label.wildcard) {
                return Err(Fault::PortsBelowWildcard(entry.net));
            }
        }
        Ok(())
    }

    fn put(&mut self, family: Family, label: Label) {
        let name = family.name(label.at);
        let holder = self.rfc2317_prefix(family, label);
        if let Some(prefix) = holder {
            self.put_behind_cname(&name, prefix, label.colour);
        } else if label.wildcard {
            self.servers(&format!("*.{name}"), &name, label.colour);
        } else {
            let origin = family.name(above(&family.shape(), label.at));
            self.servers(&name, &origin, label.colour);
        }
    }

    fn servers(&mut self, owner: &str, origin: &str, colour: Colour) {
        for server in &self.palette.0[colour] {
            let data = Data::Naptr(self.publication.naptr(server));
            self.push(owner.into(), origin.into(), data);
        }
    }

    fn push(&mut self, owner: String, origin: String, data: Data) {
        self.all.push(Record { owner, origin, ttl: self.publication.ttl, data });
    }

    /// The prefix by which a host's name lies in a zone of its own. Single hosts do if that zone is named.
    fn rfc2317_prefix(&self, family: Family, label: Label) -> Option<IpNet> {
        let is_host = family == Family::V4 && label.at.length == Shape::IPV4.width;
        if self.publication.style != Style::Rfc2317 || !is_host {
            return None;
        }
        let nets = self.publication.entries.iter().filter(|entry| entry.ports.is_none());
        let nets = nets.map(|entry| entry.net).filter(|net| Family::of(*net) == Family::V4);
        let named = u8::from(self.publication.child_zone.is_some());
        let lengths = ZONE_V4 + 1..Shape::IPV4.width + named;
        let small = nets.filter(|net| lengths.contains(&net.prefix_len()));
        small.filter(|net| block(*net).contains(label.at)).max_by_key(IpNet::prefix_len)
    }

    /// RFC 2317 §4: `3 CNAME 3.0/26`, and the records at that name.
    fn put_behind_cname(&mut self, name: &str, prefix: IpNet, colour: Colour) {
        let (host, zone) = name.split_once('.').unwrap_or((name, ""));
        let first = block(prefix).bits << (Shape::IPV4.width - prefix.prefix_len()) & 0xff;
        let usual = || format!("{first}/{}.{zone}", prefix.prefix_len());
        let named = self.publication.child_zone.as_ref();
        let child = named.map_or_else(usual, |name| name.as_str().to_owned());
        let target = format!("{host}.{child}");
        self.push(name.into(), zone.into(), Data::Cname(target.clone()));
        self.servers(&target, &child, colour);
    }

    fn ports(&mut self) -> Result<(), Fault> {
        let mut hosts: BTreeMap<IpNet, Vec<(PortBlock, Colour)>> = BTreeMap::new();
        for entry in &self.publication.entries {
            let Some(ports) = entry.ports else { continue };
            hosts.entry(entry.net).or_default().push((ports, self.palette.colour(&entry.servers)));
        }
        for (host, mut ranges) in hosts {
            ranges.sort_unstable();
            if let Some(pair) = ranges.windows(2).find(|pair| pair[1].0.low <= pair[0].0.high) {
                return Err(Fault::Twice(format!("{host} port {}", pair[1].0.low)));
            }
            self.ports_of(host, &ranges)?;
        }
        Ok(())
    }

    fn ports_of(&mut self, host: IpNet, ranges: &[(PortBlock, Colour)]) -> Result<(), Fault> {
        let blocks = ranges
            .iter()
            .flat_map(|(ports, colour)| range(*ports).into_iter().map(|block| (block, *colour)));
        let name = Family::of(host).name(block(host));
        let shape = self.in_style(Shape::PORTS);
        for label in self.fewest(&shape, &blocks.collect::<Vec<_>>())? {
            let owner = port_name(&name, label.at);
            let owner = if label.wildcard { format!("*.{owner}") } else { owner };
            self.servers(&owner, &name, label.colour);
        }
        self.within_limit()
    }
}

/// Blocks that make up a range.
fn range(PortBlock { low, high }: PortBlock) -> Vec<Block> {
    let (mut next, end) = (u32::from(low), u32::from(high) + 1);
    let mut blocks = Vec::new();
    while next < end {
        let aligned = next.trailing_zeros().min(16);
        let fits = (end - next).ilog2();
        let free = aligned.min(fits);
        // At most 16 bits each.
        let length = Shape::PORTS.width - u8::try_from(free).unwrap_or(0);
        blocks.push(Block { bits: u128::from(next >> free), length });
        next += 1 << free;
    }
    blocks
}

/// The asked name next above, or the top of the tree: names are listed below it.
fn above(shape: &Shape, block: Block) -> Block {
    let shorter = shape.asked.iter().rev().find(|length| **length < block.length);
    let length = shorter.copied().unwrap_or(0);
    let bits = block.bits.checked_shr((block.length - length).into()).unwrap_or(0);
    Block { bits, length }
}

/// The same records below each name, for names that do not exist.
fn add_wildcards(shape: &Shape, labels: &mut Vec<Label>) {
    let has: BTreeSet<Block> =
        labels.iter().filter(|label| label.wildcard).map(|label| label.at).collect();
    let missing = |label: &&Label| label.at.length < shape.width && !has.contains(&label.at);
    let twins: Vec<_> = labels.iter().filter(missing).copied().collect();
    labels.extend(twins.into_iter().map(|label| Label { wildcard: true, ..label }));
}

/// Records of one origin follow each other, origins in the order of their first record.
fn in_order_of_origins(records: Vec<Record>) -> Vec<Record> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let place = *places.entry(record.origin.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(record);
    }
    groups.into_iter().flatten().collect()
}
