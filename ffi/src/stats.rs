//! Counts.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::boundary::{borrow, guard, size_of_theirs, write};
use crate::handle::alto_discovery;
use crate::status::ALTO_OK;
use crate::structs::alto_stats;

/// Counts since alto_open(), and what there is now. Counts the peers of all torrents: not for hot
/// paths.
///
/// # Safety
/// `discovery` is NULL or from `alto_open`; `out` is NULL or as the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_stats_get(
    discovery: *const alto_discovery,
    out: *mut alto_stats,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        // SAFETY: the caller's promise.
        unsafe { size_of_theirs(out.cast_const(), "out is NULL")? };
        let stats = discovery.stats(discovery.stack()?);
        // SAFETY: just checked.
        unsafe { write(out, &stats) };
        Ok(ALTO_OK)
    })
}

impl alto_discovery {
    fn stats(&self, stack: &crate::stack::Stack) -> alto_stats {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &stack.counts;
        let (under_way, completions) = self.engine().map_or((0, 0), |engine| engine.finder.load());
        let (torrents, peers) = stack.swarms.count();
        alto_stats {
            struct_size: 0,
            running: self.is_running().into(),
            started: count(&counts.started),
            found: count(&counts.found),
            none: count(&counts.none),
            failed: count(&counts.failed),
            under_way: under_way as u64,
            completions: completions as u64,
            torrents: torrents as u64,
            peers: peers as u64,
            reported: count(&stack.swarms.reported),
        }
    }
}
