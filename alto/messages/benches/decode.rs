//! How fast maps are decoded, beside what one would write with `serde_json`. All rows of a table
//! decode the same text in one process and must agree on what is in it.
//!
//! `cargo bench -p alto-messages -- [PIDS] [PREFIXES]`: costs between PIDS x PIDS and a network map
//! of PREFIXES; by default 1,000 and 250,000. The goals are meant for 2,000 and 1,250,000.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use alto_messages::{CostMap, NetworkMap, NetworkMapReader, ReadOptions};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let pids = sizes.first().copied().unwrap_or(1_000);
    let prefixes = sizes.get(1).copied().unwrap_or(250_000);
    for (what, decimals) in [("whole numbers", false), ("two decimals", true)] {
        let text = cost_map(pids, decimals);
        println!("cost map, {pids} x {pids}, {what}, {:.1} MB", megabytes(&text));
        compare(
            &text,
            &[
                ("serde_json into derived HashMaps", derived_costs),
                ("serde_json streaming into columns", streamed_costs),
                ("alto-messages", our_costs),
            ],
        );
    }
    let text = network_map(pids.min(5_000), prefixes);
    println!("network map, {prefixes} prefixes, {:.1} MB", megabytes(&text));
    compare(
        &text,
        &[
            ("serde_json into derived HashMaps", derived_prefixes),
            ("serde_json into derived maps, parsed", parsed_prefixes),
            ("alto-messages", our_prefixes),
            ("alto-messages, pieces of 16 KiB", our_prefixes_in_pieces),
        ],
    );
}

type Decoder = fn(&[u8]) -> usize;

/// Decodes the text with each in turn, several times round, and prints the best time of each.
fn compare(text: &str, decoders: &[(&str, Decoder)]) {
    const ROUNDS: usize = 7;
    let mut best = vec![Duration::MAX; decoders.len()];
    let mut counts = vec![0; decoders.len()];
    for _ in 0..ROUNDS {
        for (at, (_, decode)) in decoders.iter().enumerate() {
            let start = Instant::now();
            counts[at] = black_box(decode(black_box(text.as_bytes())));
            best[at] = best[at].min(start.elapsed());
        }
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "the decoders disagree: {counts:?}");
    for ((name, _), time) in decoders.iter().zip(&best) {
        let rate = megabytes(text) / time.as_secs_f64();
        let ratio = best[0].as_secs_f64() / time.as_secs_f64();
        println!("  {name:40} {rate:7.0} MB/s  {ratio:5.1}x");
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(text: &str) -> f64 {
    text.len() as f64 / 1e6
}

fn our_costs(text: &[u8]) -> usize {
    let map = CostMap::parse(text, &ReadOptions::default()).unwrap().message;
    assert!(map.pids().len() <= map.cost_count());
    map.cost_count()
}

fn our_prefixes(text: &[u8]) -> usize {
    NetworkMap::parse(text, &ReadOptions::default()).unwrap().message.prefix_count()
}

fn our_prefixes_in_pieces(text: &[u8]) -> usize {
    let mut reader = NetworkMapReader::new(&ReadOptions::default());
    text.chunks(16 << 10).for_each(|piece| reader.feed(piece).unwrap());
    reader.finish().unwrap().message.prefix_count()
}

#[derive(Deserialize)]
struct DerivedCosts {
    #[serde(rename = "cost-map")]
    costs: HashMap<String, HashMap<String, f64>>,
}

fn derived_costs(text: &[u8]) -> usize {
    let map: DerivedCosts = serde_json::from_slice(text).unwrap();
    map.costs.values().map(HashMap::len).sum()
}

#[derive(Deserialize)]
struct DerivedPrefixes {
    #[serde(rename = "network-map")]
    pids: HashMap<String, HashMap<String, Vec<String>>>,
}

fn derived_prefixes(text: &[u8]) -> usize {
    let map: DerivedPrefixes = serde_json::from_slice(text).unwrap();
    map.pids.values().flat_map(HashMap::values).map(Vec::len).sum()
}

#[derive(Deserialize)]
struct ParsedPrefixes<'t> {
    #[serde(rename = "network-map", borrow)]
    pids: HashMap<&'t str, HashMap<&'t str, Vec<&'t str>>>,
}

fn parsed_prefixes(text: &[u8]) -> usize {
    let map: ParsedPrefixes<'_> = serde_json::from_slice(text).unwrap();
    let texts = map.pids.values().flat_map(HashMap::values).flatten();
    texts.filter(|text| text.parse::<ipnet::IpNet>().is_ok()).count()
}

/// The leanest reader that one would write on `serde_json`: names to numbers, costs to a column.
#[derive(Default)]
struct Columns<'t> {
    names: HashMap<&'t str, u16>,
    cells: Vec<(u16, f32)>,
}

impl<'t> Columns<'t> {
    fn number(&mut self, name: &'t str) -> u16 {
        let next = u16::try_from(self.names.len()).unwrap();
        *self.names.entry(name).or_insert(next)
    }
}

fn streamed_costs(text: &[u8]) -> usize {
    let mut columns = Columns::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    Level { columns: &mut columns, depth: 0 }.deserialize(&mut deserializer).unwrap();
    columns.cells.len()
}

/// Reads the message (depth 0), the sources (1) and a row (2).
struct Level<'c, 't> {
    columns: &'c mut Columns<'t>,
    depth: u8,
}

impl<'t> DeserializeSeed<'t> for Level<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for Level<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<&'t str>()? {
            let columns = &mut *self.columns;
            match self.depth {
                0 if key != "cost-map" => {
                    members.next_value::<serde::de::IgnoredAny>()?;
                }
                2 => {
                    let number = columns.number(key);
                    columns.cells.push((number, members.next_value()?));
                }
                depth => members.next_value_seed(Level { columns, depth: depth + 1 })?,
            }
        }
        Ok(())
    }
}

/// A cost map as a server would send it, with costs from a fixed sequence.
fn cost_map(pids: usize, decimals: bool) -> String {
    let mut text = String::from(
        "{\"meta\":{\"dependent-vtags\":[{\"resource-id\":\"map\",\"tag\":\"1\"}],\
         \"cost-type\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"}},\"cost-map\":",
    );
    let mut random = Sequence(1);
    for source in 0..pids {
        let _ = write!(text, "{}\"pid{source:05}\":", if source == 0 { '{' } else { ',' });
        for destination in 0..pids {
            let comma = if destination == 0 { '{' } else { ',' };
            let _ = write!(text, "{comma}\"pid{destination:05}\":{}", random.below(5_000));
            if decimals {
                let _ = write!(text, ".{:02}", random.below(100));
            }
        }
        text.push('}');
    }
    text + "}}"
}

/// A network map: one prefix in five is IPv6, none occurs twice.
fn network_map(pids: usize, prefixes: usize) -> String {
    let mut text = String::from(
        "{\"meta\":{\"vtag\":{\"resource-id\":\"map\",\"tag\":\"1\"}},\"network-map\":",
    );
    let mut lists = vec![(Vec::new(), Vec::new()); pids];
    let mut random = Sequence(2);
    for index in 0..prefixes {
        let (ipv4, ipv6) = &mut lists[random.below(pids)];
        if index % 5 == 0 {
            let (high, low) = (index >> 16, index & 0xffff);
            ipv6.push(format!("\"2001:{high:x}:{low:x}::/48\""));
        } else {
            let bits = u32::try_from(index * 11).unwrap() << 8;
            ipv4.push(format!("\"{}/24\"", std::net::Ipv4Addr::from_bits(bits)));
        }
    }
    for (pid, (ipv4, ipv6)) in lists.iter().enumerate() {
        let comma = if pid == 0 { '{' } else { ',' };
        let (ipv4, ipv6) = (ipv4.join(","), ipv6.join(","));
        let _ = write!(text, "{comma}\"pid{pid:05}\":{{\"ipv4\":[{ipv4}],\"ipv6\":[{ipv6}]}}");
    }
    text + "}}"
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ mixed >> 27) >> 32).unwrap_or(0) % end
    }
}
