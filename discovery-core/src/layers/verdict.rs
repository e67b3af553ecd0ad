//! What the words of several backends amount to. Pure.

use std::sync::Arc;

use crate::{Answer, Error, Known, NoServer, Peer, Scope, Trace};

/// What to say when no member answered; `None` if there was no member.
///
/// "Don't know" outweighs "none", so one failure keeps the whole from being an absence. In
/// order of weight: the caller's fault, rejected, unavailable, none, not applicable; of equal
/// weight the first member's word. All walks are told, in the members' order.
pub(super) fn combined(outcomes: &[Error]) -> Option<Error> {
    let heaviest = outcomes.iter().map(weight).max()?;
    let mut spoken = outcomes.iter().find(|error| weight(error) == heaviest)?.clone();
    let walk = joined_walk(outcomes);
    match &mut spoken {
        Error::NoServer(none) => *none = joined_absence(none, outcomes, walk),
        Error::Unavailable { trace, .. } | Error::Rejected { trace, .. } => *trace = walk,
        Error::NotApplicable { .. } | Error::Invalid { .. } | Error::Config { .. } => {}
    }
    Some(spoken)
}

/// Whether the question itself is at fault, so that asking another member is useless.
pub(super) fn is_callers_fault(error: &Error) -> bool {
    weight(error) == Weight::CallersFault
}

/// An answer that was reached past members that said `earlier`.
///
/// It holds where, and as long as, those members have nothing better to say: an absence narrows it
/// to its own scope and life, a failure proves nothing about any other peer.
pub(super) fn reached_past(earlier: &[Error], answer: Arc<Answer>, peer: &Peer<'_>) -> Arc<Answer> {
    if earlier.iter().all(|error| weight(error) == Weight::NotApplicable) {
        return answer;
    }
    let mut answer = Arc::unwrap_or_clone(answer);
    answer.trace = joined_walk(earlier).then(&answer.trace);
    for error in earlier {
        match error {
            Error::NoServer(none) => {
                answer.scope = answer.scope.and(&none.scope);
                answer.validity = answer.validity.and(none.validity);
            }
            Error::NotApplicable { .. } => {}
            failed => {
                answer.scope = answer.scope.and(&Scope::of(peer));
                answer.incomplete |= weight(failed) == Weight::Unavailable;
            }
        }
    }
    Arc::new(answer)
}

/// What is known if no member knows an answer: the absence that ends first, if none has to be
/// asked. It is that member's word, with its own scope (joining them would need memory).
pub(super) fn known_absence(words: impl Iterator<Item = Known>) -> Known {
    let mut absence: Option<Arc<NoServer>> = None;
    for word in words {
        match word {
            Known::None(none) => match &absence {
                Some(first) if first.validity.until() <= none.validity.until() => {}
                _ => absence = Some(none),
            },
            Known::NotApplicable => {}
            Known::Fresh(_) | Known::Stale(_) | Known::Ask => return Known::Ask,
        }
    }
    absence.map_or(Known::NotApplicable, Known::None)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    NotApplicable,
    None,
    Unavailable,
    Rejected,
    CallersFault,
}

fn weight(error: &Error) -> Weight {
    match error {
        Error::NotApplicable { .. } => Weight::NotApplicable,
        Error::NoServer(_) => Weight::None,
        Error::Unavailable { .. } => Weight::Unavailable,
        Error::Rejected { .. } => Weight::Rejected,
        Error::Invalid { .. } | Error::Config { .. } => Weight::CallersFault,
    }
}

fn joined_walk(outcomes: &[Error]) -> Trace {
    outcomes.iter().filter_map(Error::trace).fold(Trace::default(), |walk, next| walk.then(next))
}

/// None for the peers, and as long, as every absence says so.
fn joined_absence(first: &NoServer, outcomes: &[Error], walk: Trace) -> Arc<NoServer> {
    let mut joined = NoServer { trace: walk, ..first.clone() };
    for outcome in outcomes {
        if let Error::NoServer(none) = outcome {
            joined.scope = joined.scope.and(&none.scope);
            joined.validity = joined.validity.and(none.validity);
            joined.dnssec = joined.dnssec.and(none.dnssec);
        }
    }
    Arc::new(joined)
}
