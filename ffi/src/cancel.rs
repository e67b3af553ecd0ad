//! Cancellation of the caller's threads, held off.

use std::ffi::c_int;
use std::ptr;

// The libc crate has it for other systems only.
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// PTHREAD_CANCEL_DISABLE of the C libraries of Linux.
const DISABLE: c_int = 1;

/// As long as this lives a pthread_cancel() of this thread waits. It would be obeyed at the next read
/// or write, by unwinding through Rust's frames in a way that these end the process for.
pub(crate) struct CancelHeld {
    before: c_int,
}

impl CancelHeld {
    /// May be called by a signal handler.
    #[inline]
    pub(crate) fn new() -> Self {
        let mut before = 0;
        // SAFETY: writes to an integer of ours, and cannot fail for this state.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        Self { before }
    }
}

impl Drop for CancelHeld {
    fn drop(&mut self) {
        // SAFETY: the state that was told. Not a place where a cancellation is obeyed.
        unsafe { pthread_setcancelstate(self.before, ptr::null_mut()) };
    }
}
