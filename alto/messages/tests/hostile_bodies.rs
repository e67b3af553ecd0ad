//! Whatever arrives, in pieces of whatever size: no panic, the same verdict as another parser's,
//! and the same content.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use alto_messages::{
    CostMap, CostMapFilter, CostMapReader, Directory, EndpointCostRequest, EndpointCosts,
    EndpointProperties, EndpointPropertyRequest, ErrorBody, Fault, NetworkMap, NetworkMapFilter,
    NetworkMapReader, Parsed, ReadOptions,
};
use ipnet::IpNet;
use proptest::prelude::*;
use serde::Deserialize;

/// The slow twin of the cost map's reader.
#[derive(Debug, Deserialize)]
struct TwinCosts {
    #[serde(rename = "cost-map")]
    costs: HashMap<String, HashMap<String, f64>>,
}

/// The slow twin of the network map's reader.
#[derive(Debug, Deserialize)]
struct TwinPrefixes {
    #[serde(rename = "network-map")]
    pids: HashMap<String, HashMap<String, serde_json::Value>>,
}

fn read_costs(pieces: &[&[u8]]) -> Result<Parsed<CostMap>, Fault> {
    let mut reader = CostMapReader::new(&ReadOptions::default());
    pieces.iter().try_for_each(|piece| reader.feed(piece))?;
    reader.finish()
}

fn read_prefixes(pieces: &[&[u8]]) -> Result<Parsed<NetworkMap>, Fault> {
    let mut reader = NetworkMapReader::new(&ReadOptions::default());
    pieces.iter().try_for_each(|piece| reader.feed(piece))?;
    reader.finish()
}

type Costs = BTreeMap<(String, String), f64>;

fn our_costs(map: &CostMap) -> Costs {
    let name = |pid| map.pids().name(pid).to_string();
    let row = |source| map.row(source).map(move |(pid, cost)| ((name(source), name(pid)), cost));
    map.sources().flat_map(row).collect()
}

fn twin_costs(text: &[u8]) -> Option<Costs> {
    let twin: TwinCosts = serde_json::from_slice(text).ok()?;
    let rows = twin.costs.into_iter().flat_map(|(source, row)| {
        row.into_iter().map(move |(pid, cost)| ((source.clone(), pid), cost))
    });
    Some(rows.collect())
}

/// Equal keys, and costs equal but for the last bit: the twin rounds some long numbers wrongly.
fn assert_agree(ours: &Costs, twin: &Costs) {
    assert!(ours.keys().eq(twin.keys()), "{ours:?} {twin:?}");
    for (ours, twin) in ours.values().zip(twin.values()) {
        assert!((ours - twin).abs() <= twin.abs() * 1e-15, "{ours} {twin}");
    }
}

fn our_prefixes(map: &NetworkMap) -> BTreeMap<IpNet, String> {
    map.prefixes().map(|(net, pid)| (net, map.pids().name(pid).to_string())).collect()
}

fn twin_prefixes(text: &[u8]) -> Option<BTreeMap<IpNet, String>> {
    let twin: TwinPrefixes = serde_json::from_slice(text).ok()?;
    let mut prefixes = BTreeMap::new();
    for (pid, types) in twin.pids {
        let lists = ["ipv4", "ipv6"].into_iter().filter_map(|kind| types.get(kind));
        for text in lists.flat_map(|list| list.as_array().into_iter().flatten()) {
            prefixes.insert(text.as_str()?.parse::<IpNet>().ok()?.trunc(), pid.clone());
        }
    }
    Some(prefixes)
}

/// A JSON text that says the same in unusual ways.
#[derive(Clone, Debug)]
struct Style {
    space: &'static str,
    escape: bool,
    spelling: fn(u32) -> String,
    meta_last: bool,
}

fn style() -> impl Strategy<Value = Style> {
    let spellings: [fn(u32) -> String; 5] = [
        |number| number.to_string(),
        |number| format!("{}.{:02}", number / 100, number % 100),
        |number| format!("{number}e-1"),
        |number| format!("{number}.0E+2"),
        |number| format!("1{number}12345678.12345678901"),
    ];
    let space = prop::sample::select(vec!["", "", "", " ", "\n\t", "\r\n  "]);
    let spelling = prop::sample::select(spellings.to_vec());
    (space, prop::bool::weighted(0.2), spelling, any::<bool>()).prop_map(
        |(space, escape, spelling, meta_last)| Style { space, escape, spelling, meta_last },
    )
}

impl Style {
    fn name(&self, name: &str) -> String {
        if self.escape {
            format!("\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..])
        } else {
            format!("\"{name}\"")
        }
    }

    /// Joins members or elements, or texts and values, with space around the sign between them.
    fn join(&self, open: char, elements: &[String], close: char) -> String {
        let space = self.space;
        let comma = format!("{space},{space}");
        format!("{open}{space}{}{space}{close}", elements.join(&comma))
    }

    fn member(&self, name: &str, value: &str) -> String {
        format!("{}{}:{}{value}", self.name(name), self.space, self.space)
    }

    fn message(&self, meta: &str, member: &str, value: &str) -> String {
        let mut members = vec![
            self.member("meta", meta),
            self.member(member, value),
            self.member(
                "priv:x",
                r#"{"a": [1, {"b": "\ud83d\ude00", "c": null}], "d": {"b": true}}"#,
            ),
        ];
        if self.meta_last {
            members.rotate_left(1);
        }
        self.join('{', &members, '}') + self.space
    }
}

const COST_META: &str = r#"{"cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"},
    "dependent-vtags":[{"resource-id":"m","tag":"1"}],"x":[]}"#;
const MAP_META: &str = r#"{"vtag":{"resource-id":"m","tag":"1"},"x":"meta\\"}"#;

/// Rows of costs: sources, and destinations in an order that need not be the same in each row.
fn cost_text() -> impl Strategy<Value = String> {
    let destinations = Just((0_u8..8).collect::<Vec<_>>()).prop_shuffle();
    let row = (destinations, 0_usize..=8, prop::collection::vec(0_u32..9_999, 8));
    let shared = prop::bool::weighted(0.5);
    (style(), prop::collection::vec(row, 0..8), shared).prop_map(|(style, rows, shared)| {
        let members: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(source, (order, count, costs))| {
                let (order, count) = if shared { (&rows[0].0, rows[0].1) } else { (order, *count) };
                let cells: Vec<_> = order[..count]
                    .iter()
                    .map(|pid| {
                        style.member(
                            &format!("pid{pid}"),
                            &(style.spelling)(costs[usize::from(*pid)]),
                        )
                    })
                    .collect();
                style.member(&format!("pid{source}"), &style.join('{', &cells, '}'))
            })
            .collect();
        style.message(COST_META, "cost-map", &style.join('{', &members, '}'))
    })
}

fn map_text() -> impl Strategy<Value = String> {
    let nets = prop::collection::btree_set((any::<std::net::IpAddr>(), 0_u8..=32), 0..30);
    (style(), nets, any::<[u8; 32]>()).prop_map(|(style, nets, pids)| {
        let mut lists = BTreeMap::<u8, [Vec<String>; 2]>::new();
        let nets: std::collections::BTreeSet<_> = nets
            .into_iter()
            .map(|(address, length)| IpNet::new(address, length).unwrap().trunc())
            .collect();
        for (net, pid) in nets.iter().zip(pids.iter().cycle()) {
            let list = &mut lists.entry(pid % 7).or_default()[usize::from(net.addr().is_ipv6())];
            list.push(style.name(&net.to_string()));
        }
        let members: Vec<_> = lists
            .iter()
            .map(|(pid, [v4, v6])| {
                let mut types = String::new();
                let _ = write!(types, "{{{},", style.member("ipv4", &style.join('[', v4, ']')));
                let _ = write!(types, "{}}}", style.member("ipv6", &style.join('[', v6, ']')));
                style.member(&format!("pid{pid}"), &types)
            })
            .collect();
        style.message(MAP_META, "network-map", &style.join('{', &members, '}'))
    })
}

/// One of many small changes to a text.
#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    let byte = || {
        prop_oneof![prop::sample::select(b"{}[],:\"\\0123456789.eE+-tfn /".to_vec()), any::<u8>()]
    };
    prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (place(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        place().prop_map(Change::Remove),
        place().prop_map(Change::Cut),
        (place(), place()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in changes {
        if bytes.is_empty() {
            return bytes;
        }
        let place = |at: &prop::sample::Index| at.index(bytes.len());
        match change {
            Change::Replace(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Change::Insert(at, byte) => {
                let at = place(at);
                bytes.insert(at, *byte);
            }
            Change::Remove(at) => {
                let at = place(at);
                bytes.remove(at);
            }
            Change::Cut(at) => {
                let at = place(at);
                bytes.truncate(at);
            }
            Change::Repeat(from, to) => {
                let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
                let part = bytes[from..to].to_vec();
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

fn in_pieces(text: &[u8], length: usize) -> Vec<&[u8]> {
    text.chunks(length).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// A cost map is read like the twin reads it, however it is written and cut.
    #[test]
    fn cost_maps_as_the_slow_twin(text in cost_text(), piece in 1_usize..200) {
        let ours = read_costs(&in_pieces(text.as_bytes(), piece)).unwrap();
        assert_agree(&our_costs(&ours.message), &twin_costs(text.as_bytes()).unwrap());
        let whole = CostMap::parse(text.as_bytes(), &ReadOptions::default());
        prop_assert_eq!(whole, Ok(ours));
    }

    /// The same for network maps.
    #[test]
    fn network_maps_as_the_slow_twin(text in map_text(), piece in 1_usize..200) {
        let ours = read_prefixes(&in_pieces(text.as_bytes(), piece)).unwrap();
        prop_assert_eq!(our_prefixes(&ours.message), twin_prefixes(text.as_bytes()).unwrap());
        let whole = NetworkMap::parse(text.as_bytes(), &ReadOptions::default());
        prop_assert_eq!(whole, Ok(ours));
    }

    /// After random changes: what is still accepted is JSON and says what the twin reads; how the
    /// text is cut makes no difference to the verdict.
    #[test]
    fn changed_cost_maps(text in cost_text(), changes in prop::collection::vec(change(), 1..4), piece in 1_usize..50) {
        let text = changed(&text, &changes);
        let whole = read_costs(&[&text]);
        prop_assert_eq!(&read_costs(&in_pieces(&text, piece)), &whole);
        if let Ok(ours) = whole {
            assert_agree(&our_costs(&ours.message), &twin_costs(&text).unwrap());
        }
    }

    /// The same for network maps.
    #[test]
    fn changed_network_maps(text in map_text(), changes in prop::collection::vec(change(), 1..4), piece in 1_usize..50) {
        let text = changed(&text, &changes);
        let whole = read_prefixes(&[&text]);
        prop_assert_eq!(&read_prefixes(&in_pieces(&text, piece)), &whole);
        if let Ok(ours) = whole {
            prop_assert_eq!(our_prefixes(&ours.message), twin_prefixes(&text).unwrap());
        }
    }

    /// Every parser takes any bytes, strict and lenient, and what it takes is JSON.
    #[test]
    fn every_parser_takes_any_bytes(at in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 0..4)) {
        let text = changed(SMALL_BODIES[at.index(SMALL_BODIES.len())], &changes);
        for options in [ReadOptions::default(), ReadOptions::lenient()] {
            let accepted = accepted_by(&text, &options);
            let rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
            prop_assert!(!accepted.contains(&true) || serde_json::from_slice::<serde::de::IgnoredAny>(rest).is_ok());
        }
    }
}

/// Which of the parsers accept a body.
fn accepted_by(text: &[u8], options: &ReadOptions) -> [bool; 10] {
    [
        Directory::parse(text, options).is_ok(),
        NetworkMap::parse(text, options).is_ok(),
        CostMap::parse(text, options).is_ok(),
        NetworkMapFilter::parse(text, options).is_ok(),
        CostMapFilter::parse(text, options).is_ok(),
        EndpointCostRequest::parse(text, options).is_ok(),
        EndpointCosts::parse(text, options).is_ok(),
        EndpointPropertyRequest::parse(text, options).is_ok(),
        EndpointProperties::parse(text, options).is_ok(),
        ErrorBody::parse(text, options).is_ok(),
    ]
}

/// One valid body for each parser.
const SMALL_BODIES: [&str; 10] = [
    r#"{"meta":{"cost-types":{"num":{"cost-mode":"numerical","cost-metric":"routingcost"}},"default-alto-network-map":"m"},"resources":{"m":{"uri":"/m","media-type":"application/alto-networkmap+json"},"c":{"uri":"/c","media-type":"application/alto-costmap+json","capabilities":{"cost-type-names":["num"],"x":[{}]},"uses":["m"]}}}"#,
    r#"{"meta":{"vtag":{"resource-id":"m","tag":"1"}},"network-map":{"a":{"ipv4":["10.0.0.0/8"],"ipv6":["2001:db8::/32","::/0"],"mac":["x",1]}}}"#,
    r#"{"meta":{"cost-type":{"cost-mode":"ordinal","cost-metric":"routingcost"},"dependent-vtags":[{"resource-id":"m","tag":"1"}]},"cost-map":{"a":{"a":1,"b":2},"b":{"a":3,"b":4}}}"#,
    r#"{"pids":["a","b"],"address-types":["ipv4"]}"#,
    r#"{"cost-type":{"cost-mode":"numerical","cost-metric":"hopcount"},"constraints":["le 10"],"pids":{"srcs":["a"],"dsts":[]}}"#,
    r#"{"cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"},"endpoints":{"srcs":["ipv4:192.0.2.2"],"dsts":["ipv6:2001:db8::1"]}}"#,
    r#"{"meta":{"cost-type":{"cost-mode":"numerical","cost-metric":"x"}},"endpoint-cost-map":{"ipv4:192.0.2.2":{"ipv4:192.0.2.89":-1.5}}}"#,
    r#"{"properties":["m.pid","priv:3pdisc-ird"],"endpoints":["ipv4:192.0.2.34"],"priv:3pdisc-peer-ids":{"ipv4:192.0.2.34":"port:1"}}"#,
    r#"{"meta":{"dependent-vtags":[]},"endpoint-properties":{"ipv4:192.0.2.34":{"m.pid":"PID1","x":1}}}"#,
    r#"{"meta":{"code":"E_INVALID_FIELD_VALUE","field":"a","value":"b"}}"#,
];

/// Each of them is accepted by its own parser. Only a request for costs between endpoints is another
/// message too: one for a filtered cost map with a member that is unknown there.
#[test]
fn each_body_has_its_parser() {
    for (own, body) in SMALL_BODIES.iter().enumerate() {
        let mut expected = [false; 10];
        expected[own] = true;
        expected[4] |= own == 5;
        assert_eq!(accepted_by(body.as_bytes(), &ReadOptions::default()), expected, "{body}");
    }
}
