//! A descriptor that is readable while something is to be done.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// An eventfd, closed on exec.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: makes a descriptor, touches nothing.
        let number = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: new, so nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(number) }))
    }

    pub(crate) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Makes it readable.
    pub(crate) fn set(&self) {
        set(self.number());
    }

    /// Makes it unreadable.
    pub(crate) fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: eight octets of ours. It fails only if it was unreadable already.
        unsafe { libc::read(self.number(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// Waits until it is readable.
    pub(crate) fn wait(&self) {
        let mut wish = libc::pollfd { fd: self.number(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd of ours.
        while unsafe { libc::poll(&raw mut wish, 1, -1) } < 1 {}
    }
}

/// Makes an eventfd readable, by its number. May be called by a signal handler: leaves errno alone.
pub(crate) fn set(number: i32) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: errno is this thread's own; eight octets of ours are read. The write fails only if
    // the descriptor is readable anyhow.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(number, one.as_ptr().cast(), one.len());
        *libc::__errno_location() = errno;
    }
}
