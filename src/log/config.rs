//! What is told, and where.

use alto_discovery_core::Error;

/// What is told, and where (`log.level`, `log.target`). Nothing is, unless a target is set.
///
/// Up to [`Level::Info`] a peer is told by its /24 or /48, a server by its host, a fault by its code.
/// [`Level::Debug`] tells addresses and reasons in full: for an operator's own tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// The least severe lines that are told.
    pub level: Level,
    /// Where they go.
    pub target: Target,
}

/// How severe a line is, worst first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something was refused: forged data, or what policy forbids.
    Error,
    /// Something fails for a while: resolvers, servers.
    #[default]
    Warn,
    /// What was learnt of servers.
    Info,
    /// Each discovery.
    Debug,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Nowhere.
    #[default]
    None,
    /// Standard error.
    Stderr,
    /// The system's log, as a daemon's, by `/dev/log`.
    Syslog,
}

const LEVEL: &str = "log.level";
const TARGET: &str = "log.target";
const LEVELS: [(&str, Level); 4] = [
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
];
const TARGETS: [(&str, Target); 3] =
    [("none", Target::None), ("stderr", Target::Stderr), ("syslog", Target::Syslog)];

impl LogConfig {
    /// All keys.
    pub const KEYS: &'static [&'static str] = &[LEVEL, TARGET];

    /// Sets `key` to the value that `text` says.
    ///
    /// # Errors
    /// If there is no such key or value.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        match key {
            LEVEL => self.level = named(key, text, &LEVELS)?,
            TARGET => self.target = named(key, text, &TARGETS)?,
            _ => return Err(Error::config(key, "no such key")),
        }
        Ok(())
    }

    /// The value of `key` as [`set`](Self::set) reads it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        match key {
            LEVEL => Some(name(&self.level, &LEVELS)),
            TARGET => Some(name(&self.target, &TARGETS)),
            _ => None,
        }
    }
}

impl Level {
    /// As configurations say it.
    pub(super) fn name(self) -> String {
        name(&self, &LEVELS)
    }
}

fn named<T: Copy>(key: &str, text: &str, all: &[(&str, T)]) -> Result<T, Error> {
    all.iter().find(|(name, _)| *name == text.trim()).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        Error::config(key, format!("`{text}` is none of {}", names.join(", ")))
    })
}

fn name<T: PartialEq>(value: &T, all: &[(&str, T)]) -> String {
    all.iter().find(|(_, one)| one == value).map_or("", |(name, _)| *name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key can be read and written back; what is no value is refused by the key's name.
    #[test]
    fn keys_are_complete() {
        let mut config = LogConfig::default();
        for (key, value) in [(LEVEL, "debug"), (TARGET, "syslog")] {
            config.set(key, value).unwrap();
            assert_eq!(config.get(key).as_deref(), Some(value));
            let refused = config.set(key, "loud").unwrap_err().to_string();
            assert!(refused.contains(key) && refused.contains(value), "{refused}");
        }
        assert!(config.set("log.other", "1").is_err() && config.get("log.other").is_none());
    }
}
