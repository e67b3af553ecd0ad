//! Structs that cross the border.

use std::ffi::{c_char, c_int};
use std::mem::offset_of;

use libc::{sockaddr, socklen_t};

use crate::boundary::Grows;

/// alto_peer.id_kind: the peer has no id.
pub const ALTO_ID_NONE: u32 = 0;
/// alto_peer.id_kind: the external source port seen with the address, two octets in network order.
pub const ALTO_ID_PORT: u32 = 1;
/// alto_peer.id_kind: 1 to 32 octets that mean something to the peer's own network.
pub const ALTO_ID_TOKEN: u32 = 2;

/// alto_peer.raw_kind: no announce at hand.
pub const ALTO_RAW_NONE: u32 = 0;
/// alto_peer.raw_kind: the query part of an HTTP announce, what stands behind the "?".
pub const ALTO_RAW_HTTP_QUERY: u32 = 1;
/// alto_peer.raw_kind: what stands behind the 98 fixed octets of a UDP announce (BEP 41).
pub const ALTO_RAW_UDP_OPTIONS: u32 = 2;

/// alto_answer.trust: the peer itself says so.
pub const ALTO_TRUST_PEER_CLAIM: u32 = 1;
/// alto_answer.trust: the network that holds the peer's address says so.
pub const ALTO_TRUST_NETWORK: u32 = 2;
/// alto_answer.trust: the own configuration says so.
pub const ALTO_TRUST_CONFIGURED: u32 = 3;

/// alto_answer.dnssec: nobody who can be believed told.
pub const ALTO_DNSSEC_UNKNOWN: u32 = 0;
/// alto_answer.dnssec: not signed, or not authenticated.
pub const ALTO_DNSSEC_INSECURE: u32 = 1;
/// alto_answer.dnssec: authenticated by a chain of trust.
pub const ALTO_DNSSEC_SECURE: u32 = 2;
/// alto_answer.dnssec: should be authentic and is not.
pub const ALTO_DNSSEC_BOGUS: u32 = 3;

/// A peer for which a server is looked for. Set struct_size to sizeof(alto_peer), zero the rest, and
/// fill in what there is. What is pointed to is read during the call only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct alto_peer {
    /// sizeof(alto_peer)
    pub struct_size: u32,
    /// The address its messages come from: a sockaddr_in or sockaddr_in6. For alto_select() and
    /// alto_swarm_select() the port is the one it announces, and counts with drop_self.
    pub addr: *const sockaddr,
    /// The size of what addr points to.
    pub addr_len: socklen_t,
    /// One of ALTO_ID_*.
    pub id_kind: u32,
    /// What tells peers behind one address apart; not BitTorrent's peer_id.
    pub id: *const u8,
    /// Octets of id.
    pub id_len: u32,
    /// One of ALTO_RAW_*.
    pub raw_kind: u32,
    /// The announce as it arrived, for guidance that the peer itself sends. At most 65535 octets.
    pub raw: *const u8,
    /// Octets of raw: as many as arrived, whatever they say themselves.
    pub raw_len: usize,
}

/// What a lookup tells. Set struct_size to sizeof(alto_answer), text and text_len to a buffer of
/// yours (or NULL and 0 if the URIs are not wanted); the rest is written by the library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct alto_answer {
    /// sizeof(alto_answer)
    pub struct_size: u32,
    /// In: where the URIs of the servers go, best first, one after the other, each ended by NUL; with
    /// ALTO_NONE an empty one.
    pub text: *mut c_char,
    /// In: octets at text.
    pub text_len: usize,
    /// Octets that all URIs need. Also written with ALTO_E_FULL.
    pub text_needed: usize,
    /// How many servers there are; 0 with ALTO_NONE.
    pub server_count: u32,
    /// AF_INET or AF_INET6: the family of scope_addr.
    pub scope_family: u32,
    /// For all peers of this prefix the same was proven; network order, an IPv4 address in the first
    /// four octets.
    pub scope_addr: [u8; 16],
    /// The length of the prefix in bits.
    pub scope_len: u32,
    /// One of ALTO_TRUST_*, of the first server; 0 with ALTO_NONE.
    pub trust: u32,
    /// One of ALTO_DNSSEC_*.
    pub dnssec: u32,
    /// 1 if some question failed for a while, so that a later answer may be more specific.
    pub incomplete: u32,
    /// How long this holds, in milliseconds; 0 with ALTO_STALE.
    pub ttl_ms: u64,
    /// The way it was found, such as "dns"; ended by NUL.
    pub backend: [c_char; 16],
}

/// That a lookup of alto_lookup_async() is over. Set struct_size of the first one of an array, to
/// sizeof(alto_completion): it counts for all of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct alto_completion {
    /// sizeof(alto_completion)
    pub struct_size: u32,
    /// How it ended: ALTO_OK (alto_lookup() tells the answer now), ALTO_NONE, or an error;
    /// ALTO_E_CANCELLED if alto_cancel() or alto_stop() came first.
    pub status: c_int,
    /// The token given to alto_lookup_async().
    pub token: u64,
}

/// alto_select_opts.random_permille: no place of a reply is drawn at random.
pub const ALTO_RANDOM_NONE: u32 = 0xffff_ffff;

/// How peers are chosen, this once. Set struct_size to sizeof(alto_select_opts); what is zero is as
/// configured.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct alto_select_opts {
    /// sizeof(alto_select_opts)
    pub struct_size: u32,
    /// 1 if the peer that asks has everything: alto_swarm_select() gives it no seeders then.
    pub seeder: u32,
    /// 1 to leave out the record of the peer that asks itself: its address with its port.
    pub drop_self: u32,
    /// Thousandths of the places that are drawn at random, whatever ALTO says, so that swarms stay in
    /// one piece; 0 as configured ("select.random_share"), ALTO_RANDOM_NONE for none.
    pub random_permille: u32,
    /// How many peers of one network (PID) the guided places may hold; 0 as configured
    /// ("select.pid_cap").
    pub pid_cap: u32,
    /// For tests: fixes how peers of equal cost are drawn. 0 draws anew each time.
    pub seed: u64,
}

/// Counts since alto_open(), and what there is now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct alto_stats {
    /// sizeof(alto_stats)
    pub struct_size: u32,
    /// 1 between alto_start() and alto_stop().
    pub running: u32,
    /// Discoveries that were started, by any lookup that did not find an answer at hand.
    pub started: u64,
    /// Those that found a server.
    pub found: u64,
    /// Those that found that there surely is none.
    pub none: u64,
    /// Those that ended otherwise.
    pub failed: u64,
    /// Discoveries under way now.
    pub under_way: u64,
    /// Completions that wait for alto_poll() now.
    pub completions: u64,
    /// Torrents known to alto_swarm_add() now.
    pub torrents: u64,
    /// Peers of all of them now.
    pub peers: u64,
    /// Octets told to alto_swarm_report().
    pub reported: u64,
}

// SAFETY: `repr(C)`, `struct_size` first; integers and raw pointers, of which any bits are values.
unsafe impl Grows for alto_peer {
    const FIRST: usize = offset_of!(Self, raw_len) + size_of::<usize>();
}
// SAFETY: `repr(C)`, `struct_size` first; integers and raw pointers, of which any bits are values.
unsafe impl Grows for alto_answer {
    const FIRST: usize = offset_of!(Self, backend) + size_of::<[c_char; 16]>();
}
// SAFETY: `repr(C)`, `struct_size` first; integers and raw pointers, of which any bits are values.
unsafe impl Grows for alto_completion {
    const FIRST: usize = offset_of!(Self, token) + size_of::<u64>();
}
// SAFETY: `repr(C)`, `struct_size` first; integers and raw pointers, of which any bits are values.
unsafe impl Grows for alto_select_opts {
    const FIRST: usize = offset_of!(Self, seed) + size_of::<u64>();
}
// SAFETY: `repr(C)`, `struct_size` first; integers and raw pointers, of which any bits are values.
unsafe impl Grows for alto_stats {
    const FIRST: usize = offset_of!(Self, reported) + size_of::<u64>();
}
