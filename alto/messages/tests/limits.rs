//! Bounds: what is just within is read, what is just beyond is refused, in any mode.

use alto_messages::{
    CostMap, CostMapReader, Directory, ErrorBody, Fault, Limits, NetworkMap, ReadOptions,
    Strictness, code,
};

fn lenient(limits: Limits) -> ReadOptions {
    ReadOptions { strictness: Strictness::Lenient, limits }
}

fn network_map(pids: usize, prefixes_each: usize) -> String {
    let pid = |pid: usize| {
        let prefix = |at: usize| format!("\"10.{pid}.{at}.0/24\"");
        let prefixes: Vec<_> = (0..prefixes_each).map(prefix).collect();
        format!("\"p{pid}\":{{\"ipv4\":[{}]}}", prefixes.join(","))
    };
    let pids: Vec<_> = (0..pids).map(pid).collect();
    format!("{{\"network-map\":{{{}}}}}", pids.join(","))
}

fn cost_map(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let cells: Vec<_> = (0..columns).map(|at| format!("\"p{at}\":{at}")).collect();
        format!("\"p{row}\":{{{}}}", cells.join(","))
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    let cost_type = r#"{"cost-mode":"numerical","cost-metric":"routingcost"}"#;
    format!("{{\"meta\":{{\"cost-type\":{cost_type}}},\"cost-map\":{{{}}}}}", rows.join(","))
}

fn is_too_large<T: std::fmt::Debug>(result: Result<T, Fault>) -> bool {
    match result {
        Ok(_) => false,
        Err(fault) => {
            assert_eq!(fault.code(), code::TOO_LARGE, "{fault}");
            true
        }
    }
}

/// PIDs, prefixes, costs; at n - 1, n and n + 1.
#[test]
fn counts_are_bounded() {
    let limits = Limits { pids: 5, prefixes: 20, costs: 30, ..Limits::default() };
    for (pids, each, refused) in
        [(4, 2, false), (5, 2, false), (6, 2, true), (1, 19, false), (4, 5, false), (1, 21, true)]
    {
        let result = NetworkMap::parse(network_map(pids, each).as_bytes(), &lenient(limits));
        assert_eq!(is_too_large(result), refused, "{pids} x {each}");
    }
    let limits = Limits { pids: 10, ..limits };
    for (rows, columns, refused) in
        [(1, 10, false), (1, 11, true), (3, 10, false), (10, 3, false), (4, 8, true), (10, 4, true)]
    {
        let result = CostMap::parse(cost_map(rows, columns).as_bytes(), &lenient(limits));
        assert_eq!(is_too_large(result), refused, "{rows} x {columns}");
    }
    // The same where no cost looks usual.
    let text = cost_map(4, 8).replace("\":", "\":0e0, \"x").replace("0e0, \"x{", "{");
    assert!(CostMap::parse(text.as_bytes(), &lenient(limits)).is_err());
}

/// There are 65,536 PIDs at most, whatever the limits say.
#[test]
fn pids_are_numbered_in_two_octets() {
    let text = |pids: usize| {
        let pids: Vec<_> = (0..pids).map(|pid| format!("\"{pid}\":{{}}")).collect();
        format!("{{\"network-map\":{{{}}}}}", pids.join(","))
    };
    let limits = Limits { pids: usize::MAX, ..Limits::default() };
    let map = NetworkMap::parse(text(65_536).as_bytes(), &lenient(limits)).unwrap().message;
    assert_eq!(map.pids().id("65535").unwrap().number(), 65_535);
    assert!(is_too_large(NetworkMap::parse(text(65_537).as_bytes(), &lenient(limits))));
}

/// Octets of a map, of what is beside the map, and of other bodies.
#[test]
fn octets_are_bounded() {
    let text = cost_map(8, 8);
    for (map_octets, refused) in [(text.len(), false), (text.len() - 1, true)] {
        let limits = Limits { map_octets: map_octets as u64, ..Limits::default() };
        let result = CostMap::parse(text.as_bytes(), &lenient(limits));
        assert_eq!(is_too_large(result), refused);
    }
    let error = r#"{"meta":{"code":"E_SYNTAX"}}"#;
    for (body_octets, refused) in [(error.len(), false), (error.len() - 1, true)] {
        let limits = Limits { body_octets, ..Limits::default() };
        assert_eq!(is_too_large(ErrorBody::parse(error.as_bytes(), &lenient(limits))), refused);
    }
    let long = |key: &str| {
        text.replace("{\"meta\":{", &format!("{{\"{key}\":[\"{}\"],\"meta\":{{", "x".repeat(9_000)))
    };
    let wide =
        text.replace("{\"meta\":{", &format!("{{\"meta\":{{\"x\":[1{}],", ",1".repeat(9_000)));
    let limits = Limits { body_octets: 10_000, ..Limits::default() };
    assert!(CostMap::parse(long("x").as_bytes(), &lenient(limits)).is_ok());
    assert!(is_too_large(CostMap::parse(wide.as_bytes(), &lenient(limits))));
    let limits = Limits { body_octets: 8_000, ..Limits::default() };
    let mut reader = CostMapReader::new(&lenient(limits));
    let fed = long("x").as_bytes().chunks(100).try_for_each(|piece| reader.feed(piece));
    assert!(is_too_large(fed));
    assert!(is_too_large(reader.feed(b"")), "the fault stays");
    assert!(is_too_large(reader.finish()));
}

/// 16 objects and arrays inside each other, in maps, small bodies, and ignored members.
#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let options = ReadOptions::lenient();
    for (depth, refused) in [(1, false), (15, false), (16, true), (10_000, true)] {
        let error = format!(r#"{{"x":{},"meta":{{"code":"E_SYNTAX"}}}}"#, nested(depth));
        let map = format!(r#"{{"x":{},"network-map":{{}}}}"#, nested(depth));
        let errors = [
            ErrorBody::parse(error.as_bytes(), &options).err(),
            NetworkMap::parse(map.as_bytes(), &options).err(),
        ];
        for error in errors {
            assert_eq!(error.as_ref().map(Fault::code), refused.then_some(code::TOO_DEEP));
        }
    }
}

/// 500 resources.
#[test]
fn directories_are_bounded() {
    let text = |resources: usize| {
        let resource = |id: usize| format!(r#""r{id}":{{"uri":"/{id}","media-type":"a/b"}}"#);
        let resources: Vec<_> = (0..resources).map(resource).collect();
        format!("{{\"resources\":{{{}}}}}", resources.join(","))
    };
    let options = ReadOptions::lenient();
    assert_eq!(
        Directory::parse(text(500).as_bytes(), &options).unwrap().message.resources.len(),
        500
    );
    assert!(is_too_large(Directory::parse(text(501).as_bytes(), &options)));
}

/// A long text in tiny pieces is not looked at anew for each of them: a million pieces of one octet
/// take about as long as one look at each octet, which is far below the minutes it would take
/// otherwise.
#[test]
fn tiny_pieces_cost_no_more_than_their_octets() {
    let text = format!(r#"{{"x":"{}","network-map":{{}}}}"#, "y".repeat(1_000_000));
    let mut reader = alto_messages::NetworkMapReader::new(&ReadOptions::lenient());
    text.as_bytes().chunks(1).try_for_each(|piece| reader.feed(piece)).unwrap();
    assert_eq!(reader.finish().unwrap().message.prefix_count(), 0);
}

/// The defaults, as the documentation has them.
#[test]
fn default_limits() {
    let limits = Limits::default();
    assert_eq!((limits.map_octets, limits.body_octets), (128 << 20, 1 << 20));
    assert_eq!((limits.pids, limits.prefixes, limits.costs), (65_536, 2_000_000, 16_000_000));
    assert_eq!((limits.resources, alto_messages::MAX_DEPTH), (500, 16));
}
