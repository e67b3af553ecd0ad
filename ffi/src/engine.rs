//! The threads of a handle.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::eventfd::EventFd;
use crate::finder::Finder;
use crate::stack::Stack;

/// What runs between start and stop: two threads that work, and one that waits for the end.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) finder: Finder,
    ended: Ended,
}

/// So that one thread is left while another reads a large map.
const WORKERS: usize = 2;
/// Said, since otherwise it would be looked for in the environment.
const THREAD_STACK: usize = 2 << 20;
/// How long work that cannot be broken off (reading a map) is waited for.
const LAST_WORK: Duration = Duration::from_secs(5);

impl Engine {
    /// Starts the threads, all signals blocked in them. They end when `wake` becomes readable.
    pub(crate) fn start(
        stack: &Arc<Stack>,
        ready: Arc<EventFd>,
        wake: Arc<EventFd>,
    ) -> io::Result<Arc<Self>> {
        let _blocked = SignalsBlocked::new(); // threads inherit that
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("alto")
            .thread_stack_size(THREAD_STACK)
            .on_thread_start(block_signals) // also those that are started later, by whatever thread
            .enable_all()
            .build()?;
        let finder = Finder::new(stack, runtime.handle().clone(), ready);
        let engine = Arc::new(Self { finder, ended: Ended::default() });
        stack.advisor.start_on(runtime.handle().clone());
        let (own, stack) = (engine.clone(), stack.clone());
        let watch = thread::Builder::new().name("alto-watch".into()).stack_size(THREAD_STACK);
        watch.spawn(move || own.run(&stack, runtime, &wake))?;
        Ok(engine)
    }

    /// Waits until all threads have ended, so long at most; whether they have.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        self.ended.wait(most)
    }

    fn run(&self, stack: &Stack, runtime: Runtime, wake: &EventFd) {
        wake.wait();
        wake.clear();
        stack.advisor.stop(Duration::ZERO);
        runtime.shutdown_timeout(LAST_WORK);
        self.ended.note();
    }
}

/// Whether something has come to its end.
#[derive(Debug, Default)]
struct Ended {
    has: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    fn note(&self) {
        *self.has.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    fn wait(&self, most: Duration) -> bool {
        let has = self.has.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(has, most, |has| !*has);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// All signals blocked in this thread, until dropped.
struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    fn new() -> Self {
        Self(block_all())
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: a set that the system gave.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

fn block_signals() {
    block_all();
}

/// Blocks all signals in this thread; gives what was blocked before.
fn block_all() -> libc::sigset_t {
    // SAFETY: plain sets of ours, written before they are read.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    }
}
