//! What standards know of announces and of ALTO messages, and what of a captured one they don't.

use std::collections::BTreeSet;

use serde_json::Value;

use super::wire;

/// What of an announce is in no BEP, each by its name.
pub(super) fn unknown_in_announce(octets: &[u8]) -> BTreeSet<String> {
    match wire::query(octets).filter(|_| octets.starts_with(b"GET ")) {
        Some(query) => unknown_keys(query),
        None => unknown_options(octets),
    }
}

/// Keys of an HTTP announce: BEP 3, 7 (`ipv4`, `ipv6`, `key`), 23 (`compact`), and those that all
/// trackers know (`numwant`, `no_peer_id`, `trackerid`), as BEP 3's successor in the wiki has them.
const KEYS: [&str; 15] = [
    "info_hash",
    "peer_id",
    "ip",
    "port",
    "uploaded",
    "downloaded",
    "left",
    "event",
    "ipv4",
    "ipv6",
    "key",
    "compact",
    "numwant",
    "no_peer_id",
    "trackerid",
];

fn unknown_keys(query: &[u8]) -> BTreeSet<String> {
    let query = String::from_utf8_lossy(query);
    let keys = query.split('&').filter_map(|pair| pair.split('=').next());
    let unknown = keys.filter(|key| !key.is_empty() && !KEYS.contains(key));
    unknown.map(|key| format!("announce key `{key}`")).collect()
}

/// Types of BEP 41: end, nothing, URL data.
const OPTIONS: [u8; 3] = [0, 1, 2];

/// Options of a UDP announce, and what stands in the URL among them.
fn unknown_options(datagram: &[u8]) -> BTreeSet<String> {
    let (mut unknown, mut url) = (BTreeSet::new(), Vec::new());
    let mut options = datagram.get(wire::ANNOUNCE..).unwrap_or_default();
    while let [kind, rest @ ..] = options {
        options = match (*kind, rest) {
            (0, _) => break,
            (1, _) => rest,
            (kind, [length, behind @ ..]) if behind.len() >= usize::from(*length) => {
                let (data, behind) = behind.split_at(usize::from(*length));
                if kind == 2 {
                    url.extend_from_slice(data);
                }
                if !OPTIONS.contains(&kind) {
                    unknown.insert(format!("announce option {kind:#04x}"));
                }
                behind
            }
            _ => break,
        };
    }
    if let Some(at) = url.iter().position(|octet| *octet == b'?') {
        unknown.extend(unknown_keys(&url[at + 1..]));
    }
    unknown
}

/// What RFC 7285 lets stand in a place of a JSON text.
enum Shape {
    /// A value without members.
    Leaf,
    /// An object with these members.
    Members(&'static [(&'static str, Shape)]),
    /// An object whose keys are names of somebody's own.
    Each(&'static Shape),
    /// An array of these.
    List(&'static Shape),
    /// The name of a property of endpoints.
    Property,
    /// An object whose keys are properties.
    Properties,
}

use Shape::{Each, Leaf, List, Members, Properties, Property};

const WORDS: Shape = List(&Leaf);
const VTAG: Shape = Members(&[("resource-id", Leaf), ("tag", Leaf)]);
const VTAGS: Shape = List(&VTAG);
const COST_TYPE: Shape =
    Members(&[("cost-mode", Leaf), ("cost-metric", Leaf), ("description", Leaf)]);
const ENDPOINTS: Shape = Members(&[("srcs", WORDS), ("dsts", WORDS)]);

/// The bodies of RFC 7285, by their media types without `application/alto-` and `+json`.
const BODIES: [(&str, Shape); 11] = [
    (
        "directory",
        Members(&[
            (
                "meta",
                Members(&[("default-alto-network-map", Leaf), ("cost-types", Each(&COST_TYPE))]),
            ),
            ("resources", Each(&RESOURCE)),
        ]),
    ),
    (
        "networkmap",
        Members(&[("meta", Members(&[("vtag", VTAG)])), ("network-map", Each(&ADDRESSES))]),
    ),
    (
        "costmap",
        Members(&[
            ("meta", Members(&[("dependent-vtags", VTAGS), ("cost-type", COST_TYPE)])),
            ("cost-map", Each(&Each(&Leaf))),
        ]),
    ),
    ("networkmapfilter", Members(&[("pids", WORDS), ("address-types", WORDS)])),
    (
        "costmapfilter",
        Members(&[("cost-type", COST_TYPE), ("constraints", WORDS), ("pids", ENDPOINTS)]),
    ),
    ("endpointpropparams", Members(&[("properties", List(&Property)), ("endpoints", WORDS)])),
    (
        "endpointprop",
        Members(&[
            ("meta", Members(&[("dependent-vtags", VTAGS)])),
            ("endpoint-properties", Each(&Properties)),
        ]),
    ),
    (
        "endpointcostparams",
        Members(&[("cost-type", COST_TYPE), ("constraints", WORDS), ("endpoints", ENDPOINTS)]),
    ),
    (
        "endpointcost",
        Members(&[
            ("meta", Members(&[("cost-type", COST_TYPE)])),
            ("endpoint-cost-map", Each(&Each(&Leaf))),
        ]),
    ),
    ("error", Members(&[("meta", ERROR)])),
    ("none", Members(&[])),
];

const RESOURCE: Shape = Members(&[
    ("uri", Leaf),
    ("media-type", Leaf),
    ("accepts", Leaf),
    ("uses", WORDS),
    (
        "capabilities",
        Members(&[
            ("cost-constraints", Leaf),
            ("cost-type-names", WORDS),
            ("prop-types", List(&Property)),
        ]),
    ),
]);
const ADDRESSES: Shape = Members(&[("ipv4", WORDS), ("ipv6", WORDS)]);
const ERROR: Shape =
    Members(&[("code", Leaf), ("syntax-error", Leaf), ("field", Leaf), ("value", Leaf)]);

/// What of a captured ALTO message is not in RFC 7285, each by its name: media types, members, and
/// properties of endpoints.
pub(super) fn unknown_in_alto(message: &[u8]) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    let (head, body) = split(message);
    let Some(kind) = header(head, "content-type") else { return unknown };
    let name = kind.strip_prefix("application/alto-").and_then(|kind| kind.strip_suffix("+json"));
    let shape = BODIES.iter().find(|(known, _)| Some(*known) == name);
    match (shape, serde_json::from_slice(body)) {
        (Some((_, shape)), Ok(value)) => shape.compare(&value, &mut unknown),
        (Some(_), Err(_)) => {} // not ours to judge: the other side refuses it
        (None, _) => drop(unknown.insert(format!("media type `{kind}`"))),
    }
    unknown
}

impl Shape {
    fn compare(&self, value: &Value, unknown: &mut BTreeSet<String>) {
        match (self, value) {
            (Members(known), Value::Object(members)) => {
                for (name, value) in members {
                    match known.iter().find(|(known, _)| known == name) {
                        Some((_, shape)) => shape.compare(value, unknown),
                        None => drop(unknown.insert(format!("member `{name}`"))),
                    }
                }
            }
            (Each(shape), Value::Object(members)) => {
                for value in members.values() {
                    shape.compare(value, unknown);
                }
            }
            (List(shape), Value::Array(values)) => {
                for value in values {
                    shape.compare(value, unknown);
                }
            }
            (Property, Value::String(name)) => property(name, unknown),
            (Properties, Value::Object(members)) => {
                for name in members.keys() {
                    property(name, unknown);
                }
            }
            _ => {}
        }
    }
}

/// RFC 7285 §11.4 defines one: the PID in a network map.
fn property(name: &str, unknown: &mut BTreeSet<String>) {
    if name.rsplit_once('.').is_none_or(|(_, property)| property != "pid") {
        unknown.insert(format!("property `{name}`"));
    }
}

/// The head and the body of an HTTP message.
pub(super) fn split(message: &[u8]) -> (&str, &[u8]) {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = message.split_at(end.unwrap_or(message.len()));
    (std::str::from_utf8(head).unwrap_or_default(), body.get(4..).unwrap_or_default())
}

/// The value of a header.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn message(kind: &str, body: &str) -> Vec<u8> {
        format!("POST / HTTP/1.1\r\nContent-Type: application/alto-{kind}+json\r\n\r\n{body}")
            .into()
    }

    /// BEP 3's example needs nothing new, and what approaches 5 and 6 send is new.
    #[test]
    fn announces() {
        let http = |more: &str| {
            let announce = wire::Announce { more: more.into(), ..wire::Announce::default() };
            unknown_in_announce(&wire::request("127.0.0.1:80".parse().unwrap(), &announce))
        };
        assert_eq!(http(""), names(&[]));
        assert_eq!(http("alto=x&altog=y"), names(&["announce key `alto`", "announce key `altog`"]));
        let udp = |more: &[u8]| {
            let announce = wire::Announce { more: more.into(), ..wire::Announce::default() };
            unknown_in_announce(&wire::datagram(1, 2, &announce))
        };
        assert_eq!(udp(b"\x02\x09/announce\x01\x00\xa5\x01"), names(&[]));
        assert_eq!(udp(b"\xa6\x01x\xa6\x01y"), names(&["announce option 0xa6"]));
        assert_eq!(udp(b"\x02\x09/a?alto=x"), names(&["announce key `alto`"]));
    }

    /// The bodies of RFC 7285's own services have nothing new in them, those of redirection have.
    #[test]
    fn alto_messages() {
        let asked = r#"{"properties":["my-map.pid"],"endpoints":["ipv4:192.0.2.1"]}"#;
        assert_eq!(unknown_in_alto(&message("endpointpropparams", asked)), names(&[]));
        let asked = r#"{"properties":["priv:x"],"endpoints":[],"priv:y":{"ipv4:192.0.2.1":"z"}}"#;
        let new = names(&["property `priv:x`", "member `priv:y`"]);
        assert_eq!(unknown_in_alto(&message("endpointpropparams", asked)), new);
        let said = r#"{"meta":{},"endpoint-properties":{"ipv4:192.0.2.1":{"priv:x":"u"}}}"#;
        assert_eq!(unknown_in_alto(&message("endpointprop", said)), names(&["property `priv:x`"]));
        assert_eq!(
            unknown_in_alto(&message("tips", "{}")),
            names(&["media type `application/alto-tips+json`"])
        );
        assert_eq!(unknown_in_alto(b"GET / HTTP/1.1\r\n\r\n"), names(&[]));
    }
}
