//! Every ALTO server hangs.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use alto_discovery::{Call, Why};

use crate::world::{Place, advisor, count, facts, peer, request, swarm, v4};

const REQUESTS: usize = 2_000;

/// It takes connections and never says a word. Requests are answered at once all the same, each
/// peer being drawn as often as any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_are_instant_and_random() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/directory", silent.local_addr().unwrap());
    let advisor = advisor(facts(&[("203.0.113.0/24", &[&uri])]));
    // The discovery itself is over; only the server hangs.
    advisor.discovery().discover(&peer("203.0.113.7"), &Call::default()).await.unwrap();
    let (swarm, mut out, mut slowest) = (swarm(v4), Vec::new(), Duration::ZERO);
    let mut counts = [0; 3];
    for _ in 0..REQUESTS {
        #[allow(clippy::disallowed_methods)] // real time is what is measured
        let began = Instant::now();
        let choice = advisor.select(&request(50), &swarm, &mut out);
        slowest = slowest.max(began.elapsed());
        assert_eq!((choice.guided, choice.why, out.len()), (0, Why::NoTable, 50));
        for (place, sum) in [Place::Near, Place::Mid, Place::Far].into_iter().zip(&mut counts) {
            *sum += count(&out, place);
        }
    }
    // A server's time is 3 s and more; this machine may be busy, but not that busy.
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // Hypergeometric means: 50 of 999, of whom 99 are near, 200 in the middle, 700 far; standard
    // deviations of the sums are 92, 125 and 142. Six of them: once in a billion runs.
    for ((sum, there), deviation) in counts.into_iter().zip([99, 200, 700]).zip([92, 125, 142]) {
        let mean = REQUESTS * 50 * there / 999;
        assert!(sum.abs_diff(mean) < 6 * deviation, "{sum} of {there}");
    }
}
