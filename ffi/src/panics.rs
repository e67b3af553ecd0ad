//! Whatever an exported function does, a panic ends at its border.

use std::ffi::{c_int, c_long};
use std::ptr;

use crate::boundary::tests::tell_to_panic;
use crate::*;

/// Each exported function that can fail, told to panic as soon as it is called, gives `ALTO_E_PANIC` and
/// writes nothing; the two that free something return.
#[test]
fn each_export_stops_panics() {
    tell_to_panic();
    let mut config = ptr::null_mut();
    let mut handle: *mut alto_discovery = ptr::null_mut();
    // SAFETY: a panic comes before anything is touched.
    let ints: [c_int; 17] = unsafe {
        [
            alto_config_new(ALTO_VERSION_NUMBER, &raw mut config),
            alto_config_set(config, c"dns.timeout".as_ptr(), c"2s".as_ptr()),
            alto_config_load(config, c"/nonexistent".as_ptr()),
            alto_open(config, &raw mut handle),
            alto_start(handle),
            alto_stop(handle, 0),
            alto_fd(handle),
            alto_lookup(handle, ptr::null(), ptr::null_mut()),
            alto_lookup_wait(handle, ptr::null(), 1, ptr::null_mut()),
            alto_lookup_async(handle, ptr::null(), 1),
            alto_cancel(handle, 1),
            alto_poll(handle, ptr::null_mut(), 1),
            alto_costs(handle, ptr::null(), ptr::null(), 1, 6, 6, ptr::null_mut()),
            alto_swarm_add(handle, ptr::null(), ptr::null(), 6, 0, 1),
            alto_swarm_remove(handle, ptr::null(), ptr::null(), 6),
            alto_swarm_report(handle, ptr::null(), ptr::null(), 6, 1),
            alto_stats_get(handle, ptr::null_mut()),
        ]
    };
    assert_eq!(ints, [ALTO_E_PANIC; 17]);
    let (none, opts) = (ptr::null(), ptr::null());
    // SAFETY: as above.
    let longs: [c_long; 4] = unsafe {
        [
            alto_select(handle, none, ptr::null(), 1, 6, 6, ptr::null_mut(), 1, opts),
            alto_swarm_select(handle, ptr::null(), none, ptr::null_mut(), 6, 1, opts, 1),
            alto_swarm_expire(handle, 1, 1, 1),
            alto_config_get(config, c"dns.timeout".as_ptr(), ptr::null_mut(), 0),
        ]
    };
    assert_eq!(longs, [c_long::from(ALTO_E_PANIC); 4]);
    // SAFETY: as above.
    unsafe {
        alto_config_free(config);
        alto_free(handle);
    }
    assert!(config.is_null() && handle.is_null());
    let mut why = [0_u8; 32];
    // SAFETY: the buffer has the length told.
    let needed = unsafe { alto_last_error(why.as_mut_ptr().cast(), why.len()) };
    assert_eq!(&why[..needed], b"told to panic\0");
}
