//! What each resource answers, as plain data; every body is judged by the schemas written from RFC
//! 7285's object grammar.
#![forbid(unsafe_code)]

mod support;

use alto_messages::MediaType;
use alto_server::{Answer, Head, Plan, Target};
use serde_json::{Value, json};
use support::{NETWORK, catalogue, maps, valid};

fn get(path: &str) -> Answer {
    match catalogue().plan(&Head { method: "GET", path, ..Head::default() }) {
        Plan::Send(answer) => answer,
        Plan::Read(target) => panic!("{path} is {target:?}"),
    }
}

fn body_of(path: &str, of: MediaType) -> Value {
    let answer = get(path);
    assert_eq!((answer.status, answer.media_type), (200, Some(of)), "{path}");
    valid(of, &answer.body)
}

/// Status and body of the answer to `body`.
fn post(target: Target, body: &Value) -> (u16, Value) {
    let answer = catalogue().answer(target, body.to_string().as_bytes(), [198, 51, 100, 9].into());
    let media_type = answer.media_type.unwrap();
    let expected = if answer.status == 200 { target.media_type() } else { MediaType::Error };
    assert_eq!(media_type, expected);
    (answer.status, valid(media_type, &answer.body))
}

fn found(target: Target, body: &Value) -> Value {
    let (status, answer) = post(target, body);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn refused(target: Target, body: &Value) -> Value {
    let (status, answer) = post(target, body);
    assert_eq!(status, 400, "{answer}");
    answer["meta"].clone()
}

fn routingcost() -> Value {
    json!({"cost-mode": "numerical", "cost-metric": "routingcost"})
}

/// RFC 7285 §9.2: each entry leads to a resource of the advertised type; dependencies are named.
#[test]
fn the_directory_leads_to_all_resources() {
    let directory = body_of("/directory", MediaType::Directory);
    assert_eq!(directory["meta"]["default-alto-network-map"], "network-map");
    assert_eq!(directory["meta"]["cost-types"]["numerical-routingcost"], routingcost());
    let resources = directory["resources"].as_object().unwrap();
    assert_eq!(resources.len(), 7);
    let catalogue = catalogue();
    for (id, resource) in resources {
        let path = resource["uri"].as_str().unwrap();
        let content_type = resource["accepts"].as_str();
        let method = if content_type.is_some() { "POST" } else { "GET" };
        let accept = resource["media-type"].as_str();
        let head = Head { method, path, accept, content_type, if_none_match: None };
        match catalogue.plan(&head) {
            Plan::Send(answer) => assert_eq!(answer.status, 200, "{id}"),
            Plan::Read(target) => assert_eq!((target.id(), target.path()), (&**id, path)),
        }
    }
    for id in ["cost-map-routingcost", "filtered-cost-map", "filtered-network-map"] {
        assert_eq!(resources[id]["uses"], json!(["network-map"]), "{id}");
    }
    let names = &resources["cost-map-delay-ow"]["capabilities"]["cost-type-names"];
    assert_eq!(*names, json!(["numerical-delay-ow"]));
    let properties = &resources["endpoint-property"]["capabilities"]["prop-types"];
    assert_eq!(*properties, json!(["network-map.pid"]));
}

/// RFC 7285 §11.2: the maps say what the files say, and a cost map names its network map's version.
#[test]
fn whole_maps() {
    let network = body_of("/network-map", MediaType::NetworkMap);
    let pid2 = json!({"ipv4": ["192.0.2.0/24", "198.51.100.0/24"]});
    assert_eq!(network["network-map"]["PID2"], pid2);
    assert_eq!(network["network-map"]["PID5"], json!({"ipv6": ["2001:db8::/32"]}));
    let costs = body_of("/cost-map/routingcost", MediaType::CostMap);
    assert_eq!(costs["meta"]["dependent-vtags"], json!([network["meta"]["vtag"]]));
    assert_eq!(costs["meta"]["cost-type"], routingcost());
    assert_eq!(costs["cost-map"]["PID3"], json!({"PID2": 2.5, "PID3": 0}));
    let delay = body_of("/cost-map/delay-ow", MediaType::CostMap);
    assert_eq!(delay["cost-map"], json!({"PID1": {"PID1": 1200}}));
}

/// RFC 7285 §11.3.1: only the PIDs and types that are asked for; the version is the whole map's.
#[test]
fn filtered_network_maps() {
    let whole = body_of("/network-map", MediaType::NetworkMap);
    let ask = |pids: Value| found(Target::FilteredNetworkMap, &json!({ "pids": pids }));
    assert_eq!(ask(json!([])), whole);
    let some = ask(json!(["PID3", "PID9", "PID3"]));
    assert_eq!(some["meta"], whole["meta"]);
    let pid3 = json!({"PID3": {"ipv4": ["192.0.2.0/25", "192.0.2.128/25"]}});
    assert_eq!(some["network-map"], pid3);
    assert_eq!(ask(json!(["PID9"]))["network-map"], json!({}));
    let ipv6 = json!({"pids": ["PID5", "PID2"], "address-types": ["ipv6"]});
    let ipv6 = found(Target::FilteredNetworkMap, &ipv6);
    assert_eq!(ipv6["network-map"], json!({"PID2": {}, "PID5": {"ipv6": ["2001:db8::/32"]}}));
}

/// RFC 7285 §11.3.2: rows and columns that are asked for, and all constraints hold.
#[test]
fn filtered_cost_maps() {
    let whole = body_of("/cost-map/routingcost", MediaType::CostMap);
    let mut request = json!({"cost-type": routingcost()});
    assert_eq!(found(Target::FilteredCostMap, &request), whole);
    request["pids"] = json!({"srcs": [], "dsts": ["PID2", "PID9"]});
    let to_2 = found(Target::FilteredCostMap, &request);
    assert_eq!(to_2["meta"], whole["meta"]);
    let all = json!({"PID1": {"PID2": 5}, "PID2": {"PID2": 10}, "PID3": {"PID2": 2.5}});
    assert_eq!(to_2["cost-map"], all);
    request["constraints"] = json!(["ge 2.5", "lt 10"]);
    let some = found(Target::FilteredCostMap, &request);
    assert_eq!(some["cost-map"], json!({"PID1": {"PID2": 5}, "PID3": {"PID2": 2.5}}));
    request["pids"]["srcs"] = json!(["PID9"]);
    assert_eq!(found(Target::FilteredCostMap, &request)["cost-map"], json!({}));
}

/// A filter that lets all through costs no work and no memory: the answer is the whole map as it is.
#[test]
fn what_filters_nothing_is_the_whole_map() {
    let catalogue = catalogue();
    let stored = |path| match catalogue.plan(&Head { method: "GET", path, ..Head::default() }) {
        Plan::Send(answer) => answer.body,
        Plan::Read(target) => panic!("{path} is {target:?}"),
    };
    for (target, path, all) in [
        (Target::FilteredNetworkMap, "/network-map", json!({"pids": []})),
        (
            Target::FilteredCostMap,
            "/cost-map/routingcost",
            json!({"cost-type": routingcost(), "pids": {"srcs": [], "dsts": []}}),
        ),
    ] {
        let whole = stored(path);
        let answer = catalogue.answer(target, all.to_string().as_bytes(), [8; 4].into());
        assert_eq!((answer.body.as_ptr(), answer.body.len()), (whole.as_ptr(), whole.len()));
        assert_eq!(answer.etag, None, "{path}: it is the answer to a question");
    }
}

/// RFC 7285 §11.5: the longest prefix decides; a pair without a cost is left out.
#[test]
fn endpoint_costs() {
    let ask = |sources: Value, destinations: Value, constraints: Value| {
        let endpoints = json!({"srcs": sources, "dsts": destinations});
        let request = json!({
            "cost-type": routingcost(), "endpoints": endpoints, "constraints": constraints
        });
        found(Target::EndpointCost, &request)["endpoint-cost-map"].clone()
    };
    let destinations = json!(["ipv4:192.0.2.1", "ipv4:198.51.100.9", "ipv6:2001:db8::1"]);
    let costs = ask(json!(["ipv4:192.0.2.200", "ipv4:8.8.8.8"]), destinations, json!([]));
    let expected = json!({
        "ipv4:192.0.2.200": {"ipv4:192.0.2.1": 0, "ipv4:198.51.100.9": 2.5},
        "ipv4:8.8.8.8": {"ipv4:198.51.100.9": 5}
    });
    assert_eq!(costs, expected);
    // An empty list means the client, here 198.51.100.9 in PID2.
    let costs = ask(json!([]), json!(["ipv4:192.0.2.1", "ipv4:198.51.100.1"]), json!(["gt 1"]));
    assert_eq!(costs, json!({"ipv4:198.51.100.9": {"ipv4:198.51.100.1": 10}}));
}

/// RFC 7285 §11.4: the PID of each endpoint, and the version of the map it is from.
#[test]
fn endpoint_properties() {
    let endpoints = json!(["ipv4:192.0.2.34", "ipv6:2001:DB8:0::1", "ipv6:::ffff:192.0.2.1"]);
    let request = json!({"properties": ["network-map.pid"], "endpoints": endpoints});
    let answer = found(Target::EndpointProperty, &request);
    let whole = body_of("/network-map", MediaType::NetworkMap);
    assert_eq!(answer["meta"]["dependent-vtags"], json!([whole["meta"]["vtag"]]));
    let pid = |name: &str| json!({"network-map.pid": name});
    let properties = answer["endpoint-properties"].as_object().unwrap();
    assert_eq!(properties["ipv4:192.0.2.34"], pid("PID3"));
    assert_eq!(properties["ipv6:2001:db8::1"], pid("PID5"));
    assert_eq!(properties.len(), 3);
}

/// An endpoint that no prefix covers has no PID; that is no error (§11.4.1.6).
#[test]
fn an_endpoint_without_pid_has_no_property() {
    let maps = maps(&NETWORK.replace("0.0.0.0/0", "203.0.113.0/24"));
    let catalogue = alto_server::Catalogue::new(maps, std::time::Duration::ZERO).unwrap();
    let request = json!({"properties": ["network-map.pid"], "endpoints": ["ipv4:8.8.8.8"]});
    let body = request.to_string();
    let answer = catalogue.answer(Target::EndpointProperty, body.as_bytes(), [8; 4].into());
    let answer = valid(MediaType::EndpointProperties, &answer.body);
    assert_eq!(answer["endpoint-properties"], json!({"ipv4:8.8.8.8": {}}));
}

/// RFC 7285 §8.5: exactly one error, with the code and the field that the RFC asks for.
#[test]
fn faults_in_requests_are_named() {
    let of_costs = |cost_type: Value| json!({"cost-type": cost_type, "endpoints": {"srcs": ["ipv4:192.0.2.1"], "dsts": []}});
    let ordinal = of_costs(json!({"cost-mode": "ordinal", "cost-metric": "routingcost"}));
    let hops = of_costs(json!({"cost-mode": "numerical", "cost-metric": "hopcount"}));
    let both_empty = json!({"cost-type": routingcost(), "endpoints": {"srcs": [], "dsts": []}});
    let invalid = "E_INVALID_FIELD_VALUE";
    let vague = json!({"cost-type": routingcost(), "constraints": ["about 5"]});
    let unknown = json!({"properties": ["other-map.pid"], "endpoints": []});
    for (target, request, code, field) in [
        (Target::FilteredNetworkMap, json!({}), "E_MISSING_FIELD", "pids"),
        (Target::FilteredNetworkMap, json!({"pids": "PID1"}), "E_INVALID_FIELD_TYPE", "pids"),
        (Target::FilteredNetworkMap, json!({"pids": ["a b"]}), invalid, "pids"),
        (Target::FilteredCostMap, json!({}), "E_MISSING_FIELD", "cost-type"),
        (Target::FilteredCostMap, vague, invalid, "constraints"),
        (Target::EndpointCost, ordinal, invalid, "cost-type/cost-mode"),
        (Target::EndpointCost, hops, invalid, "cost-type/cost-metric"),
        (Target::EndpointCost, both_empty, invalid, "endpoints"),
        (Target::EndpointProperty, unknown, invalid, "properties"),
        (Target::EndpointProperty, json!({"properties": []}), "E_MISSING_FIELD", "endpoints"),
    ] {
        let meta = refused(target, &request);
        assert_eq!(meta["code"], code, "{request}");
        assert!(meta["field"].as_str().unwrap().starts_with(field), "{meta} for {request}");
    }
    let answer = catalogue().answer(Target::EndpointCost, b"{\"cost-type\":", [8; 4].into());
    assert_eq!(valid(MediaType::Error, &answer.body)["meta"]["code"], "E_SYNTAX");
}

/// RFC 7285 §15.5: the product of two lists is bounded, not only their sum.
#[test]
fn the_number_of_pairs_is_bounded() {
    let many: Vec<_> = (0..501).map(|at| format!("ipv4:10.0.{}.{}", at / 256, at % 256)).collect();
    let ask = |sources: &[String]| {
        let endpoints = json!({"srcs": sources, "dsts": many[..500]});
        post(Target::EndpointCost, &json!({"cost-type": routingcost(), "endpoints": endpoints}))
    };
    assert_eq!(ask(&many[..500]).0, 200);
    let (status, answer) = ask(&many);
    assert_eq!((status, &answer["meta"]["field"]), (400, &json!("endpoints")));
}
