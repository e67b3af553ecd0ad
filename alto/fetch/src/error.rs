//! What can go wrong on the way to a resource, each with its own code.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{self as core, Cause, Refusal, Trace, UriFault, code};
use url::Url;

use crate::tls::TlsFault;

/// Why a resource was not fetched, and at which URI that became clear (after redirects it is not
/// the one asked for).
#[derive(Clone, Debug)]
pub struct Error {
    /// The URI at which it ended.
    pub uri: Url,
    /// What happened there.
    pub fault: Fault,
}

impl Error {
    /// A short stable code for output, logs and tests.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// When asking again may help, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.fault {
            Fault::Status(reply) => reply.retry_after,
            _ => None,
        }
    }

    /// The same error as a backend reports it: what we refuse is "rejected", all else
    /// "unavailable".
    pub fn into_discovery(self, backend: &'static str, trace: Trace) -> core::Error {
        let retry_after = self.retry_after();
        let refused = self.fault.is_refusal();
        let cause = Cause::from_error(self.code(), self.to_string(), self);
        if refused {
            core::Error::Rejected { backend, cause, trace }
        } else {
            core::Error::Unavailable { backend, retry_after, cause, trace }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.uri, self.fault)
    }
}

impl StdError for Error {}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The URI is none that we look at.
    Uri(UriFault),
    /// The URI or an address of its host may not be contacted.
    Policy(Refusal),
    /// The host is this machine, and servers in private space are not allowed.
    OwnAddress(IpAddr),
    /// The host's name has no address, or the system's resolver failed.
    Name(Box<str>),
    /// No connection: refused, no route, no file descriptor, or lost before a reply.
    Unreachable(Box<str>),
    /// Too many requests are under way and waiting already; nothing was sent.
    Busy,
    /// It took too long.
    Slow(Phase),
    /// No trust in the server, or no common TLS.
    Tls {
        /// Which.
        fault: TlsFault,
        /// In the words of the TLS library.
        message: Box<str>,
    },
    /// A redirect that is not followed.
    Redirect(RedirectFault),
    /// A status other than success.
    Status(Box<StatusReply>),
    /// The reply's headers are too many or too long.
    HeadersTooLarge,
    /// The body, decoded, is larger than this many octets.
    TooLarge(u64),
    /// The body grew more than this many times when decoded.
    Inflated(u64),
    /// An encoding we did not ask for, or a body that is not what its encoding says.
    Encoding(Box<str>),
    /// The reply broke off or is no HTTP.
    Broken(Box<str>),
    /// The request could not be built: a fault of the caller's or ours.
    Request(Box<str>),
}

impl Fault {
    /// A short stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Uri(_) => "bad-uri",
            Self::Policy(_) | Self::OwnAddress(_) => code::POLICY,
            Self::Name(_) => "no-address",
            Self::Unreachable(_) => code::UNREACHABLE,
            Self::Busy => code::LIMIT,
            Self::Slow(Phase::Rate) => "too-slow",
            Self::Slow(_) => code::TIMEOUT,
            Self::Tls { fault, .. } => fault.code(),
            Self::Redirect(fault) => fault.code(),
            Self::Status(_) => "http-status",
            Self::HeadersTooLarge => "headers-too-large",
            Self::TooLarge(_) => "too-large",
            Self::Inflated(_) => "inflated",
            Self::Encoding(_) => "bad-encoding",
            Self::Broken(_) => "broken-reply",
            Self::Request(_) => code::INTERNAL,
        }
    }

    /// Whether we refused what came or where it led; otherwise a later try may succeed.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Status(reply) => reply.is_refusal(),
            Self::Name(_)
            | Self::Unreachable(_)
            | Self::Busy
            | Self::Slow(_)
            | Self::Broken(_)
            | Self::Request(_) => false,
            Self::Uri(_)
            | Self::Policy(_)
            | Self::OwnAddress(_)
            | Self::Tls { .. }
            | Self::Redirect(_)
            | Self::HeadersTooLarge
            | Self::TooLarge(_)
            | Self::Inflated(_)
            | Self::Encoding(_) => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(fault) => fault.fmt(f),
            Self::Policy(refusal) => refusal.fmt(f),
            Self::OwnAddress(address) => write!(f, "{address} is an address of this machine"),
            Self::Name(what) => write!(f, "no address for the host: {what}"),
            Self::Unreachable(what) => write!(f, "no connection: {what}"),
            Self::Busy => f.write_str("too many requests are under way"),
            Self::Slow(phase) => phase.fmt(f),
            Self::Tls { fault, message } => write!(f, "{fault} ({message})"),
            Self::Redirect(fault) => fault.fmt(f),
            Self::Status(reply) => write!(f, "HTTP status {}", reply.status),
            Self::HeadersTooLarge => f.write_str("too many or too long reply headers"),
            Self::TooLarge(limit) => write!(f, "body larger than {limit} octets"),
            Self::Inflated(ratio) => write!(f, "body grows more than {ratio} times when decoded"),
            Self::Encoding(what) => write!(f, "content encoding: {what}"),
            Self::Broken(what) => write!(f, "broken reply: {what}"),
            Self::Request(what) => write!(f, "no such request can be sent: {what}"),
        }
    }
}

impl StdError for Fault {}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for other requests, or for all of it: the caller's deadline or the total.
    Total,
    /// Finding the host's addresses, connecting, the TLS handshake.
    Connect,
    /// The reply's headers.
    Headers,
    /// The next octet of the body.
    Idle,
    /// The body as a whole: it came, but below the least rate.
    Rate,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "not done in time",
            Self::Connect => "not connected in time",
            Self::Headers => "no reply headers in time",
            Self::Idle => "the body stopped coming",
            Self::Rate => "the body comes too slowly",
        })
    }
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectFault {
    /// It leads to where we have been.
    Loop,
    /// There were this many hops already.
    TooMany(u16),
    /// From https to anything else.
    Downgrade,
    /// Its status forbids repeating the method (301 or 302 after a POST).
    Method,
    /// Not exactly one `Location`, or one that is no text.
    Location,
}

impl RedirectFault {
    /// A short stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Loop => "redirect-loop",
            Self::TooMany(_) => "too-many-redirects",
            Self::Downgrade => "redirect-downgrade",
            Self::Method => "redirect-method",
            Self::Location => "redirect-location",
        }
    }
}

impl fmt::Display for RedirectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop => f.write_str("redirected to where we have been"),
            Self::TooMany(limit) => write!(f, "redirected more than {limit} times"),
            Self::Downgrade => f.write_str("redirected from https to an unprotected scheme"),
            Self::Method => f.write_str("a POST redirected by a status for GET"),
            Self::Location => f.write_str("redirected without one readable Location"),
        }
    }
}

impl StdError for RedirectFault {}

/// A reply whose status is no success. ALTO servers put an error body into it (RFC 7285 §8.5).
#[derive(Clone, Debug)]
pub struct StatusReply {
    /// The status code.
    pub status: u16,
    /// From `Retry-After`, at most an hour.
    pub retry_after: Option<Duration>,
    /// The media type, lower case, without parameters.
    pub media_type: Option<Box<str>>,
    /// The body if it could be had, at most [`MAX_ERROR_OCTETS`](crate::MAX_ERROR_OCTETS).
    pub body: Arc<[u8]>,
}

impl StatusReply {
    /// Whether asking again later is of no use: a 4xx that blames the request, or a status that is
    /// no reply to it.
    fn is_refusal(&self) -> bool {
        !(self.status >= 500 || matches!(self.status, 408 | 425 | 429))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend's caller can tell "ask later" from "refused", with the code kept.
    #[test]
    fn refusals_and_failures_stay_apart() {
        let convert = |fault| {
            let uri = "https://a.example/".parse().unwrap();
            Error { uri, fault }.into_discovery("redirect", Trace::default())
        };
        let status = |status| {
            let retry_after = Some(Duration::from_secs(7));
            let reply = StatusReply { status, retry_after, media_type: None, body: Arc::default() };
            Fault::Status(Box::new(reply))
        };
        for fault in [Fault::Policy(Refusal::Port(22)), Fault::TooLarge(1), status(404)] {
            let code = fault.code();
            let error = convert(fault);
            assert!(matches!(error, core::Error::Rejected { .. }), "{error}");
            assert_eq!(error.code(), code);
        }
        for fault in [Fault::Busy, Fault::Slow(Phase::Headers), Fault::Broken("".into())] {
            let code = fault.code();
            let error = convert(fault);
            assert!(matches!(error, core::Error::Unavailable { retry_after: None, .. }), "{error}");
            assert_eq!(error.code(), code);
        }
        let core::Error::Unavailable { retry_after, .. } = convert(status(503)) else {
            panic!("a busy server is no refusal")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }
}
