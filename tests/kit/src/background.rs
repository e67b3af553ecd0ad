//! A thread with a runtime of its own, ended on drop.

use std::future::Future;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// Work beside the test. It has its own runtime, so that it runs whatever the test does: blocks,
/// awaits, or stands on a paused clock.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the work; what it needs of the runtime (sockets) it makes inside.
    pub(crate) fn start<W: Future>(work: impl FnOnce() -> W + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for work beside the test");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => (),
                    _ = async { work().await } => (),
                }
            });
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        let failed = matches!(ended, Some(Err(_)));
        // A second panic while one unwinds would hide the first.
        assert!(!failed || std::thread::panicking(), "the work beside the test failed, see above");
    }
}
