//! One configuration, two handles: typed fields for Rust, `set(key, value)` for everything else.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use alto_discovery_core::layers::{CacheConfig, Coalesce};
use alto_discovery_core::{Error, Finding, Policy, Setting, SettingValue};

use crate::LogConfig;
use crate::registry::{self, Backends, Sections};

/// Everything that can be said about how to find servers.
///
/// ```
/// let mut config = alto_discovery::Config::default();
/// config.set("dns.resolver", "127.0.0.1:5300")?;
/// config.set("policy.allow_documentation", "true")?;
/// assert!(config.policy.allow_documentation);
/// # Ok::<(), alto_discovery::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The names of the backends to ask, in this order: the first answer wins.
    pub order: Vec<String>,
    /// What may be asked and contacted beyond the public Internet.
    pub policy: Policy,
    /// What each backend's cache holds, and for how long (`cache.bytes`, `cache.stale`).
    pub cache: CacheConfig,
    /// The most time one discovery may take (`discovery.timeout`): backends share it out among what
    /// they ask. A call with an earlier deadline waits less; what it asked for goes on without it and
    /// is remembered.
    pub timeout: Duration,
    /// The most calls under way in one backend at once (`discovery.calls`); one more is refused.
    pub calls: usize,
    /// What is told while it runs, and where.
    pub log: LogConfig,
    /// The settings of each backend.
    pub backends: Backends,
    /// The settings of what is built in beside backends.
    pub sections: Sections,
}

/// Time for one call over all backends.
const TIMEOUT: Setting<Duration> = Setting {
    key: "discovery.timeout",
    default: Duration::from_secs(10),
    floor: Duration::from_millis(10),
    ceiling: Duration::from_secs(300),
    source: "a DNS call takes 3 s, a redirected one 5 s",
};

/// Calls under way at once, per backend.
const CALLS: Setting<usize> = Setting {
    key: "discovery.calls",
    default: 10_000,
    floor: 1,
    ceiling: Coalesce::FLIGHTS.ceiling,
    source: "decision: more than the peers that wait at a time, few enough to bound memory",
};

impl Default for Config {
    fn default() -> Self {
        Self {
            order: registry::default_order(),
            policy: Policy::default(),
            cache: CacheConfig::default(),
            timeout: TIMEOUT.default,
            calls: CALLS.default,
            log: LogConfig::default(),
            backends: Backends::default(),
            sections: Sections::default(),
        }
    }
}

impl Config {
    /// Reads a configuration file in TOML. Keys may be dotted (`dns.timeout = "2s"`) or stand in
    /// tables (`[dns]`).
    ///
    /// # Errors
    /// [`Error::Config`] naming the file or the key, and what is wrong.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let mut config = Self::default();
        config.load(path)?;
        Ok(config)
    }

    /// Sets what a TOML file says; the rest stays as it is.
    ///
    /// # Errors
    /// As [`Config::from_file`].
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let named = |fault: &dyn std::fmt::Display| {
            Error::config(path.display().to_string(), fault.to_string())
        };
        let text = std::fs::read_to_string(path).map_err(|fault| named(&fault))?;
        self.set_table("", &table(&text).map_err(|fault| named(&fault))?)
    }

    /// Sets what a text in TOML says.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key, and what is wrong.
    pub fn set_toml(&mut self, text: &str) -> Result<(), Error> {
        self.set_table("", &table(text).map_err(|fault| Error::config("configuration", fault))?)
    }

    /// Sets the value of a key. Lists are comma-separated, durations like `2s`, flags `true` or
    /// `false`.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown key (naming the nearest known one) or a bad value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if let Some(flags) = policy_flags(&mut self.policy, key) {
            let value = flag(key, value)?;
            for flag in flags {
                *flag = value;
            }
            return Ok(());
        }
        match key {
            "backends" => self.order = names(key, value)?,
            _ if key == CacheConfig::BYTES.key => {
                self.cache.bytes = number(&CacheConfig::BYTES, value)?;
            }
            _ if key == CacheConfig::STALE.key => {
                self.cache.stale = number(&CacheConfig::STALE, value)?;
            }
            _ if key == TIMEOUT.key => self.timeout = number(&TIMEOUT, value)?,
            _ if key == CALLS.key => self.calls = number(&CALLS, value)?,
            _ if LogConfig::KEYS.contains(&key) => self.log.set(key, value)?,
            _ => self.set_part(key, value)?,
        }
        Ok(())
    }

    /// Sets the value of a key that belongs to one of the parts.
    fn set_part(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if let Some(entry) = registry::ENTRIES.iter().find(|entry| entry.keys.contains(&key)) {
            return (entry.set)(&mut self.backends, key, value);
        }
        let section = registry::SECTIONS.iter().find(|section| section.keys.contains(&key));
        let section = section.ok_or_else(|| unknown_key(key))?;
        (section.set)(&mut self.sections, key, value)
    }

    /// The value of a key as text that [`set`](Self::set) takes; `None` for an unknown key.
    pub fn get(&self, key: &str) -> Option<String> {
        if let Some(flags) = policy_flags(&mut self.policy.clone(), key) {
            return Some(flags.iter().all(|flag| **flag).to_string());
        }
        match key {
            "backends" => Some(self.order.join(",")),
            _ if key == CacheConfig::BYTES.key => Some(self.cache.bytes.show()),
            _ if key == CacheConfig::STALE.key => Some(self.cache.stale.show()),
            _ if key == TIMEOUT.key => Some(self.timeout.show()),
            _ if key == CALLS.key => Some(self.calls.show()),
            _ if LogConfig::KEYS.contains(&key) => self.log.get(key),
            _ => {
                let of_backend = |entry: &registry::Entry| (entry.get)(&self.backends, key);
                let of_section = |section: &registry::Section| (section.get)(&self.sections, key);
                let found = registry::ENTRIES.iter().find_map(of_backend);
                found.or_else(|| registry::SECTIONS.iter().find_map(of_section))
            }
        }
    }

    /// All keys of this build.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        let of_backends = registry::ENTRIES.iter().flat_map(|entry| entry.keys.iter().copied());
        let of_sections =
            registry::SECTIONS.iter().flat_map(|section| section.keys.iter().copied());
        ["backends", CacheConfig::BYTES.key, CacheConfig::STALE.key, TIMEOUT.key, CALLS.key]
            .into_iter()
            .chain(LogConfig::KEYS.iter().copied())
            .chain(POLICY_KEYS)
            .chain(of_backends)
            .chain(of_sections)
    }

    /// What differs from the default, as TOML that [`load`](Self::load) takes.
    pub fn to_toml(&self) -> String {
        let default = Self::default();
        let mut text = String::new();
        for key in Self::keys().filter(|key| *key != "policy.allow_private") {
            let value = self.get(key);
            if let Some(value) = value.filter(|value| Some(value) != default.get(key).as_ref()) {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{key} = {}", toml::Value::String(value));
            }
        }
        text
    }

    /// Looks at what the backends of this configuration stand on outside this program (resolvers, the
    /// clock), and says what to do where that is not as it should be. Asks the network, a bounded time.
    pub async fn examine(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for entry in self.order.iter().filter_map(|name| registry::find(name)) {
            findings.extend((entry.examine)(&self.backends, &self.sections, self.policy).await);
        }
        findings
    }

    fn set_table(&mut self, prefix: &str, table: &toml::Table) -> Result<(), Error> {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(inner) => self.set_table(&key, inner)?,
                value => self.set(&key, &value_text(&key, value)?)?,
            }
        }
        Ok(())
    }
}

/// The text that `set` takes for a TOML value.
fn value_text(key: &str, value: &toml::Value) -> Result<String, Error> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Array(items) => {
            let texts: Vec<String> =
                items.iter().map(|item| element_text(key, item)).collect::<Result<_, _>>()?;
            Ok(texts.join(","))
        }
        _ => Err(Error::config(key, "neither text, number, flag nor list")),
    }
}

fn element_text(key: &str, item: &toml::Value) -> Result<String, Error> {
    match item {
        toml::Value::Array(_) => Err(Error::config(key, "a list within a list")),
        item => match value_text(key, item)? {
            text if text.contains(',') => Err(Error::config(
                key,
                format!("`{text}` contains a comma, which separates list elements (write %2C)"),
            )),
            text => Ok(text),
        },
    }
}

const POLICY_KEYS: [&str; 6] = [
    "policy.allow_private",
    "policy.allow_private_peers",
    "policy.allow_private_servers",
    "policy.allow_link_local",
    "policy.allow_documentation",
    "policy.allow_http",
];

/// The permissions a key stands for.
fn policy_flags<'p>(policy: &'p mut Policy, key: &str) -> Option<Vec<&'p mut bool>> {
    Some(match key {
        "policy.allow_private" => {
            vec![&mut policy.allow_private_peers, &mut policy.allow_private_servers]
        }
        "policy.allow_private_peers" => vec![&mut policy.allow_private_peers],
        "policy.allow_private_servers" => vec![&mut policy.allow_private_servers],
        "policy.allow_link_local" => vec![&mut policy.allow_link_local],
        "policy.allow_documentation" => vec![&mut policy.allow_documentation],
        "policy.allow_http" => vec![&mut policy.allow_http],
        _ => return None,
    })
}

fn flag(key: &str, value: &str) -> Result<bool, Error> {
    match value.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(Error::config(key, format!("`{other}` is neither true nor false"))),
    }
}

/// TOML read as such; the fault names its line.
fn table(text: &str) -> Result<toml::Table, String> {
    text.parse().map_err(|fault: toml::de::Error| {
        let line = fault.span().map(|at| 1 + text[..at.start].matches('\n').count());
        let place = line.map(|line| format!(" in line {line}")).unwrap_or_default();
        format!("not TOML{place}: {}", fault.message())
    })
}

fn names(key: &str, value: &str) -> Result<Vec<String>, Error> {
    if value.trim().is_empty() {
        return Err(Error::config(key, "no backend to ask"));
    }
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
    let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
    match twice {
        _ if names.iter().any(String::is_empty) => Err(Error::config(key, "an empty name")),
        Some((_, name)) => Err(Error::config(key, format!("`{name}` occurs twice"))),
        None => Ok(names),
    }
}

fn number<T: SettingValue>(setting: &Setting<T>, value: &str) -> Result<T, Error> {
    setting.parse(value).map_err(|fault| Error::config(setting.key, fault.to_string()))
}

fn unknown_key(key: &str) -> Error {
    let nearest = Config::keys()
        .map(|known| (strsim::jaro_winkler(known, key), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, known)) => Error::config(key, format!("unknown key; did you mean `{known}`?")),
        None => Error::config(key, "unknown key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_wrong_is_named() {
        let mut config = Config::default();
        for (key, value, names) in [
            ("discovery.timeuot", "2s", "discovery.timeout"),
            ("policy.allow_everything", "true", "unknown key"),
            ("policy.allow_http", "yes", "neither true nor false"),
            ("backends", "dns,,dns", "empty name"),
            ("backends", "dns,dns", "twice"),
            ("backends", " ", "no backend to ask"),
            ("cache.bytes", "1", "from 65536"),
        ] {
            let message = config.set(key, value).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains(names), "{message}");
        }
    }

    #[test]
    fn dotted_keys_and_tables_mean_the_same() {
        let mut dotted = Config::default();
        let mut tables = Config::default();
        dotted.set_toml("backends = [\"dns\"]\npolicy.allow_private = true").unwrap();
        tables.set_toml("backends = \"dns\"\n[policy]\nallow_private = true").unwrap();
        assert_eq!(dotted.to_toml(), tables.to_toml());
        assert!(dotted.policy.allow_private_peers && dotted.policy.allow_private_servers);
    }

    #[test]
    fn each_key_can_be_read_and_written_back() {
        let mut config = Config::default();
        for key in Config::keys() {
            let value = config.get(key).unwrap();
            if !value.is_empty() {
                config.set(key, &value).unwrap();
            }
        }
    }

    #[test]
    fn toml_of_a_configuration_makes_it_again() {
        let mut config = Config::default();
        config.set("policy.allow_documentation", "true").unwrap();
        config.set("discovery.timeout", "2500ms").unwrap();
        let mut again = Config::default();
        again.set_toml(&config.to_toml()).unwrap();
        assert_eq!(again.to_toml(), config.to_toml());
        assert_eq!(again.timeout, Duration::from_millis(2_500));
    }

    #[test]
    fn a_broken_file_is_named() {
        let missing = Config::from_file("/nonexistent/alto.toml").unwrap_err().to_string();
        assert!(missing.contains("/nonexistent/alto.toml"), "{missing}");
        let comma = Config::default().set_toml("backends = [\"a,b\"]").unwrap_err().to_string();
        assert!(comma.contains("comma"), "{comma}");
        let broken = "backends = [\"dns\"]\ndns.timeout 5\n";
        let broken = Config::default().set_toml(broken).unwrap_err().to_string();
        assert!(broken.contains("not TOML in line 2"), "{broken}");
        let none = Config::default().set_toml("backends = []").unwrap_err().to_string();
        assert!(none.contains("backends: no backend to ask"), "{none}");
    }
}
