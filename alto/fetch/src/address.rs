//! Which addresses are connected to: each one checked before it is used, and none looked up twice.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use alto_discovery_core::{BoxFuture, Policy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::error::Fault;

/// Finds the addresses of a host by its name. Replaceable: a host program may have a resolver of
/// its own, and tests their own world.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `host`, a name as it stands in a URI.
    ///
    /// # Errors
    /// If there is none, or it cannot be told.
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver, as the other programs on this machine use it: `/etc/hosts`,
/// `/etc/resolv.conf` with its search list, `nsswitch.conf`.
#[derive(Debug)]
pub struct SystemLookup {
    slots: Arc<Semaphore>,
}

/// A lookup blocks a thread until the system gives up, whether or not somebody still waits for it.
const LOOKUPS_AT_ONCE: usize = 16;

impl Default for SystemLookup {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)) }
    }
}

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let slots = Arc::clone(&self.slots);
        let host = host.to_owned();
        Box::pin(async move {
            let slot = slots.acquire_owned().await.map_err(io::Error::other)?;
            // Spawned, so that the slot is held as long as the thread, not as long as the caller.
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((host.as_str(), 0)).await;
                drop(slot);
                found.map(|addresses| addresses.map(|address| address.ip()).collect())
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}

/// The check that each address must pass.
#[derive(Clone)]
pub(crate) struct Guard {
    check: Arc<AddressCheck>,
}

type AddressCheck = dyn Fn(&[IpAddr]) -> Result<(), Fault> + Send + Sync;

impl Guard {
    /// The check of `policy`; unless it allows private servers, this machine's own addresses are
    /// denied too, since behind them are services that listen for this machine only.
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with_own_addresses(policy, interface_addresses)
    }

    fn with_own_addresses(
        policy: Policy,
        own: impl Fn() -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self::from_check(move |addresses| {
            for address in addresses {
                policy.check_address(*address).map_err(Fault::Policy)?;
            }
            if policy.allow_private_servers {
                return Ok(());
            }
            // Interfaces come and go, so they are asked for each time.
            let own = own().map_err(|fault| Fault::Unreachable(fault.to_string().into()))?;
            let mine = addresses.iter().find(|address| own.contains(address));
            mine.map_or(Ok(()), |address| Err(Fault::OwnAddress(*address)))
        })
    }

    /// A check of any kind.
    pub(crate) fn from_check(
        check: impl Fn(&[IpAddr]) -> Result<(), Fault> + Send + Sync + 'static,
    ) -> Self {
        Self { check: Arc::new(check) }
    }

    /// Refuses all of `addresses` if one of them is denied: a name with a public and a private
    /// address is an attempt, not an accident.
    pub(crate) fn check(&self, addresses: &[IpAddr]) -> Result<(), Fault> {
        (self.check)(addresses)
    }

    /// Checks the host of `uri` if it is an address: the HTTP client looks up names only.
    pub(crate) fn check_literal(&self, uri: &Url) -> Result<(), Fault> {
        match uri.host() {
            Some(Host::Ipv4(address)) => self.check(&[address.into()]),
            Some(Host::Ipv6(address)) => self.check(&[address.into()]),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    Ok(interfaces.iter().map(if_addrs::Interface::ip).collect())
}

/// What the HTTP client asks for addresses, and the only source from which it gets them: the
/// addresses that were checked are the ones connected to (no rebinding in between).
pub(crate) struct CheckedLookup {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) guard: Guard,
}

impl Resolve for CheckedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str());
        let guard = self.guard.clone();
        Box::pin(async move {
            let addresses = found.await.map_err(|fault| Fault::Name(fault.to_string().into()))?;
            if addresses.is_empty() {
                return Err(Fault::Name("it has none".into()).into());
            }
            guard.check(&addresses)?;
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// One denied address refuses them all, wherever it stands.
    #[test]
    fn any_denied_address_refuses_all() {
        let guard = Guard::with_own_addresses(Policy::default(), || Ok(Vec::new()));
        guard.check(&addresses(&["192.0.2.1", "2001:db8::1"])).unwrap();
        for denied in ["10.0.0.1", "::1", "::ffff:192.0.2.1", "64:ff9b::c000:201"] {
            for texts in [["192.0.2.1", denied], [denied, "192.0.2.1"]] {
                let refused = guard.check(&addresses(&texts));
                assert!(matches!(refused, Err(Fault::Policy(_))), "{texts:?}");
            }
        }
    }

    /// Own addresses are denied although public, unless private servers are allowed; if they
    /// cannot be told, nothing passes.
    #[test]
    fn own_addresses_are_denied() {
        let own = || Ok(addresses(&["198.51.100.7"]));
        let private = Policy { allow_private_servers: true, ..Policy::default() };
        let mine = addresses(&["198.51.100.8", "198.51.100.7"]);
        let refused = Guard::with_own_addresses(Policy::default(), own).check(&mine);
        assert!(matches!(refused, Err(Fault::OwnAddress(_))));
        Guard::with_own_addresses(private, own).check(&mine).unwrap();
        let unknown = || Err(io::ErrorKind::PermissionDenied.into());
        Guard::with_own_addresses(Policy::default(), unknown).check(&mine).unwrap_err();
    }

    /// The system's resolver knows this machine by the name that `/etc/hosts` gives it.
    #[tokio::test]
    async fn the_system_resolves() {
        let found = SystemLookup::default().lookup("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }

    /// The interfaces of this machine are seen: at least its loopback.
    #[test]
    fn interfaces_are_seen() {
        assert!(interface_addresses().unwrap().iter().any(IpAddr::is_loopback));
    }
}
