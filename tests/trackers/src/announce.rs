//! A peer's side of an announce, from an address of its own.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

/// The torrent that trackers here serve.
pub const INFOHASH: [u8; 20] = *b"\x00\xff&a = one torrent?+";

/// The port that peers announce unless they say another.
pub const PORT: u16 = 6_881;

/// A compact peer (BEP 23).
pub type Record = [u8; 6];

/// What happened, as a peer tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Event {
    /// Nothing in particular.
    #[default]
    None,
    /// It is leaving.
    Stopped,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// How many peers.
    pub wanted: i32,
    /// Octets still missing.
    pub left: u64,
    /// What happened.
    pub event: Event,
    /// The torrent.
    pub infohash: [u8; 20],
}

impl Ask {
    /// A leecher that wants so many.
    pub fn wanting(wanted: i32) -> Self {
        Self { wanted, left: 1, event: Event::None, infohash: INFOHASH }
    }

    /// A leecher that leaves.
    pub fn stopping() -> Self {
        Self { event: Event::Stopped, ..Self::wanting(50) }
    }
}

/// A tracker's reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// After how many seconds to come back.
    pub interval: u32,
    /// Its peers, in order.
    pub peers: Vec<Record>,
}

impl Reply {
    /// A reply to an announce by UDP (BEP 15), which must be a success.
    pub fn of_datagram(reply: &[u8]) -> Self {
        assert!(reply.len() >= 20 && reply[..4] == [0, 0, 0, 1], "not a success: {reply:?}");
        let interval = u32::from_be_bytes(reply[8..12].try_into().expect("four octets"));
        Self { interval, peers: records(&reply[20..]) }
    }

    /// The body of one by HTTP (BEP 23), which must be a success.
    pub fn of_body(body: &[u8]) -> Self {
        let interval = number_after(body, b"8:intervali");
        let at = find(body, b"5:peers").expect("peers") + 7;
        let colon = at + find(&body[at..], b":").expect("a length");
        let length = number_after(body, b"5:peers") as usize;
        assert_eq!(body.len(), colon + 1 + length + 1, "nothing but `e` after the peers");
        Self { interval, peers: records(&body[colon + 1..=colon + length]) }
    }
}

/// A peer, bound to its own address.
#[derive(Debug)]
pub struct Peer {
    address: Ipv4Addr,
    socket: UdpSocket,
    tracker: SocketAddr,
    connection: [u8; 8],
}

impl Peer {
    /// A peer that has its connection id (BEP 15).
    pub fn new(address: Ipv4Addr, tracker: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        socket.connect(tracker).expect("a route");
        let mut peer = Self { address, socket, tracker, connection: [0; 8] };
        let reply = peer.exchange(&connect_request()).expect("a reply to connect");
        peer.connection.copy_from_slice(&reply[8..16]);
        peer
    }

    /// What it is in other peers' replies.
    pub fn record(&self) -> Record {
        record(self.address)
    }

    /// Announces by UDP.
    pub fn udp(&self, ask: &Ask) -> Reply {
        Reply::of_datagram(&self.exchange(&self.datagram(ask)).expect("a reply to an announce"))
    }

    /// Announces by UDP where success is not expected; what came back, as it is.
    pub fn raw(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.exchange(datagram)
    }

    /// The announce as a datagram.
    pub fn datagram(&self, ask: &Ask) -> Vec<u8> {
        let mut packet = self.connection.to_vec();
        packet.extend([0, 0, 0, 1, 9, 9, 9, 9]);
        packet.extend(ask.infohash);
        packet.extend([8; 20]); // peer_id
        packet.extend([0, ask.left, 0].map(u64::to_be_bytes).concat()); // done, left, sent
        packet.extend([0, 0, 0, if ask.event == Event::Stopped { 3 } else { 0 }]);
        packet.extend([0; 8]); // address, key
        packet.extend(ask.wanted.to_be_bytes());
        packet.extend(PORT.to_be_bytes());
        packet
    }

    /// Sends until there is a reply: loopback, too, drops what finds no room.
    fn exchange(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut reply = vec![0; 8_192];
        (0..3).find_map(|_| {
            self.socket.send(packet).ok()?;
            loop {
                let length = self.socket.recv(&mut reply).ok()?;
                // One with another transaction id comes late, from an earlier exchange.
                let is_late =
                    packet.get(12..16).is_some_and(|id| reply[..length].get(4..8) != Some(id));
                if !is_late {
                    return Some(reply[..length].to_vec());
                }
            }
        })
    }

    /// Announces by HTTP, the request in as many pieces as said.
    pub async fn http(&self, ask: &Ask, pieces: usize) -> Reply {
        Reply::of_body(&self.http_raw(&query(ask), pieces).await)
    }

    /// Sends a query by HTTP; the body of the reply, whose length must be as the header says.
    pub async fn http_raw(&self, query: &str, pieces: usize) -> Vec<u8> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((self.address, 0).into()).expect("a port");
        let mut stream = socket.connect(self.tracker).await.expect("a connection");
        let request = format!("GET /announce?{query} HTTP/1.1\r\nHost: tracker\r\n\r\n");
        for piece in request.as_bytes().chunks(request.len().div_ceil(pieces)) {
            stream.write_all(piece).await.expect("it listens");
            if pieces > 1 {
                // So that each arrives by itself: there is nothing to wait for.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let mut reply = Vec::new();
        read_to_end(&mut stream, &mut reply).await.expect("a reply");
        let head = find(&reply, b"\r\n\r\n").expect("a header") + 4;
        let length = number_after(&reply[..head], b"Content-Length: ") as usize;
        assert_eq!(reply.len() - head, length, "{}", String::from_utf8_lossy(&reply));
        reply.split_off(head)
    }
}

async fn read_to_end(stream: &mut tokio::net::TcpStream, to: &mut Vec<u8>) -> io::Result<usize> {
    let reading = stream.read_to_end(to);
    tokio::time::timeout(Duration::from_secs(10), reading).await.map_err(io::Error::other)?
}

/// The compact form of a peer with the usual port.
pub fn record(address: Ipv4Addr) -> Record {
    let [a, b, c, d] = address.octets();
    let [high, low] = PORT.to_be_bytes();
    [a, b, c, d, high, low]
}

/// The first request of BEP 15.
pub fn connect_request() -> [u8; 16] {
    let mut packet = [0; 16];
    packet[..8].copy_from_slice(&0x0417_2710_1980_u64.to_be_bytes());
    packet
}

/// The announce as a query, all octets of the infohash encoded.
pub fn query(ask: &Ask) -> String {
    let mut query = "info_hash=".to_owned();
    for octet in ask.infohash {
        write!(query, "%{octet:02x}").expect("a string");
    }
    let (wanted, left) = (ask.wanted, ask.left);
    write!(query, "&port={PORT}&left={left}&numwant={wanted}&compact=1").expect("a string");
    if ask.event == Event::Stopped {
        query.push_str("&event=stopped");
    }
    query
}

fn records(octets: &[u8]) -> Vec<Record> {
    assert_eq!(octets.len() % 6, 0, "whole records");
    octets.chunks(6).map(|record| record.try_into().expect("six octets")).collect()
}

pub(crate) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn number_after(text: &[u8], what: &[u8]) -> u32 {
    let start = find(text, what).expect("it is there") + what.len();
    let digits = text[start..].iter().take_while(|octet| octet.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}
