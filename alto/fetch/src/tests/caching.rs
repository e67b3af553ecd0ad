//! RFC 9110 §13, RFC 9111: asking for a change only.

use std::time::Duration;

use super::server::{Asked, Server, redirect, reply};
use super::world::{get, open_fetcher, read};
use crate::{BodyKind, Content, Request};

const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";

/// A server with one version of one resource at `/map`, and a redirect to it at `/`.
async fn versioned() -> Server {
    Server::start(None, |asked: &Asked| {
        if asked.target() == "/" {
            return redirect(307, "/map");
        }
        match asked.header("if-none-match") {
            Some("\"v1\"") => reply(304, &[("cache-control", "max-age=120")], b""),
            _ => reply(200, &[("etag", "\"v1\""), ("last-modified", DATE)], b"{}"),
        }
    })
    .await
}

/// The validators of a reply make the next one a 304, whose freshness counts and which keeps them.
#[tokio::test]
async fn unchanged_resources_are_not_sent_again() {
    let server = versioned().await;
    let fetcher = open_fetcher(&[]);
    let uri = format!("http://a.test:{}/map", server.port());
    let first = fetcher.fetch(get(&uri)).await.unwrap();
    assert!(matches!(first.content, Content::Body(_)) && first.freshness.by_default);
    drop(first.content);
    let held = first.freshness.validators.unwrap();
    let request = Request { unless: Some(held.clone()), ..get(&uri) };
    let second = fetcher.fetch(request).await.unwrap();
    assert!(matches!(second.content, Content::NotModified));
    assert!(second.freshness.validity.lifetime() <= Duration::from_secs(120));
    assert!(!second.freshness.by_default);
    assert_eq!(second.freshness.validators.as_ref(), Some(&held));
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.header("if-modified-since"), Some(DATE));
}

/// Validators belong to the resource they came from: behind a redirect they are sent there only.
#[tokio::test]
async fn validators_are_sent_where_they_came_from() {
    let server = versioned().await;
    let fetcher = open_fetcher(&[]);
    let uri = format!("http://a.test:{}/", server.port());
    let held = fetcher.fetch(get(&uri)).await.unwrap().freshness.validators.unwrap();
    let reply = fetcher.fetch(Request { unless: Some(held), ..get(&uri) }).await.unwrap();
    assert!(matches!(reply.content, Content::NotModified));
    let asked = server.asked();
    let conditions: Vec<_> =
        asked.iter().map(|asked| (asked.target(), asked.header("if-none-match"))).collect();
    let expected = [("/", None), ("/map", None), ("/", None), ("/map", Some("\"v1\""))];
    assert_eq!(conditions, expected);
}

/// RFC 9111 §5.2.1.4: caches are passed by on demand only.
#[tokio::test]
async fn caches_on_the_way_are_passed_by_on_demand() {
    let server = versioned().await;
    let uri = format!("http://a.test:{}/map", server.port());
    for anew in [false, true] {
        read(&open_fetcher(&[]), Request { anew, ..get(&uri) }).await.unwrap();
    }
    let asked: Vec<_> = server.asked();
    let told: Vec<_> = asked.iter().map(|asked| asked.header("cache-control")).collect();
    assert_eq!(told, [None, Some("no-cache")]);
}

/// A 304 that nobody asked for says nothing.
#[tokio::test]
async fn an_unasked_304_is_no_success() {
    let server = Server::start(None, |_| reply(304, &[], b"")).await;
    let uri = format!("http://a.test:{}/", server.port());
    let error = open_fetcher(&[]).fetch(get(&uri)).await.unwrap_err();
    assert_eq!(error.code(), "http-status");
}

/// Without a word of the server's: an hour for maps and directories, five minutes for endpoints,
/// and a day at most whatever it says.
#[tokio::test]
async fn defaults_and_cap() {
    let server = Server::start(None, |asked: &Asked| match asked.target() {
        "/year" => reply(200, &[("cache-control", "max-age=31536000")], b"{}"),
        _ => reply(200, &[], b"{}"),
    })
    .await;
    let fetcher = open_fetcher(&[]);
    for (path, kind, seconds) in [
        ("", BodyKind::Map, 3_600),
        ("", BodyKind::Directory, 3_600),
        ("", BodyKind::Endpoints, 300),
        ("year", BodyKind::Map, 86_400),
    ] {
        let uri = format!("http://a.test:{}/{path}", server.port());
        let reply = fetcher.fetch(Request { kind, ..get(&uri) }).await.unwrap();
        let lifetime = reply.freshness.validity.lifetime();
        assert!(lifetime <= Duration::from_secs(seconds), "{lifetime:?}");
        assert!(lifetime > Duration::from_secs(seconds - 5), "{lifetime:?}");
    }
}
