//! What is written is what RFC 7285 says, judged by JSON schemas that were written from its object
//! grammar apart from the parser, and it is read back as it was.

mod schemas;

use std::collections::BTreeMap;

use alto_messages::{
    Capabilities, Constraint, CostMap, CostMapBuilder, CostMapFilter, CostMode, CostType,
    Directory, EndpointCostRequest, EndpointCosts, EndpointId, EndpointProperties,
    EndpointPropertyRequest, ErrorBody, ErrorCode, Fault, Limits, MediaType, NetworkMap,
    NetworkMapBuilder, NetworkMapFilter, Operator, Parsed, PidName, ReadOptions, Resource,
    TypedAddress, VersionTag, parse_prefix,
};
use proptest::prelude::*;
use schemas::{schema, valid};
use serde_json::{Value, json};

/// The body is valid and is read back as the message, without a warning.
fn check<T: PartialEq + std::fmt::Debug>(
    of: MediaType,
    message: &T,
    body: &[u8],
    parse: impl Fn(&[u8], &ReadOptions) -> Result<Parsed<T>, Fault>,
) {
    valid(of, body);
    let read = parse(body, &ReadOptions::default()).unwrap();
    assert_eq!((&read.message, read.warnings.len()), (message, 0), "{of}");
}

fn address(text: &str) -> TypedAddress {
    text.parse().unwrap()
}

fn vtag() -> VersionTag {
    VersionTag { resource_id: "my-map".parse().unwrap(), tag: "4f3b!".parse().unwrap() }
}

fn pids(names: &[&str]) -> Vec<PidName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// RFC 7285 §9.2.2.
#[test]
fn directories() {
    let resource = |uri: &str, answers: MediaType, accepts: &str| Resource {
        uri: uri.into(),
        media_type: answers.as_str().into(),
        accepts: accepts.into(),
        ..Resource::default()
    };
    let mut directory = Directory {
        default_network_map: Some("my-map".parse().unwrap()),
        cost_types: BTreeMap::from([("num-routing".into(), CostType::routingcost())]),
        resources: BTreeMap::new(),
    };
    let capabilities = Capabilities {
        cost_type_names: vec!["num-routing".into()],
        cost_constraints: false,
        prop_types: vec!["my-map.pid".parse().unwrap(), "priv:3pdisc-ird".parse().unwrap()],
    };
    let map = resource("/networkmap", MediaType::NetworkMap, "");
    let costs = Resource {
        capabilities,
        uses: vec!["my-map".parse().unwrap()],
        ..resource("https://other.example/c", MediaType::CostMap, "")
    };
    let ecs = Resource {
        capabilities: Capabilities { cost_constraints: true, ..costs.capabilities.clone() },
        ..resource("ecs", MediaType::EndpointCosts, MediaType::EndpointCostParams.as_str())
    };
    for (id, resource) in [("my-map", map), ("costs", costs), ("ecs", ecs)] {
        directory.resources.insert(id.parse().unwrap(), resource);
    }
    check(MediaType::Directory, &directory, &directory.to_json(), Directory::parse);
    let empty = Directory::default();
    check(MediaType::Directory, &empty, &empty.to_json(), Directory::parse);
}

/// RFC 7285 §11.2.1, with the map of RFC 7285 §11.2.2's kind: nested, complete.
#[test]
fn network_maps() {
    let mut builder = NetworkMapBuilder::new(Limits::default());
    for (pid, prefix) in [
        ("PID0", "::/0"),
        ("PID1", "0.0.0.0/0"),
        ("PID2", "192.0.2.0/24"),
        ("PID2", "198.51.100.0/24"),
        ("PID3", "192.0.2.128/25"),
    ] {
        let pid = builder.pid(pid).unwrap();
        builder.prefix(pid, parse_prefix(prefix).unwrap()).unwrap();
    }
    builder.pid("empty").unwrap();
    let map = builder.finish(Some(vtag())).unwrap().message;
    check(MediaType::NetworkMap, &map, &map.to_json(), NetworkMap::parse);
    let expected = json!({
        "meta": {"vtag": {"resource-id": "my-map", "tag": "4f3b!"}},
        "network-map": {
            "PID0": {"ipv6": ["::/0"]},
            "PID1": {"ipv4": ["0.0.0.0/0"]},
            "PID2": {"ipv4": ["192.0.2.0/24", "198.51.100.0/24"]},
            "PID3": {"ipv4": ["192.0.2.128/25"]},
            "empty": {},
        },
    });
    assert_eq!(serde_json::from_slice::<Value>(&map.to_json()).unwrap(), expected);
}

/// RFC 7285 §11.2.3: numbers and ranks.
#[test]
fn cost_maps() {
    for mode in [CostMode::Numerical, CostMode::Ordinal] {
        let mut builder = CostMapBuilder::new(Limits::default());
        let [one, two] = ["PID1", "PID2"].map(|name| builder.pid(name).unwrap());
        builder.row(two, [(two, 0.0), (one, 7.0)]).unwrap();
        builder.row(one, [(two, 70_000.0)]).unwrap();
        let cost_type = CostType { mode, ..CostType::routingcost() };
        let map = builder.finish(cost_type, vec![vtag()]).unwrap().message;
        // Numbers of PIDs differ once read back; names and costs do not.
        let read = CostMap::parse(&map.to_json(), &ReadOptions::default()).unwrap().message;
        check(MediaType::CostMap, &read, &read.to_json(), CostMap::parse);
        let body: Value = serde_json::from_slice(&map.to_json()).unwrap();
        let rows = json!({"PID2": {"PID1": 7, "PID2": 0}, "PID1": {"PID2": 70_000}});
        assert_eq!(body["cost-map"], rows);
        let [one, two] = ["PID1", "PID2"].map(|name| read.pids().id(name).unwrap());
        assert_eq!((read.get(two, one), read.get(one, one)), (Some(7.0), None));
    }
}

/// RFC 7285 §11.3.1.3, §11.3.2.3.
#[test]
fn filters() {
    let filter = NetworkMapFilter { pids: pids(&["PID1", "PID2"]), ..Default::default() };
    check(MediaType::NetworkMapFilter, &filter, &filter.to_json(), NetworkMapFilter::parse);
    let address_types = vec![alto_messages::AddressType::Ipv6];
    let filter = NetworkMapFilter { pids: Vec::new(), address_types };
    check(MediaType::NetworkMapFilter, &filter, &filter.to_json(), NetworkMapFilter::parse);
    let filter = CostMapFilter {
        cost_type: CostType::routingcost(),
        constraints: vec!["ge 5".parse().unwrap(), "le 10.5".parse().unwrap()],
        sources: pids(&["PID1"]),
        destinations: Vec::new(),
    };
    check(MediaType::CostMapFilter, &filter, &filter.to_json(), CostMapFilter::parse);
}

/// RFC 7285 §11.3.2.3: five operators and a number.
#[test]
fn constraints_admit_what_they_say() {
    let admits = |text: &str, cost| text.parse::<Constraint>().unwrap().admits(cost);
    for (text, below, equal, above) in [
        ("lt 10", true, false, false),
        ("le 10", true, true, false),
        ("eq 10", false, true, false),
        ("ge 10", false, true, true),
        ("gt 10", false, false, true),
    ] {
        assert_eq!(
            [admits(text, 9.5), admits(text, 10.0), admits(text, 10.5)],
            [below, equal, above]
        );
    }
    for text in ["", "le", "le ", "le ten", "le  1", "ne 1", "LE 1", "le inf", "le NaN"] {
        assert!(text.parse::<Constraint>().is_err(), "{text}");
    }
    assert_eq!(Constraint { operator: Operator::Le, value: 2.5 }.to_string(), "le 2.5");
}

/// RFC 7285 §11.5.1.3, §11.5.1.6.
#[test]
fn endpoint_costs() {
    let request = EndpointCostRequest {
        cost_type: CostType::routingcost(),
        constraints: Vec::new(),
        sources: vec![address("ipv4:192.0.2.2")],
        destinations: vec![address("ipv4:192.0.2.89"), address("ipv6:2001:db8::1")],
    };
    let of = MediaType::EndpointCostParams;
    check(of, &request, &request.to_json(), EndpointCostRequest::parse);
    let row = BTreeMap::from([(request.destinations[0], 1.0), (request.destinations[1], 2.5)]);
    let costs = EndpointCosts {
        cost_type: CostType::routingcost(),
        costs: BTreeMap::from([(request.sources[0], row)]),
    };
    check(MediaType::EndpointCosts, &costs, &costs.to_json(), EndpointCosts::parse);
    assert_eq!(costs.get(request.sources[0], request.destinations[1]), Some(2.5));
    assert_eq!(costs.get(request.destinations[1], request.sources[0]), None);
}

/// RFC 7285 §11.4.1.3, §11.4.1.6; approach 4's member names ports and tokens.
#[test]
fn endpoint_properties() {
    let peer = address("ipv4:198.51.100.3");
    for id in [EndpointId::Port(40_000), EndpointId::Token(vec![0xfb, 0xff, 7, 1].into())] {
        let request = EndpointPropertyRequest {
            properties: vec![alto_messages::RESPONSIBLE_DIRECTORY.parse().unwrap()],
            endpoints: vec![peer, address("ipv6:2001:db8::1")],
            peer_ids: BTreeMap::from([(peer, id)]),
        };
        let of = MediaType::EndpointPropertyParams;
        check(of, &request, &request.to_json(), EndpointPropertyRequest::parse);
    }
    let value = "https://b.example/ird?\"x\"";
    let values = BTreeMap::from([("priv:3pdisc-ird".parse().unwrap(), value.to_owned())]);
    let answer = EndpointProperties {
        dependent_vtags: vec![vtag()],
        endpoints: BTreeMap::from([(peer, values)]),
    };
    check(MediaType::EndpointProperties, &answer, &answer.to_json(), EndpointProperties::parse);
    assert_eq!(answer.get(peer, "priv:3pdisc-ird"), Some(value));
    assert_eq!(answer.get(peer, "my-map.pid"), None);
}

/// Approach 4: what a peer ID looks like, and that tokens are not shown.
#[test]
fn peer_ids_are_ports_or_tokens() {
    for text in ["port:40000", "port:1", "port:65535", "token:_-8", "token:AA"] {
        assert_eq!(text.parse::<EndpointId>().unwrap().to_string(), text);
    }
    let long = format!("token:{}", "A".repeat(44));
    for text in [
        "",
        "40000",
        "port:",
        "port:0",
        "port:65536",
        "port:080",
        "port:+1",
        "token:",
        "token:A",
        "token:AB",
        "token:AA==",
        "token:A+AA",
        &long,
    ] {
        assert!(text.parse::<EndpointId>().is_err(), "{text}");
    }
    let token: EndpointId = "token:c2VjcmV0".parse().unwrap();
    assert_eq!(format!("{token:?}"), "Token(6 octets)");
    let body = br#"{"properties":["a"],"endpoints":[],"priv:3pdisc-peer-ids":{"ipv4:1.2.3.4":"token:!secret"}}"#;
    let fault = EndpointPropertyRequest::parse(body, &ReadOptions::default()).unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("secret"));
}

/// Approach 4: an ID is of an endpoint that is asked for, one of each, and said once.
#[test]
fn peer_ids_belong_to_the_endpoints_asked_for() {
    let read = |ids: &str| {
        let body = format!(
            r#"{{"properties":["a"],"priv:3pdisc-peer-ids":{ids},"endpoints":["ipv4:1.2.3.4","ipv6:2001:db8::1"]}}"#
        );
        let read = EndpointPropertyRequest::parse(body.as_bytes(), &ReadOptions::default());
        read.map(|parsed| parsed.message.peer_ids.len()).map_err(|fault| ErrorBody::from(&fault))
    };
    assert_eq!(read("{}"), Ok(0));
    assert_eq!(read(r#"{"ipv4:1.2.3.4":"port:1","ipv6:2001:DB8::0:1":"token:AA"}"#), Ok(2));
    assert_eq!(read(r#"{"mac:00":"port:1"}"#), Ok(0), "an address type of others");
    let (value, kind) = (ErrorCode::InvalidFieldValue, ErrorCode::InvalidFieldType);
    for (ids, code) in [
        (r#"{"ipv4:1.2.3.5":"port:1"}"#, &value),
        (r#"{"1.2.3.4":"port:1"}"#, &value),
        (r#"{"ipv4:1.2.3.4":"port:0"}"#, &value),
        (r#"{"ipv4:1.2.3.4":"port:65536"}"#, &value),
        (r#"{"ipv4:1.2.3.4":"token:A"}"#, &value),
        (r#"{"ipv4:1.2.3.4":40000}"#, &kind),
        (r#"{"ipv4:1.2.3.4":["port:1"]}"#, &kind),
        (r#""port:1""#, &kind),
    ] {
        let error = read(ids).unwrap_err();
        assert_eq!(&error.code, code, "{ids}");
        assert!(error.field.unwrap().starts_with("priv:3pdisc-peer-ids"), "{ids}");
    }
    for twice in [
        r#"{"ipv4:1.2.3.4":"port:1","ipv4:1.2.3.4":"port:1"}"#,
        r#"{"ipv6:2001:db8::1":"port:1","ipv6:2001:db8:0::1":"port:2"}"#,
        r#"{},"priv:3pdisc-peer-ids":{}"#,
    ] {
        assert!(read(twice).is_err(), "{twice}");
    }
}

/// RFC 7285 §8.5: errors as they come from faults in requests.
#[test]
fn errors() {
    let options = ReadOptions::default();
    for (body, code, field, value) in [
        (r#"{"pids": ["#, ErrorCode::Syntax, None, None),
        ("{}", ErrorCode::MissingField, Some("pids"), None),
        (r#"{"pids": 1}"#, ErrorCode::InvalidFieldType, Some("pids"), None),
        (r#"{"pids": ["a b"]}"#, ErrorCode::InvalidFieldValue, Some("pids"), Some("a b")),
    ] {
        let fault = NetworkMapFilter::parse(body.as_bytes(), &options).unwrap_err();
        let error = ErrorBody::from(&fault);
        assert_eq!(
            (&error.code, error.field.as_deref(), error.value.as_deref()),
            (&code, field, value)
        );
        assert_eq!(error.syntax_error.is_some(), code == ErrorCode::Syntax);
        check(MediaType::Error, &error, &error.to_json(), ErrorBody::parse);
    }
}

/// The schemas can fail: what is wrong in any member is found.
#[test]
fn schemas_refuse_what_is_wrong() {
    let meta = json!({"vtag": {"resource-id": "m", "tag": "1"}});
    let costs = |cost: Value, mode: &str| {
        json!({
            "meta": {
                "dependent-vtags": [meta["vtag"]],
                "cost-type": {"cost-mode": mode, "cost-metric": "routingcost"},
            },
            "cost-map": {"a": {"b": cost}},
        })
    };
    for (of, good, bad) in [
        (MediaType::CostMap, costs(json!(1.5), "numerical"), costs(json!("1"), "numerical")),
        (MediaType::CostMap, costs(json!(1), "ordinal"), costs(json!(1.5), "ordinal")),
        (
            MediaType::NetworkMap,
            json!({"meta": meta, "network-map": {"a": {"ipv4": ["10.0.0.0/8"]}}}),
            json!({"meta": meta, "network-map": {"a": {"ipv4": ["10.0.0.0"]}}}),
        ),
        (
            MediaType::NetworkMap,
            json!({"meta": meta, "network-map": {}}),
            json!({"network-map": {}}),
        ),
        (
            MediaType::Error,
            json!({"meta": {"code": "E_INVALID_FIELD_VALUE", "field": "a", "value": "b"}}),
            json!({"meta": {"code": "E_INVALID_FIELD_VALUE", "value": "b"}}),
        ),
        (
            MediaType::EndpointCostParams,
            json!({"cost-type": {"cost-mode": "ordinal", "cost-metric": "routingcost"}, "endpoints": {"srcs": ["ipv4:1.2.3.4"]}}),
            json!({"cost-type": {"cost-mode": "ordinal", "cost-metric": "routingcost"}, "endpoints": {"srcs": []}}),
        ),
    ] {
        assert!(schema(of).is_valid(&good), "{good}");
        assert!(!schema(of).is_valid(&bad), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Any network map is read back as it was written, and written the same again.
    #[test]
    fn any_network_map_survives(prefixes in prop::collection::btree_map((any::<std::net::IpAddr>(), 0_u8..=32), 0_u8..20, 0..60)) {
        let mut builder = NetworkMapBuilder::new(Limits::default());
        let mut known = std::collections::HashSet::new();
        for ((address, length), pid) in prefixes {
            let net = ipnet::IpNet::new(address, length).unwrap().trunc();
            let pid = builder.pid(&format!("PID{pid}")).unwrap();
            if known.insert(net) {
                builder.prefix(pid, net).unwrap();
            }
        }
        let map = builder.finish(Some(vtag())).unwrap().message;
        check(MediaType::NetworkMap, &map, &map.to_json(), NetworkMap::parse);
    }

    /// Any cost map keeps each cost to the last bit, whatever mix of numbers it holds.
    #[test]
    fn any_cost_map_survives(rows in prop::collection::btree_map(0_u8..12, prop::collection::btree_map(0_u8..12, cost(), 0..12), 0..12)) {
        let mut builder = CostMapBuilder::new(Limits::default());
        for (source, row) in &rows {
            let source = builder.pid(&format!("p{source}")).unwrap();
            let row: Vec<_> = row.iter().rev().map(|(pid, cost)| {
                (builder.pid(&format!("p{pid}")).unwrap(), *cost)
            }).collect();
            builder.row(source, row).unwrap();
        }
        let map = builder.finish(CostType::routingcost(), vec![vtag()]).unwrap().message;
        prop_assert_eq!(map.cost_count(), rows.values().map(BTreeMap::len).sum::<usize>());
        let read = CostMap::parse(&map.to_json(), &ReadOptions::default()).unwrap().message;
        for (source, row) in &rows {
            for destination in 0..12 {
                let [from, to] = [*source, destination].map(|pid| read.pids().id(&format!("p{pid}")));
                let found = from.zip(to).and_then(|(from, to)| read.get(from, to));
                prop_assert_eq!(found, row.get(&destination).copied());
            }
        }
        check(MediaType::CostMap, &read, &read.to_json(), CostMap::parse);
    }
}

/// Small whole numbers, halves, decimals and anything else that is finite and not negative.
fn cost() -> impl Strategy<Value = f64> {
    let whole = (0_u32..70_000).prop_map(f64::from);
    let halves = (0_u32..70_000).prop_map(|number| f64::from(number) / 2.0);
    let decimals = (0_u32..70_000).prop_map(|number| f64::from(number) / 100.0);
    let any = any::<f64>().prop_map(|number| if number.is_finite() { number.abs() } else { 0.0 });
    prop_oneof![4 => whole, 1 => halves, 1 => decimals, 1 => any]
}
