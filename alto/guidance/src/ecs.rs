//! Endpoint costs: the questions, and what the answers say (RFC 7285 §11.5). Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use alto_messages::{CostMode, EndpointCostRequest, EndpointCosts, TypedAddress};
use alto_selection::Direction;

use crate::error::Fault;
use crate::plan::Link;

/// The most candidates in one question: a server may have to work out each pair (RFC 7285 §15.5).
pub(crate) const MOST_CANDIDATES: usize = 1_000;

/// A question, and the candidates that it is about.
pub(crate) type Question = (Vec<IpAddr>, EndpointCostRequest);

/// The questions that cover all candidates, each of them once.
///
/// Each names both sources and destinations, and never none: an empty list would stand for the
/// address the question comes from, which is ours (RFC 7285 §11.5.1.3).
///
/// # Errors
/// If the server only ranks and the candidates do not fit into one question: ranks of two answers
/// cannot be compared (RFC 7285 §6.1.2.2).
pub(crate) fn questions(
    link: &Link,
    direction: Direction,
    consumer: IpAddr,
    candidates: &[IpAddr],
) -> Result<Vec<Question>, Fault> {
    let consumer = vec![TypedAddress(consumer.to_canonical())];
    let distinct: BTreeSet<TypedAddress> =
        candidates.iter().map(|candidate| TypedAddress(candidate.to_canonical())).collect();
    if link.cost_type.mode != CostMode::Numerical && distinct.len() > MOST_CANDIDATES {
        return Err(Fault::TooManyToRank(MOST_CANDIDATES));
    }
    let distinct: Vec<TypedAddress> = distinct.into_iter().collect();
    let question = |candidates: &[TypedAddress]| {
        let (sources, destinations) = match direction {
            Direction::FromConsumer => (consumer.clone(), candidates.to_vec()),
            Direction::ToConsumer => (candidates.to_vec(), consumer.clone()),
        };
        let cost_type = link.cost_type.clone();
        let constraints = Vec::new();
        let request = EndpointCostRequest { cost_type, constraints, sources, destinations };
        (candidates.iter().map(|candidate| candidate.0).collect(), request)
    };
    Ok(distinct.chunks(MOST_CANDIDATES).map(question).collect())
}

/// What an answer says of a candidate.
pub(crate) fn cost(
    answer: &EndpointCosts,
    direction: Direction,
    consumer: IpAddr,
    candidate: IpAddr,
) -> Option<f64> {
    let consumer = TypedAddress(consumer.to_canonical());
    let candidate = TypedAddress(candidate.to_canonical());
    match direction {
        Direction::FromConsumer => answer.get(consumer, candidate),
        Direction::ToConsumer => answer.get(candidate, consumer),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use alto_messages::{CostMetric, CostType};
    use proptest::prelude::*;

    use super::*;

    const CONSUMER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));

    fn link(mode: CostMode) -> Link {
        let cost_type = CostType::new(CostMetric::routingcost(), mode);
        Link { uri: "https://a.example/ecs".parse().unwrap(), cost_type }
    }

    fn addresses(count: u32) -> Vec<IpAddr> {
        (0..count).map(|at| Ipv4Addr::from_bits(at).into()).collect()
    }

    proptest! {
        /// RFC 7285 §11.5.1.3: neither list is ever empty, whatever is asked; every candidate is in
        /// exactly one question, however it was written, and none holds more than 1,000.
        #[test]
        fn both_lists_are_always_there(count in 0_u32..3_000, mapped: bool, to_consumer: bool) {
            let mut candidates = addresses(count);
            if mapped {
                let all = candidates.clone().into_iter();
                candidates.extend(all.map(|address| match address {
                    IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
                    v6 @ IpAddr::V6(_) => v6,
                }));
            }
            let direction =
                if to_consumer { Direction::ToConsumer } else { Direction::FromConsumer };
            let questions =
                questions(&link(CostMode::Numerical), direction, CONSUMER, &candidates).unwrap();
            let mut asked = Vec::new();
            for (about, question) in questions {
                let (consumers, candidates) = match direction {
                    Direction::FromConsumer => (question.sources, question.destinations),
                    Direction::ToConsumer => (question.destinations, question.sources),
                };
                prop_assert_eq!(consumers, [TypedAddress(CONSUMER)]);
                prop_assert!(!candidates.is_empty() && candidates.len() <= 1_000);
                let candidates: Vec<IpAddr> =
                    candidates.into_iter().map(|candidate| candidate.0).collect();
                prop_assert_eq!(&about, &candidates);
                asked.extend(candidates);
            }
            prop_assert_eq!(asked, addresses(count));
        }
    }

    /// RFC 7285 §6.1.2.2: ranks mean something within one answer only.
    #[test]
    fn ranks_are_not_mixed() {
        let ask = |count| {
            let link = link(CostMode::Ordinal);
            questions(&link, Direction::FromConsumer, CONSUMER, &addresses(count))
        };
        assert_eq!(ask(1_000).unwrap().len(), 1);
        assert!(matches!(ask(1_001), Err(Fault::TooManyToRank(1_000))));
    }
}
