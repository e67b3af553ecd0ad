//! Announces as they are on the wire: UDP (BEP 15) with options (BEP 41), HTTP (BEP 3, 23).

use std::net::{Ipv4Addr, SocketAddrV4};

use alto_discovery::selection::V4Record;

/// Octets of an announce that are always there (BEP 15).
pub(super) const ANNOUNCE: usize = 98;
/// What a first request begins with (BEP 15).
const PROTOCOL: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const ACTION_ANNOUNCE: u32 = 1;
const INFOHASH: [u8; 20] = *b"one torrent for all!";

/// What a peer announces.
#[derive(Clone, Debug, Default)]
pub(super) struct Announce {
    /// What it says its address is (BEP 3 `ip`); trackers go by where packets come from.
    pub(super) ip: Option<Ipv4Addr>,
    /// Where it says it listens.
    pub(super) port: u16,
    /// How many peers it wants.
    pub(super) wanted: u16,
    /// BEP 41 options, or the further part of an HTTP query, as octets.
    pub(super) more: Vec<u8>,
}

/// The request for a connection id.
pub(super) fn connect(transaction: u32) -> Vec<u8> {
    let mut packet = PROTOCOL.to_be_bytes().to_vec();
    packet.extend(CONNECT.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet
}

/// An announce as a datagram.
pub(super) fn datagram(connection: u64, transaction: u32, announce: &Announce) -> Vec<u8> {
    let mut packet = connection.to_be_bytes().to_vec();
    packet.extend(ACTION_ANNOUNCE.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet.extend(INFOHASH);
    packet.extend(*b"-XX0001-000000000000"); // peer_id: says nothing of anybody
    packet.extend([0, 1, 0].map(u64::to_be_bytes).concat()); // downloaded, left, uploaded
    packet.extend(2_u32.to_be_bytes()); // started
    packet.extend(announce.ip.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    packet.extend(7_u32.to_be_bytes()); // key
    packet.extend(i32::from(announce.wanted).to_be_bytes());
    packet.extend(announce.port.to_be_bytes());
    packet.extend(&announce.more);
    packet
}

/// An announce as an HTTP request.
pub(super) fn request(tracker: SocketAddrV4, announce: &Announce) -> Vec<u8> {
    let infohash: String = INFOHASH.escape_ascii().to_string().replace(' ', "%20");
    let ip = announce.ip.map(|ip| format!("&ip={ip}")).unwrap_or_default();
    let more = String::from_utf8_lossy(&announce.more);
    let more = if more.is_empty() { String::new() } else { format!("&{more}") };
    format!(
        "GET /announce?info_hash={infohash}&peer_id=-XX0001-000000000000&port={}&uploaded=0\
         &downloaded=0&left=1&event=started&compact=1&numwant={}&key=7{ip}{more} HTTP/1.1\r\n\
         Host: {tracker}\r\n\r\n",
        announce.port, announce.wanted
    )
    .into_bytes()
}

/// What a tracker is asked for by a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// A connection id.
    Connect { transaction: u32 },
    /// Peers; `options` is what stands behind the fixed part.
    Peers { connection: u64, transaction: u32, wanted: u16, options: &'a [u8] },
}

/// Reads what came; `None` if it is no request.
pub(super) fn read(datagram: &[u8]) -> Option<Asked<'_>> {
    let number = |at: usize| Some(u32::from_be_bytes(datagram.get(at..at + 4)?.try_into().ok()?));
    let first = u64::from_be_bytes(*datagram.first_chunk()?);
    let (action, transaction) = (number(8)?, number(12)?);
    match action {
        CONNECT => (first == PROTOCOL).then_some(Asked::Connect { transaction }),
        ACTION_ANNOUNCE => {
            let options = datagram.get(ANNOUNCE..)?;
            let wanted = u16::try_from(number(92)?).unwrap_or(0);
            Some(Asked::Peers { connection: first, transaction, wanted, options })
        }
        _ => None,
    }
}

/// The reply to a request for a connection id.
pub(super) fn connected(transaction: u32, connection: u64) -> Vec<u8> {
    let mut packet = CONNECT.to_be_bytes().to_vec();
    packet.extend(transaction.to_be_bytes());
    packet.extend(connection.to_be_bytes());
    packet
}

/// The reply to an announce.
pub(super) fn peers(transaction: u32, records: &[V4Record]) -> Vec<u8> {
    let mut packet = ACTION_ANNOUNCE.to_be_bytes().to_vec();
    packet.extend(transaction.to_be_bytes());
    packet.extend([1_800, 1, 1].map(u32::to_be_bytes).concat()); // interval, leechers, seeders
    packet.extend(records.iter().flat_map(|record| record.0));
    packet
}

/// The reply to an HTTP announce.
pub(super) fn response(records: &[V4Record]) -> Vec<u8> {
    let mut body = format!("d8:intervali1800e5:peers{}:", 6 * records.len()).into_bytes();
    body.extend(records.iter().flat_map(|record| record.0));
    body.push(b'e');
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

/// The records in a tracker's reply, by datagram or HTTP; `None` if it is no such reply.
pub(super) fn records(reply: &[u8]) -> Option<Vec<V4Record>> {
    let octets = if reply.starts_with(b"HTTP/") {
        let text = b"5:peers";
        let at = reply.windows(text.len()).position(|window| window == text)? + text.len();
        let colon = at + reply[at..].iter().position(|octet| *octet == b':')?;
        let length: usize = std::str::from_utf8(&reply[at..colon]).ok()?.parse().ok()?;
        reply.get(colon + 1..colon + 1 + length)?
    } else {
        reply.starts_with(&ACTION_ANNOUNCE.to_be_bytes()).then_some(())?;
        reply.get(20..)?
    };
    let record = |octets: &[u8]| octets.try_into().ok().map(V4Record);
    octets.chunks(6).map(record).collect()
}

/// The query of an HTTP request.
pub(super) fn query(request: &[u8]) -> Option<&[u8]> {
    let line = request.split(|octet| *octet == b'\r').next()?;
    let target = line.split(|octet| *octet == b' ').nth(1)?;
    let at = target.iter().position(|octet| *octet == b'?')?;
    Some(&target[at + 1..])
}

/// How many peers a query asks for.
pub(super) fn wanted(query: &[u8]) -> u16 {
    let pairs = std::str::from_utf8(query).unwrap_or_default().split('&');
    let mut wanted = pairs.filter_map(|pair| pair.strip_prefix("numwant=")?.parse().ok());
    wanted.next().unwrap_or(50)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACKER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);

    fn announce() -> Announce {
        Announce { ip: None, port: 6_881, wanted: 50, more: vec![0xa5, 1, b'x'] }
    }

    /// What is written is read; options begin at octet 98 (BEP 41).
    #[test]
    fn datagrams() {
        let packet = datagram(9, 3, &announce());
        assert_eq!(packet.len(), ANNOUNCE + 3);
        let options = &[0xa5, 1, b'x'][..];
        let asked = Asked::Peers { connection: 9, transaction: 3, wanted: 50, options };
        assert_eq!(read(&packet), Some(asked));
        assert_eq!(read(&connect(4)), Some(Asked::Connect { transaction: 4 }));
        for length in 0..16 {
            assert_eq!(read(&connect(4)[..length]), None);
        }
        assert_eq!(read(&packet[..ANNOUNCE - 1]), None);
    }

    #[test]
    fn replies() {
        let own = [V4Record([127, 0, 0, 1, 26, 225]), V4Record([127, 1, 2, 3, 58, 10])];
        for reply in [peers(1, &own), response(&own)] {
            assert_eq!(records(&reply), Some(own.to_vec()));
        }
        assert_eq!(records(b"HTTP/1.1 400 No\r\n\r\n"), None);
        let request = request(TRACKER, &Announce { more: b"alto=x".to_vec(), ..announce() });
        let query = query(&request).unwrap();
        assert!(query.ends_with(b"&alto=x"));
        assert_eq!(wanted(query), 50);
    }
}
