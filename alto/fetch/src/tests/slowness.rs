//! Slow servers, with the limits shortened so that tests are not.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{BoxFuture, code};
use tokio::time::Instant;

use super::server::{Act, Server, redirect, reply};
use super::world::{OPEN, config, fetcher, get, get_map, loopback, open_fetcher, read};
use crate::{Error, Fault, Lookup, Phase, Request};

/// How long after its deadline a call may return: the machine is busy with other tests.
const SLACK: Duration = Duration::from_millis(500);

fn chunked() -> Act {
    Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())
}

fn drip() -> Act {
    // Without end within any of these tests.
    Act::Drip(b"1\r\nx\r\n".repeat(10_000), Duration::from_millis(5))
}

/// Fails within the limit, and says why; never before it.
async fn fails_after(
    limit_ms: u64,
    settings: &[(&str, &str)],
    acts: Vec<Act>,
    request: fn(&str) -> Request<'static>,
) -> Error {
    let server = Server::start(None, move |_| acts.clone()).await;
    let fetcher = open_fetcher(settings);
    let start = Instant::now();
    let request = request(&format!("http://a.test:{}/", server.port()));
    let error = read(&fetcher, request).await.unwrap_err();
    let limit = Duration::from_millis(limit_ms);
    assert!(start.elapsed() >= limit, "{error} after {:?}", start.elapsed());
    assert!(start.elapsed() < limit + SLACK, "{error} after {:?}", start.elapsed());
    assert!(!error.fault.is_refusal());
    error
}

fn phase(error: &Error) -> Phase {
    let Fault::Slow(phase) = error.fault else { panic!("{error}") };
    phase
}

/// No word at all, and a head byte by byte.
#[tokio::test]
async fn heads_are_due() {
    let settings = [("headers_timeout", "100ms")];
    for act in [Act::Hang, Act::Drip(b"HTTP/1.1 200 OK\r\n".repeat(999), Duration::from_millis(5))]
    {
        let error = fails_after(100, &settings, vec![act], get).await;
        assert_eq!((phase(&error), error.code()), (Phase::Headers, code::TIMEOUT));
    }
}

/// A body that stops, of either kind.
#[tokio::test]
async fn bodies_must_not_stop() {
    let settings = [("idle_timeout", "100ms")];
    for request in [get, get_map] {
        let error = fails_after(100, &settings, vec![chunked(), Act::Hang], request).await;
        assert_eq!(phase(&error), Phase::Idle);
    }
}

/// A byte now and then: a small body ends with the total time.
#[tokio::test]
async fn small_bodies_have_a_total_time() {
    let settings = [("total_timeout", "200ms")];
    let error = fails_after(200, &settings, vec![chunked(), drip()], get).await;
    assert_eq!(phase(&error), Phase::Total);
}

/// A byte now and then: a map has no total time, but must come at its least rate after a while.
#[tokio::test]
async fn maps_have_a_least_rate() {
    let settings = [("total_timeout", "100ms"), ("rate_grace", "200ms")];
    let error = fails_after(200, &settings, vec![chunked(), drip()], get_map).await;
    assert_eq!((phase(&error), error.code()), (Phase::Rate, "too-slow"));
}

/// A map that comes fast enough may take longer than the total time of others.
#[tokio::test]
async fn steady_maps_are_read_to_the_end() {
    let body = vec![b'x'; 100];
    let server = Server::start(None, move |_| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
        vec![Act::Send(head), Act::Drip(body.clone(), Duration::from_millis(5))]
    })
    .await;
    // 200 octets a second come; 50 are asked for.
    let settings = [("total_timeout", "100ms"), ("rate_grace", "100ms"), ("min_rate", "20")];
    let fetcher = open_fetcher(&settings);
    let uri = format!("http://a.test:{}/", server.port());
    assert_eq!(read(&fetcher, get_map(&uri)).await.unwrap().len(), 100);
    assert_eq!(read(&fetcher, get(&uri)).await.unwrap_err().code(), code::TIMEOUT);
}

/// The caller's deadline ends maps too.
#[tokio::test]
async fn the_deadline_of_the_caller_is_kept() {
    let request = |uri: &str| {
        let deadline = Some(Instant::now() + Duration::from_millis(100));
        Request { deadline, ..get_map(uri) }
    };
    let error = fails_after(100, &[], vec![chunked(), drip()], request).await;
    assert_eq!(phase(&error), Phase::Total);
    let error = fails_after(100, &[], vec![Act::Hang], request).await;
    assert_eq!(phase(&error), Phase::Total);
}

/// Each leg of a walk is quick enough, the walk is not.
#[tokio::test]
async fn the_total_spans_redirects() {
    let server = Server::start(None, |asked| {
        let n: u32 = asked.target()[1..].parse().unwrap();
        let Act::Send(head) = redirect(307, &format!("/{}", n + 1)).remove(0) else {
            panic!("no reply")
        };
        // Twenty legs of at least 40 ms.
        let (start, rest) = head.split_at(20);
        vec![Act::Drip(start.into(), Duration::from_millis(2)), Act::Send(rest.into())]
    })
    .await;
    let fetcher = open_fetcher(&[("total_timeout", "500ms"), ("max_hops", "20")]);
    let start = Instant::now();
    let uri = format!("http://a.test:{}/0", server.port());
    let error = read(&fetcher, get(&uri)).await.unwrap_err();
    assert_eq!(phase(&error), Phase::Total);
    assert_ne!(error.uri.path(), "/0");
    assert!(start.elapsed() < Duration::from_millis(500) + SLACK);
}

/// Names that never resolve, and handshakes that never end, are the connection's time.
#[tokio::test]
async fn connections_are_due() {
    struct Never;
    impl Lookup for Never {
        fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let config = config(&[("connect_timeout", "100ms")]);
    let never = fetcher(&config, OPEN, Arc::new(Never));
    let error = read(&never, get("http://a.test/")).await.unwrap_err();
    assert_eq!(phase(&error), Phase::Connect);

    // Listens, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fetcher = fetcher(&config, OPEN, loopback());
    let uri = format!("https://a.test:{}/", silent.local_addr().unwrap().port());
    let error = read(&fetcher, get(&uri)).await.unwrap_err();
    assert_eq!(phase(&error), Phase::Connect);
}

/// What an error reply says is read within the total time, and its status told in any case.
#[tokio::test]
async fn slow_error_bodies_are_left() {
    let server = Server::start(None, |_| {
        let Act::Send(mut head) = reply(503, &[], b"").remove(0) else { panic!("no reply") };
        head.splice(..0, *b"HTTP/1.1 503 Busy\r\ncontent-length: 5\r\n\r\n");
        head.truncate(40);
        vec![Act::Send(head), Act::Hang]
    })
    .await;
    let fetcher = open_fetcher(&[("total_timeout", "100ms")]);
    let uri = format!("http://a.test:{}/", server.port());
    let error = read(&fetcher, get(&uri)).await.unwrap_err();
    assert_eq!(error.code(), "http-status");
}
