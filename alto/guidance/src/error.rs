//! Why a server's guidance cannot be used, and what was forgiven.

use std::fmt;
use std::time::Duration;

use alto_discovery_core::{UriFault, code};
use alto_fetch::StatusReply;
use alto_messages::{
    self as messages, CostType, ErrorBody, MediaType, ReadOptions, ResourceId, VersionTag,
};
use alto_selection::{CostFault, PrefixFault};
use url::Url;

/// Why a server's guidance cannot be used, and at which URI that became clear.
#[derive(Clone, Debug)]
pub struct Error {
    /// The URI at which it ended: the server's, or one that it led to.
    pub uri: Url,
    /// What happened there.
    pub fault: Box<Fault>,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The resource could not be had, or may not be asked for.
    Fetch(alto_fetch::Fault),
    /// What came is not the message that was asked for.
    Message(messages::Fault),
    /// An error body came with a status of success (RFC 7285 §8.5).
    ErrorBody(ErrorBody),
    /// The directory links to something that is no URI we look at.
    Link(UriFault),
    /// A directory got by https links to a resource without TLS.
    Downgrade(Box<str>),
    /// The directory links to another site, which `guidance.links` does not allow.
    OtherSite(Box<str>),
    /// The root directory names a network map to go by that no directory has.
    NoNetworkMap(ResourceId),
    /// The server does not offer the metric, neither in a map nor by endpoint costs.
    NoMetric {
        /// What was wanted.
        wanted: Box<str>,
        /// What there is.
        offered: Vec<CostType>,
    },
    /// The costs are not of the type that the directory advertises.
    OtherCosts {
        /// What the directory says.
        advertised: CostType,
        /// What came.
        found: CostType,
    },
    /// Network map and cost map do not belong together, after fetching them once more.
    Versions {
        /// The version of the network map.
        network: VersionTag,
        /// The one the cost map depends on.
        cost: VersionTag,
    },
    /// The prefixes make no map.
    Prefixes(PrefixFault),
    /// The costs make no table.
    Costs(CostFault),
    /// The table needs more octets than all tables may take.
    Memory {
        /// What it needs.
        needed: usize,
        /// What there may be.
        limit: usize,
    },
    /// The server only ranks, and so many candidates do not fit into one question: ranks of two
    /// answers cannot be compared.
    TooManyToRank(usize),
    /// The server was found for another network than the consumer's, for which it does not speak.
    NotSpokenFor,
    /// The work on it was broken off.
    BrokenOff,
}

impl Error {
    pub(crate) fn new(uri: &Url, fault: impl Into<Fault>) -> Self {
        Self { uri: uri.clone(), fault: Box::new(fault.into()) }
    }

    /// A short stable code for output, logs and tests.
    pub fn code(&self) -> &'static str {
        match &*self.fault {
            Fault::Fetch(fault) => fault.code(),
            Fault::Message(fault) => fault.code(),
            Fault::ErrorBody(_) => "error-body",
            Fault::Link(_) => "bad-uri",
            Fault::Downgrade(_) => "link-downgrade",
            Fault::OtherSite(_) => "other-site",
            Fault::NoNetworkMap(_) => messages::code::NO_NETWORK_MAP,
            Fault::NoMetric { .. } => "no-metric",
            Fault::OtherCosts { .. } => "other-cost-type",
            Fault::Versions { .. } => "version-mismatch",
            Fault::Prefixes(_) => "bad-network-map",
            Fault::Costs(_) => "bad-cost-map",
            Fault::Memory { .. } => code::LIMIT,
            Fault::TooManyToRank(_) => "too-many-to-rank",
            Fault::NotSpokenFor => "not-spoken-for",
            Fault::BrokenOff => code::INTERNAL,
        }
    }

    /// Whether we refused what came or where it led; otherwise a later try may succeed.
    pub fn is_refusal(&self) -> bool {
        match &*self.fault {
            Fault::Fetch(alto_fetch::Fault::Status(reply)) => reply.status < 500,
            Fault::Fetch(fault) => fault.is_refusal(),
            Fault::BrokenOff => false,
            _ => true,
        }
    }

    /// Whether it lies with the way to the server, or with the server's health: a connection, time,
    /// a body that broke off, a status that asks to come again.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(&*self.fault, Fault::Fetch(fault) if !fault.is_refusal())
    }

    /// Whether nothing was heard of the host: no address of it, no connection.
    pub(crate) fn is_unreachable(&self) -> bool {
        use alto_fetch::Fault::{Name, Slow, Unreachable};
        matches!(
            &*self.fault,
            Fault::Fetch(Name(_) | Unreachable(_) | Slow(alto_fetch::Phase::Connect))
        )
    }

    /// When asking again may help, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.fault {
            Fault::Fetch(alto_fetch::Fault::Status(reply)) => reply.retry_after,
            _ => None,
        }
    }

    /// Whether the fault lies with us and says nothing of the server.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(
            *self.fault,
            Fault::Fetch(alto_fetch::Fault::Busy) | Fault::BrokenOff | Fault::NotSpokenFor
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.uri, self.fault)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(alto_fetch::Fault::Status(reply)) => {
                write!(f, "HTTP status {}", reply.status)?;
                error_body(reply).map_or(Ok(()), |body| write!(f, ", {body}"))
            }
            Self::Fetch(fault) => fault.fmt(f),
            Self::Message(fault) => fault.fmt(f),
            Self::ErrorBody(body) => write!(f, "an error body: {body}"),
            Self::Link(fault) => write!(f, "a link in the directory: {fault}"),
            Self::Downgrade(uri) => write!(f, "a link from https to {uri}"),
            Self::OtherSite(uri) => {
                write!(f, "a link to another site, {uri} (allowed by guidance.links = any)")
            }
            Self::NoNetworkMap(id) => {
                write!(f, "its default-alto-network-map is {id}, and there is no such network map")
            }
            Self::NoMetric { wanted, offered } => {
                let offered: Vec<String> = offered.iter().map(cost_type_text).collect();
                write!(f, "the metric {wanted} is not offered; there are: {}", offered.join(", "))
            }
            Self::OtherCosts { advertised, found } => {
                let (advertised, found) = (cost_type_text(advertised), cost_type_text(found));
                write!(f, "costs are {found} where the directory says {advertised}")
            }
            Self::Versions { network, cost } => write!(
                f,
                "the cost map is for version {} of {}, the network map is version {} of {}",
                cost.tag, cost.resource_id, network.tag, network.resource_id
            ),
            Self::Prefixes(fault) => fault.fmt(f),
            Self::Costs(fault) => fault.fmt(f),
            Self::Memory { needed, limit } => {
                write!(f, "its table takes {needed} octets, all tables may take {limit}")
            }
            Self::TooManyToRank(most) => {
                write!(f, "the server ranks, and takes no more than {most} candidates at once")
            }
            Self::NotSpokenFor => f.write_str("the server does not speak for this consumer"),
            Self::BrokenOff => f.write_str("the work on it was broken off"),
        }
    }
}

fn cost_type_text(cost_type: &CostType) -> String {
    format!("{} ({})", cost_type.metric, cost_type.mode.as_str())
}

/// What an ALTO server says of its refusal (RFC 7285 §8.5).
fn error_body(reply: &StatusReply) -> Option<ErrorBody> {
    let kind = reply.media_type.as_deref().and_then(MediaType::named);
    kind.filter(|kind| *kind == MediaType::Error)?;
    Some(ErrorBody::parse(&reply.body, &ReadOptions::lenient()).ok()?.message)
}

impl From<alto_fetch::Error> for Error {
    fn from(error: alto_fetch::Error) -> Self {
        Self { uri: error.uri, fault: Box::new(Fault::Fetch(error.fault)) }
    }
}

impl From<messages::Fault> for Fault {
    fn from(fault: messages::Fault) -> Self {
        Self::Message(fault)
    }
}

impl From<PrefixFault> for Fault {
    fn from(fault: PrefixFault) -> Self {
        Self::Prefixes(fault)
    }
}

impl From<CostFault> for Fault {
    fn from(fault: CostFault) -> Self {
        Self::Costs(fault)
    }
}

/// Something forgiven, or allowed and yet worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The resource it is about.
    pub uri: Url,
    /// The stable code: one of [`alto_messages::code`], or of [`Error::code`] for a part that was
    /// done without, or `unknown-pid`, or `stale`.
    pub code: &'static str,
    /// What it is.
    pub message: String,
}

impl Warning {
    pub(crate) fn new(uri: &Url, warning: &messages::Warning) -> Self {
        Self { uri: uri.clone(), code: warning.code(), message: warning.to_string() }
    }

    /// A failure that could be done without.
    pub(crate) fn of_error(error: &Error) -> Self {
        Self { uri: error.uri.clone(), code: error.code(), message: error.fault.to_string() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.uri, self.code, self.message)
    }
}
