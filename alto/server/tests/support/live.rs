//! A server that really listens, and requests to it octet by octet.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use alto_server::{Server, ServerConfig, Source, Transport};
use alto_testkit::pki::{Authority, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{NETWORK, maps};

/// Longer than any wait of a test that passes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A free port of loopback.
pub(crate) fn listen() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A server's certificate and key as PEM, by an authority whose certificate is in `ca`.
pub(crate) fn identity(ca: &Path) -> Transport {
    let authority = Authority::new();
    fs::write(ca, authority.pem()).unwrap();
    let Identity { certificate: certificates, key } = authority.sign(&["127.0.0.1"]);
    Transport::Pem { certificates, key }
}

/// A server of [`NETWORK`] without TLS.
pub(crate) async fn plain_server() -> Server {
    let config = ServerConfig::new(listen(), Source::Maps(maps(NETWORK)), Transport::Http);
    Server::bind(config).await.unwrap()
}

/// Status line and headers in lower case, and the body, of the answer to raw octets.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> (String, Vec<u8>) {
    // The server may answer and close before it has read all.
    let _ = stream.write_all(request).await;
    let mut octets = Vec::new();
    let end = loop {
        assert_ne!(stream.read_buf(&mut octets).await.unwrap(), 0, "closed within the head");
        if let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(octets[..end].to_vec()).unwrap().to_ascii_lowercase();
    let mut body = octets.split_off(end + 4);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let is_bodyless = request.starts_with(b"HEAD") || head.starts_with("http/1.1 304");
    let length: usize =
        if is_bodyless { 0 } else { length.map_or(0, |text| text.parse().unwrap()) };
    while body.len() < length {
        assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0, "closed within the body");
    }
    (head, body)
}
