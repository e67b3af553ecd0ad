//! The faults seen in other ALTO servers, each through the whole client over HTTP: used, used with a
//! named warning (some only when lenient), or refused with a message that names the fault and the
//! place.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use alto_guidance::{Exhausted, Judgement};
use alto_messages::MediaType;
use alto_testkit::http::{HttpReply, HttpServer};
use common::*;

/// What becomes of a server with a fault.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Used without a word.
    Used,
    /// Used with that warning.
    Warned(&'static str),
    /// Refused when strict; used with that warning when lenient.
    Forgiven(&'static str),
    /// Refused in either mode with that code, and a message that contains the text.
    Refused(&'static str, &'static str),
}
use Fate::{Forgiven, Refused, Used, Warned};

/// Candidates of PIDs `far` and `mid`.
const CANDIDATES: [&str; 2] = ["192.0.2.1", "198.51.100.7"];

async fn ask(server: &HttpServer, lenient: &str) -> Result<Judgement, Exhausted> {
    let guidance = guidance(&[("guidance.lenient", lenient)]);
    guidance.judge(&[ird(server)], consumer(), &CANDIDATES.map(address)).await
}

async fn check(server: &HttpServer, fate: Fate, what: &str) {
    for lenient in ["false", "true"] {
        let asked = ask(server, lenient).await;
        let refusal = match fate {
            Used | Warned(_) => None,
            Forgiven(code) => (lenient == "false").then_some((code, "")),
            Refused(code, text) => Some((code, text)),
        };
        let Some((code, text)) = refusal else {
            let judgement = asked.unwrap_or_else(|error| panic!("{what}: {error}"));
            let codes: Vec<_> = judgement.warnings.iter().map(|warning| warning.code).collect();
            let expected = match fate {
                Warned(code) | Forgiven(code) => vec![code],
                Used | Refused(..) => vec![],
            };
            assert_eq!(codes, expected, "{what}, lenient {lenient}: {:?}", judgement.warnings);
            assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)), "{what}");
            continue;
        };
        let error = asked.err().unwrap_or_else(|| panic!("{what} was used")).failed.remove(0);
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.to_string().contains(text), "{what}: `{error}` does not say `{text}`");
        assert!(error.to_string().starts_with(&server.uri("/")), "{what}: `{error}` has no place");
    }
}

/// Says the body with this Content-Type, at each of the three resources in turn.
async fn with_types(content_type: &str, fate: Fate) {
    for path in ["/ird", NETWORK, COST] {
        let server = server();
        let body = match path {
            "/ird" => directory(&cost_entry("num")),
            NETWORK => network_map("1").to_json(),
            _ => cost_map("1", "numerical").to_json(),
        };
        let kind = match path {
            "/ird" => MediaType::Directory,
            NETWORK => MediaType::NetworkMap,
            _ => MediaType::CostMap,
        };
        let content_type = content_type.replace("OWN", kind.as_str());
        server.says(path, HttpReply::ok(&content_type, body));
        check(&server, fate, &format!("{content_type} at {path}")).await;
    }
}

/// RFC 7285 §8.3.4.2, RFC 8259 §11: media types of other servers.
#[tokio::test]
async fn media_types() {
    with_types("OWN;charset=utf-8", Warned("media-type-parameter")).await;
    with_types("OWN; charset=\"UTF-8\"", Warned("media-type-parameter")).await;
    with_types("application/json", Forgiven("generic-media-type")).await;
    with_types("multipart/related; boundary=x; type=\"OWN\"", Refused("media-type", "multipart"))
        .await;
    with_types("text/html; charset=utf-8", Refused("media-type", "text/html")).await;
    with_types("application/alto-propmap+json", Refused("media-type", "propmap")).await;
}

/// Pages of HTML in place of what was asked for, with statuses of success and others.
#[tokio::test]
async fn pages_of_html() {
    let page = "<!DOCTYPE html><title>Sign in</title>";
    for (status, code, text) in [
        (200, "media-type", "text/html"),
        (404, "http-status", "HTTP status 404"),
        (502, "http-status", "HTTP status 502"),
    ] {
        for path in ["/ird", NETWORK, COST] {
            let server = server();
            server.says(path, HttpReply { status, ..HttpReply::ok("text/html", page) });
            check(&server, Refused(code, text), &format!("{status} at {path}")).await;
        }
    }
    let server = server();
    says(&server, COST, MediaType::CostMap, page);
    check(&server, Refused("syntax", "at byte 0"), "HTML as a cost map").await;
}

/// A resource whose text has one thing replaced by another.
async fn changed(path: &str, from: &str, to: &str, fate: Fate) {
    let server = server();
    let (kind, body) = match path {
        "/ird" => (MediaType::Directory, directory(&cost_entry("num"))),
        NETWORK => (MediaType::NetworkMap, network_map("1").to_json()),
        _ => (MediaType::CostMap, cost_map("1", "numerical").to_json()),
    };
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(from), "{from} is not in {body}");
    says(&server, path, kind, body.replacen(from, to, 1));
    check(&server, fate, &format!("{to} for {from} at {path}")).await;
}

/// What is missing: tags, the name of the default map.
#[tokio::test]
async fn what_is_missing() {
    let vtag = r#""vtag":{"resource-id":"map","tag":"1"}"#;
    changed(NETWORK, vtag, "", Forgiven("missing-vtag")).await;
    let vtags = r#""dependent-vtags":[{"resource-id":"map","tag":"1"}]"#;
    changed(COST, vtags, r#""x":1"#, Forgiven("missing-dependent-vtags")).await;
    let default = r#""default-alto-network-map": "map""#;
    changed("/ird", default, r#""x": 1"#, Warned("no-default-network-map")).await;
    changed("/ird", r#", "uses": ["map"]"#, "", Used).await;
}

/// RFC 7285 §8.3.7, §10.8.2: what is private or unknown is no fault.
#[tokio::test]
async fn private_and_unknown_members() {
    changed(NETWORK, "{", r#"{"priv:extra": [{"a": null}], "#, Used).await;
    changed(
        NETWORK,
        r#""near":{"#,
        r#""near":{"priv:asn":["64500"],"#,
        Warned("unknown-address-type"),
    )
    .await;
    changed(COST, "{", r#"{"priv:extra": {"cost-map": 1}, "#, Used).await;
    changed("/ird", r#""meta": {"#, r#""meta": {"priv:x": [1], "#, Used).await;
    let sse = r#""resources": {"updates": {"uri": "sse", "media-type": "text/event-stream",
        "accepts": "application/alto-updatestreamparams+json", "priv:y": 1},"#;
    changed("/ird", r#""resources": {"#, sse, Used).await;
}

/// RFC 7285 §6.3: a server that makes up a new tag at each GET has no two maps that belong together.
#[tokio::test]
async fn tags_that_change_at_each_get() {
    let server = server();
    let next = std::sync::Arc::new(AtomicUsize::new(10));
    for path in [NETWORK, COST] {
        let next = std::sync::Arc::clone(&next);
        server.on(path, move |_| {
            let tag = next.fetch_add(1, Ordering::SeqCst).to_string();
            if path == NETWORK {
                HttpReply::ok(MediaType::NetworkMap.as_str(), network_map(&tag).to_json())
            } else {
                let map = cost_map(&tag, "numerical");
                HttpReply::ok(MediaType::CostMap.as_str(), map.to_json())
            }
        });
    }
    check(&server, Refused("version-mismatch", "the network map is version"), "new tags").await;
}

/// Error bodies: as a status says or with one of success, with codes of nobody's.
#[tokio::test]
async fn error_codes_outside_the_rfc() {
    for (status, code, text) in [
        (200, "error-body", "E_BUSY"),
        (400, "http-status", "E_BUSY"),
        (503, "http-status", "E_BUSY"),
    ] {
        let server = server();
        let body = r#"{"meta": {"code": "E_BUSY", "reason": "lunch"}}"#;
        let reply = HttpReply::ok(MediaType::Error.as_str(), body);
        server.says(COST, HttpReply { status, ..reply });
        check(&server, Refused(code, text), &format!("E_BUSY with {status}")).await;
    }
}

/// Messages from drafts before RFC 7285.
#[tokio::test]
async fn draft_era_messages() {
    for (path, kind, body) in [
        (
            "/ird",
            MediaType::Directory,
            r#"{"resources": [{"uri": "http://a/", "media-types": ["application/alto-costmap+json"]}]}"#,
        ),
        (
            NETWORK,
            MediaType::NetworkMap,
            r#"{"meta": {}, "data": {"map-vtag": "1", "map": {"PID1": {"ipv4": ["192.0.2.0/24"]}}}}"#,
        ),
        (
            COST,
            MediaType::CostMap,
            r#"{"meta": {}, "data": {"cost-mode": "numerical", "map": {"PID1": {"PID1": 1}}}}"#,
        ),
    ] {
        let server = server();
        says(&server, path, kind, body);
        check(&server, Refused("draft-era", "before RFC 7285"), path).await;
    }
}

/// RFC 7285 §10.4.1: endpoints without `ipv4:`.
#[tokio::test]
async fn endpoints_without_a_type() {
    let server = server();
    says(&server, "/ird", MediaType::Directory, directory(&ecs_entry("num")));
    let answer = |consumer: &str, far: &str, mid: &str| {
        format!(
            r#"{{"meta": {{"cost-type": {{"cost-mode": "numerical", "cost-metric": "routingcost"}}}},
            "endpoint-cost-map": {{"{consumer}": {{"{far}": 20, "{mid}": 5}}}}}}"#
        )
    };
    for (consumer, far, mid, fate) in [
        ("ipv4:203.0.113.5", "ipv4:192.0.2.1", "ipv4:198.51.100.7", Used),
        ("ipv4:203.0.113.5", "192.0.2.1", "198.51.100.7", Forgiven("untyped-address")),
        ("203.0.113.5", "192.0.2.1", "198.51.100.7", Forgiven("untyped-address")),
        (
            "ipv4:203.0.113.5",
            "ipv4:192.0.2",
            "ipv4:198.51.100.7",
            Refused("bad-address", "192.0.2"),
        ),
    ] {
        says(&server, ECS, MediaType::EndpointCosts, answer(consumer, far, mid));
        check(&server, fate, &format!("{consumer} {far}")).await;
    }
}

/// Values that are no costs, keys that occur twice, and texts without a bottom or an end.
#[tokio::test]
async fn hostile_values() {
    for (to, code, text) in [
        ("NaN", "syntax", "no JSON"),
        ("1e999", "bad-cost", "1e999 is no finite number"),
        ("-1", "negative-cost", "-1 is no routingcost"),
        ("\"5\"", "bad-cost", "is a string"),
        ("null", "bad-cost", "is null"),
    ] {
        changed(COST, "5", to, Refused(code, text)).await;
    }
    changed(COST, r#""mid":5"#, r#""mid":5,"mid":6"#, Refused("duplicate-key", "`mid`")).await;
    changed(NETWORK, r#""mid":{"#, r#""near":{},"mid":{"#, Refused("duplicate-key", "`near`"))
        .await;
    changed(
        "/ird",
        r#""map": {"#,
        r#""map": {"uri": "x", "media-type": "y/z"}, "map": {"#,
        Refused("duplicate-key", "`map`"),
    )
    .await;
    let deep = format!(r#"{{"x":{}{},"#, "[".repeat(10_000), "]".repeat(10_000));
    for path in ["/ird", NETWORK, COST] {
        changed(path, "{", &deep, Refused("too-deep", "")).await;
    }
    for (path, kind, whole) in [
        ("/ird", MediaType::Directory, directory(&cost_entry("num"))),
        (NETWORK, MediaType::NetworkMap, network_map("1").to_json()),
        (COST, MediaType::CostMap, cost_map("1", "numerical").to_json()),
    ] {
        let server = server();
        says(&server, path, kind, &whole[..whole.len() / 2]);
        check(&server, Refused("syntax", "ends too soon"), &format!("half of {path}")).await;
    }
}
