//! A control timer: how late this machine wakes those who sleep, while a test looks at deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

/// Sleeps for a millisecond over and over, in a thread of its own that shares nothing with what is
/// tested: its lateness is the machine's.
#[derive(Debug)]
pub struct ControlTimer {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(Instant, Duration)>>,
}

/// When it woke, and how late.
#[derive(Debug)]
pub struct Lateness(Vec<(Instant, Duration)>);

impl ControlTimer {
    /// Starts it.
    pub fn start() -> Self {
        const NAP: Duration = Duration::from_millis(1);
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut naps = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let began = Instant::now();
                std::thread::sleep(NAP);
                naps.push((Instant::now(), began.elapsed().saturating_sub(NAP)));
            }
            naps
        });
        Self { over, thread }
    }

    /// Ends it.
    pub fn end(self) -> Lateness {
        self.over.store(true, Ordering::Relaxed);
        Lateness(self.thread.join().expect("sleeping does not panic"))
    }
}

impl Lateness {
    /// The worst within a second of `moment`.
    pub fn around(&self, moment: Instant) -> Duration {
        const SECOND: Duration = Duration::from_secs(1);
        let near = |woken: Instant| woken.max(moment) - woken.min(moment) <= SECOND;
        let near = self.0.iter().filter(|(woken, _)| near(*woken));
        near.map(|(_, late)| *late).max().unwrap_or_default()
    }
}
