//! The threads of a handle.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::eventfd::EventFd;
use crate::finder::Finder;
use crate::stack::Stack;

/// What runs between start and stop: two threads that work, and one that waits for the end.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) finder: Finder,
    ended: Arc<Ended>,
    watch: Mutex<Option<JoinHandle<()>>>,
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
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (ended, note) = (Arc::<Ended>::default(), stack.clone());
        let end = ended.clone();
        let is_ending = Arc::new(AtomicBool::new(false));
        let ending = is_ending.clone();
        let watch = thread::Builder::new().name("alto-watch".into()).stack_size(THREAD_STACK);
        let watch = watch.spawn(move || {
            run_to_end(&note, runtime, &wake, &ending);
            end.note();
        })?;
        let finder = Finder::new(stack, handle.clone(), ready, is_ending);
        stack.advisor.start_on(handle);
        Ok(Arc::new(Self { finder, ended, watch: Mutex::new(Some(watch)) }))
    }

    /// Waits until all threads have ended, so long at most; whether they have.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        let ended = self.ended.wait(most);
        if ended && let Some(watch) = locked(&self.watch).take() {
            watch.join().ok(); // it has nothing left to do but to go
        }
        ended
    }
}

/// Waits for the end, and ends all other threads.
fn run_to_end(stack: &Stack, runtime: Runtime, wake: &EventFd, is_ending: &AtomicBool) {
    wake.wait();
    wake.clear();
    is_ending.store(true, Ordering::Release);
    stack.advisor.stop(Duration::ZERO);
    runtime.shutdown_timeout(LAST_WORK);
}

/// Whether something has come to its end.
#[derive(Debug, Default)]
struct Ended {
    has: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    fn note(&self) {
        *locked(&self.has) = true;
        self.told.notify_all();
    }

    fn wait(&self, most: Duration) -> bool {
        let waited = self.told.wait_timeout_while(locked(&self.has), most, |has| !*has);
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
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
