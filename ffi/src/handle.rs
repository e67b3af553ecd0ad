//! A handle's life: open, start, stop, free.

use std::ffi::c_int;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facade::Config;

use crate::boundary::{borrow, guard};
use crate::config::alto_config;
use crate::engine::Engine;
use crate::eventfd::{self, EventFd};
use crate::life::{Life, Stage};
use crate::stack::Stack;
use crate::status::{
    ALTO_E_FORKED, ALTO_E_NOT_STARTED, ALTO_E_TIMEOUT, ALTO_E_UNAVAILABLE, ALTO_OK, Failure,
};

/// Finds servers and chooses peers. Owned by whoever called alto_open().
pub struct alto_discovery {
    life: Life,
    /// Both are `Arc`s; the engine is NULL before the first start. Calls that may overlap read them,
    /// only start and free change them.
    stack: AtomicPtr<Stack>,
    engine: AtomicPtr<Engine>,
    /// The numbers of the descriptors below, for calls that must not lock; -1 before the first start.
    wake: AtomicI32,
    ready: AtomicI32,
    parts: Mutex<Parts>,
}

/// What only start and free use.
struct Parts {
    config: Config,
    /// For a start in a child, where locks of the first one may be held by threads that are not
    /// there. Made together with it, since files may be out of reach later.
    spare: Option<Arc<Stack>>,
    descriptors: Option<[Arc<EventFd>; 2]>,
}

/// Makes a handle from a configuration, which may be freed afterwards. Reads files: the root
/// certificates of the system, /etc/resolv.conf if "dns.resolver" is not set, and what the
/// configuration names. Starts no thread, opens no socket, keeps no descriptor.
///
/// ALTO_E_CONFIG if the configuration contradicts itself or names what there is not.
///
/// # Safety
/// `config` is NULL or from `alto_config_new`; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_open(
    config: *const alto_config,
    out: *mut *mut alto_discovery,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { borrow(config, "config is NULL")? };
        if out.is_null() {
            return Err(Failure::invalid("out is NULL"));
        }
        let handle = Box::new(alto_discovery::new(&config.config)?);
        // SAFETY: not NULL, so writable.
        unsafe { out.write(Box::into_raw(handle)) };
        Ok(ALTO_OK)
    })
}

/// Starts the handle's threads, all signals blocked in them, and opens its descriptors, close-on-exec:
/// call it after chroot, setuid and fork. Nothing happens if it runs already. May be called again
/// after alto_stop(), and in a child of the process that called it: what was learnt is kept in the
/// first case and forgotten in the second, swarms included; completions not fetched are forgotten in
/// both.
///
/// ALTO_E_UNAVAILABLE if the system gives no descriptors; it can be tried again. Leave room for eight threads
/// (RLIMIT_NPROC, TasksMax of a unit): where the system gives fewer than are needed, this is not always told
/// so; it may be ALTO_E_PANIC, cost descriptors, or not return.
///
/// # Safety
/// `discovery` is NULL or from [`alto_open`], and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_start(discovery: *mut alto_discovery) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        discovery.start()?;
        Ok(ALTO_OK)
    })
}

/// Stops: lookups give ALTO_E_NOT_STARTED from now on, those that wait return, what alto_lookup_async()
/// was asked for is cancelled, and the threads end. Choosing peers goes on with what is known.
///
/// Waits at most timeout_ms for the threads to end: ALTO_E_TIMEOUT if they have not, ALTO_OK if they
/// have. With 0 it does not wait, returns ALTO_OK, and may be called by a signal handler. It may overlap
/// any const call, and never waits for a thread of the caller's.
///
/// # Safety
/// `discovery` is NULL or from [`alto_open`], and not being freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_stop(discovery: *mut alto_discovery, timeout_ms: u32) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery.cast_const(), "discovery is NULL")? };
        discovery.stop(Duration::from_millis(timeout_ms.into()))?;
        Ok(ALTO_OK)
    })
}

/// Stops, waits for the threads and frees everything. No other call may use the handle meanwhile or
/// afterwards. Nothing happens for NULL. In a child of the process that started the handle it gives
/// back what can be given back there; the parent is not affected.
///
/// # Safety
/// `discovery` is NULL or from [`alto_open`], not freed yet, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_free(discovery: *mut alto_discovery) {
    guard(|| {
        if !discovery.is_null() {
            // SAFETY: from `Box::into_raw`, and nobody else's any more.
            drop(unsafe { Box::from_raw(discovery) });
        }
        Ok(ALTO_OK)
    });
}

/// A descriptor that is readable while completions wait for alto_poll(): for poll(2), epoll and event
/// loops; only poll it. The same one from the first start on; another one after a start in a child. A
/// negative status before.
///
/// # Safety
/// `discovery` is NULL or from [`alto_open`], and not being freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_fd(discovery: *const alto_discovery) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        discovery.life.check_not_forked()?;
        match discovery.ready.load(Ordering::Relaxed) {
            -1 => Err(not_started()),
            number => Ok(number),
        }
    })
}

impl alto_discovery {
    fn new(config: &Config) -> Result<Self, Failure> {
        let (stack, spare) = (Arc::new(Stack::new(config)?), Arc::new(Stack::new(config)?));
        let life = Life::new().map_err(|fault| no_resources(&fault))?;
        let parts = Parts { config: config.clone(), spare: Some(spare), descriptors: None };
        Ok(Self {
            life,
            stack: AtomicPtr::new(Arc::into_raw(stack).cast_mut()),
            engine: AtomicPtr::new(ptr::null_mut()),
            wake: AtomicI32::new(-1),
            ready: AtomicI32::new(-1),
            parts: Mutex::new(parts),
        })
    }

    /// What is found, learnt and kept; in any stage but in a child.
    pub(crate) fn stack(&self) -> Result<&Stack, Failure> {
        self.life.check_not_forked()?;
        // SAFETY: an `Arc` of ours, replaced by nobody while a call that may overlap borrows `self`.
        Ok(unsafe { &*self.stack.load(Ordering::Acquire) })
    }

    /// The same, and the threads: between start and stop.
    pub(crate) fn running(&self) -> Result<(&Stack, &Engine), Failure> {
        self.life.check_running()?;
        // SAFETY: as in `stack`; there is an engine, since it was started.
        Ok(unsafe { (&*self.stack.load(Ordering::Acquire), &*self.engine.load(Ordering::Acquire)) })
    }

    /// The threads of the last start, ended or not.
    pub(crate) fn engine(&self) -> Result<&Engine, Failure> {
        self.life.check_not_forked()?;
        // SAFETY: NULL or an `Arc` of ours, replaced by nobody meanwhile.
        unsafe { self.engine.load(Ordering::Acquire).as_ref() }.ok_or_else(not_started)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.life.stage() == Stage::Running
    }

    fn start(&self) -> Result<(), Failure> {
        match self.life.stage() {
            Stage::Running => return Ok(()),
            Stage::Opened => {}
            Stage::Stopped => self.forget_engine()?,
            Stage::Forked => self.begin_anew()?,
        }
        let mut parts = self.parts();
        let [wake, ready] = match &parts.descriptors {
            Some(open) => open.clone(),
            None => descriptors().map_err(|fault| no_resources(&fault))?,
        };
        wake.clear();
        ready.clear();
        // SAFETY: an `Arc` of ours; the count goes up for the clone, and `into_raw` keeps ours.
        let stack = unsafe {
            let stack = self.stack.load(Ordering::Acquire).cast_const();
            Arc::increment_strong_count(stack);
            Arc::from_raw(stack)
        };
        let engine = Engine::start(&stack, ready.clone(), wake.clone());
        let engine = engine.map_err(|fault| no_resources(&fault))?;
        self.engine.store(Arc::into_raw(engine).cast_mut(), Ordering::Release);
        self.wake.store(wake.number(), Ordering::Relaxed);
        self.ready.store(ready.number(), Ordering::Relaxed);
        parts.descriptors = Some([wake, ready]);
        self.life.start();
        Ok(())
    }

    fn stop(&self, most: Duration) -> Result<(), Failure> {
        match self.life.stage() {
            Stage::Opened => return Err(not_started()),
            Stage::Forked => {
                return Err(Failure::new(ALTO_E_FORKED, "started by another process"));
            }
            Stage::Running => {
                self.life.stop();
                eventfd::set(self.wake.load(Ordering::Relaxed));
            }
            Stage::Stopped => {}
        }
        if most.is_zero() || self.engine()?.wait(most) {
            return Ok(());
        }
        Err(Failure::new(ALTO_E_TIMEOUT, "the threads have not ended yet"))
    }

    /// Drops the threads' state after they have ended.
    fn forget_engine(&self) -> Result<(), Failure> {
        if !self.engine()?.wait(Duration::from_secs(10)) {
            return Err(Failure::new(ALTO_E_UNAVAILABLE, "the threads have not ended yet"));
        }
        let engine = self.engine.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: an `Arc` of ours that nobody borrows: start is exclusive.
        drop(unsafe { Arc::from_raw(engine) });
        Ok(())
    }

    /// Leaves behind, in a child, all that threads of the parent may have had in their hands: as just
    /// opened.
    fn begin_anew(&self) -> Result<(), Failure> {
        let mut parts = self.parts();
        let fresh = match parts.spare.take() {
            Some(spare) => spare,
            None => Arc::new(Stack::new(&parts.config)?),
        };
        self.stack.store(Arc::into_raw(fresh).cast_mut(), Ordering::Release);
        self.engine.store(ptr::null_mut(), Ordering::Release);
        self.ready.store(-1, Ordering::Relaxed);
        std::mem::forget(parts.descriptors.take()); // they are the parent's, too
        self.life.begin_anew(); // so that a start that fails now can be tried again
        Ok(())
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for alto_discovery {
    fn drop(&mut self) {
        if self.life.stage() == Stage::Forked {
            std::mem::forget(self.parts().descriptors.take());
            return;
        }
        // The threads keep what they use; they are waited for so that nothing is left behind.
        self.stop(Duration::from_secs(10)).ok();
        let engine = self.engine.load(Ordering::Acquire);
        if !engine.is_null() {
            // SAFETY: an `Arc` of ours that nobody borrows: free is exclusive.
            drop(unsafe { Arc::from_raw(engine) });
        }
        // SAFETY: as above.
        drop(unsafe { Arc::from_raw(self.stack.load(Ordering::Acquire)) });
    }
}

fn descriptors() -> io::Result<[Arc<EventFd>; 2]> {
    Ok([Arc::new(EventFd::new()?), Arc::new(EventFd::new()?)])
}

fn no_resources(fault: &io::Error) -> Failure {
    Failure::new(ALTO_E_UNAVAILABLE, format!("the system gives no threads or descriptors: {fault}"))
}

fn not_started() -> Failure {
    Failure::new(ALTO_E_NOT_STARTED, "alto_start was not called yet")
}
