//! How far a claim goes.

use std::time::Duration;

use alto_discovery_core::{Error, Setting, SettingValue as _};

use crate::advisor::Share;
use crate::advisor::config::parse;

/// How far a peer's word goes, where `peerinfo.trust` lets it count at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimsConfig {
    /// The most of a reply that a server which only the peer names, or guidance it sent, may fill
    /// (`claims.share`).
    pub share: Share,
    /// Hosts not contacted lately that the claims of one /24 (IPv4) or /48 (IPv6) may lead to in a
    /// minute (`claims.new_hosts`); 0 for none.
    pub new_hosts: u32,
    /// A host and port without a table is contacted for claims once in this time, whatever came of it
    /// (`claims.pause`).
    pub pause: Duration,
    /// The most fetches for claims at once (`claims.fetches`), so that places are left for what
    /// networks say.
    pub fetches: usize,
    /// What part of `guidance.memory` the tables that only peers name may take beside the others
    /// (`claims.memory`).
    pub memory: Share,
}

const SHARE: Setting<Share> = Setting {
    key: "claims.share",
    default: Share::permille(500),
    floor: Share::NONE,
    ceiling: Share::permille(500),
    source: "decision: a liar's own reply stays half random; less where claims count for anybody",
};

const NEW_HOSTS: Setting<u32> = Setting {
    key: "claims.new_hosts",
    default: 5,
    floor: 0,
    ceiling: 1_000,
    source: "decision: a network has few servers; whoever names more wants others contacted",
};

const PAUSE: Setting<Duration> = Setting {
    key: "claims.pause",
    default: Duration::from_secs(600),
    floor: Duration::from_secs(10),
    ceiling: Duration::from_secs(86_400),
    source: "decision: what nobody believed notices of one contact in ten minutes is no attack",
};

const FETCHES: Setting<usize> = Setting {
    key: "claims.fetches",
    default: 4,
    floor: 1,
    ceiling: 64,
    source: "decision: a quarter of the 16 requests that may be under way",
};

const MEMORY: Setting<Share> = Setting {
    key: "claims.memory",
    default: Share::permille(100),
    floor: Share::NONE,
    ceiling: Share::ALL,
    source: "decision: enough for small maps; large ones belong to networks",
};

impl Default for ClaimsConfig {
    fn default() -> Self {
        Self {
            share: SHARE.default,
            new_hosts: NEW_HOSTS.default,
            pause: PAUSE.default,
            fetches: FETCHES.default,
            memory: MEMORY.default,
        }
    }
}

impl ClaimsConfig {
    /// All keys.
    pub const KEYS: &'static [&'static str] =
        &[SHARE.key, NEW_HOSTS.key, PAUSE.key, FETCHES.key, MEMORY.key];

    /// Sets `key` to the value that `text` says.
    ///
    /// # Errors
    /// If there is no such key, or the value is no such value or out of bounds.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        match key {
            _ if key == SHARE.key => self.share = parse(&SHARE, text)?,
            _ if key == NEW_HOSTS.key => self.new_hosts = parse(&NEW_HOSTS, text)?,
            _ if key == PAUSE.key => self.pause = parse(&PAUSE, text)?,
            _ if key == FETCHES.key => self.fetches = parse(&FETCHES, text)?,
            _ if key == MEMORY.key => self.memory = parse(&MEMORY, text)?,
            _ => return Err(Error::config(key, "no such key")),
        }
        Ok(())
    }

    /// The value of `key` as [`set`](Self::set) reads it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        match key {
            _ if key == SHARE.key => Some(self.share.show()),
            _ if key == NEW_HOSTS.key => Some(self.new_hosts.show()),
            _ if key == PAUSE.key => Some(self.pause.show()),
            _ if key == FETCHES.key => Some(self.fetches.show()),
            _ if key == MEMORY.key => Some(self.memory.show()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key can be read and written back; what is no value or out of bounds is refused by name.
    #[test]
    fn keys_are_complete() {
        for key in ClaimsConfig::KEYS {
            let mut config = ClaimsConfig::default();
            let text = config.get(key).unwrap();
            config.set(key, &text).unwrap();
            assert_eq!(config, ClaimsConfig::default(), "{key}");
            let refused = config.set(key, "no value").unwrap_err().to_string();
            assert!(refused.contains(key), "{refused}");
        }
        for (key, text) in [
            ("claims.share", "0.51"),
            ("claims.new_hosts", "1001"),
            ("claims.pause", "9s"),
            ("claims.fetches", "0"),
            ("claims.memory", "101%"),
            ("claims.other", "1"),
        ] {
            let refused = ClaimsConfig::default().set(key, text).unwrap_err().to_string();
            assert!(refused.contains(key), "{refused}");
        }
        assert_eq!(ClaimsConfig::default().get("claims.other"), None);
    }
}
