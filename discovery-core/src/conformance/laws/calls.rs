//! Laws 9 to 13: how calls live beside each other, and how they speak.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::conformance::hearing::{Broken, Case, Hearing, Ruling, ensure};
use crate::conformance::outcome::{Gist, Outcome};
use crate::conformance::sequence::Sequence;
use crate::conformance::{Hostile, Network, Scene, Truth};
use crate::{BoxFuture, Call, Error, Freshness, Known, Trace, code};

const CROWD: usize = 100;
const DROPS_PER_PEER: usize = 12;
/// A call rarely waits more often than this; more polls let it end.
const MOST_POLLS: u64 = 5;
/// Long enough for a hundred calls on a busy machine, whatever a layer queues.
const CROWD_PATIENCE: Duration = Duration::from_secs(20);

fn is_settled(network: &Network) -> bool {
    matches!(network.truth, Truth::Speaks(_) | Truth::Nobody)
}

/// All on one backend, so that what each dropped call leaves behind adds up.
pub(super) async fn dropping_leaves_the_backend_usable(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    let mut random = Sequence::new(9);
    for case in hearing.samples(|network| is_settled(network) || network.truth == Truth::Silent) {
        for _ in 0..DROPS_PER_PEER {
            drop_after(&scene, &case, 1 + random.below(MOST_POLLS)).await;
        }
        if case.network.truth == Truth::Silent {
            continue; // no outcome to wait for
        }
        let truth = Gist::of(&hearing.ask_fresh(&case).await?);
        let found = Gist::of(&hearing.ask(&scene, &case).await?);
        ensure(found == truth, || {
            format!("{case}: {found} after dropped calls, {truth} without them")
        })?;
        let drops: Vec<_> = (0..16).map(|n| (n % 2 == 0).then(|| random.below(3))).collect();
        for outcome in crowd(&scene, &case, drops).await? {
            let found = Gist::of(&outcome);
            ensure(found == truth || is_limit(&outcome), || {
                format!("{case}: {found} beside dropped calls, {truth} without them")
            })?;
        }
    }
    Ok(())
}

async fn drop_after(scene: &Scene, case: &Case<'_>, polls: u64) {
    let deadline = Instant::now() + CROWD_PATIENCE;
    let call = Call { deadline: Some(deadline), freshness: Freshness::Refresh };
    // A silent upstream wakes nobody, so a second poll would wait for the deadline.
    let polls = if case.network.truth == Truth::Silent { 1 } else { polls };
    poll_at_most(polls, scene.backend.discover(&case.peer, &call)).await;
}

/// Polls so often, then drops; `None` if it did not end before.
async fn poll_at_most<T>(polls: u64, mut future: BoxFuture<'_, T>) -> Option<T> {
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// One concurrent call for each entry, dropped after so many polls if it says so. Gives the outcomes
/// of those that were not to be dropped.
async fn crowd(
    scene: &Scene,
    case: &Case<'_>,
    drops: Vec<Option<u64>>,
) -> Result<Vec<Outcome>, Broken> {
    let mut calls = JoinSet::new();
    for dropped in drops {
        let (backend, peer) = (Arc::clone(&scene.backend), case.peer.clone());
        calls.spawn(async move {
            let call = Call::until(Instant::now() + CROWD_PATIENCE);
            let future = backend.discover(&peer, &call);
            match dropped {
                Some(polls) => poll_at_most(polls, future).await.and(None),
                None => Some(future.await),
            }
        });
    }
    let mut outcomes = Vec::new();
    while let Some(ended) = calls.join_next().await {
        let ended = ended.map_err(|fault| Broken(format!("{case}: a call panicked: {fault}")))?;
        outcomes.extend(ended);
    }
    Ok(outcomes)
}

/// A call turned away because too many are under way says nothing about the peer.
fn is_limit(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Error::Unavailable { cause, .. }) if cause.code() == code::LIMIT)
}

pub(super) async fn concurrent_calls_agree(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.samples(|network| is_settled(network) || network.truth == Truth::Failing) {
        let truth = Gist::of(&hearing.ask_fresh(&case).await?);
        let outcomes = crowd(&scene, &case, vec![None; CROWD]).await?;
        let told: Vec<_> = outcomes.iter().filter(|outcome| !is_limit(outcome)).collect();
        ensure(!told.is_empty(), || format!("{case}: every one of {CROWD} calls was turned away"))?;
        for found in told.into_iter().map(Gist::of) {
            ensure(found == truth, || format!("{case}: {found} in a crowd, {truth} alone"))?;
        }
    }
    Ok(())
}

pub(super) async fn deadline_is_met(hearing: &mut Hearing<'_>) -> Ruling {
    for case in hearing.cases(|network| network.truth == Truth::Silent) {
        for patience in [Duration::ZERO, Duration::from_millis(300)] {
            let scene = hearing.open().await;
            hearing.ask_punctually(patience, &scene, &case).await?.ok();
        }
    }
    Ok(())
}

pub(super) async fn errors_and_traces_name_the_backend(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.cases(|_| true) {
        let outcome = hearing.ask(&scene, &case).await?;
        let (speaker, trace) = match &outcome {
            Ok(answer) => (Some(answer.backend), Some(&answer.trace)),
            Err(error) => (error.backend(), error.trace()),
        };
        let Some(speaker) = speaker else {
            return Err(Broken(format!("{case}: the caller is blamed: {outcome:?}")));
        };
        let named = [speaker].into_iter().chain(trace.into_iter().flat_map(backends_in));
        for name in named {
            ensure(scene.names.contains(&name), || {
                format!("{case}: `{name}` speaks, which is none of {:?}", scene.names)
            })?;
        }
    }
    Ok(())
}

fn backends_in(trace: &Trace) -> impl Iterator<Item = &'static str> {
    trace.steps().iter().map(|step| step.backend)
}

pub(super) async fn known_says_what_discover_would(hearing: &mut Hearing<'_>) -> Ruling {
    let trickle = Truth::Hostile(Hostile::Trickle);
    for case in hearing.cases(|network| network.truth != Truth::Silent && network.truth != trickle)
    {
        let truth = Gist::of(&hearing.ask_fresh(&case).await?);
        let scene = hearing.open().await;
        known_fits(hearing, &scene, &case, &truth, Instant::now())?;
        let outcome = hearing.ask(&scene, &case).await?;
        known_fits(hearing, &scene, &case, &truth, Instant::now())?;
        let ends = match &outcome {
            Ok(answer) => answer.validity.until(),
            Err(Error::NoServer(none)) => none.validity.until(),
            Err(_) => continue,
        };
        for later in [Duration::ZERO, Duration::from_secs(3_600)] {
            known_fits(hearing, &scene, &case, &truth, ends + later)?;
        }
    }
    Ok(())
}

/// `known` takes the time as an argument, so this needs no clock that can be moved.
fn known_fits(
    hearing: &mut Hearing<'_>,
    scene: &Scene,
    case: &Case<'_>,
    truth: &Gist,
    now: Instant,
) -> Ruling {
    let before = scene.upstream.asked();
    let known = scene.backend.known(&case.peer, now);
    match (before, scene.upstream.asked()) {
        (Ok(before), Ok(after)) => {
            ensure(before == after, || format!("{case}: `known` asked the upstream"))?;
        }
        (Err(skip), _) | (_, Err(skip)) => hearing.leave_out(skip),
    }
    let (said, holds) = match &known {
        Known::Ask => return Ok(()),
        Known::Fresh(answer) => (Gist::of_answer(answer), answer.validity.holds(now)),
        Known::Stale(answer) => (Gist::of_answer(answer), true),
        Known::None(none) => (Gist::NoServer, none.validity.holds(now)),
        Known::NotApplicable => (Gist::NotApplicable, true),
    };
    ensure(holds, || format!("{case}: `known` still says {said} when it no longer holds"))?;
    ensure(said == *truth, || format!("{case}: `known` says {said}, `discover` {truth}"))
}
