//! What a finished walk amounts to.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Answer, Cause, Dnssec, Error, Guide, IdScope, NoServer, Scope, Server, ServerList, Trace, code,
};

use crate::fact::Failure;
use crate::rules::DnssecMode;
use crate::scope::proven;
use crate::walk::{Ending, Unanswered, Walk};
use crate::{APPROACH, APPROACH_BY_ID, NAME};

/// An answer to which a failed question might have had a better one is kept no longer than this.
const INCOMPLETE_LIFETIME: Duration = Duration::from_secs(60);

/// Servers; else, what failed; else, what was refused; else, surely none.
pub(crate) fn outcome(mut walk: Walk<'_>) -> Result<Answer, Error> {
    let trace = Trace::new(std::mem::take(&mut walk.path.steps));
    match walk.path.ending.take() {
        Some(Ending::Found(servers)) => found(&walk, servers, trace),
        Some(ending) if !walk.path.failures.is_empty() => Err(failed(&walk, &ending, trace)),
        Some(_) if walk.path.refused_at.is_some() => Err(refused(&walk, trace)),
        Some(_) => Err(none(&walk, trace)),
        None => Err(unfinished(trace)),
    }
}

fn found(walk: &Walk<'_>, servers: Vec<Server>, trace: Trace) -> Result<Answer, Error> {
    let (Some(servers), Some(validity)) = (ServerList::new(servers), walk.path.validity) else {
        return Err(unfinished(trace));
    };
    let incomplete = !walk.path.failures.is_empty();
    Ok(Answer {
        backend: NAME,
        approach: if walk.is_at_id() { APPROACH_BY_ID } else { APPROACH },
        guide: Guide::Servers(servers),
        scope: scope(walk),
        validity: if incomplete { validity.at_most(INCOMPLETE_LIFETIME) } else { validity },
        incomplete,
        dnssec: match walk.rules.dnssec {
            DnssecMode::Require => Dnssec::Secure, // nothing else counted
            DnssecMode::Off | DnssecMode::Prefer => walk.path.dnssec.unwrap_or_default(),
        },
        trace,
    })
}

/// What failed, or what led to another family's names, speaks for the peer alone.
fn scope(walk: &Walk<'_>) -> Scope {
    let id = walk.id_asked();
    if walk.fell_back() {
        return Scope { id: id.map_or(IdScope::Any, IdScope::Exactly), ..Scope::net(walk.peer) };
    }
    let failed = !walk.path.failures.is_empty();
    let absent = walk.path.absent.iter().copied().filter(|_| !failed);
    proven(walk.peer, id, walk.rules.granularity, walk.rules.nxdomain_cut, absent)
}

fn none(walk: &Walk<'_>, trace: Trace) -> Error {
    match walk.path.validity {
        Some(validity) => Error::NoServer(Arc::new(NoServer {
            backend: NAME,
            scope: scope(walk),
            validity,
            dnssec: walk.path.dnssec.unwrap_or_default(),
            trace,
        })),
        None => unfinished(trace),
    }
}

fn refused(walk: &Walk<'_>, trace: Trace) -> Error {
    let at = walk.said(walk.path.refused_at.as_deref().unwrap_or_default());
    let message = format!("{at} names a server that may not be contacted");
    Error::Rejected { backend: NAME, cause: Cause::new(code::POLICY, message), trace }
}

/// Forged data at each name, or at one that matters, is refused. Beside sound replies it may be of one
/// zone alone, and pass with it; so may any other failure.
fn failed(walk: &Walk<'_>, ending: &Ending, trace: Trace) -> Error {
    let (path, mode) = (&walk.path, walk.rules.dnssec);
    let bogus = |unanswered: &&Unanswered| matches!(unanswered.failure, Failure::Bogus(_));
    let all_bogus = path.replies == 0 && path.failures.iter().all(|failure| bogus(&failure));
    let decisive = match ending {
        Ending::Stopped => path.failures.last(),
        _ => path.failures.iter().find(|failure| !bogus(failure)).or(path.failures.first()),
    };
    let Some(decisive) = decisive else { return unfinished(trace) };
    let message = format!("{}: {}", walk.said(&decisive.name), decisive.failure);
    if all_bogus || (mode == DnssecMode::Require && bogus(&decisive)) {
        return Error::Rejected { backend: NAME, cause: Cause::new(code::BOGUS, message), trace };
    }
    let code = decisive.failure.code();
    let retry_after = path.failures.iter().filter_map(|failure| failure.holds).min();
    let cause = match decisive.failure {
        // Told apart from a resolver that is silent for those who would wait.
        Failure::Refused(_) => {
            Cause::from_error(code, message, io::Error::from(ErrorKind::ConnectionRefused))
        }
        _ => Cause::new(code, message),
    };
    Error::Unavailable { backend: NAME, retry_after, cause, trace }
}

fn unfinished(trace: Trace) -> Error {
    let cause = Cause::new(code::INTERNAL, "the walk was not followed to its end");
    Error::Unavailable { backend: NAME, retry_after: None, cause, trace }
}
