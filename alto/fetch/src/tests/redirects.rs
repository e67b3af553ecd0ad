//! Redirects over real connections: loops, chains, ways down to http, what survives a hop.

use std::time::Duration;

use alto_discovery_core::code;

use super::authority::Authority;
use super::server::{Server, redirect, reply};
use super::world::{
    JSON, OPEN, PRIVATE, body_of, fetcher, get, loopback, open_fetcher, read, trusting,
};
use crate::{BodyKind, Content, FetchConfig, Request, Validators};

/// `/n` redirects to `/n-1`, `/0` is the resource.
async fn countdown() -> Server {
    Server::start(None, |asked| match asked.target()[1..].parse::<u32>().unwrap() {
        0 => reply(200, &[], b"{}"),
        n => redirect(302, &format!("/{}", n - 1)),
    })
    .await
}

/// Five hops are followed, the sixth is refused, and a chain of a thousand is left there.
#[tokio::test]
async fn five_hops_are_followed() {
    let server = countdown().await;
    let fetcher = open_fetcher(&[]);
    let at = |n: u32| format!("http://a.test:{}/{n}", server.port());
    let reply = fetcher.fetch(get(&at(5))).await.unwrap();
    assert_eq!(reply.uri.as_str(), at(0));
    assert_eq!(reply.hops.taken(), 5);
    let path: Vec<_> = reply.redirects.iter().map(|hop| (hop.from.as_str(), hop.status)).collect();
    assert_eq!(path, [5, 4, 3, 2, 1].map(at).each_ref().map(|uri| (uri.as_str(), 302)));
    assert_eq!(body_of(reply).await.unwrap(), b"{}");

    for n in [6, 1_000] {
        let before = server.asked().len();
        let error = read(&fetcher, get(&at(n))).await.unwrap_err();
        assert_eq!((error.code(), error.uri.as_str()), ("too-many-redirects", &*at(n - 5)));
        assert_eq!(server.asked().len() - before, 6);
    }
}

/// Loops of one, two and five places are left when they close, well before the limit if short.
#[tokio::test]
async fn loops_are_left() {
    let server = Server::start(None, |asked| {
        let (length, at) = asked.target()[1..].split_once('/').unwrap();
        let (length, at): (u32, u32) = (length.parse().unwrap(), at.parse().unwrap());
        redirect(308, &format!("/{length}/{}", (at + 1) % length))
    })
    .await;
    let fetcher = open_fetcher(&[]);
    for length in [1, 2, 5] {
        let before = server.asked().len();
        let uri = format!("http://a.test:{}/{length}/0", server.port());
        let error = read(&fetcher, get(&uri)).await.unwrap_err();
        assert_eq!(error.code(), "redirect-loop");
        assert_eq!(server.asked().len() - before, length);
    }
}

/// One search over several requests: what was visited and how many hops were made is handed on.
#[tokio::test]
async fn a_search_spans_requests() {
    let server = countdown().await;
    let fetcher = open_fetcher(&[]);
    let at = |n: u32| format!("http://a.test:{}/{n}", server.port());
    let first = fetcher.fetch(get(&at(3))).await.unwrap();
    let mut hops = first.hops;
    hops.follow(&at(9).parse().unwrap()).unwrap();
    let error =
        fetcher.fetch(Request { hops: Some(hops.clone()), ..get(&at(9)) }).await.unwrap_err();
    assert_eq!(error.code(), "too-many-redirects");
    let second = Request { hops: Some(hops), ..get(&at(4)) };
    assert_eq!(fetcher.fetch(second).await.unwrap_err().code(), "redirect-loop");
}

/// 307 and 308 repeat the POST with its body; 303 turns it into a GET without; 301 and 302 end it.
#[tokio::test]
async fn posts_are_redirected_as_their_status_says() {
    let server = Server::start(None, |asked| match asked.target() {
        "/end" => reply(200, &[("content-type", "application/json")], b"{}"),
        status => redirect(status[1..].parse().unwrap(), "/end"),
    })
    .await;
    let fetcher = open_fetcher(&[]);
    for (status, method, body) in [(307, "POST", "{}"), (308, "POST", "{}"), (303, "GET", "")] {
        let uri = format!("http://a.test:{}/{status}", server.port()).parse().unwrap();
        let post = Request::post(uri, BodyKind::Endpoints, JSON, "application/json", "{}");
        assert_eq!(read(&fetcher, post).await.unwrap(), b"{}");
        let last = server.asked().pop().unwrap();
        assert!(last.head.starts_with(&format!("{method} /end ")), "{}", last.head);
        assert_eq!(last.body, body.as_bytes());
        assert_eq!(last.header("content-type").is_some(), method == "POST");
    }
    for status in [301, 302] {
        let uri = format!("http://a.test:{}/{status}", server.port()).parse().unwrap();
        let post = Request::post(uri, BodyKind::Endpoints, JSON, "application/json", "{}");
        assert_eq!(read(&fetcher, post).await.unwrap_err().code(), "redirect-method");
    }
}

/// A server that sends https on to http is not followed, even where http is allowed.
#[tokio::test]
async fn no_way_down_to_http() {
    let authority = Authority::new();
    let plain = Server::canary("127.0.0.1:0").await.unwrap();
    let down = format!("http://a.test:{}/", plain.port());
    let tls = Some(authority.server(&["a.test"]));
    let server = Server::start(tls, move |_| redirect(307, &down)).await;
    let fetcher = trusting(&authority, OPEN);
    let uri = format!("https://a.test:{}/", server.port());
    assert_eq!(read(&fetcher, get(&uri)).await.unwrap_err().code(), "redirect-downgrade");
    assert_eq!(plain.accepted(), 0);
}

/// The way up is open, and the new host must prove its own name.
#[tokio::test]
async fn each_host_proves_its_own_name() {
    let authority = Authority::new();
    let tls = Some(authority.server(&["b.test"]));
    let secure = Server::start(tls, |_| reply(200, &[], b"{}")).await;
    let port = secure.port();
    let start = Server::start(None, move |asked| {
        redirect(307, &format!("https://{}:{port}/", &asked.target()[1..]))
    })
    .await;
    let fetcher = trusting(&authority, OPEN);
    let uri = |host| format!("http://a.test:{}/{host}", start.port());
    assert_eq!(read(&fetcher, get(&uri("b.test"))).await.unwrap(), b"{}");
    assert_eq!(read(&fetcher, get(&uri("c.test"))).await.unwrap_err().code(), "tls-wrong-name");
}

/// Headers are the same few on each leg: nothing of the caller's or of the first host's goes on to
/// the next: no referer, no cookies, a fixed user agent.
#[tokio::test]
async fn no_header_survives_a_hop() {
    let end = Server::start(None, |_| reply(200, &[], b"{}")).await;
    let port = end.port();
    let start = Server::start(None, move |_| {
        let location = format!("http://b.test:{port}/end");
        let headers = [("location", &*location), ("set-cookie", "a=b"), ("etag", "\"x\"")];
        reply(307, &headers, b"")
    })
    .await;
    let uri = format!("http://a.test:{}/", start.port());
    let unless = Validators {
        uri: uri.parse().unwrap(),
        etag: Some("\"v1\"".into()),
        last_modified: Some("Tue, 15 Nov 1994 08:12:31 GMT".into()),
    };
    let request = Request { unless: Some(unless), ..get(&uri) };
    read(&open_fetcher(&[]), request).await.unwrap();
    let names = |asked: &super::server::Asked| -> Vec<String> {
        let lines = asked.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut names: Vec<_> = lines.map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names
    };
    let first = &start.asked()[0];
    assert_eq!(first.header("if-none-match"), Some("\"v1\""));
    assert!(first.header("if-modified-since").is_some());
    let second = &end.asked()[0];
    assert_eq!(names(second), ["accept", "accept-encoding", "host", "user-agent"]);
    assert_eq!(second.header("user-agent"), Some(crate::USER_AGENT));
    assert_eq!(second.header("accept"), Some("application/json"));
    assert_eq!(second.header("accept-encoding"), Some("gzip"));
}

/// How long a redirect holds comes from its own headers, at most an hour.
#[tokio::test]
async fn redirects_have_their_own_lifetime() {
    let server = Server::start(None, |asked| match asked.target() {
        "/end" => reply(200, &[("cache-control", "max-age=7200")], b"{}"),
        "/" => redirect(307, "/end"),
        age => {
            let control = format!("max-age={}", &age[1..]);
            reply(307, &[("location", "/end"), ("cache-control", &control)], b"")
        }
    })
    .await;
    let fetcher = open_fetcher(&[]);
    for (path, seconds) in [("", 300), ("60", 60), ("7200", 3_600)] {
        let uri = format!("http://a.test:{}/{path}", server.port());
        let reply = fetcher.fetch(get(&uri)).await.unwrap();
        let lifetime = reply.redirects[0].validity.lifetime();
        assert!(lifetime <= Duration::from_secs(seconds));
        assert!(lifetime > Duration::from_secs(seconds - 5), "{lifetime:?}");
        assert!(reply.freshness.validity.lifetime() > Duration::from_secs(7_190));
    }
}

/// A status that is no success is an error, whatever its body says; the body is handed over.
#[tokio::test]
async fn failures_carry_their_body() {
    let server = Server::start(None, |asked| {
        let status = asked.target()[1..].parse().unwrap();
        let headers =
            [("content-type", "Application/ALTO-error+json; charset=utf-8"), ("retry-after", "9")];
        reply(status, &headers, b"{\"meta\":{\"code\":\"E_SYNTAX\"}}")
    })
    .await;
    let fetcher = open_fetcher(&[]);
    for (status, refused) in [(400, true), (404, true), (415, true), (304, true), (206, true)]
        .into_iter()
        .chain([(408, false), (429, false), (500, false), (503, false)])
    {
        let uri = format!("http://a.test:{}/{status}", server.port());
        let error = read(&fetcher, get(&uri)).await.unwrap_err();
        assert_eq!((error.code(), error.fault.is_refusal()), ("http-status", refused), "{status}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
        let crate::Fault::Status(reply) = error.fault else { panic!("no status") };
        assert_eq!(reply.status, status);
        assert_eq!(reply.media_type.as_deref(), Some("application/alto-error+json"));
        let body = if status == 304 { &b""[..] } else { b"{\"meta\":{\"code\":\"E_SYNTAX\"}}" };
        assert_eq!(&*reply.body, body, "{status}");
    }
}

/// Without TLS only by permission, and what the policy refuses is no matter of redirects.
#[tokio::test]
async fn http_needs_permission() {
    let server = Server::canary("127.0.0.1:0").await.unwrap();
    let fetcher = fetcher(&FetchConfig::default(), PRIVATE, loopback());
    let uri = format!("http://a.test:{}/", server.port());
    assert_eq!(read(&fetcher, get(&uri)).await.unwrap_err().code(), code::POLICY);
    assert_eq!(server.accepted(), 0);
}

/// A redirect may lead to a directory in place of what was asked: its type is told, not judged.
#[tokio::test]
async fn the_media_type_is_told() {
    let server = Server::start(None, |_| {
        reply(200, &[("content-type", " Application/ALTO-Directory+json ;charset=x")], b"{}")
    })
    .await;
    let uri = format!("http://a.test:{}/", server.port());
    let reply = open_fetcher(&[]).fetch(get(&uri)).await.unwrap();
    let Content::Body(body) = reply.content else { panic!("no body") };
    assert_eq!(body.media_type(), Some("application/alto-directory+json"));
    assert!(body.content_type().unwrap().contains("charset=x"));
}
