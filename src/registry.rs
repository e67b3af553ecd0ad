//! Which backends, and what else, are built in: the only file that knows them by name.
//!
//! A new backend is one line in [`registry!`] below, and its crate as an optional dependency with a
//! feature of the same name; in braces, the sections that its configuration has a field for. What has
//! settings and is no backend is a line in [`sections!`].

use std::sync::Arc;

use alto_discovery_core::{Backend, BoxFuture, Error, Finding, Place, Policy};

registry! {
    "peerinfo" => peerinfo: alto_backend_peerinfo::PeerInfoConfig {},
    "dns" => dns: alto_backend_dns::DnsConfig {},
    "redirect" => redirect: alto_backend_redirect::RedirectConfig { fetch },
}

sections! {
    feature = "guidance" => guidance: alto_guidance::GuidanceConfig, "What is asked of the servers found.";
    any(feature = "guidance", feature = "redirect") => fetch: alto_fetch::FetchConfig, "How HTTP resources are fetched.";
    feature = "guidance" => select: crate::SelectConfig, "How peers are chosen.";
    feature = "guidance" => claims: crate::ClaimsConfig, "How far what peers claim goes.";
    feature = "guidance" => opentracker: crate::OpentrackerConfig, "What the object for opentracker does beside.";
}

/// Something with settings that is no backend.
pub(crate) struct Section {
    pub(crate) keys: &'static [&'static str],
    pub(crate) set: fn(&mut Sections, &str, &str) -> Result<(), Error>,
    pub(crate) get: fn(&Sections, &str) -> Option<String>,
}

/// A backend that is built in, seen through its configuration.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
    pub(crate) set: fn(&mut Backends, &str, &str) -> Result<(), Error>,
    pub(crate) get: fn(&Backends, &str) -> Option<String>,
    pub(crate) place: fn(&Backends) -> Place,
    pub(crate) build: Build,
    pub(crate) examine: Examine,
}

type Examine = fn(&Backends, &Sections, Policy) -> BoxFuture<'static, Vec<Finding>>;
type Build = fn(&Backends, &Sections, Policy) -> Result<Arc<dyn Backend>, Error>;

/// The built-in backend of this name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// The names of the backends that are asked unless the configuration names others: those that are off
/// until they are switched on, and the first one that asks anybody.
pub(crate) fn default_order() -> Vec<String> {
    let backends = Backends::default();
    let is_off = |entry: &&Entry| (entry.place)(&backends) == Place::Nowhere;
    let off = ENTRIES.iter().filter(is_off);
    let first = ENTRIES.iter().find(|entry| !is_off(entry));
    off.chain(first).map(|entry| entry.name.to_owned()).collect()
}

macro_rules! registry {
    ($($feature:literal => $name:ident: $($config:ident)::+ { $($section:ident)? },)*) => {
        /// The configuration of each backend that is built in.
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct Backends {
            $(
                #[doc = concat!("Settings of backend `", $feature, "`.")]
                #[cfg(feature = $feature)]
                pub $name: $($config)::+,
            )*
        }

        $(
            #[cfg(feature = $feature)]
            mod $name {
                use super::{Backends, Sections};

                /// The backend's own configuration with the sections that it shares.
                pub(super) fn config(backends: &Backends, sections: &Sections) -> $($config)::+ {
                    let _ = sections;
                    #[allow(unused_mut)]
                    let mut config = backends.$name.clone();
                    $(config.$section = sections.$section.clone();)?
                    config
                }
            }
        )*

        pub(crate) const ENTRIES: &[Entry] = &[$(
            #[cfg(feature = $feature)]
            Entry {
                name: <$($config)::+ as $crate::BackendConfig>::NAME,
                keys: <$($config)::+ as $crate::BackendConfig>::KEYS,
                set: |backends, key, value| $crate::BackendConfig::set(&mut backends.$name, key, value),
                get: |backends, key| $crate::BackendConfig::get(&backends.$name, key),
                place: |backends| $crate::BackendConfig::place(&backends.$name),
                build: |backends, sections, policy| {
                    $crate::BackendConfig::build(&$name::config(backends, sections), policy)
                },
                examine: |backends, sections, policy| {
                    let config = $name::config(backends, sections);
                    Box::pin(async move { $crate::BackendConfig::examine(&config, policy).await })
                },
            },
        )*];
    };
}
use registry;

macro_rules! sections {
    ($($gate:meta => $name:ident: $config:ty, $doc:literal;)*) => {
        /// The configuration of what is built in beside backends.
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct Sections {
            $(
                #[doc = $doc]
                #[cfg($gate)]
                pub $name: $config,
            )*
        }

        pub(crate) const SECTIONS: &[Section] = &[$(
            #[cfg($gate)]
            Section {
                keys: <$config>::KEYS,
                set: |sections, key, value| sections.$name.set(key, value),
                get: |sections, key| sections.$name.get(key),
            },
        )*];
    };
}
use sections;
