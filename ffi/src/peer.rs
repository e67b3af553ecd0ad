//! Whom C asks for.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use facade::{Hints, Peer, PeerId, Token};
use libc::{AF_INET, AF_INET6, sa_family_t, sockaddr_in, sockaddr_in6};

use crate::boundary::read;
use crate::status::{ALTO_E_INVALID, Failure};
use crate::structs::{
    ALTO_ID_NONE, ALTO_ID_PORT, ALTO_ID_TOKEN, ALTO_RAW_HTTP_QUERY, ALTO_RAW_NONE,
    ALTO_RAW_UDP_OPTIONS, alto_peer,
};

/// The most octets of an announce: more than any packet, and any sane query.
const RAW_MOST: usize = 65_535;

/// A peer, and the port it announces.
///
/// # Safety
/// As the header says of `alto_peer`: `from` is NULL or points to one, and what is pointed to there
/// lives as long as the result.
#[inline]
pub(crate) unsafe fn peer<'a>(from: *const alto_peer) -> Result<(Peer<'a>, u16), Failure> {
    // SAFETY: the caller's promise.
    let from = unsafe { read(from, "peer is NULL")? };
    // SAFETY: the caller's promise.
    let (address, port) = unsafe { address(&from)? };
    let peer = Peer::new(address);
    if from.id_kind == ALTO_ID_NONE && from.raw_kind == ALTO_RAW_NONE {
        return Ok((peer, port));
    }
    // SAFETY: the caller's promise.
    Ok((unsafe { with_more(peer, &from)? }, port))
}

/// The peer with its id and what it sent.
///
/// # Safety
/// As [`peer`].
#[cold]
unsafe fn with_more<'a>(mut peer: Peer<'static>, from: &alto_peer) -> Result<Peer<'a>, Failure> {
    if from.id_kind != ALTO_ID_NONE {
        // SAFETY: the caller's promise.
        peer = peer.with_id(unsafe { id(from)? });
    }
    if from.raw_kind == ALTO_RAW_NONE {
        return Ok(peer);
    }
    // SAFETY: the caller's promise.
    Ok(peer.with_hints(unsafe { hints(from)? }))
}

/// The same peer, for a thread that outlives the call.
pub(crate) fn owned(peer: &Peer<'_>) -> Peer<'static> {
    let own = |raw: &Cow<'_, [u8]>| Cow::Owned(raw.clone().into_owned());
    match peer.hints() {
        Hints::HttpQuery(raw) => peer.without_hints().with_hints(Hints::HttpQuery(own(raw))),
        Hints::UdpOptions(raw) => peer.without_hints().with_hints(Hints::UdpOptions(own(raw))),
        _ => peer.without_hints(),
    }
}

/// # Safety
/// As [`peer`].
#[inline]
unsafe fn address(from: &alto_peer) -> Result<(IpAddr, u16), Failure> {
    let length = from.addr_len as usize;
    if from.addr.is_null() {
        return Err(Failure::invalid("addr is NULL"));
    }
    if length < size_of::<sa_family_t>() {
        return Err(Failure::invalid("addr_len is too short"));
    }
    // SAFETY: there are `addr_len` octets, maybe not aligned.
    let family = unsafe { from.addr.cast::<sa_family_t>().read_unaligned() };
    match i32::from(family) {
        AF_INET if length >= size_of::<sockaddr_in>() => {
            // SAFETY: long enough.
            let v4 = unsafe { from.addr.cast::<sockaddr_in>().read_unaligned() };
            let address = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Ok((address.into(), u16::from_be(v4.sin_port)))
        }
        AF_INET6 if length >= size_of::<sockaddr_in6>() => {
            // SAFETY: long enough.
            let v6 = unsafe { from.addr.cast::<sockaddr_in6>().read_unaligned() };
            Ok((Ipv6Addr::from(v6.sin6_addr.s6_addr).into(), u16::from_be(v6.sin6_port)))
        }
        AF_INET | AF_INET6 => Err(Failure::invalid("addr_len is too short for its family")),
        _ => Err(Failure::invalid("the family of addr is neither AF_INET nor AF_INET6")),
    }
}

/// # Safety
/// As [`peer`].
unsafe fn id(from: &alto_peer) -> Result<PeerId, Failure> {
    // SAFETY: the caller's promise.
    let octets = unsafe { octets(from.id, from.id_len as usize, Token::MOST, "id")? };
    match (from.id_kind, octets) {
        (ALTO_ID_PORT, [high, low]) => Ok(PeerId::Port(u16::from_be_bytes([*high, *low]))),
        (ALTO_ID_TOKEN, octets) => {
            Token::new(octets).map(PeerId::Token).ok_or(Failure::invalid("id_len is not 1 to 32"))
        }
        (ALTO_ID_PORT, _) => Err(Failure::invalid("id_len of a port is not 2")),
        _ => Err(Failure::invalid("id_kind is unknown")),
    }
}

/// # Safety
/// As [`peer`].
unsafe fn hints<'a>(from: &alto_peer) -> Result<Hints<'a>, Failure> {
    // SAFETY: the caller's promise.
    let raw = Cow::Borrowed(unsafe { octets(from.raw, from.raw_len, RAW_MOST, "raw")? });
    match from.raw_kind {
        ALTO_RAW_HTTP_QUERY => Ok(Hints::HttpQuery(raw)),
        ALTO_RAW_UDP_OPTIONS => Ok(Hints::UdpOptions(raw)),
        _ => Err(Failure::invalid("raw_kind is unknown")),
    }
}

/// # Safety
/// `from` is NULL or points to `length` octets that live as long as the result.
unsafe fn octets<'a>(
    from: *const u8,
    length: usize,
    most: usize,
    what: &str,
) -> Result<&'a [u8], Failure> {
    if length > most {
        return Err(Failure::new(ALTO_E_INVALID, format!("{what} has more than {most} octets")));
    }
    if length == 0 {
        return Ok(&[]);
    }
    if from.is_null() {
        return Err(Failure::new(ALTO_E_INVALID, format!("{what} is NULL")));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(from, length) })
}
