//! For whom an answer is kept, how long, and how much of all.

use std::net::Ipv4Addr;
use std::time::Duration;

use alto_messages::{CostMetric, CostType};
use proptest::prelude::*;

use super::*;

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0xcb00_7100 + number).into()
}

fn asked(consumer: u32, mode: CostMode) -> Asked {
    let cost_type = CostType::new(CostMetric::routingcost(), mode);
    let uri = "https://a.example/ecs".parse().unwrap();
    Asked { link: Link { uri, cost_type }, consumer: address(consumer) }
}

fn costs(of: impl IntoIterator<Item = u32>) -> Costs {
    of.into_iter().map(|of| (address(of), Some(f64::from(of)))).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An answer is told again to the same consumer until it ends; to no other, and not of another
/// service or type.
#[test]
fn one_consumer_until_it_ends() {
    let (mut answers, now) = (Answers::new(1 << 20), Instant::now());
    let own = asked(1, CostMode::Numerical);
    let told = Costs::from([(address(7), Some(7.0)), (address(8), None)]);
    answers.keep(&own, &told, Validity::new(now, seconds(300)), now);
    let candidates = [7, 8, 9].map(address);
    assert_eq!(answers.told(&own, &candidates, now + seconds(299)), told);
    let mut elsewhere = own.clone();
    elsewhere.link.uri = "https://b.example/ecs".parse().unwrap();
    for other in [asked(2, CostMode::Numerical), asked(1, CostMode::Ordinal), elsewhere] {
        assert!(answers.told(&other, &candidates, now).is_empty(), "{other:?}");
    }
    assert!(answers.told(&own, &candidates, now + seconds(300)).is_empty());
    answers.keep(&own, &costs([9]), Validity::new(now, Duration::ZERO), now);
    assert!(answers.told(&own, &[address(9)], now).is_empty());
}

/// RFC 7285 §6.1.2.2: ranks of two answers are never mixed, nor are some of one missing; numerical
/// costs are put together, each with its own end.
#[test]
fn ranks_come_from_one_answer() {
    let (mut answers, now) = (Answers::new(1 << 20), Instant::now());
    for mode in [CostMode::Numerical, CostMode::Ordinal] {
        let own = asked(1, mode.clone());
        answers.keep(&own, &costs([1, 2]), Validity::new(now, seconds(60)), now);
        answers.keep(&own, &costs([2, 3]), Validity::new(now, seconds(600)), now);
        let known = |answers: &mut Answers, of: &[u32], after| {
            let candidates: Vec<IpAddr> = of.iter().copied().map(address).collect();
            answers.told(&own, &candidates, now + seconds(after)).len()
        };
        let of_all = if mode == CostMode::Numerical { 3 } else { 0 };
        assert_eq!(known(&mut answers, &[1, 2, 3], 0), of_all, "{mode:?}");
        assert_eq!(known(&mut answers, &[2, 3], 599), 2, "{mode:?}");
        assert_eq!(known(&mut answers, &[1], 60), 0, "{mode:?}");
    }
}

/// What was used longest ago goes first; what has ended before that.
#[test]
fn the_limit_is_kept() {
    let now = Instant::now();
    let (mut answers, mut each) = (Answers::new(usize::MAX), 0);
    for consumer in 0..10 {
        let own = asked(consumer, CostMode::Numerical);
        let lifetime = seconds(if consumer == 9 { 1 } else { 600 });
        answers.keep(&own, &costs(0..50), Validity::new(now, lifetime), now);
        each = answers.octets / (consumer as usize + 1);
    }
    let later = now + seconds(2);
    let _used = answers.told(&asked(0, CostMode::Numerical), &[address(0)], later);
    answers.most_octets = 10 * each;
    let newest = asked(10, CostMode::Numerical);
    answers.keep(&newest, &costs(0..50), Validity::new(later, seconds(600)), later);
    let has = |consumer| answers.kept.contains_key(&asked(consumer, CostMode::Numerical));
    assert!(has(0) && has(10) && !has(9));
    assert_eq!((answers.kept.len(), answers.octets), (8, 8 * each));
    assert!(answers.octets <= answers.most_octets);

    let mut none = Answers::new(0);
    none.keep(&newest, &costs([1]), Validity::new(now, seconds(600)), now);
    assert_eq!((none.kept.len(), none.octets), (0, 0));
}

proptest! {
    /// Whatever is kept and asked, the octets are those of what is held, within the limit, and what is
    /// told is what the twin that forgets nothing would tell.
    #[test]
    fn octets_and_costs_are_right(
        steps in prop::collection::vec((0_u32..6, 0_u32..20, 1_u64..100, any::<bool>()), 1..80),
        most_octets in 0_usize..20_000,
    ) {
        let (mut answers, start) = (Answers::new(most_octets), Instant::now());
        let mut twin = HashMap::new();
        for (step, (consumer, candidate, lifetime, ranks)) in (0_u64..).zip(steps) {
            let now = start + seconds(step);
            let own = asked(consumer, if ranks { CostMode::Ordinal } else { CostMode::Numerical });
            let validity = Validity::new(now, seconds(lifetime));
            answers.keep(&own, &costs([candidate]), validity, now);
            if ranks {
                twin.retain(|(of, _), _| *of != own);
            }
            twin.insert((own.clone(), address(candidate)), validity);
            for (of, cost) in answers.told(&own, &[address(candidate), address(0)], now) {
                prop_assert!(twin[&(own.clone(), of)].holds(now));
                prop_assert_eq!(costs(0..20)[&of], cost);
            }
            let held: usize = answers.kept.iter().map(|(of, kept)| octets(of, kept)).sum();
            prop_assert_eq!(held, answers.octets);
            prop_assert!(held <= most_octets);
        }
    }
}
