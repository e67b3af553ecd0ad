//! What the benchmarks share: random numbers, a table like the Internet's, fair timing.
#![allow(dead_code, reason = "each benchmark uses its own part")]

use std::collections::HashSet;
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// SplitMix64: the same numbers in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from((u128::from(self.next()) * bound as u128) >> 64).expect("below `bound`")
    }

    /// Uniform in [0, 1).
    pub(crate) fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).expect("32 bits")) / 4_294_967_296.0
    }

    /// A rank by Zipf's law with exponent 1: rank r about as often as 1/(r+1).
    pub(crate) fn zipf(&mut self, bound: usize) -> usize {
        let rank = (f64::from(u32::try_from(bound).expect("small")) + 1.0).powf(self.share());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 <= rank")]
        let rank = rank as usize;
        (rank - 1).min(bound - 1)
    }
}

/// A prefix: first address in the high bits, length, place of its PID.
pub(crate) type Prefix = (u128, u8, u16);

pub(crate) const PIDS: usize = 5_000;

/// Prefix lengths per 1,000 of the IPv4 and IPv6 routing tables.
pub(crate) const V4_MIX: &[(u8, u32)] = &[
    (24, 620),
    (23, 103),
    (22, 113),
    (21, 52),
    (20, 45),
    (19, 26),
    (18, 14),
    (17, 9),
    (16, 13),
    (15, 2),
    (14, 1),
    (13, 1),
    (12, 1),
];
pub(crate) const V6_MIX: &[(u8, u32)] = &[
    (48, 430),
    (32, 110),
    (44, 105),
    (40, 95),
    (36, 50),
    (47, 35),
    (46, 32),
    (29, 25),
    (45, 20),
    (42, 20),
    (38, 20),
    (34, 20),
    (33, 18),
    (64, 10),
    (28, 10),
];

/// Prefixes with this mix of lengths: 60% of the longer ones lie within a shorter one, PIDs are
/// drawn by Zipf's law, 30% of the nested have the PID of the prefix around them.
pub(crate) fn prefixes(count: usize, mix: &[(u8, u32)], random: &mut Random) -> Vec<Prefix> {
    let mut lengths: Vec<(u8, usize)> =
        mix.iter().map(|(length, share)| (*length, count * *share as usize / 1_000)).collect();
    lengths.sort_unstable();
    let v4 = mix == V4_MIX;
    let mut seen = HashSet::new();
    let mut all: Vec<Prefix> = Vec::with_capacity(count);
    for (length, count) in lengths {
        let (shorter, mut made) = (all.len(), 0);
        while made < count {
            let parent = (shorter > 0 && random.below(10) < 6).then(|| all[random.below(shorter)]);
            let bits = u128::from(random.next()) << 64 | u128::from(random.next());
            let start = match parent {
                Some((start, length, _)) => start | bits >> length,
                // Unicast space: 1.0.0.0 to 223.255.255.255; 2000::/3, of which few /16s are used.
                None if v4 => ((u128::from(random.next()) % 223 + 1) << 120) | bits >> 8,
                None => (0x2000 + (u128::from(random.next()) % 24) * 0x55) << 112 | bits >> 16,
            };
            let start = start & (u128::MAX << (128 - length));
            if !seen.insert((start, length)) {
                continue;
            }
            let own = u16::try_from(random.zipf(PIDS)).expect("few PIDs");
            let pid = parent.filter(|_| random.below(10) < 3).map_or(own, |(_, _, pid)| pid);
            all.push((start, length, pid));
            made += 1;
        }
    }
    all
}

pub(crate) fn v4(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(bits >> 96).expect("32 bits"))
}

pub(crate) fn v6(bits: u128) -> Ipv6Addr {
    Ipv6Addr::from_bits(bits)
}

/// How the addresses asked are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Draw {
    Uniform,
    /// A random host in a uniformly drawn prefix.
    Peers,
    /// A random host in a prefix drawn by Zipf's law.
    Zipf,
}

pub(crate) fn addresses(
    draw: Draw,
    count: usize,
    table: &[Prefix],
    random: &mut Random,
) -> Vec<u128> {
    let host = |random: &mut Random, at: usize| {
        let bits = u128::from(random.next()) << 64 | u128::from(random.next());
        let (start, length, _) = table[at];
        start | bits.checked_shr(u32::from(length)).unwrap_or(0)
    };
    // Ranks by Zipf must not follow the order in which the table was made.
    let shuffle = 0x9e37_79b1;
    (0..count)
        .map(|_| match draw {
            Draw::Uniform => u128::from(random.next()) << 64 | u128::from(random.next()),
            Draw::Peers => {
                let at = random.below(table.len());
                host(random, at)
            }
            Draw::Zipf => {
                let at = random.zipf(table.len()) * shuffle % table.len();
                host(random, at)
            }
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about the real clock")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let made = black_box(work());
    (made, start.elapsed())
}

/// A structure under test: its name, and its answers to all questions as a checksum.
pub(crate) type Contender<'a, Q> = (&'static str, Box<dyn Fn(&[Q]) -> u64 + 'a>);

/// The least time in ns per question of each contender over interleaved rounds.
///
/// # Panics
/// If two contenders' answers differ.
pub(crate) fn compare<Q>(
    rounds: usize,
    questions: &[Q],
    contenders: &[Contender<'_, Q>],
) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; contenders.len()];
    for _ in 0..rounds {
        let mut expected = None;
        for ((name, answer), best) in contenders.iter().zip(&mut best) {
            let (sum, time) = timed(|| answer(black_box(questions)));
            assert_eq!(*expected.get_or_insert(sum), sum, "{name} answers otherwise");
            let count = u32::try_from(questions.len()).expect("fewer questions than 2^32");
            *best = best.min(time.as_secs_f64() * 1e9 / f64::from(count));
        }
    }
    best
}

/// One step of a checksum that depends on order.
pub(crate) fn mixed(sum: u64, code: u32) -> u64 {
    sum.rotate_left(5) ^ u64::from(code)
}

/// The number behind `--name`, or the default for `--full` or a quick run.
pub(crate) fn option(name: &str, quick: usize, full: usize) -> usize {
    let given: Vec<String> = std::env::args().collect();
    let at = given.iter().position(|word| word == name);
    let number = at.and_then(|at| given.get(at + 1)).and_then(|text| text.parse().ok());
    number.unwrap_or(if given.iter().any(|word| word == "--full") { full } else { quick })
}
