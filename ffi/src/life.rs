//! Where in its life a handle is, and in which process.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::status::{ALTO_E_FORKED, ALTO_E_NOT_STARTED, Failure};

/// Where in its life a handle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Never started.
    Opened,
    /// Between start and stop.
    Running,
    /// Stopped, maybe a moment ago.
    Stopped,
    /// Started by another process, of which this is a child.
    Forked,
}

/// Says where in its life a handle is, without a system call.
///
/// The word lies in a page that the kernel gives to children as zeros (MADV_WIPEONFORK, Linux 4.14):
/// where it is zero although there was a start, this is a child. Older kernels are asked for the
/// process's number each time.
#[derive(Debug)]
pub(crate) struct Life {
    page: NonNull<AtomicU32>,
    is_wiped: bool,
    /// The process that started it last; 0 for none.
    started_by: AtomicI32,
}

// SAFETY: the page is an atomic's home, owned by `Life` until it is dropped.
unsafe impl Send for Life {}
// SAFETY: as above.
unsafe impl Sync for Life {}

const RUNNING: u32 = 1;
const STOPPED: u32 = 2;
const PAGE: usize = 4_096;

impl Life {
    pub(crate) fn new() -> io::Result<Self> {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping touches nothing of ours.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, access, kind, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the page is ours and holds nothing yet.
        let is_wiped = unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } == 0;
        let page = NonNull::new(page.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { page, is_wiped, started_by: AtomicI32::new(0) })
    }

    pub(crate) fn stage(&self) -> Stage {
        let word = self.word().load(Ordering::Acquire);
        if word == RUNNING && self.is_wiped {
            return Stage::Running;
        }
        let started_by = self.started_by.load(Ordering::Relaxed);
        match word {
            _ if started_by == 0 => Stage::Opened,
            0 => Stage::Forked,
            _ if !self.is_wiped && started_by != own_pid() => Stage::Forked,
            RUNNING => Stage::Running,
            _ => Stage::Stopped,
        }
    }

    /// Notes that it runs, in this process.
    pub(crate) fn start(&self) {
        self.started_by.store(own_pid(), Ordering::Relaxed);
        self.word().store(RUNNING, Ordering::Release);
    }

    /// Notes that what ran is left behind, in a child of the process that started it.
    pub(crate) fn begin_anew(&self) {
        self.started_by.store(0, Ordering::Relaxed);
        self.word().store(0, Ordering::Release);
    }

    /// Notes that it runs no longer. May be called by a signal handler.
    pub(crate) fn stop(&self) {
        self.word().store(STOPPED, Ordering::Release);
    }

    /// Whether what threads share may be touched: not in a child, where a lock may be held by a
    /// thread that is not there.
    pub(crate) fn check_not_forked(&self) -> Result<(), Failure> {
        if self.stage() == Stage::Forked { Err(forked()) } else { Ok(()) }
    }

    pub(crate) fn check_running(&self) -> Result<(), Failure> {
        match self.stage() {
            Stage::Running => Ok(()),
            Stage::Forked => Err(forked()),
            Stage::Opened => Err(Failure::new(ALTO_E_NOT_STARTED, "alto_start was not called yet")),
            Stage::Stopped => Err(Failure::new(ALTO_E_NOT_STARTED, "alto_stop was called")),
        }
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: a page of ours, aligned, and all bits are a number.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // SAFETY: nobody else knows the page.
        unsafe { libc::munmap(self.page.as_ptr().cast(), PAGE) };
    }
}

fn forked() -> Failure {
    Failure::new(ALTO_E_FORKED, "started by another process: call alto_start in this one, too")
}

fn own_pid() -> i32 {
    // SAFETY: always succeeds.
    unsafe { libc::getpid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opened, running, stopped, running again; with and without the kernel's help.
    #[test]
    fn a_life() {
        for is_wiped in [true, false] {
            let mut life = Life::new().unwrap();
            life.is_wiped = is_wiped;
            assert_eq!(life.stage(), Stage::Opened);
            assert_eq!(life.check_running().unwrap_err().status, ALTO_E_NOT_STARTED);
            life.start();
            assert_eq!(life.stage(), Stage::Running);
            life.stop();
            assert_eq!(life.stage(), Stage::Stopped);
            life.start();
            assert!(life.check_running().is_ok());
        }
    }

    /// What another process has started is not running here: by a wiped page, or by its number.
    #[test]
    fn a_child_is_told_apart() {
        let life = Life::new().unwrap();
        life.start();
        life.word().store(0, Ordering::Release);
        assert_eq!(life.stage(), Stage::Forked);
        let mut life = Life::new().unwrap();
        life.is_wiped = false;
        life.start();
        life.started_by.store(1, Ordering::Relaxed);
        assert_eq!(life.check_not_forked().unwrap_err().status, ALTO_E_FORKED);
        life.begin_anew();
        assert_eq!(life.stage(), Stage::Opened);
        life.start();
        assert_eq!(life.stage(), Stage::Running);
    }
}
