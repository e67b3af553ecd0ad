//! Why there is no answer.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{NoServer, Refusal, Trace};

/// Why there is no answer. "None" and "don't know" are far apart: only [`Error::NoServer`] may be
/// remembered as an absence.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Error {
    /// Sure: no server for the scope it names, until its validity ends.
    NoServer(Arc<NoServer>),
    /// Don't know; ask later.
    Unavailable {
        /// The backend that could not tell.
        backend: &'static str,
        /// When asking again may help, if known.
        retry_after: Option<Duration>,
        /// What happened.
        cause: Cause,
        /// What was asked.
        trace: Trace,
    },
    /// Something came that we refuse: forged data, or a server that may not be contacted.
    Rejected {
        /// The backend that refused it.
        backend: &'static str,
        /// What was refused and why.
        cause: Cause,
        /// What was asked.
        trace: Trace,
    },
    /// This peer lacks what the backend needs, or its address means nothing outside its network.
    NotApplicable {
        /// The backend that has no way for this peer.
        backend: &'static str,
        /// What it would need.
        needs: Cause,
    },
    /// The caller's question makes no sense.
    Invalid {
        /// What is wrong with it.
        cause: Cause,
    },
    /// The configuration makes no sense.
    Config {
        /// The key, as in `set(key, value)`.
        key: Box<str>,
        /// What is wrong with its value.
        cause: Cause,
    },
}

impl Error {
    /// A short stable code for output, logs and tests; see [`code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoServer(_) => code::NONE,
            Self::Unavailable { cause, .. }
            | Self::Rejected { cause, .. }
            | Self::NotApplicable { needs: cause, .. }
            | Self::Invalid { cause }
            | Self::Config { cause, .. } => cause.code(),
        }
    }

    /// The backend that speaks, unless the caller was at fault.
    pub fn backend(&self) -> Option<&'static str> {
        match self {
            Self::NoServer(none) => Some(none.backend),
            Self::Unavailable { backend, .. }
            | Self::Rejected { backend, .. }
            | Self::NotApplicable { backend, .. } => Some(backend),
            Self::Invalid { .. } | Self::Config { .. } => None,
        }
    }

    /// What was asked before it ended so; `None` if nothing could have been.
    pub fn trace(&self) -> Option<&Trace> {
        match self {
            Self::NoServer(none) => Some(&none.trace),
            Self::Unavailable { trace, .. } | Self::Rejected { trace, .. } => Some(trace),
            Self::NotApplicable { .. } | Self::Invalid { .. } | Self::Config { .. } => None,
        }
    }

    /// Nobody outside the peer's network can speak for it, as [`Policy::check_peer`] found.
    ///
    /// [`Policy::check_peer`]: crate::Policy::check_peer
    pub fn not_global(backend: &'static str, refusal: Refusal) -> Self {
        let needs = Cause::from_error(code::NOT_GLOBAL, refusal.to_string(), refusal);
        Self::NotApplicable { backend, needs }
    }

    /// The caller's question is at fault.
    pub fn invalid(code: &'static str, message: impl Into<Box<str>>) -> Self {
        Self::Invalid { cause: Cause::new(code, message) }
    }

    /// A configuration value is at fault.
    pub fn config(key: impl Into<Box<str>>, message: impl Into<Box<str>>) -> Self {
        Self::Config { key: key.into(), cause: Cause::new(code::CONFIG, message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer(none) => {
                write!(f, "{}: no ALTO server speaks for {}", none.backend, none.scope.net)
            }
            Self::Unavailable { backend, cause, .. }
            | Self::Rejected { backend, cause, .. }
            | Self::NotApplicable { backend, needs: cause } => write!(f, "{backend}: {cause}"),
            Self::Invalid { cause } => cause.fmt(f),
            Self::Config { key, cause } => write!(f, "{key}: {cause}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NoServer(_) => None,
            Self::Unavailable { cause, .. }
            | Self::Rejected { cause, .. }
            | Self::NotApplicable { needs: cause, .. }
            | Self::Invalid { cause }
            | Self::Config { cause, .. } => cause.source(),
        }
    }
}

/// What happened: a stable code, a sentence, and the error below it. Cheap to clone.
#[derive(Clone)]
pub struct Cause(Arc<CauseParts>);

struct CauseParts {
    code: &'static str,
    message: Box<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Cause {
    /// A cause of our own.
    pub fn new(code: &'static str, message: impl Into<Box<str>>) -> Self {
        Self(Arc::new(CauseParts { code, message: message.into(), source: None }))
    }

    /// A cause that lies in another error.
    pub fn from_error(
        code: &'static str,
        message: impl Into<Box<str>>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        let source: Arc<dyn StdError + Send + Sync> = Arc::new(source);
        Self(Arc::new(CauseParts { code, message: message.into(), source: Some(source) }))
    }

    /// The stable code; see [`code`](mod@code).
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// The codes of causes that more than one crate speaks of. A backend may have others of its own.
pub mod code {
    /// Surely no server.
    pub const NONE: &str = "none";
    /// The peer is no address or prefix.
    pub const INVALID_INPUT: &str = "invalid-input";
    /// A prefix too short to ask for (RFC 8686 §3.2).
    pub const UNSUPPORTED_PREFIX_LENGTH: &str = "unsupported-prefix-length";
    /// No U-NAPTR service parameter (RFC 4848 §4.5).
    pub const INVALID_SERVICE: &str = "invalid-service";
    /// The peer's address means nothing outside its own network (RFC 8686 §5.1.3).
    pub const NOT_GLOBAL: &str = "not-global";
    /// The peer carries nothing of what the backend works from.
    pub const NOTHING_TO_GO_BY: &str = "nothing-to-go-by";
    /// Data that should be authentic and is not.
    pub const BOGUS: &str = "bogus";
    /// A server or URI that may not be contacted.
    pub const POLICY: &str = "refused-by-policy";
    /// No reply in time.
    pub const TIMEOUT: &str = "timeout";
    /// The upstream refused the connection, or could not be reached.
    pub const UNREACHABLE: &str = "unreachable";
    /// The upstream replied that it cannot tell.
    pub const UPSTREAM_FAILURE: &str = "upstream-failure";
    /// A limit of ours was reached.
    pub const LIMIT: &str = "limit-reached";
    /// A peer's claim that nobody we believe has confirmed.
    pub const UNCONFIRMED: &str = "unconfirmed";
    /// A configuration value.
    pub const CONFIG: &str = "config";
    /// A fault of ours.
    pub const INTERNAL: &str = "internal";
}
