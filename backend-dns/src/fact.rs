//! What is known of one name.

use std::fmt;
use std::sync::Arc;

use alto_discovery_core::{Dnssec, Validity, code};

use crate::naptr::Naptr;

/// What a name holds, or why that is not known, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it holds.
    pub content: Content,
    /// How long that is good for. For a failure: how long it is remembered, which may be no time.
    pub validity: Validity,
    /// Whether the reply was authenticated.
    pub dnssec: Dnssec,
}

/// What a name holds, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These NAPTR records, in no particular order.
    Records(Arc<[Naptr]>),
    /// The name exists and has no NAPTR record (RFC 2308 §2.2).
    NoRecords,
    /// The name does not exist, nor does any name below it (RFC 8020 §2).
    NoName,
    /// Nobody could tell.
    Failed(Failure),
}

/// Why it is not known what a name holds. Never a sign that it holds nothing (RFC 8686 §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No reply came in time.
    Timeout,
    /// Not asked: the call had no time left.
    NoTime,
    /// No resolver could be reached; a sentence on why.
    Unreachable(Arc<str>),
    /// The same, and it is sure that nobody listens there: the connection was refused.
    Refused(Arc<str>),
    /// The resolver replied, but not with an answer; a sentence on what.
    Upstream(Arc<str>),
    /// The data should be authentic and is not (RFC 4033 §5); a sentence on why.
    Bogus(Arc<str>),
    /// Not asked: a limit of ours was reached.
    Limit(&'static str),
}

impl Failure {
    /// The resolver cannot tell.
    pub fn upstream(sentence: impl Into<Arc<str>>) -> Self {
        Self::Upstream(sentence.into())
    }

    /// The resolver was never heard: says nothing about the name itself.
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::Timeout | Self::Unreachable(_) | Self::Refused(_))
    }

    /// The name was never asked for.
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::NoTime | Self::Limit(_))
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout | Self::NoTime => code::TIMEOUT,
            Self::Unreachable(_) | Self::Refused(_) => code::UNREACHABLE,
            Self::Upstream(_) => code::UPSTREAM_FAILURE,
            Self::Bogus(_) => code::BOGUS,
            Self::Limit(_) => code::LIMIT,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no reply in time"),
            Self::NoTime => f.write_str("not asked: no time left"),
            Self::Unreachable(sentence) | Self::Refused(sentence) | Self::Upstream(sentence) => {
                f.write_str(sentence)
            }
            Self::Bogus(sentence) => write!(f, "DNSSEC validation failed: {sentence}"),
            Self::Limit(limit) => write!(f, "not asked: {limit}"),
        }
    }
}
