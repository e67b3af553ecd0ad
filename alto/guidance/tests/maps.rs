//! Guidance by maps, over real HTTP on loopback.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use alto_guidance::{Consumer, Fault};
use alto_messages::{CostMapBuilder, Limits, MediaType};
use alto_testkit::http::HttpReply;
use common::*;

/// RFC 7285 §11.2: address to PID to cost, PIDs of both maps joined by name; what a map lacks is
/// unknown. Links are relative to the directory.
#[tokio::test]
async fn maps_are_joined() {
    let server = server();
    let judgement = ask(&guidance(&[]), &[ird(&server)]).await.unwrap();
    let expected = [
        (Some("far"), Some(20.0)),
        (Some("mid"), Some(5.0)),
        (Some("near"), Some(1.0)),
        (None, None),
    ];
    assert_eq!(told(&judgement), expected);
    assert_eq!((judgement.server, judgement.warnings.len()), (ird(&server), 0));
}

/// `to-consumer`: the costs from the candidates to the consumer.
#[tokio::test]
async fn the_other_direction() {
    let server = server();
    let guidance = guidance(&[("guidance.direction", "to-consumer")]);
    let judgement = ask(&guidance, &[ird(&server)]).await.unwrap();
    let costs: Vec<Option<f64>> = told(&judgement).into_iter().map(|(_, cost)| cost).collect();
    assert_eq!(costs, [None, Some(7.0), Some(1.0), None]);
}

/// RFC 7285 §6.1.2: ordinal costs are used where there are no numerical ones.
#[tokio::test]
async fn ordinal_costs_will_do() {
    let server = server();
    says(&server, "/ird", MediaType::Directory, directory(&cost_entry("ord")));
    says(&server, COST, MediaType::CostMap, cost_map("1", "ordinal").to_json());
    let judgement = ask(&guidance(&[]), &[ird(&server)]).await.unwrap();
    assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)));
}

/// A server speaks only for the network that led to it, and is not even asked for
/// others.
#[tokio::test]
async fn a_server_speaks_for_its_network_only() {
    let server = server();
    let consumer = Consumer { speaks_for: "198.51.100.0/24".parse().unwrap(), ..consumer() };
    let candidates = CANDIDATES.map(address);
    let answer = guidance(&[]).judge(&[ird(&server)], consumer, &candidates).await;
    assert!(matches!(*answer.unwrap_err().failed[0].fault, Fault::NotSpokenFor));
    assert!(server.log().is_empty());
}

/// RFC 7285 §6.3: maps replaced between two requests are fetched once more, first
/// the network map, then the cost map.
#[tokio::test]
async fn a_version_mismatch_heals() {
    for newer_path in [NETWORK, COST] {
        let server = server();
        // The maps are replaced by version 2 just after the first of one of them was sent.
        let count = AtomicUsize::new(0);
        let first_is_old = newer_path == NETWORK;
        server.on(NETWORK, move |_| {
            let old = first_is_old && count.fetch_add(1, Ordering::SeqCst) == 0;
            let map = network_map(if old { "1" } else { "2" });
            HttpReply::ok(MediaType::NetworkMap.as_str(), map.to_json())
        });
        let count = AtomicUsize::new(0);
        server.on(COST, move |_| {
            let old = !first_is_old && count.fetch_add(1, Ordering::SeqCst) == 0;
            let map = cost_map(if old { "1" } else { "2" }, "numerical");
            HttpReply::ok(MediaType::CostMap.as_str(), map.to_json())
        });
        let judgement = ask(&guidance(&[]), &[ird(&server)]).await.unwrap();
        assert_eq!(told(&judgement)[0], (Some("far"), Some(20.0)));
        let (network, cost) = if first_is_old { (2, 1) } else { (2, 2) };
        assert_eq!((server.count(NETWORK), server.count(COST)), (network, cost));
    }
}

/// A mismatch that stays is refused, after exactly one more request for each map.
#[tokio::test]
async fn a_version_mismatch_that_stays_is_refused() {
    let server = server();
    says(&server, COST, MediaType::CostMap, cost_map("2", "numerical").to_json());
    let error = refused(&guidance(&[]), &server).await;
    assert_eq!((error.code(), error.is_refusal()), ("version-mismatch", true));
    assert_eq!((server.count(NETWORK), server.count(COST)), (2, 2));
}

/// What is not there is said, with what is.
#[tokio::test]
async fn a_missing_metric_is_named() {
    let server = server();
    let error = refused(&guidance(&[("guidance.metric", "priv:x")]), &server).await;
    assert_eq!((error.code(), error.is_refusal()), ("no-metric", true));
    let text = error.to_string();
    assert!(text.contains("priv:x") && text.contains("routingcost (numerical)"), "{text}");
    assert_eq!(server.count(NETWORK), 0);
}

/// Each fault has its code; 5xx may pass, all else is refused.
#[tokio::test]
async fn faults_are_told_apart() {
    let html = HttpReply::ok("text/html", "<h1>It works!</h1>");
    let error_body = br#"{"meta": {"code": "E_SYNTAX"}}"#;
    let error = HttpReply::ok("application/alto-error+json", *error_body);
    let failing = HttpReply { status: 400, ..error.clone() };
    let other = HttpReply::ok(MediaType::CostMap.as_str(), cost_map("1", "ordinal").to_json());
    for (path, reply, code, is_refusal, part) in [
        ("/ird", HttpReply::status(404), "http-status", true, "HTTP status 404"),
        ("/ird", HttpReply::status(500), "http-status", false, "HTTP status 500"),
        ("/ird", html.clone(), "media-type", true, "text/html"),
        (NETWORK, HttpReply::status(503), "http-status", false, NETWORK),
        (COST, html, "media-type", true, COST),
        (COST, error, "error-body", true, "E_SYNTAX"),
        (COST, failing, "http-status", true, "HTTP status 400, E_SYNTAX"),
        (COST, other, "other-cost-type", true, "ordinal"),
    ] {
        let server = server();
        server.says(path, reply);
        let error = refused(&guidance(&[]), &server).await;
        assert_eq!((error.code(), error.is_refusal()), (code, is_refusal), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

/// RFC 8686 §4.3: failure means the next server; one that failed is left alone, and the answer is
/// of one server only.
#[tokio::test]
async fn the_list_is_walked_and_health_remembered() {
    let (bad, good) = (server(), server());
    bad.says(COST, HttpReply::status(500));
    let guidance = guidance(&[]);
    for _ in 0..2 {
        let judgement = ask(&guidance, &[ird(&bad), ird(&good)]).await.unwrap();
        assert_eq!((&judgement.server, judgement.failed.len()), (&ird(&good), 1));
    }
    assert_eq!((bad.count("/ird"), good.count("/ird")), (1, 1));
}

/// RFC 8686 §4.3: a server that has no cost for this consumer, and no endpoint costs, is passed over
/// for one that has; alone it still tells PIDs.
#[tokio::test]
async fn a_server_without_costs_is_passed_over() {
    let (silent, good) = (server(), server());
    let consumer = Consumer::new(address("192.0.2.77")); // in `far`, which has no costs
    let mut cost = CostMapBuilder::new(Limits::default());
    let [far, mid] = ["far", "mid"].map(|pid| cost.pid(pid).unwrap());
    cost.row(far, [(mid, 4.0)]).unwrap();
    let cost = cost.finish(cost_type("routingcost", "numerical"), vec![vtag("1")]).unwrap();
    says(&good, COST, MediaType::CostMap, cost.message.to_json());
    let (guidance, candidates) = (guidance(&[]), CANDIDATES.map(address));
    let servers = [ird(&silent), ird(&good)];
    let judgement = guidance.judge(&servers, consumer, &candidates).await.unwrap();
    assert_eq!((&judgement.server, told(&judgement)[1]), (&ird(&good), (Some("mid"), Some(4.0))));
    let judgement = guidance.judge(&servers[..1], consumer, &candidates).await.unwrap();
    assert_eq!((&judgement.server, told(&judgement)[1]), (&ird(&silent), (Some("mid"), None)));
}

/// RFC 7285 §9.2.2: a default network map that is another resource, or none, is named; it is not the
/// metric that is missing.
#[tokio::test]
async fn a_default_map_that_is_none_is_named() {
    for (id, code) in [("cost-num", "no-network-map"), ("lost", "dangling-name")] {
        let server = server();
        let text = String::from_utf8(directory(&cost_entry("num"))).unwrap();
        let text = text.replace(r#"map": "map"}"#, &format!(r#"map": "{id}"}}"#));
        says(&server, "/ird", MediaType::Directory, text);
        let error = refused(&guidance(&[]), &server).await;
        assert_eq!((error.code(), error.is_refusal()), (code, true));
        assert!(error.to_string().contains(id), "{error}");
    }
}

/// Of several problems the one that may pass is told.
#[tokio::test]
async fn a_passing_problem_comes_first() {
    let server = server();
    let links = r#", "a": {"uri": "http://127.0.0.1:22/", "media-type": "application/alto-directory+json"},
        "b": {"uri": "/more", "media-type": "application/alto-directory+json"}"#;
    says(&server, "/ird", MediaType::Directory, directory(links));
    server.says("/more", HttpReply::status(503));
    let error = refused(&guidance(&[]), &server).await;
    assert_eq!((error.code(), error.is_refusal()), ("http-status", false));
}

/// RFC 7285 §8.3.6, RFC 9111 §5.2.2: who waits for an answer gets none that HTTP does not allow; the
/// table for announces is fetched once a minute.
#[tokio::test]
async fn cache_control_is_heeded() {
    for (control, again) in [
        ("max-age=60", false),
        ("max-age=0", true),
        ("no-cache", true),
        ("no-store", true),
        ("max-age=60, no-store", true),
    ] {
        let server = server();
        let body = cost_map("1", "numerical").to_json();
        let reply = HttpReply::ok(MediaType::CostMap.as_str(), body).with("cache-control", control);
        server.says(COST, reply.with("etag", "\"1\""));
        let guidance = guidance(&[]);
        for _ in 0..2 {
            let judgement = ask(&guidance, &[ird(&server)]).await.unwrap();
            assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)));
        }
        assert_eq!(server.count(COST), if again { 2 } else { 1 }, "{control}");
        for _ in 0..3 {
            guidance.table(&ird(&server)).await.unwrap();
            guidance.prepare(&ird(&server));
        }
        assert_eq!(server.count(COST), if again { 2 } else { 1 }, "{control}");
        // What must not be stored is not the base of a question for changes.
        let log = server.log();
        let last = log.iter().rev().find(|request| request.path == COST).unwrap();
        let conditional = last.headers.contains_key("if-none-match");
        assert_eq!(conditional, again && !control.contains("no-store"), "{control}");
    }
}

/// Many callers, one flight; afterwards the table is known without asking.
#[tokio::test]
async fn a_table_is_fetched_once() {
    let server = server();
    let guidance = guidance(&[]);
    let uri = ird(&server);
    assert!(guidance.known(&uri, tokio::time::Instant::now()).is_none());
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (guidance, uri) = (guidance.clone(), uri.clone());
            tokio::spawn(async move { guidance.table(&uri).await.unwrap() })
        })
        .collect();
    let mut tables = Vec::new();
    for task in tasks {
        tables.push(task.await.unwrap());
    }
    assert!(tables.iter().all(|table| std::sync::Arc::ptr_eq(table, &tables[0])));
    assert_eq!((server.count("/ird"), server.count(NETWORK), server.count(COST)), (1, 1, 1));
    assert!(guidance.known(&uri, tokio::time::Instant::now()).is_some());
    assert_eq!(guidance.memory(), tables[0].bytes());
}

/// RFC 7285 §9.2.4: a cost map may be listed by a further directory.
#[tokio::test]
async fn further_directories_are_read() {
    let server = server();
    let link = r#", "more": {"uri": "/more", "media-type": "application/alto-directory+json"}"#;
    says(&server, "/ird", MediaType::Directory, directory(link));
    says(&server, "/more", MediaType::Directory, directory(&cost_entry("num")));
    let judgement = ask(&guidance(&[]), &[ird(&server)]).await.unwrap();
    assert_eq!(told(&judgement)[0], (Some("far"), Some(20.0)));
}

/// One that cannot be had may have had the costs: that is no "not offered".
#[tokio::test]
async fn a_failed_directory_is_no_absence() {
    let server = server();
    let link = r#", "more": {"uri": "/more", "media-type": "application/alto-directory+json"}"#;
    says(&server, "/ird", MediaType::Directory, directory(link));
    server.says("/more", HttpReply::status(503));
    let error = refused(&guidance(&[]), &server).await;
    assert_eq!((error.code(), error.is_refusal()), ("http-status", false));
}

/// Faults of other servers: refused when strict, a named warning when lenient.
#[tokio::test]
async fn leniency_is_asked_for() {
    let server = server();
    server.says(NETWORK, HttpReply::ok("application/json", network_map("1").to_json()));
    assert_eq!(refused(&guidance(&[]), &server).await.code(), "generic-media-type");
    let lenient = guidance(&[("guidance.lenient", "true")]);
    let judgement = ask(&lenient, &[ird(&server)]).await.unwrap();
    assert_eq!(judgement.warnings[0].code, "generic-media-type");
    assert!(judgement.warnings[0].uri.as_str().ends_with(NETWORK));
}
