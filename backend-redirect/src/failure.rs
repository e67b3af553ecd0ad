//! Why nothing of use came of a request, and how that is told.

use std::fmt;

use alto_discovery_core::{Cause, Error, Trace, code};
use url::Url;

use crate::NAME;
use crate::verdict::Refusal;

/// How much of a URI is shown to people.
const SHOWN: usize = 200;

/// Why nothing of use came.
#[derive(Clone, Debug)]
pub enum Failure {
    /// It was not to be had, or refused on the way.
    Fetch(Box<alto_fetch::Error>),
    /// It came and is refused.
    Refused(Refusal),
    /// It did not come in time.
    Slow,
    /// What asked for it is gone.
    Lost,
}

impl Failure {
    pub(crate) fn into_discovery(self, at: &Url, trace: Trace) -> Error {
        match self {
            Self::Fetch(error) => error.into_discovery(NAME, trace),
            Self::Refused(refusal) => {
                let message = format!("{}: {refusal}", shown(at));
                let cause = Cause::from_error(refusal.code(), message, refusal);
                Error::Rejected { backend: NAME, cause, trace }
            }
            Self::Slow | Self::Lost => {
                let is_slow = matches!(self, Self::Slow);
                let code = if is_slow { code::TIMEOUT } else { code::INTERNAL };
                let cause = Cause::new(code, format!("{}: {self}", shown(at)));
                Error::Unavailable { backend: NAME, retry_after: None, cause, trace }
            }
        }
    }
}

impl From<alto_fetch::Error> for Failure {
    fn from(error: alto_fetch::Error) -> Self {
        Self::Fetch(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Slow => f.write_str("no reply in time"),
            Self::Lost => f.write_str("the request was given up"),
        }
    }
}

/// A URI for people; URIs are ASCII.
pub(crate) fn shown(uri: &Url) -> String {
    match uri.as_str() {
        text if text.len() > SHOWN => format!("{}...", &text[..SHOWN]),
        text => text.to_owned(),
    }
}
