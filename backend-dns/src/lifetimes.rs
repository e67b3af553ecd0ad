//! How long what was learnt of a name is remembered.

use std::time::Duration;

/// Denials hold at least and at most so long, whatever their zone says.
const NEGATIVE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));
/// Failures are remembered so long at first, twice as long after each further one, and never longer
/// than the second number (RFC 2308 §7.1, RFC 9520 §3.2).
const FAILURE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// A failure is remembered so long at least, also if others of its zone are answered meanwhile (RFC 9520
/// §3.2).
pub(crate) const LEAST_FAILURE: Duration = Duration::from_secs(1);

/// The bounds on what the network says about the lifetimes of records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// Records hold at least so long.
    pub(crate) least: Duration,
    /// Records hold at most so long.
    pub(crate) most: Duration,
}

impl Lifetimes {
    /// For records with this TTL, in seconds.
    pub(crate) fn positive(self, ttl: u32) -> Duration {
        seconds(ttl).max(self.least).min(self.most)
    }
}

/// For a denial with this TTL, in seconds.
pub(crate) fn negative(ttl: u32) -> Duration {
    seconds(ttl).clamp(NEGATIVE.0, NEGATIVE.1)
}

/// For the n-th failure in a row.
pub(crate) fn failure(nth: u32) -> Duration {
    let doublings = nth.saturating_sub(1).min(16);
    (FAILURE.0 * (1 << doublings)).min(FAILURE.1)
}

/// A TTL with its highest bit set means zero (RFC 2181 §8).
fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(if ttl > i32::MAX.unsigned_abs() { 0 } else { ttl.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TTL 0, 2^31 - 1, 2^31, 2^32 - 1.
    #[test]
    fn whatever_the_network_says() {
        let lifetimes =
            Lifetimes { least: Duration::from_secs(60), most: Duration::from_secs(86_400) };
        for (ttl, records, denial) in [
            (0, 60, 60),
            (59, 60, 60),
            (300, 300, 300),
            (3_601, 3_601, 3_600),
            (86_401, 86_400, 3_600),
            (i32::MAX.unsigned_abs(), 86_400, 3_600),
            (1 << 31, 60, 60),
            (u32::MAX, 60, 60),
        ] {
            assert_eq!(lifetimes.positive(ttl).as_secs(), records, "{ttl}");
            assert_eq!(negative(ttl).as_secs(), denial, "{ttl}");
        }
        let failures: Vec<_> = (1..9).map(|nth| failure(nth).as_secs()).collect();
        assert_eq!(failures, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(failure(u32::MAX).as_secs(), 300);
    }
}
