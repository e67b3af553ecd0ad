//! Laws 7 and 8: what a failing or hostile upstream may lead to.

use std::time::Duration;

use tokio::time::sleep;

use crate::conformance::hearing::{Broken, Case, Hearing, Ruling, SHORT, ensure};
use crate::conformance::outcome::{Gist, Outcome, uris};
use crate::conformance::{Clock, Hostile, Scene, Skip, Truth};
use crate::{Answer, Error, MAX_URI_OCTETS, Trace};

/// Bounds on what one question may lead to. The specification allows 16 URIs and 20 questions;
/// repeats over TCP and layers that ask twice are given room.
const MOST_SERVERS: usize = 16;
const MOST_QUESTIONS: u64 = 64;
const MOST_TRACE_OCTETS: usize = 64 * 1024;
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// By then everything remembered because of an outage is forgotten, and some absences too.
const AN_HOUR: Duration = Duration::from_secs(3_601);

pub(super) async fn failure_is_not_absence(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.cases(|network| matches!(network.truth, Truth::Failing | Truth::Silent)) {
        let outcome = hearing.ask(&scene, &case).await?;
        never_absent(&case, &outcome)?;
        if let Ok(answer) = &outcome {
            passed_over_openly(hearing, &case, answer)?;
        }
    }
    upstream_off(hearing).await
}

fn never_absent(case: &Case<'_>, outcome: &Outcome) -> Ruling {
    let absent = matches!(outcome, Err(Error::NoServer(_)));
    ensure(!absent, || format!("{case}: nobody could tell, yet it says `surely none`"))
}

/// RFC 8686 §3.5: the walk goes on to the network around, and the caller is told.
fn passed_over_openly(hearing: &Hearing<'_>, case: &Case<'_>, answer: &Answer) -> Ruling {
    ensure(answer.incomplete, || format!("{case}: passed over a failure and says `complete`"))?;
    from_around(hearing, case, answer, &[])
}

/// Every server is one of a network around the peer, or `also` allowed.
fn from_around(hearing: &Hearing<'_>, case: &Case<'_>, answer: &Answer, also: &[String]) -> Ruling {
    let around = hearing.stage.facts().around(&case.peer);
    let speakers = around.iter().flat_map(|network| hearing.servers_of(network));
    let allowed: Vec<_> = speakers.chain(also.iter().cloned()).collect();
    let stranger = uris(answer).into_iter().find(|uri| !allowed.contains(uri));
    ensure(stranger.is_none(), || format!("{case}: {stranger:?} does not speak for it"))
}

async fn upstream_off(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    if let Err(skip) = scene.upstream.switch(false).await {
        hearing.leave_out(skip);
        return Ok(());
    }
    let cases =
        hearing.samples(|network| matches!(network.truth, Truth::Speaks(_) | Truth::Nobody));
    for case in &cases {
        never_absent(case, &hearing.ask_within(SHORT, &scene, case).await?)?;
    }
    if let Err(skip) = scene.upstream.switch(true).await {
        hearing.leave_out(skip);
        return Ok(());
    }
    recovery(hearing, &scene, &cases).await
}

/// A failure is not forever either.
async fn recovery(hearing: &mut Hearing<'_>, scene: &Scene, cases: &[Case<'_>]) -> Ruling {
    if hearing.stage.clock() == Clock::Running {
        hearing.leave_out(Skip::new("recovery after an outage", "takes an hour of a paused clock"));
        return Ok(());
    }
    sleep(AN_HOUR).await;
    for case in cases {
        let truth = Gist::of(&hearing.ask_fresh(case).await?);
        let found = Gist::of(&hearing.ask(scene, case).await?);
        ensure(found == truth, || {
            format!("{case}: {found} an hour after an outage, {truth} without one")
        })?;
    }
    Ok(())
}

pub(super) async fn hostile_input_is_refused(hearing: &mut Hearing<'_>) -> Ruling {
    for case in hearing.cases(|network| matches!(network.truth, Truth::Hostile(_))) {
        let Truth::Hostile(hostile) = &case.network.truth else { continue };
        let scene = hearing.open().await;
        let before = scene.upstream.asked();
        let patience = if *hostile == Hostile::Trickle { SHORT } else { SHORT * 5 };
        let outcome = hearing.ask_punctually(patience, &scene, &case).await?;
        is_bounded(&case, &outcome)?;
        match (before, scene.upstream.asked()) {
            (Ok(before), Ok(after)) => few_questions(&case, after - before)?,
            (Err(skip), _) | (_, Err(skip)) => hearing.leave_out(skip),
        }
        is_refused(hearing, &case, hostile, &outcome)?;
        if let Hostile::Unasked { victim } = hostile {
            is_not_poisoned(hearing, &scene, &case, *victim).await?;
        }
    }
    Ok(())
}

fn few_questions(case: &Case<'_>, asked: u64) -> Ruling {
    ensure(asked <= MOST_QUESTIONS, || format!("{case}: {asked} questions for one peer"))
}

fn is_bounded(case: &Case<'_>, outcome: &Outcome) -> Ruling {
    let trace = match outcome {
        Ok(answer) => Some(&answer.trace),
        Err(error) => error.trace(),
    };
    let octets = trace.map_or(0, trace_octets);
    ensure(octets <= MOST_TRACE_OCTETS, || format!("{case}: a trace of {octets} octets"))?;
    let Ok(answer) = outcome else { return Ok(()) };
    let servers = answer.servers();
    ensure(servers.len() <= MOST_SERVERS, || format!("{case}: {} servers", servers.len()))?;
    let long = servers.iter().any(|server| server.uri.as_str().len() > MAX_URI_OCTETS);
    ensure(!long, || format!("{case}: a URI of more than {MAX_URI_OCTETS} octets"))?;
    let life = answer.validity.lifetime();
    ensure(Duration::ZERO < life && life <= LONGEST_LIFE, || format!("{case}: holds for {life:?}"))
}

fn trace_octets(trace: &Trace) -> usize {
    trace.steps().iter().map(|step| step.subject.len() + step.finding.len()).sum()
}

/// Refused outright, or passed over: then only what is harmless in it, or around it, counts.
fn is_refused(
    hearing: &Hearing<'_>,
    case: &Case<'_>,
    hostile: &Hostile,
    outcome: &Outcome,
) -> Ruling {
    match outcome {
        Err(Error::Rejected { .. } | Error::Unavailable { .. }) => Ok(()),
        Err(Error::NoServer(_)) if hostile.names_nobody() => Ok(()),
        Ok(answer) => {
            let admitted = hostile.readable_uri().filter(|uri| hearing.stage.admits(uri));
            let harmless = hostile.servers().into_iter().map(|s| hearing.stage.place(&s.uri));
            let also: Vec<_> = harmless.chain(admitted).map(|uri| uri.to_string()).collect();
            from_around(hearing, case, answer, &also)
                .map_err(|Broken(why)| Broken(format!("{why} ({hostile:.60?})")))
        }
        Err(_) => {
            let gist = Gist::of(outcome);
            Err(Broken(format!("{case}: {hostile:?} leads to {gist}")))
        }
    }
}

async fn is_not_poisoned(
    hearing: &Hearing<'_>,
    scene: &Scene,
    case: &Case<'_>,
    victim: ipnet::IpNet,
) -> Ruling {
    let Ok(peer) = hearing.stage.peer(victim.network().into(), None) else { return Ok(()) };
    let victim = Case { peer, network: case.network };
    let truth = Gist::of(&hearing.ask_fresh(&victim).await?);
    let found = Gist::of(&hearing.ask(scene, &victim).await?);
    ensure(found == truth, || {
        format!("after asking for {case}, {} gives {found} instead of {truth}", victim.peer.net())
    })
}
