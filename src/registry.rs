//! Which backends, and what else, are built in: the only file that knows them by name.
//!
//! A new backend is one line in [`registry!`] below, and its crate as an optional dependency with a
//! feature of the same name. What has settings and is no backend is a line in [`sections!`].

use std::sync::Arc;

use alto_discovery_core::{Backend, BoxFuture, Error, Finding, Policy};

registry! {
    "dns" => dns: alto_backend_dns::DnsConfig,
}

sections! {
    "guidance" => guidance: alto_guidance::GuidanceConfig, "What is asked of the servers found.";
    "guidance" => fetch: alto_guidance::FetchConfig, "How HTTP resources are fetched.";
    "guidance" => select: crate::SelectConfig, "How peers are chosen.";
    "guidance" => opentracker: crate::OpentrackerConfig, "What the object for opentracker does beside.";
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
    pub(crate) build: Build,
    pub(crate) examine: Examine,
}

type Examine = fn(&Backends, Policy) -> BoxFuture<'_, Vec<Finding>>;
type Build = fn(&Backends, Policy) -> Result<Arc<dyn Backend>, Error>;

/// The built-in backend of this name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

macro_rules! registry {
    ($($feature:literal => $name:ident: $config:ty,)*) => {
        /// The configuration of each backend that is built in.
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct Backends {
            $(
                #[doc = concat!("Settings of backend `", $feature, "`.")]
                #[cfg(feature = $feature)]
                pub $name: $config,
            )*
        }

        pub(crate) const ENTRIES: &[Entry] = &[$(
            #[cfg(feature = $feature)]
            Entry {
                name: <$config as $crate::BackendConfig>::NAME,
                keys: <$config as $crate::BackendConfig>::KEYS,
                set: |backends, key, value| $crate::BackendConfig::set(&mut backends.$name, key, value),
                get: |backends, key| $crate::BackendConfig::get(&backends.$name, key),
                build: |backends, policy| $crate::BackendConfig::build(&backends.$name, policy),
                examine: |backends, policy| $crate::BackendConfig::examine(&backends.$name, policy),
            },
        )*];
    };
}
use registry;

macro_rules! sections {
    ($($feature:literal => $name:ident: $config:ty, $doc:literal;)*) => {
        /// The configuration of what is built in beside backends.
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct Sections {
            $(
                #[doc = $doc]
                #[cfg(feature = $feature)]
                pub $name: $config,
            )*
        }

        pub(crate) const SECTIONS: &[Section] = &[$(
            #[cfg(feature = $feature)]
            Section {
                keys: <$config>::KEYS,
                set: |sections, key, value| sections.$name.set(key, value),
                get: |sections, key| sections.$name.get(key),
            },
        )*];
    };
}
use sections;
