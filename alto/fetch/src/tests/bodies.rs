//! Bodies that are too large, broken or encoded, and how many
//! requests are under way.

use std::io::Write;
use std::sync::Arc;

use alto_discovery_core::code;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::task::JoinSet;

use super::authority::Authority;
use super::server::{Act, Asked, Server, reply};
use super::world::{PRIVATE, get, get_map, open_fetcher, read, trusting};
use crate::{Content, Error, Fault};

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn octets(text: &str) -> Vec<Act> {
    vec![Act::Send(text.replace('\n', "\r\n").into_bytes())]
}

/// Says this and closes.
fn last_words(text: &str) -> Vec<Act> {
    [octets(text), vec![Act::Close]].concat()
}

/// Reads what a server says that follows the script.
async fn read_script(
    settings: &[(&str, &str)],
    script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
) -> Result<Vec<u8>, Error> {
    let server = Server::start(None, script).await;
    read(&open_fetcher(settings), get(&format!("http://a.test:{}/", server.port()))).await
}

async fn code_of(
    settings: &[(&str, &str)],
    script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
) -> &'static str {
    read_script(settings, script).await.unwrap_err().code()
}

/// Both ways of framing a body, plain and gzip.
#[tokio::test]
async fn bodies_arrive_whole() {
    let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).take(1_000_000).collect();
    for encoded in [false, true] {
        for chunked in [false, true] {
            let body = if encoded { gzip(&text) } else { text.clone() };
            let encoding = if encoded { "content-encoding: gzip\n" } else { "" };
            let script = move |_: &Asked| {
                if chunked {
                    let mut acts = octets(&format!(
                        "HTTP/1.1 200 OK\n{encoding}transfer-encoding: chunked\n\n"
                    ));
                    for piece in body.chunks(10_000) {
                        acts.push(Act::Send(format!("{:x}\r\n", piece.len()).into_bytes()));
                        acts.push(Act::Send([piece, b"\r\n"].concat()));
                    }
                    acts.push(Act::Send(b"0\r\n\r\n".to_vec()));
                    acts
                } else if encoded {
                    reply(200, &[("content-encoding", "gzip")], &body)
                } else {
                    reply(200, &[], &body)
                }
            };
            let read = read_script(&[], script).await.unwrap();
            assert!(read == text, "encoded: {encoded}, chunked: {chunked}");
        }
    }
}

/// Caps are on decoded octets, kept at n and broken at n + 1; a map may be larger than the rest.
#[tokio::test]
async fn caps_are_kept() {
    let settings = [("max_body", "2000"), ("max_map", "3000")];
    for (size, whole) in [(2_000, true), (2_001, false)] {
        let plain = move |_: &Asked| reply(200, &[], &vec![b'x'; size]);
        let zipped =
            move |_: &Asked| reply(200, &[("content-encoding", "gzip")], &gzip(&vec![b'x'; size]));
        assert_eq!(read_script(&settings, plain).await.is_ok(), whole);
        assert_eq!(read_script(&settings, zipped).await.is_ok(), whole);
        if !whole {
            assert_eq!(code_of(&settings, plain).await, "too-large");
            assert_eq!(code_of(&settings, zipped).await, "too-large");
        }
    }
    let server = Server::start(None, |_| reply(200, &[], &[b'x'; 3_000])).await;
    let uri = format!("http://a.test:{}/", server.port());
    assert_eq!(read(&open_fetcher(&settings), get_map(&uri)).await.unwrap().len(), 3_000);
}

/// A body without an end, whose size nobody announced.
#[tokio::test]
async fn endless_bodies_are_cut() {
    let code = code_of(&[], |_| {
        let mut acts = octets("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n");
        acts.push(Act::Repeat([&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat()));
        acts
    });
    assert_eq!(code.await, "too-large");
}

/// Two MiB of one letter, 500 times smaller on the wire.
#[tokio::test]
async fn bodies_that_grow_too_much_are_cut() {
    let server = Server::start(None, |_| {
        reply(200, &[("content-encoding", "gzip")], &gzip(&vec![b'x'; 2 << 20]))
    })
    .await;
    let uri = format!("http://a.test:{}/", server.port());
    assert_eq!(read(&open_fetcher(&[]), get_map(&uri)).await.unwrap_err().code(), "inflated");
    let lenient = open_fetcher(&[("max_ratio", "2000")]);
    assert_eq!(read(&lenient, get_map(&uri)).await.unwrap().len(), 2 << 20);
}

/// What breaks off is no body: with either framing, encoded or not.
#[tokio::test]
async fn half_bodies_are_broken() {
    for half in [
        "HTTP/1.1 200 OK\ncontent-length: 10\n\n01234",
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n5\n01234\n",
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n5\n0123",
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\nzz\n01234\n0\n\n",
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n-1\n\n0\n\n",
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\nfffffffffffffffff\nx",
        "HTTP/1.1 200 OK\ncontent-le",
        "HTTP/1.1 200 OK\ncontent-length: -5\n\n01234",
        "HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 6\n\n01234",
        "HTTP/1.1 2000 OK\n\n",
        "HTTP/2.0 200 OK\n\n",
        "no http\n\n",
        "",
    ] {
        assert_eq!(code_of(&[], move |_| last_words(half)).await, "broken-reply", "{half}");
    }
    let zipped = gzip(&[b'x'; 1_000]);
    let script =
        move |_: &Asked| reply(200, &[("content-encoding", "gzip")], &zipped[..zipped.len() - 4]);
    assert_eq!(code_of(&[], script).await, "bad-encoding");
}

/// A TLS connection that closes without a word has not proven the end of a body that only its
/// close would end.
#[tokio::test]
async fn tls_without_farewell_is_no_end() {
    let authority = Authority::new();
    let fetcher = trusting(&authority, PRIVATE);
    for (last, whole) in [(Act::Close, true), (Act::Drop, false)] {
        let script = move |_: &Asked| {
            let mut acts = octets("HTTP/1.1 200 OK\nconnection: close\n\n{}");
            acts.push(last.clone());
            acts
        };
        let server = Server::start(Some(authority.server(&["a.test"])), script).await;
        let outcome = read(&fetcher, get(&format!("https://a.test:{}/", server.port()))).await;
        match outcome {
            Ok(body) => assert!(whole && body == b"{}"),
            Err(error) => assert!(!whole && error.code() == "broken-reply", "{error}"),
        }
    }
}

/// Once broken, always broken: nobody mistakes the next call for the end.
#[tokio::test]
async fn a_broken_body_stays_broken() {
    let server =
        Server::start(None, |_| last_words("HTTP/1.1 200 OK\ncontent-length: 10\n\n01234")).await;
    let uri = format!("http://a.test:{}/", server.port());
    let reply = open_fetcher(&[]).fetch(get(&uri)).await.unwrap();
    let Content::Body(mut body) = reply.content else { panic!("no body") };
    assert_eq!(body.chunk().await.unwrap().as_deref(), Some(&b"01234"[..]));
    for _ in 0..3 {
        assert_eq!(body.chunk().await.unwrap_err().code(), "broken-reply");
    }
}

/// Only gzip was offered.
#[tokio::test]
async fn other_encodings_are_refused() {
    for encoding in ["br", "gzip, gzip", "zstd"] {
        let script = move |_: &Asked| reply(200, &[("content-encoding", encoding)], b"x");
        assert_eq!(code_of(&[], script).await, "bad-encoding", "{encoding}");
    }
    let twice =
        |_: &Asked| reply(200, &[("content-encoding", "gzip"), ("content-encoding", "gzip")], b"x");
    assert_eq!(code_of(&[], twice).await, "bad-encoding");
    let plain = |_: &Asked| reply(200, &[("content-encoding", "gzip")], b"not gzip at all");
    assert_eq!(code_of(&[], plain).await, "bad-encoding");
}

/// Ten MiB of headers, in one and in many, and without end.
#[tokio::test]
async fn large_heads_are_refused() {
    let start = || octets("HTTP/1.1 200 OK\n");
    let one = move |_: &Asked| {
        let header = [&b"x: "[..], &vec![b'x'; 10 << 20], b"\r\n\r\n"].concat();
        [start(), vec![Act::Send(header)]].concat()
    };
    let endless_one = move |_: &Asked| {
        [start(), vec![Act::Send(b"x: ".to_vec()), Act::Repeat(vec![b'x'; 4_096])]].concat()
    };
    let endless = move |_: &Asked| [start(), vec![Act::Repeat(b"x: y\r\n".to_vec())]].concat();
    assert_eq!(code_of(&[], one).await, "headers-too-large");
    assert_eq!(code_of(&[], endless_one).await, "headers-too-large");
    assert_eq!(code_of(&[], endless).await, "headers-too-large");
}

/// The lines of a head and their octets are limited: at n - 1 and n they are fine, at n + 1 not,
/// whatever n is configured; of a redirect and of a refusal too.
#[tokio::test]
async fn heads_are_limited() {
    // `reply` adds one line: `content-length: 2`.
    const OWN: usize = "content-length: 2\r\n".len();
    let lines = |count: usize| move |_: &Asked| reply(200, &vec![("x", "y"); count - 1], b"{}");
    let octets = |count: usize, status: u16| {
        let value = "v".repeat(count - OWN - "x: \r\n".len());
        move |_: &Asked| reply(status, &[("x", &*value)], b"{}")
    };
    for (setting, most) in [(None, 64), (Some("8"), 8), (Some("1024"), 1_024)] {
        let settings: Vec<_> = setting.map(|most| ("max_headers", most)).into_iter().collect();
        for fine in [most - 1, most] {
            assert_eq!(read_script(&settings, lines(fine)).await.unwrap(), b"{}", "{fine}");
        }
        assert_eq!(code_of(&settings, lines(most + 1)).await, "headers-too-large", "{most}");
    }
    for (setting, most) in [(None, 32 << 10), (Some("512"), 512), (Some("262144"), 256 << 10)] {
        let settings: Vec<_> = setting.map(|most| ("max_head", most)).into_iter().collect();
        for fine in [most - 1, most] {
            assert_eq!(read_script(&settings, octets(fine, 200)).await.unwrap(), b"{}", "{fine}");
        }
        for status in [200, 307, 404, 503] {
            let code = code_of(&settings, octets(most + 1, status)).await;
            assert_eq!(code, "headers-too-large", "{status}, {most}");
        }
    }
}

/// Two at a time to one host and port, one waiting; the next is refused at once and nothing is
/// sent; a body that is dropped makes room.
#[tokio::test]
async fn requests_under_way_are_limited() {
    let server = Server::start(None, |_| {
        let mut acts = octets("HTTP/1.1 200 OK\ncontent-length: 2\n\n{");
        acts.push(Act::Hang);
        acts
    })
    .await;
    let uri = format!("http://a.test:{}/", server.port());
    let fetcher = Arc::new(open_fetcher(&[("waiting", "1")]));
    let first = fetcher.fetch(get(&uri)).await.unwrap();
    let _second = fetcher.fetch(get(&uri)).await.unwrap();
    let mut tries = JoinSet::new();
    for _ in 0..2 {
        let (fetcher, uri) = (Arc::clone(&fetcher), uri.clone());
        tries.spawn(async move { fetcher.fetch(get(&uri)).await.map(drop) });
    }
    let refused = tries.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(matches!(refused.fault, Fault::Busy), "{refused}");
    assert_eq!((refused.code(), server.asked().len()), (code::LIMIT, 2));
    drop(first);
    tries.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(server.asked().len(), 3);
}

/// Nobody listens: told as such, and no matter of trust.
#[tokio::test]
async fn nobody_there_is_unreachable() {
    let gone = Server::canary("127.0.0.1:0").await.unwrap().port();
    // The port is free once the listener's task has ended; until then it closes at once.
    let error = read(&open_fetcher(&[]), get(&format!("http://a.test:{gone}/"))).await.unwrap_err();
    assert!(!error.fault.is_refusal());
    assert!([code::UNREACHABLE, "broken-reply"].contains(&error.code()), "{error}");
}

/// Connections are used again for the next request to the same server.
#[tokio::test]
async fn connections_are_reused() {
    let server = Server::start(None, |_| reply(200, &[], b"{}")).await;
    let uri = format!("http://a.test:{}/", server.port());
    let fetcher = open_fetcher(&[]);
    for _ in 0..10 {
        read(&fetcher, get(&uri)).await.unwrap();
    }
    assert_eq!((server.asked().len(), server.accepted()), (10, 1));
}
