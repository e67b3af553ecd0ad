//! What the HTTP library's errors mean.

use std::error::Error as StdError;
use std::io;

use crate::error::{Fault, Phase};
use crate::tls::TlsFault;

/// The fault behind an error of the HTTP client: our own refusals come back as they were, TLS
/// faults by name, the rest as unreachable, slow or broken.
pub(crate) fn fault(error: &reqwest::Error) -> Fault {
    let causes = causes(error);
    let named = causes.iter().find_map(|cause| own_fault(*cause).or_else(|| tls_fault(*cause)));
    if let Some(fault) = named {
        return fault;
    }
    let innermost = || causes.last().map(ToString::to_string).unwrap_or_default().into();
    if causes.iter().any(|cause| is_head_too_large(*cause)) {
        Fault::HeadersTooLarge
    } else if error.is_builder() {
        Fault::Request(innermost())
    } else if error.is_connect() && error.is_timeout() {
        Fault::Slow(Phase::Connect)
    } else if error.is_connect() {
        Fault::Unreachable(innermost())
    } else {
        Fault::Broken(innermost())
    }
}

/// The error and all behind it, outermost first. An I/O error hides the error it wraps from
/// `source`, so it is opened by hand.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let wrapped = |cause: &'a (dyn StdError + 'static)| {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| cause.source())
    };
    std::iter::successors(Some(error), |cause| wrapped(*cause)).collect()
}

fn own_fault(cause: &(dyn StdError + 'static)) -> Option<Fault> {
    cause.downcast_ref::<Fault>().cloned()
}

fn tls_fault(cause: &(dyn StdError + 'static)) -> Option<Fault> {
    let cause = cause.downcast_ref::<rustls::Error>()?;
    Some(Fault::Tls { fault: TlsFault::of(cause), message: cause.to_string().into() })
}

fn is_head_too_large(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref().is_some_and(hyper::Error::is_parse_too_large)
}
