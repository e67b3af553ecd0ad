//! Choosing from a swarm that the library keeps.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::Ordering;

use facade::selection::{Role, V4Record, V6Record};

use crate::boundary::{borrow, guard, guard_from_panics, whole_number};
use crate::handle::alto_discovery;
use crate::records::{Family, Lists, is_v6};
use crate::select::Wish;
use crate::stack::Stack;
use crate::status::{ALTO_OK, Failure};
use crate::structs::{alto_peer, alto_select_opts};
use crate::swarms::{InfoHash, Kept};

/// alto_swarm_add(): the peer has everything.
pub const ALTO_SEEDER: u32 = 1;

/// Adds a peer to the swarm of a torrent, or notes that it was seen again at now (seconds, by any
/// clock that all calls share). flags: 0 for a leecher, ALTO_SEEDER. rec is 6 octets (IPv4 and port)
/// or 18 (IPv6 and port). Works before alto_start(), too.
///
/// # Safety
/// `discovery` is NULL or from `alto_open`; `infohash` is NULL or 20 octets, `rec` NULL or `rec_len`.
///
/// cbindgen:ptrs-as-arrays=[[infohash;20]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_swarm_add(
    discovery: *const alto_discovery,
    infohash: *const u8,
    rec: *const c_void,
    rec_len: usize,
    flags: u32,
    now: u32,
) -> c_int {
    guard_from_panics(|| {
        // SAFETY: the caller's promise.
        let (stack, torrent, rec) = unsafe { arguments(discovery, infohash, rec)? };
        let role = match flags {
            0 => Role::Leecher,
            ALTO_SEEDER => Role::Seeder,
            _ => return Err(Failure::invalid("a flag is unknown")),
        };
        // SAFETY: the caller's promise.
        unsafe {
            if is_v6(rec_len)? {
                stack.swarms.add(torrent, V6Record::at(rec), role, now);
            } else {
                stack.swarms.add(torrent, V4Record::at(rec), role, now);
            }
        }
        Ok(ALTO_OK)
    })
}

/// Removes a peer from a swarm. ALTO_OK also if it was not there.
///
/// # Safety
/// As [`alto_swarm_add`].
///
/// cbindgen:ptrs-as-arrays=[[infohash;20]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_swarm_remove(
    discovery: *const alto_discovery,
    infohash: *const u8,
    rec: *const c_void,
    rec_len: usize,
) -> c_int {
    guard_from_panics(|| {
        // SAFETY: the caller's promise.
        let (stack, torrent, rec) = unsafe { arguments(discovery, infohash, rec)? };
        // SAFETY: the caller's promise.
        unsafe {
            if is_v6(rec_len)? {
                stack.swarms.remove(torrent, &V6Record::at(rec));
            } else {
                stack.swarms.remove(torrent, &V4Record::at(rec));
            }
        }
        Ok(ALTO_OK)
    })
}

/// Chooses the best k peers of a swarm for a peer, all different, into out, which has room for k
/// records of rec_len octets: first those of lowest cost, then those drawn at random. Time hardly
/// depends on the size of the swarm. As alto_select(), it makes do with what is known.
///
/// Returns how many: k, or all there are.
///
/// # Safety
/// As [`alto_swarm_add`]; `to` and `opts` are NULL or as the header says; `out` has room for `k`
/// records.
///
/// cbindgen:ptrs-as-arrays=[[infohash;20]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_swarm_select(
    discovery: *const alto_discovery,
    infohash: *const u8,
    to: *const alto_peer,
    out: *mut c_void,
    rec_len: usize,
    k: usize,
    opts: *const alto_select_opts,
    now: u32,
) -> c_long {
    guard(|| {
        if out.is_null() && k > 0 {
            return Err(Failure::invalid("out is NULL"));
        }
        let none = std::ptr::NonNull::dangling().as_ptr();
        // SAFETY: the caller's promise; no record is read.
        let (stack, torrent, _) = unsafe { arguments(discovery, infohash, none)? };
        // SAFETY: the caller's promise.
        let wish = unsafe { Wish::read(to, opts)? };
        stack.swarms.note(now);
        let out = out.cast();
        // SAFETY: the caller's promise.
        let count = unsafe {
            if is_v6(rec_len)? {
                V6Record::with_lists(|lists| select(stack, torrent, &wish, out, k, lists))
            } else {
                V4Record::with_lists(|lists| select(stack, torrent, &wish, out, k, lists))
            }
        };
        Ok(whole_number(count))
    })
}

/// Tells how many octets of a torrent a peer has got since the last report, where the host knows:
/// counted in alto_stats.reported. Optional.
///
/// # Safety
/// As [`alto_swarm_add`].
///
/// cbindgen:ptrs-as-arrays=[[infohash;20]]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_swarm_report(
    discovery: *const alto_discovery,
    infohash: *const u8,
    rec: *const c_void,
    rec_len: usize,
    bytes: u64,
) -> c_int {
    guard_from_panics(|| {
        // SAFETY: the caller's promise.
        let (stack, _, _) = unsafe { arguments(discovery, infohash, rec)? };
        is_v6(rec_len)?;
        stack.swarms.reported.fetch_add(bytes, Ordering::Relaxed);
        Ok(ALTO_OK)
    })
}

/// Removes peers that were last seen more than max_age seconds before now (18 hours at most), at most
/// budget of them, and swarms that are empty. Returns how many peers were removed; 0 when none is left
/// to be removed. Call it now and then until it returns 0, or once in each turn of an event loop: a
/// call looks at each peer once at most, and holds the lock of one swarm for a thousand of them.
///
/// # Safety
/// `discovery` is NULL or from `alto_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_swarm_expire(
    discovery: *const alto_discovery,
    now: u32,
    max_age: u32,
    budget: usize,
) -> c_long {
    guard(|| {
        // SAFETY: the caller's promise.
        let stack = unsafe { borrow(discovery, "discovery is NULL")? }.stack()?;
        Ok(whole_number(stack.swarms.expire(now, max_age, budget)))
    })
}

/// # Safety
/// `discovery` is NULL or from `alto_open`; `infohash` is NULL or 20 octets.
unsafe fn arguments<'a>(
    discovery: *const alto_discovery,
    infohash: *const u8,
    rec: *const c_void,
) -> Result<(&'a Stack, &'a InfoHash, *const u8), Failure> {
    // SAFETY: the caller's promise.
    let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
    // SAFETY: the caller's promise.
    let torrent = unsafe { borrow(infohash.cast::<InfoHash>(), "infohash is NULL")? };
    if rec.is_null() {
        return Err(Failure::invalid("rec is NULL"));
    }
    Ok((discovery.stack()?, torrent, rec.cast()))
}

/// # Safety
/// `out` has room for `k` records.
unsafe fn select<R: Family + Kept>(
    stack: &Stack,
    torrent: &InfoHash,
    wish: &Wish<'_>,
    out: *mut u8,
    k: usize,
    lists: &mut Lists<R>,
) -> usize {
    let request = wish.request(k, |record: R| record);
    let chosen = &mut lists.records;
    let found = stack.swarms.with(torrent, |swarm| stack.advisor.select(&request, swarm, chosen));
    if found.is_none() {
        return 0;
    }
    // SAFETY: no more than `k` were chosen, and a record is its octets and nothing else.
    unsafe { ptr::copy_nonoverlapping(chosen.as_ptr(), out.cast(), chosen.len()) };
    chosen.len()
}
