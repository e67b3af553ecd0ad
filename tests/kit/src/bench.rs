//! How a benchmark of calls begins.

use std::future::Future;

use tokio::runtime::Builder;

/// Whether it is to measure: `cargo test --benches` only wants to know that it builds.
pub fn is_wanted() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Measures, if it is to, on a runtime of two threads.
///
/// # Panics
/// If the system gives no threads.
pub fn run(measure: impl Future<Output = ()>) {
    if is_wanted() {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("threads").block_on(measure);
    }
}
