//! How a server stops: replies that are under way are finished, and nobody else is waited for.
#![forbid(unsafe_code)]

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use alto_server::{Server, ServerConfig, Source, Target, Transport};
use support::live::{LONG, exchange, identity, listen, plain_server};
use support::{NETWORK, maps};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Less than the time that replies are given.
const AT_ONCE: Duration = Duration::from_secs(4);

const GET: &[u8] = b"GET /network-map HTTP/1.1\r\nHost: a\r\n\r\n";

/// Whoever has asked for nothing, or for half of something, is not waited for: nothing was sent, half
/// a head, half a second head after a reply, a head without its body.
#[tokio::test]
async fn half_sent_requests_are_dropped_at_once() {
    let target = Target::FilteredNetworkMap;
    let without_body = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: {}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        target.path(),
        target.accepts(),
    );
    for (is_used, half) in [
        (false, &b""[..]),
        (false, b"GET /network-m"),
        (true, b""),
        (true, b"GET /network-map HTTP/1.1\r\nHos"),
        (false, without_body.as_bytes()),
    ] {
        let server = plain_server().await;
        let address = server.address();
        let mut stream = TcpStream::connect(address).await.unwrap();
        if is_used {
            exchange(&mut stream, GET).await;
        }
        stream.write_all(half).await.unwrap();
        if half.starts_with(b"POST") {
            let (head, _) = exchange(&mut stream, b"").await;
            assert!(head.starts_with("http/1.1 100"), "{head}");
        }
        // Another connection is answered, so this one has been accepted before.
        exchange(&mut TcpStream::connect(address).await.unwrap(), GET).await;
        let stopped = timeout(AT_ONCE, server.stop()).await;
        assert!(stopped.is_ok(), "waited for {:?}", String::from_utf8_lossy(half));
        assert!(TcpStream::connect(address).await.is_err());
    }
}

/// A handshake that does not come to its end is not waited for either.
#[tokio::test]
async fn half_done_handshakes_are_dropped_at_once() {
    let folder = TempDir::new().unwrap();
    let transport = identity(&folder.path().join("ca.pem"));
    let server = Server::bind(ServerConfig::new(listen(), Source::Maps(maps(NETWORK)), transport));
    let server = server.await.unwrap();
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    let mut broken = TcpStream::connect(server.address()).await.unwrap();
    broken.write_all(b"no handshake at all, but a line of text").await.unwrap();
    // Accepted later, and answered with an alert.
    assert!(timeout(LONG, broken.read_u8()).await.unwrap().is_ok());
    assert!(timeout(AT_ONCE, server.stop()).await.is_ok(), "waited for a handshake");
    assert_eq!(silent.read(&mut [0; 1]).await.ok().unwrap_or_default(), 0);
}

/// A reply that is under way is finished, however slowly it is read within the five seconds, while
/// others are closed.
#[tokio::test]
async fn a_reply_under_way_is_finished() {
    let mut network = String::from("prefix,pid\n0.0.0.0/0,far\n::/0,far\n");
    for at in 0..250_000_u32 {
        let net = std::net::Ipv4Addr::from_bits(at << 8);
        writeln!(network, "{net}/24,near").unwrap();
    }
    let text = alto_server::Text { name: "net.csv", csv: &network };
    let large = alto_server::Maps::parse(text, &[]).unwrap();
    let config = ServerConfig::new(listen(), Source::Maps(large.into()), Transport::Http);
    let server = Server::bind(config).await.unwrap();
    // Little room at this end, so that most of it is still at the server.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut slow = socket.connect(server.address()).await.unwrap();
    let mut idle = TcpStream::connect(server.address()).await.unwrap();
    exchange(&mut idle, b"HEAD /network-map HTTP/1.1\r\nHost: a\r\n\r\n").await;
    slow.write_all(GET).await.unwrap();
    let mut reply = vec![slow.read_u8().await.unwrap()];
    let stopping = tokio::spawn(server.stop());
    assert_eq!(timeout(LONG, idle.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    assert!(!stopping.is_finished(), "the reply is too small to be under way");
    timeout(LONG, slow.read_to_end(&mut reply)).await.unwrap().unwrap();
    timeout(LONG, stopping).await.unwrap().unwrap();
    let text = String::from_utf8(reply).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = format!("content-length: {}", body.len());
    assert!(head.starts_with("HTTP/1.1 200") && head.contains(&length), "{head}");
}
