//! A gzip bomb is read within 16 MiB. A program of its own, with one test, so that
//! the peak that the kernel counts is this test's.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::sync::Arc;

use alto_discovery_core::Policy;
use alto_fetch::{BodyKind, Content, Error, FetchConfig, Fetcher, Request};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MIB: usize = 1 << 20;

/// 1 GiB of zeros, a thousandth of that on the wire: cut by the ratio; with the ratio allowed, cut
/// by the size; neither time does the process grow by 16 MiB.
#[tokio::test]
async fn a_bomb_is_cut_within_16_mib() {
    let bomb = Arc::new(bomb());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _the_client_leaves = send(stream, &bomb).await;
        }
    });
    for (ratio, code, octets) in
        [("100", "inflated", MIB..2 * MIB), ("2000", "too-large", 127 * MIB..128 * MIB + 1)]
    {
        // Whatever is needed for the client itself does not count. It trusts this machine's own
        // authorities: the one test that needs some to be installed.
        let fetcher = fetcher(ratio);
        let before = peak_after_reset();
        let (read, error) = read_streaming(&fetcher, &uri).await;
        let grown = peak() - before;
        assert_eq!(error.unwrap().code(), code);
        assert!(octets.contains(&read), "{read} octets read");
        assert!(grown < 16 * MIB, "grown by {grown} octets");
    }
    server.abort();
}

fn fetcher(ratio: &str) -> Fetcher {
    let policy = Policy { allow_private_servers: true, allow_http: true, ..Policy::default() };
    let mut config = FetchConfig::default();
    config.set("fetch.max_ratio", ratio).unwrap();
    Fetcher::new(&config, policy).unwrap()
}

async fn read_streaming(fetcher: &Fetcher, uri: &str) -> (usize, Option<Error>) {
    let request = Request::get(uri.parse().unwrap(), BodyKind::Map, &["application/json"]);
    let Content::Body(mut body) = fetcher.fetch(request).await.unwrap().content else {
        panic!("no body")
    };
    let mut read = 0;
    loop {
        match body.chunk().await {
            Ok(Some(piece)) => read += piece.len(),
            Ok(None) => return (read, None),
            Err(error) => return (read, Some(error)),
        }
    }
}

async fn send(mut stream: TcpStream, bomb: &[u8]) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(bomb).await?;
    // Closing before the client does would take back what it has not read yet.
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

/// 64 members of 16 MiB of zeros each.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 16 * MIB]).unwrap();
    encoder.finish().unwrap().repeat(64)
}

/// The memory in use, after which the kernel counts the peak anew.
fn peak_after_reset() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

/// The most memory that was in use since, in octets.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
}
