//! Who is responsible for an endpoint, as plain data: every body is judged by the schemas.
#![forbid(unsafe_code)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::Policy;
use alto_messages::{MediaType, RESPONSIBLE_DIRECTORY as PROPERTY};
use alto_server::{Answer, Asker, Catalogue, Head, NeighbourFile, Neighbours, Plan, Target};
use serde_json::{Value, json};
use support::{NETWORK, maps, valid};

const A: &str = "https://a.example/directory";
const B: &str = "https://b.example/directory";
const C: &str = "https://c.example/directory";

const FILE: &str = r#"
[own]
uri = "https://a.example/directory"
pids = ["PID3"]
prefixes = ["203.0.113.0/24", "2001:db8::/32"]

[[neighbour]]
uri = "https://b.example/directory"
prefixes = ["198.51.100.0/24", "203.0.113.128/25", "192.0.2.0/24", "2001:db8:b::/48"]

[[neighbour]]
uri = "https://c.example/directory"
shared = [{ prefix = "198.51.100.7", ports = ["1024-2047", "40000"], tokens = ["c2VjcmV0"] }]
"#;

fn catalogue(file: &str) -> Catalogue {
    let file = NeighbourFile::parse("n.toml", file, Policy::default()).unwrap();
    let maps = maps(NETWORK);
    let neighbours = Arc::new(Neighbours::new(file, &maps).unwrap());
    Catalogue::with_neighbours(maps, Some(neighbours), Duration::from_secs(300)).unwrap()
}

fn asker(takes_directory: bool) -> Asker {
    Asker { takes_directory, ..[198, 51, 100, 9].into() }
}

fn post(catalogue: &Catalogue, target: Target, body: &Value, asker: Asker) -> Answer {
    catalogue.answer(target, body.to_string().as_bytes(), asker)
}

/// What is told of one endpoint with this ID; null if nothing is.
fn told(catalogue: &Catalogue, endpoint: &str, id: Option<&str>) -> Value {
    let mut request = json!({"properties": [PROPERTY], "endpoints": [endpoint]});
    if let Some(id) = id {
        request["priv:3pdisc-peer-ids"] = json!({ endpoint: id });
    }
    let answer = post(catalogue, Target::EndpointProperty, &request, asker(false));
    assert_eq!((answer.status, answer.max_age), (200, Some(Duration::from_secs(300))));
    let answer = valid(MediaType::EndpointProperties, &answer.body);
    assert_eq!(answer["meta"], json!({"dependent-vtags": []}), "no map is depended on");
    answer["endpoint-properties"][endpoint][PROPERTY].clone()
}

/// The longest prefix decides; what is its own the server says of itself; what it does not know it
/// does not say. Its own map counts by the PIDs that are its own, not by its catch-all.
#[test]
fn each_endpoint_is_told_of_by_the_longest_prefix() {
    let catalogue = catalogue(FILE);
    for (endpoint, uri) in [
        ("ipv4:203.0.113.1", Some(A)),
        ("ipv4:203.0.113.129", Some(B)),
        ("ipv4:198.51.100.1", Some(B)),
        // PID3 has both halves of 192.0.2.0/24, which the file gives to B as a whole.
        ("ipv4:192.0.2.1", Some(A)),
        ("ipv4:192.0.2.200", Some(A)),
        ("ipv6:2001:db8::1", Some(A)),
        ("ipv6:2001:db8:b::1", Some(B)),
        ("ipv6:::ffff:198.51.100.1", Some(B)),
        // In PID1, by 0.0.0.0/0: nobody's.
        ("ipv4:8.8.8.8", None),
        ("ipv6:2001:db9::1", None),
    ] {
        assert_eq!(told(&catalogue, endpoint, None), json!(uri), "{endpoint}");
    }
}

/// Approach 4: behind one address, by port and by token.
#[test]
fn ids_tell_endpoints_behind_one_address_apart() {
    let catalogue = catalogue(FILE);
    for (id, uri) in [
        (None, B),
        (Some("port:1023"), B),
        (Some("port:1024"), C),
        (Some("port:2047"), C),
        (Some("port:2048"), B),
        (Some("port:40000"), C),
        (Some("token:c2VjcmV0"), C),
        (Some("token:c2VjcmV1"), B),
    ] {
        assert_eq!(told(&catalogue, "ipv4:198.51.100.7", id), json!(uri), "{id:?}");
        assert_eq!(told(&catalogue, "ipv4:198.51.100.8", id), json!(B), "{id:?}");
    }
}

/// RFC 7285 §11.4.1.6: what is not known of an endpoint is left out, and each map whose PIDs are
/// asked for is named.
#[test]
fn both_properties_at_once() {
    let catalogue = catalogue(FILE);
    let endpoints = json!(["ipv4:198.51.100.1", "ipv4:8.8.8.8"]);
    let request = json!({"properties": [PROPERTY, "network-map.pid"], "endpoints": endpoints});
    let answer = post(&catalogue, Target::EndpointProperty, &request, asker(true));
    let answer = valid(MediaType::EndpointProperties, &answer.body);
    assert_eq!(answer["meta"]["dependent-vtags"][0]["resource-id"], "network-map");
    let expected = json!({
        "ipv4:198.51.100.1": {"network-map.pid": "PID2", PROPERTY: B},
        "ipv4:8.8.8.8": {"network-map.pid": "PID1"}
    });
    assert_eq!(answer["endpoint-properties"], expected);
}

/// RFC 7285 §11.4.1.4: the property is advertised where it is answered, and refused elsewhere.
#[test]
fn the_property_is_advertised_where_it_is_answered() {
    let types = |catalogue: &Catalogue| {
        let head = Head { method: "GET", path: "/directory", ..Head::default() };
        let Plan::Send(answer) = catalogue.plan(&head) else { panic!() };
        let directory = valid(MediaType::Directory, &answer.body);
        directory["resources"]["endpoint-property"]["capabilities"]["prop-types"].clone()
    };
    assert_eq!(types(&catalogue(FILE)), json!(["network-map.pid", PROPERTY]));
    let without = Catalogue::new(maps(NETWORK), Duration::ZERO).unwrap();
    assert_eq!(types(&without), json!(["network-map.pid"]));
    let request = json!({"properties": [PROPERTY], "endpoints": ["ipv4:192.0.2.1"]});
    let refused = post(&without, Target::EndpointProperty, &request, asker(false));
    assert_eq!(refused.status, 400);
    assert_eq!(valid(MediaType::Error, &refused.body)["meta"]["value"], PROPERTY);
}

/// One question is of at most 256 endpoints; IDs are of endpoints that are asked for.
#[test]
fn questions_are_bounded() {
    let catalogue = catalogue(FILE);
    let endpoints = |count: u32| -> Vec<String> {
        (0..count).map(|at| format!("ipv4:10.0.{}.{}", at >> 8, at & 255)).collect()
    };
    let ask = |body: Value| {
        let answer = post(&catalogue, Target::EndpointProperty, &body, asker(false));
        (answer.status, valid(answer.media_type.unwrap(), &answer.body)["meta"]["field"].clone())
    };
    let of = |count| json!({"properties": [PROPERTY], "endpoints": endpoints(count)});
    assert_eq!(ask(of(256)), (200, Value::Null));
    assert_eq!(ask(of(257)), (400, json!("endpoints")));
    let pids = json!({"properties": ["network-map.pid"], "endpoints": endpoints(257)});
    assert_eq!(ask(pids), (200, Value::Null), "only of the property that a batch is made for");
    for id in ["port:0", "port:65536", "port:80 ", "token:", "token:A", "c2VjcmV0"] {
        let mut request = of(1);
        request["priv:3pdisc-peer-ids"] = json!({"ipv4:10.0.0.0": id});
        let (status, field) = ask(request);
        assert_eq!(status, 400, "{id}");
        assert!(field.as_str().unwrap().starts_with("priv:3pdisc-peer-ids"), "{field}");
    }
    let mut other = of(1);
    other["priv:3pdisc-peer-ids"] = json!({"ipv4:10.0.0.1": "port:1"});
    assert_eq!(ask(other), (400, json!("priv:3pdisc-peer-ids")));
}

/// A file that contradicts itself, or the maps, is refused: nothing is guessed.
#[test]
fn contradictions_are_faults() {
    let fault = |file: &str| {
        let file = NeighbourFile::parse("n.toml", file, Policy::default()).unwrap();
        Neighbours::new(file, &maps(NETWORK)).unwrap_err().to_string()
    };
    let twice = FILE.replace("\"203.0.113.128/25\"", "\"203.0.113.0/24\"");
    assert_eq!(fault(&twice), format!("n.toml:9: 203.0.113.0/24 belongs to {A} already"));
    let in_pid = FILE.replace("192.0.2.0/24", "192.0.2.0/25");
    let expected = format!("n.toml:3: 192.0.2.0/25 is in an own PID, and belongs to {B}");
    assert_eq!(fault(&in_pid), expected);
    let unknown = FILE.replace("PID3", "PID9");
    assert_eq!(fault(&unknown), "n.toml:3: the network map has no PID `PID9`");
    let ports = FILE.replace("\"40000\"", "\"2047-2048\"");
    let expected = format!("n.toml:13: this part of 198.51.100.7/32 belongs to {C} already");
    assert_eq!(fault(&ports), expected);
}

/// RFC 7285 §8.3.3: a directory in place of an answer, for those who take one, if all endpoints are
/// that neighbour's. RFC 8686 §4.4: on whose behalf costs are asked for decides.
#[test]
fn a_directory_in_place_of_an_answer() {
    let file = FILE.replacen("uri = \"https://b", "redirect = \"directory\"\nuri = \"https://b", 1);
    let catalogue = catalogue(&file);
    let property = |endpoints: &[&str], takes: bool| {
        let request = json!({"properties": [PROPERTY], "endpoints": endpoints});
        post(&catalogue, Target::EndpointProperty, &request, asker(takes))
    };
    let [b, c, a] = ["ipv4:198.51.100.1", "ipv4:198.51.100.7", "ipv4:203.0.113.1"];
    let leads_to_b = |answer: &Answer| {
        let media_type = answer.media_type.unwrap();
        let body = valid(media_type, &answer.body);
        if media_type != MediaType::Directory {
            return false;
        }
        let entries: Vec<_> = body["resources"].as_object().unwrap().values().collect();
        let link = json!({"uri": B, "media-type": MediaType::Directory.as_str()});
        assert_eq!((answer.status, entries), (200, vec![&link]));
        true
    };
    assert!(leads_to_b(&property(&[b], true)) && leads_to_b(&property(&[b, c], true)));
    assert!(!leads_to_b(&property(&[b], false)), "it does not say that it takes one");
    for others in [&[b, a][..], &[a], &["ipv4:8.8.8.8"], &[b, "ipv4:8.8.8.8"], &[]] {
        assert!(!leads_to_b(&property(others, true)), "{others:?}");
    }
    let costs = |sources: &[&str], destinations: &[&str]| {
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let endpoints = json!({"srcs": sources, "dsts": destinations});
        let request = json!({"cost-type": cost_type, "endpoints": endpoints});
        leads_to_b(&post(&catalogue, Target::EndpointCost, &request, asker(true)))
    };
    assert!(costs(&[b], &[a, "ipv4:8.8.8.8"]) && costs(&[a, a], &[b]) && costs(&[b, c], &[c, b]));
    assert!(costs(&[], &[a]), "the client itself is the source");
    assert!(!costs(&[a], &[b]) && !costs(&[b, b], &[a]) && !costs(&[b, c], &[b, a]));
    // A PID of this server's map is this server's to tell.
    let request = json!({"properties": ["network-map.pid"], "endpoints": [b]});
    let answer = post(&catalogue, Target::EndpointProperty, &request, asker(true));
    assert_eq!(answer.media_type, Some(MediaType::EndpointProperties));
}
