//! "Surely none", dated and scoped like an answer.

use crate::{Dnssec, Scope, Trace, Validity};

/// The sure knowledge that no server speaks for the peers in `scope` while `validity` holds.
///
/// It can be remembered like an answer, and it never stands for a failure: a timeout, a SERVFAIL
/// or an unreadable reply proves nothing (RFC 8686 §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoServer {
    /// The backend that knows.
    pub backend: &'static str,
    /// The peers for which it was proven.
    pub scope: Scope,
    /// How long it holds.
    pub validity: Validity,
    /// Whether the denial was authenticated.
    pub dnssec: Dnssec,
    /// What was asked.
    pub trace: Trace,
}

impl NoServer {
    /// An absence of which nothing is known about DNSSEC, without a trace.
    pub fn new(backend: &'static str, scope: Scope, validity: Validity) -> Self {
        Self { backend, scope, validity, dnssec: Dnssec::default(), trace: Trace::default() }
    }
}
