//! From the names of an access network to its servers (RFC 7286 §3.2).

use std::sync::Arc;

use alto_backend_dns::DnsBackend;
use alto_discovery_core::{Answer, Call, Cause, Error, Trace, code};

use super::access::{Access, Named};
use crate::Config;

/// What came of one name.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The name.
    pub named: Named,
    /// The servers that the network names there, or why there are none.
    pub outcome: Result<Arc<Answer>, Error>,
}

impl Access {
    /// Tries the names in their order, up to the first that gives a server or fails: the next one is
    /// tried only if there surely is none (RFC 5986 §3.4). Who asks again after a failure should wait as
    /// long as the error says (RFC 7286 §3.2). Must be polled inside a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key. What comes of each name is its own.
    pub async fn find(&self, config: &Config, call: &Call) -> Result<Vec<Tried>, Error> {
        let dns = DnsBackend::new(&config.backends.dns, config.policy)?;
        let mut tried = Vec::new();
        for named in &self.names {
            let outcome = match &named.domain {
                Ok(domain) => dns.at_domain(domain.name(), self.host(), call).await,
                Err(fault) => Err(Error::Rejected {
                    backend: "dhcp",
                    cause: Cause::from_error(code::INVALID_INPUT, fault.to_string(), *fault),
                    trace: Trace::default(),
                }),
            };
            let goes_on = match &outcome {
                Err(Error::NoServer(_)) => true,
                Err(_) => named.domain.is_err(),
                Ok(_) => false,
            };
            tried.push(Tried { named: named.clone(), outcome });
            if !goes_on {
                break;
            }
        }
        Ok(tried)
    }
}
