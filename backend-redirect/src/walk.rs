//! The procedure for one peer from one starting server: where to ask next, what to make of what came,
//! how it ends. Pure: whoever walks asks, and hands in what came.

use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Answer, Cause, Error, Guide, Origin, Peer, Policy, Scope, Server, ServerList, Step, Trace,
    Trust, Validity, code,
};
use alto_fetch::{Hops, Redirect, RedirectFault};
use tokio::time::Instant;
use url::Url;

use crate::failure::{Failure, shown};
use crate::request::Question;
use crate::verdict::{Named, Offer, Refusal, Said, is_one_of, named};
use crate::{NAME, UNKNOWN_PEER};

/// What came of one request, after the HTTP redirects on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Where it came from.
    pub uri: Url,
    /// The redirects that led there, first first.
    pub redirects: Vec<Redirect>,
    /// How long it may be relied on.
    pub validity: Validity,
    /// What it says.
    pub says: T,
}

/// Whom to ask next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// For the directory at this URI.
    Directory(Url),
    /// For the property, at this URI.
    Property(Url),
}

impl Next {
    /// Where.
    pub fn uri(&self) -> &Url {
        match self {
            Self::Directory(uri) | Self::Property(uri) => uri,
        }
    }
}

/// A search under way.
#[derive(Debug)]
pub struct Walk {
    question: Question,
    policy: Policy,
    start: Url,
    hops: Hops,
    next: Option<Next>,
    here: Here,
    /// Directories of the same server still to be looked at.
    further: Vec<Url>,
    validity: Option<Validity>,
    steps: Vec<Step>,
    ending: Ending,
}

/// The server that is being asked.
#[derive(Debug, Default)]
struct Here {
    /// By which directory another server named it; none for the server started at.
    named: Option<Url>,
    /// Who named it.
    named_at: Option<Arc<str>>,
    /// The URIs that its directory goes by. None if it was reached past its directory, so that it
    /// cannot be told whether a URI is its own.
    names: Vec<Url>,
}

#[derive(Debug)]
enum Ending {
    Open,
    Found {
        uri: Url,
        trust: Trust,
        found_at: Option<Arc<str>>,
    },
    /// The server at this URI does not know the peer.
    Unknown(Url),
    Failed(Url, Failure),
}

impl Walk {
    /// A search for `question` that starts at the directory `start` and has made no `hops`.
    pub fn new(question: Question, start: &Url, mut hops: Hops, policy: Policy) -> Self {
        hops.visit(start);
        Self {
            question,
            policy,
            start: start.clone(),
            hops,
            next: Some(Next::Directory(start.clone())),
            here: Here::default(),
            further: Vec::new(),
            validity: None,
            steps: Vec::new(),
            ending: Ending::Open,
        }
    }

    /// Whom to ask next; `None` at the end.
    pub fn next(&self) -> Option<&Next> {
        self.next.as_ref()
    }

    /// Whom it is for.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Where it has been.
    pub fn hops(&self) -> &Hops {
        &self.hops
    }

    /// Whether a server has sent it on.
    pub fn has_left_its_start(&self) -> bool {
        self.hops.taken() > 0
    }

    /// Takes in the directory that was asked for.
    pub fn learn_directory(&mut self, page: &Page<Offer>, origin: Origin, now: Instant) {
        let Some(asked) = self.next.take() else { return };
        if let Err(fault) = self.arrive(page, origin, now) {
            return self.end_refused(asked.uri(), fault.into());
        }
        if let Some(redirect) = page.redirects.last() {
            self.here.named_at = Some(redirect.from.as_str().into());
        }
        let went = page.redirects.iter().map(|redirect| &redirect.to);
        self.here.names.extend([asked.uri()].into_iter().chain(went).cloned());
        match &page.says {
            Offer::Properties(uri) => {
                self.note(&page.uri, origin, "a directory; the property is to be had", page, now);
                self.next = Some(Next::Property(uri.clone()));
            }
            Offer::Directories(uris) => {
                let finding = format!("a directory without the property, with {} more", uris.len());
                self.note(&page.uri, origin, &finding, page, now);
                self.further.extend(uris.iter().cloned());
                self.look_further(&page.uri);
            }
            Offer::Nothing => {
                self.note(&page.uri, origin, "a directory without the property", page, now);
                self.look_further(&page.uri);
            }
        }
    }

    /// Takes in the reply to the question.
    pub fn learn_property(&mut self, page: &Page<Said>, origin: Origin, now: Instant) {
        let Some(asked) = self.next.take() else { return };
        if let Err(fault) = self.arrive(page, origin, now) {
            return self.end_refused(asked.uri(), fault.into());
        }
        if !page.redirects.is_empty() {
            self.arrive_past_the_directory(&page.redirects);
        }
        self.further.clear();
        match &page.says {
            Said::Values(values) => {
                let own = &self.here.names;
                match named(values, &self.question, &page.uri, own, self.policy) {
                    Ok(named) => self.go_by(named, page, origin, now),
                    Err(refusal) => self.end_refused(&page.uri, refusal),
                }
            }
            Said::Elsewhere(offer) => self.go_elsewhere(offer, page, origin, now),
        }
    }

    /// Takes in that nothing of use came.
    pub fn fail(&mut self, failure: Failure, origin: Origin) {
        let Some(asked) = self.next.take() else { return };
        let (uri, finding) = match &failure {
            Failure::Fetch(error) => (error.uri.clone(), error.fault.to_string()),
            other => (asked.uri().clone(), other.to_string()),
        };
        self.push(&uri, origin, &finding, None);
        self.ending = Ending::Failed(uri, failure);
    }

    /// How it ended for `peer`; it holds at least and at most as long as `lives` say.
    ///
    /// # Errors
    /// Whatever but an answer.
    pub fn outcome(self, peer: &Peer<'_>, lives: Lives, now: Instant) -> Result<Answer, Error> {
        let trace = Trace::new(self.steps);
        let validity = lives.bound(self.validity, now);
        match self.ending {
            Ending::Found { uri, trust, found_at } => {
                let server = Server { uri, order: 0, preference: 0, found_at, trust };
                let servers =
                    ServerList::new([server]).ok_or_else(|| unfinished(Trace::default()))?;
                let approach = if self.question.id.is_some() { 4 } else { 2 };
                let guide = Guide::Servers(servers);
                Ok(Answer {
                    trace,
                    ..Answer::new(NAME, approach, guide, Scope::of(peer), validity)
                })
            }
            Ending::Unknown(at) => {
                let message = format!("{} does not know the peer", shown(&at));
                let cause = Cause::new(UNKNOWN_PEER, message);
                let retry_after = Some(validity.left(now));
                Err(Error::Unavailable { backend: NAME, retry_after, cause, trace })
            }
            Ending::Failed(at, failure) => Err(failure.into_discovery(&at, trace)),
            Ending::Open => Err(unfinished(trace)),
        }
    }

    /// Notes the redirects that led to a page, and counts them.
    fn arrive<T>(
        &mut self,
        page: &Page<T>,
        origin: Origin,
        now: Instant,
    ) -> Result<(), RedirectFault> {
        for Redirect { from, to, status, validity } in &page.redirects {
            let finding = format!("status {status}, to {}", shown(to));
            self.push(from, origin, &finding, Some(validity.left(now)));
            self.hops.follow(to)?;
            self.hold(*validity);
        }
        self.hold(page.validity);
        Ok(())
    }

    /// The last redirect led to a server whose directory is not known.
    fn arrive_past_the_directory(&mut self, redirects: &[Redirect]) {
        let from = redirects.last().map(|redirect| redirect.from.as_str().into());
        self.here = Here { named: None, named_at: from, names: Vec::new() };
    }

    fn go_by(&mut self, named: Named, page: &Page<Said>, origin: Origin, now: Instant) {
        let at = &page.uri;
        match named {
            Named::Itself(uri) => {
                self.note(at, origin, "it speaks for the peer itself", page, now);
                self.find(uri);
            }
            Named::Nobody => {
                self.note(at, origin, "it does not know the peer", page, now);
                self.ending = Ending::Unknown(at.clone());
            }
            Named::Another(uri) => {
                self.note(at, origin, &format!("{} speaks for the peer", shown(&uri)), page, now);
                self.hop(at, Next::Directory(uri));
            }
        }
    }

    fn go_elsewhere(&mut self, offer: &Offer, page: &Page<Said>, origin: Origin, now: Instant) {
        let at = &page.uri;
        self.note(at, origin, "a directory in place of an answer", page, now);
        match offer {
            Offer::Properties(uri) => self.hop(at, Next::Property(uri.clone())),
            Offer::Directories(uris) => match uris.first() {
                Some(uri) => self.hop(at, Next::Directory(uri.clone())),
                None => self.ending = Ending::Unknown(at.clone()),
            },
            Offer::Nothing => self.ending = Ending::Unknown(at.clone()),
        }
    }

    /// On to another server, to which `at` leads.
    fn hop(&mut self, at: &Url, next: Next) {
        if let Err(fault) = self.hops.follow(next.uri()) {
            return self.end_refused(at, fault.into());
        }
        let named = match &next {
            Next::Directory(uri) => Some(uri.clone()),
            Next::Property(_) => None,
        };
        self.here = Here { named, named_at: Some(at.as_str().into()), names: Vec::new() };
        self.next = Some(next);
    }

    /// On to the next directory of the same server. Without one, a server that another one named is
    /// taken at that one's word, since it sends nobody on; the server started at does not know.
    fn look_further(&mut self, at: &Url) {
        if let Some(uri) = (!self.further.is_empty()).then(|| self.further.remove(0)) {
            if let Err(fault) = self.hops.follow(&uri) {
                return self.end_refused(at, fault.into());
            }
            self.next = Some(Next::Directory(uri));
            return;
        }
        match self.here.named.clone() {
            Some(uri) => self.find(uri),
            None => self.ending = Ending::Unknown(at.clone()),
        }
    }

    fn find(&mut self, uri: Url) {
        let configured = is_one_of(&uri, std::slice::from_ref(&self.start));
        let found_at = self.here.named_at.take().filter(|_| !configured);
        let trust = if configured { Trust::Configured } else { Trust::Network };
        self.ending = Ending::Found { uri, trust, found_at };
    }

    fn end_refused(&mut self, at: &Url, refusal: Refusal) {
        self.push(at, Origin::Wire, &format!("refused: {refusal}"), None);
        self.ending = Ending::Failed(at.clone(), Failure::Refused(refusal));
    }

    fn hold(&mut self, validity: Validity) {
        self.validity = Some(self.validity.map_or(validity, |own| own.and(validity)));
    }

    fn note<T>(&mut self, at: &Url, origin: Origin, finding: &str, page: &Page<T>, now: Instant) {
        self.push(at, origin, finding, Some(page.validity.left(now)));
    }

    fn push(&mut self, at: &Url, origin: Origin, finding: &str, holds: Option<Duration>) {
        let (subject, finding) = (at.as_str().into(), finding.into());
        self.steps.push(Step { backend: NAME, subject, origin, finding, holds });
    }
}

/// How long answers hold, whatever servers say.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// At least.
    pub least: Duration,
    /// At most.
    pub most: Duration,
}

impl Lives {
    fn bound(self, validity: Option<Validity>, now: Instant) -> Validity {
        let left = validity.map_or(self.least, |validity| validity.left(now));
        Validity::new(now, left.clamp(self.least, self.most))
    }
}

fn unfinished(trace: Trace) -> Error {
    let cause = Cause::new(code::INTERNAL, "the walk was not followed to its end");
    Error::Unavailable { backend: NAME, retry_after: None, cause, trace }
}
