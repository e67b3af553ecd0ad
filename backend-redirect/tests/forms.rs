//! How servers send the asker on, over https on loopback: forms, peer IDs, batches, lifetimes.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alto_backend_redirect::UNKNOWN_PEER;
use alto_discovery_core::{
    Backend as _, Call, Error, Freshness, IdScope, Known, Origin, Peer, PeerId, Token, Trust, code,
};
use alto_testkit::acts::{Act, Asked, redirect, reply};
use support::{
    DIRECTORY, World, directory, directory_at, directory_of, find, port, properties, request, uri,
    with_type,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

const PEER: &str = "198.51.100.3";

/// Servers that each name the next by the form given; the last one names itself.
fn chain(forms: &'static [&'static str]) -> impl Fn(&str, &Asked) -> Vec<Act> + Send + Sync {
    move |host, asked| {
        let at: usize = host[1..2].parse().unwrap();
        let (own, next) = (format!("s{at}.test"), format!("s{}.test", at + 1));
        let port = port(asked);
        if asked.target() == "/ird" {
            return directory(&[]);
        }
        match forms.get(at) {
            None => properties(asked, &[], |_, _| Some(uri(&own, port, "/ird"))),
            Some(&"F1") => properties(asked, &[], |_, _| Some(uri(&next, port, "/ird"))),
            Some(&"F2") => directory_of(&uri(&next, port, "/ird")),
            Some(&"F2 service") => directory_at(&uri(&next, port, "/eps"), &[]),
            Some(status) => redirect(status.parse().unwrap(), &uri(&next, port, "/eps")),
        }
    }
}

/// Each form, and a chain of five servers in which they are mixed, leads to the last server.
#[tokio::test(flavor = "multi_thread")]
async fn every_form_leads_to_the_last_server() {
    let chains: [&'static [&'static str]; 8] = [
        &[],
        &["F1"],
        &["F2"],
        &["F2 service"],
        &["307"],
        &["308"],
        &["F1", "307", "F2", "F1"],
        &["308", "F2", "F1", "F2"],
    ];
    for forms in chains {
        let world = World::new(chain(forms)).await;
        let answer = find(&world.backend(&["s0.test"]), PEER).await.unwrap();
        let server = &answer.servers()[0];
        let last = format!("s{}.test", forms.len());
        assert_eq!(server.uri.as_str(), world.uri(&last, "/ird"), "{forms:?}");
        let trust = if forms.is_empty() { Trust::Configured } else { Trust::Network };
        assert_eq!((server.trust, server.found_at.is_some()), (trust, !forms.is_empty()));
        assert_eq!((answer.backend, answer.approach), ("redirect", 2));
        assert_eq!(answer.scope.net.to_string(), "198.51.100.3/32");
        assert_eq!(answer.scope.id, IdScope::Any);
    }
}

/// RFC 9110 §15.4.4, RFC 7285 §8.3.3: after 303 the answer is fetched by GET.
#[tokio::test(flavor = "multi_thread")]
async fn see_other_is_a_get() {
    let world = World::new(|host, asked| match (host, asked.target()) {
        (_, "/ird") => directory(&[]),
        ("a.test", _) => properties(asked, &[], |_, _| Some(uri("a.test", port(asked), "/ird"))),
        (_, "/eps") => redirect(303, "/answers/1"),
        _ => {
            let body = format!(
                r#"{{"meta": {{"dependent-vtags": []}}, "endpoint-properties":
                {{"ipv4:{PEER}": {{"priv:3pdisc-ird": "{}"}}}}}}"#,
                uri("a.test", port(asked), "/ird")
            );
            with_type(support::PROPERTIES, &[], &body)
        }
    });
    let world = world.await;
    let answer = find(&world.backend(&["s0.test"]), PEER).await.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), world.uri("a.test", "/ird"));
    assert!(world.log().contains(&"GET s0.test/answers/1".into()));
    let other = find(&world.backend(&["s0.test"]), "198.51.100.4").await.unwrap_err();
    assert_eq!(other.code(), UNKNOWN_PEER, "{other}");
}

/// 301 and 302 are for GET alone: followed for a directory, refused for a question (RFC 9110 §15.4).
#[tokio::test(flavor = "multi_thread")]
async fn moved_is_for_directories_alone() {
    let own =
        |asked: &Asked| properties(asked, &[], |_, _| Some(uri("s1.test", port(asked), "/ird")));
    let moved = World::new(move |host, asked| match (host, asked.target()) {
        ("s0.test", _) => redirect(301, &uri("s1.test", port(asked), "/ird")),
        (_, "/ird") => directory(&[]),
        _ => own(asked),
    });
    let moved = moved.await;
    let answer = find(&moved.backend(&["s0.test"]), PEER).await.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), moved.uri("s1.test", "/ird"));
    assert_eq!(answer.servers()[0].trust, Trust::Network);

    let posted = World::new(|_, asked| match asked.target() {
        "/ird" => directory(&[]),
        _ => redirect(302, "/elsewhere"),
    });
    let error = find(&posted.await.backend(&["s0.test"]), PEER).await.unwrap_err();
    assert_eq!(error.code(), "redirect-method");
}

/// A server that another names, and that offers no property, is taken at that one's word: it sends
/// nobody on. One started at that offers none cannot tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_server_is_an_answer_but_no_start() {
    let world = World::new(|host, asked| match (host, asked.target()) {
        ("s0.test", "/ird") => directory_of("/further"),
        ("s0.test", "/further") => directory(&[]),
        ("s0.test", _) => properties(asked, &[], |_, _| Some(uri("s1.test", port(asked), "/ird"))),
        _ => with_type(DIRECTORY, &[], r#"{"meta": {}, "resources": {}}"#),
    });
    let world = world.await;
    let answer = find(&world.backend(&["s0.test"]), PEER).await.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), world.uri("s1.test", "/ird"));
    let error = find(&world.backend(&["s1.test"]), PEER).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.code() == UNKNOWN_PEER, "{error}");
}

/// Approach 4: the peer ID goes along, and what is found holds for it alone.
#[tokio::test(flavor = "multi_thread")]
async fn peer_ids_tell_peers_behind_one_address_apart() {
    let world = World::new(|host, asked| {
        if asked.target() == "/ird" {
            return directory(&[]);
        }
        let own = host.to_owned();
        properties(asked, &[], |_, id| {
            let to = match (&*own, id) {
                ("s0.test", "port:40000") => "s1.test",
                ("s0.test", "token:Z29sZA") => "s2.test",
                (own, _) => own,
            };
            Some(uri(to, port(asked), "/ird"))
        })
    });
    let world = world.await;
    let backend = world.backend(&["s0.test"]);
    let token = PeerId::Token(Token::new(b"gold").unwrap());
    for (id, host, approach) in [
        (Some(PeerId::Port(40_000)), "s1.test", 4),
        (Some(token), "s2.test", 4),
        (Some(PeerId::Port(40_001)), "s0.test", 4),
        (None, "s0.test", 2),
    ] {
        let peer: Peer<'_> = PEER.parse().unwrap();
        let peer = id.map_or(peer.clone(), |id| peer.with_id(id));
        let answer = backend.discover(&peer, &Call::default()).await.unwrap();
        assert_eq!(answer.servers()[0].uri.as_str(), world.uri(host, "/ird"), "{id:?}");
        assert_eq!(answer.approach, approach);
        assert!(answer.scope.contains(&peer));
        let other = Peer::new(PEER.parse().unwrap()).with_id(PeerId::Port(1));
        assert_eq!(answer.scope.contains(&other), id.is_none());
        let shown = format!("{:?}", answer.trace);
        assert!(!shown.contains("gold") && !shown.contains("Z29sZA"), "{shown}");
    }
}

/// A thousand who ask at once are asked about in a few requests of at most 256 each, IPv4 and IPv6
/// together; each directory is asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_at_once_is_asked_about_together() {
    let world = World::new(|host, asked| {
        if asked.target() == "/ird" {
            return directory(&[]);
        }
        let own = host.to_owned();
        properties(asked, &[], |address, _| {
            let is_even = address.ends_with(['0', '2', '4', '6', '8']);
            let to = if own == "s0.test" && is_even { "s1.test" } else { &own };
            Some(uri(to, port(asked), "/ird"))
        })
    });
    let world = world.await;
    let backend = Arc::new(world.backend(&["s0.test"]));
    let mut found = JoinSet::new();
    for n in 0..1_000_u32 {
        let backend = Arc::clone(&backend);
        let peer = match n % 2 {
            0 => format!("198.51.{}.{}", n / 250, n % 250),
            _ => format!("2001:db8::{n}"),
        };
        found.spawn(async move { (find(&backend, &peer).await.unwrap(), peer) });
    }
    for (answer, peer) in found.join_all().await {
        let host = if peer.ends_with(['0', '2', '4', '6', '8']) { "s1.test" } else { "s0.test" };
        assert_eq!(answer.servers()[0].uri.as_str(), world.uri(host, "/ird"), "{peer}");
    }
    let posts: Vec<usize> = world
        .server
        .asked()
        .iter()
        .filter(|asked| asked.target() == "/eps")
        .map(|asked| request(asked).endpoints.len())
        .collect();
    let directories = world.log().iter().filter(|line| line.ends_with("/ird")).count();
    assert_eq!(directories, 2, "one each");
    assert!(posts.iter().all(|endpoints| *endpoints <= 256), "{posts:?}");
    assert!(posts.len() <= 40, "{} requests: {posts:?}", posts.len());
    assert_eq!(posts.iter().sum::<usize>(), 1_500);
}

/// An answer holds as long as the shortest fact behind it, from a minute to an hour.
#[tokio::test(flavor = "multi_thread")]
async fn answers_hold_as_http_says() {
    for (of_directory, of_property, holds) in [
        ("max-age=900", "max-age=600", 600),
        ("max-age=300", "max-age=600", 300),
        ("max-age=86400", "max-age=86400", 3_600),
        ("max-age=900", "no-store", 60),
        ("max-age=900", "public", 300),
    ] {
        let world = World::new(move |host, asked| {
            if asked.target() == "/ird" {
                return directory(&[("cache-control", of_directory)]);
            }
            let own = uri(host, port(asked), "/ird");
            properties(asked, &[("cache-control", of_property)], |_, _| Some(own.clone()))
        });
        let answer = find(&world.await.backend(&["s0.test"]), PEER).await.unwrap();
        let (lifetime, holds) = (answer.validity.lifetime(), Duration::from_secs(holds));
        let late = Duration::from_secs(5); // the machine may be busy
        assert!(lifetime <= holds && lifetime + late > holds, "{of_property}: {lifetime:?}");
    }
}

/// Several starting servers: the first that knows counts. One that fails is left alone for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn starting_servers_one_after_the_other() {
    let world = World::new(|host, asked| match (host, asked.target()) {
        ("s0.test", _) => reply(503, &[], b""),
        (_, "/ird") => directory(&[]),
        ("s1.test", _) => properties(asked, &[], |_, _| None),
        _ => properties(asked, &[], |_, _| Some(uri("s2.test", port(asked), "/ird"))),
    });
    let world = world.await;
    let backend = world.backend(&["s0.test", "s1.test", "s2.test"]);
    for origin in [Origin::Wire, Origin::Cache] {
        let answer = find(&backend, PEER).await.unwrap();
        assert_eq!(answer.servers()[0].uri.as_str(), world.uri("s2.test", "/ird"));
        assert_eq!(answer.servers()[0].trust, Trust::Configured);
        assert!(!answer.incomplete, "any of them will do");
        assert_eq!(answer.trace.steps()[0].origin, origin);
    }
    let few = world.backend(&["s0.test", "s1.test"]);
    let error = find(&few, PEER).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }) && error.code() == "http-status", "{error}");
    assert_eq!(error.trace().unwrap().steps().len(), 3);
}

/// "None" is what no server can say: one that knows nothing of a peer proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn not_knowing_is_no_absence() {
    let world = World::new(|_, asked| match asked.target() {
        "/ird" => directory(&[]),
        _ => properties(asked, &[("cache-control", "max-age=600")], |_, _| None),
    });
    let error = find(&world.await.backend(&["s0.test"]), PEER).await.unwrap_err();
    let Error::Unavailable { retry_after: Some(after), .. } = &error else { panic!("{error}") };
    assert_eq!(error.code(), UNKNOWN_PEER);
    assert!(*after <= Duration::from_secs(600) && *after > Duration::from_secs(590));
}

/// Prefixes and peers that mean nothing outside their network are not asked about, nor worth asking.
#[tokio::test(flavor = "multi_thread")]
async fn not_every_peer_can_be_asked_about() {
    let world = World::new(|_, _| reply(500, &[], b"")).await;
    let backend = world.backend(&["s0.test"]);
    for (peer, code) in [
        ("198.51.100.0/24", code::NOTHING_TO_GO_BY),
        ("10.1.2.3", code::NOT_GLOBAL),
        ("::1", code::NOT_GLOBAL),
    ] {
        let error = find(&backend, peer).await.unwrap_err();
        assert!(matches!(error, Error::NotApplicable { .. }) && error.code() == code, "{error}");
        let known = backend.known(&peer.parse().unwrap(), Instant::now());
        assert!(matches!(known, Known::NotApplicable), "{peer}");
    }
    assert!(world.log().is_empty());
    let known = backend.known(&PEER.parse().unwrap(), Instant::now());
    assert!(matches!(known, Known::Ask));
}

/// An operator's doubt asks for directories anew, too; otherwise they are kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_asks_for_all_anew() {
    static HAS_MOVED: AtomicBool = AtomicBool::new(false);
    let world = World::new(|host, asked| {
        let own = uri(host, port(asked), "/ird");
        match (HAS_MOVED.load(Ordering::SeqCst), asked.target()) {
            (false, "/ird") => directory_at("/old", &[]),
            (true, "/ird") => directory_at("/new", &[]),
            (false, "/old") | (true, "/new") => properties(asked, &[], |_, _| Some(own.clone())),
            _ => reply(404, &[], b""),
        }
    });
    let world = world.await;
    let backend = world.backend(&["s0.test"]);
    find(&backend, PEER).await.unwrap();
    find(&backend, PEER).await.unwrap();
    HAS_MOVED.store(true, Ordering::SeqCst);
    find(&backend, PEER).await.unwrap_err();
    let call = Call { freshness: Freshness::Refresh, ..Call::default() };
    backend.discover(&PEER.parse().unwrap(), &call).await.unwrap();
    let directories = world.log().iter().filter(|line| line.ends_with("/ird")).count();
    assert_eq!(directories, 2);
}
