//! What a handle holds beside its threads.

use std::sync::Arc;

use facade::{Advisor, Config, Error};

use crate::clock::Clock;
use crate::finder::Counts;
use crate::swarms::Swarms;

/// What is found, learnt and kept. It can be used without threads; then nothing new is learnt.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) advisor: Advisor,
    pub(crate) swarms: Swarms,
    pub(crate) clock: Clock,
    pub(crate) counts: Arc<Counts>,
    /// The most lookups under way at once.
    pub(crate) most: usize,
}

impl Stack {
    /// Reads the files that the configuration names, and those of the system.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            advisor: Advisor::new(config)?,
            swarms: Swarms::default(),
            clock: Clock::new(),
            counts: Arc::default(),
            most: config.calls,
        })
    }
}
