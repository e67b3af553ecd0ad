//! How to walk, from the configuration.

use alto_discovery_core::Policy;

use crate::naptr::Reading;
use crate::plan::{Granularity, Transition};
use crate::scope::NxdomainCut;
use crate::service::Service;

/// What DNSSEC has to say in a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnssecMode {
    /// Nothing.
    Off,
    /// Its state is recorded.
    #[default]
    Prefer,
    /// Only authenticated records are used, and the walk stops at the first question that fails, so
    /// that breaking a longer name cannot bring a shorter one to power.
    Require,
}

/// How to walk, from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What is looked for.
    pub service: Service,
    /// What is asked for a host.
    pub granularity: Granularity,
    /// What else is asked for transition addresses.
    pub transition: Transition,
    /// How records are read.
    pub reading: Reading,
    /// What DNSSEC has to say.
    pub dnssec: DnssecMode,
    /// What a denial settles.
    pub nxdomain_cut: NxdomainCut,
    /// Who may be asked for and contacted.
    pub policy: Policy,
}
