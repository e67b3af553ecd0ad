//! Records of both families, and the lists of a thread that are used again and again.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};

use facade::Peer;
use facade::selection::{Pid, PrefixMap, Record, V4Record, V6Record, with_scratch};

use crate::status::Failure;

/// A record of one family, as C gives it.
pub(crate) trait Family: Record {
    /// Its octets.
    const OCTETS: usize;

    /// The record in these octets.
    ///
    /// # Safety
    /// There are [`Self::OCTETS`] of them.
    unsafe fn at(place: *const u8) -> Self;

    /// The record of a peer that announces this port, if it is of the family.
    fn of(peer: &Peer<'_>, port: u16) -> Option<Self>;

    /// Lends this thread's lists, which keep their room: so a choice need not allocate.
    fn with_lists<T>(work: impl FnOnce(&mut Lists<Self>) -> T) -> T;
}

/// Lists of one thread.
#[derive(Debug)]
pub(crate) struct Lists<R> {
    pub(crate) candidates: Vec<Placed<R>>,
    pub(crate) chosen: Vec<Placed<R>>,
    pub(crate) records: Vec<R>,
    pub(crate) costs: Vec<Option<f64>>,
    pub(crate) octets: Vec<u8>,
}

impl<R> Lists<R> {
    const fn new() -> Self {
        Self {
            candidates: Vec::new(),
            chosen: Vec::new(),
            records: Vec::new(),
            costs: Vec::new(),
            octets: Vec::new(),
        }
    }
}

impl<R> Default for Lists<R> {
    fn default() -> Self {
        Self::new()
    }
}

thread_local! {
    static V4: Cell<Lists<V4Record>> = const { Cell::new(Lists::new()) };
    static V6: Cell<Lists<V6Record>> = const { Cell::new(Lists::new()) };
}

impl Family for V4Record {
    const OCTETS: usize = 6;

    #[inline]
    unsafe fn at(place: *const u8) -> Self {
        // SAFETY: the caller's promise; octets need no alignment.
        Self(unsafe { place.cast::<[u8; 6]>().read() })
    }

    fn of(peer: &Peer<'_>, port: u16) -> Option<Self> {
        match peer.net().addr() {
            IpAddr::V4(address) => Some(SocketAddrV4::new(address, port).into()),
            IpAddr::V6(_) => None,
        }
    }

    fn with_lists<T>(work: impl FnOnce(&mut Lists<Self>) -> T) -> T {
        with_scratch(&V4, work)
    }
}

impl Family for V6Record {
    const OCTETS: usize = 18;

    #[inline]
    unsafe fn at(place: *const u8) -> Self {
        // SAFETY: the caller's promise; octets need no alignment.
        Self(unsafe { place.cast::<[u8; 18]>().read() })
    }

    fn of(peer: &Peer<'_>, port: u16) -> Option<Self> {
        match peer.net().addr() {
            IpAddr::V6(address) => Some(SocketAddrV6::new(address, port, 0, 0).into()),
            IpAddr::V4(_) => None,
        }
    }

    fn with_lists<T>(work: impl FnOnce(&mut Lists<Self>) -> T) -> T {
        with_scratch(&V6, work)
    }
}

/// Which family a length in octets means.
pub(crate) fn is_v6(octets: usize) -> Result<bool, Failure> {
    match octets {
        V4Record::OCTETS => Ok(false),
        V6Record::OCTETS => Ok(true),
        _ => Err(Failure::invalid("a record has neither 6 octets (IPv4) nor 18 (IPv6)")),
    }
}

/// A record and its place in the caller's list. Two at different places are the same peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<R> {
    pub(crate) record: R,
    pub(crate) place: u32,
}

impl<R: Record> Record for Placed<R> {
    type Address = R::Address;
    const IS_V6: bool = R::IS_V6;
    const NOBODY: Self = Self { record: R::NOBODY, place: 0 };

    #[inline]
    fn address(&self) -> R::Address {
        self.record.address()
    }

    #[inline]
    fn bits(&self) -> u64 {
        self.record.bits()
    }

    fn pids(map: &PrefixMap, addresses: &[R::Address], pids: &mut [Option<Pid>]) {
        R::pids(map, addresses, pids);
    }
}

impl<R: PartialEq> PartialEq for Placed<R> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl<R: Eq> Eq for Placed<R> {}

impl<R: Ord> Ord for Placed<R> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.record.cmp(&other.record)
    }
}

impl<R: Ord> PartialOrd for Placed<R> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Hash> Hash for Placed<R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record.hash(state);
    }
}
