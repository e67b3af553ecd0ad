//! What the object for opentracker does beside choosing peers.

use std::time::Duration;

use alto_discovery_core::{Error, Setting, SettingValue as _};

/// Settings of `integrations/opentracker`, kept here so that one file holds all of a tracker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpentrackerConfig {
    /// After which time a peer that nothing is known for yet is asked to announce again
    /// (`opentracker.cold_interval`), in whole seconds; zero leaves that to opentracker.
    pub cold_interval: Duration,
}

const COLD_INTERVAL: Setting<Duration> = Setting {
    key: "opentracker.cold_interval",
    default: Duration::ZERO,
    floor: Duration::ZERO,
    ceiling: Duration::from_secs(3_600),
    source: "decision: off; clients take no less than a minute, opentracker says about 30",
};

impl Default for OpentrackerConfig {
    fn default() -> Self {
        Self { cold_interval: COLD_INTERVAL.default }
    }
}

impl OpentrackerConfig {
    /// All keys.
    pub const KEYS: &'static [&'static str] = &[COLD_INTERVAL.key];

    /// Sets `key` to the value that `text` says; a number without a unit is in seconds.
    ///
    /// # Errors
    /// If there is no such key, or the value is no such value or out of bounds.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        if key != COLD_INTERVAL.key {
            return Err(Error::config(key, "no such key"));
        }
        let is_bare = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let text = if is_bare { format!("{text}s") } else { text.to_owned() };
        let value =
            COLD_INTERVAL.parse(&text).map_err(|fault| Error::config(key, fault.to_string()))?;
        if value.subsec_nanos() != 0 {
            return Err(Error::config(key, "not whole seconds, which is what trackers tell"));
        }
        self.cold_interval = value;
        Ok(())
    }

    /// The value of `key` as [`set`](Self::set) reads it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        (key == COLD_INTERVAL.key).then(|| self.cold_interval.show())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Durations and bare seconds are read, and told in the one way; all else is refused by name.
    #[test]
    fn the_interval_is_whole_seconds() {
        let mut config = OpentrackerConfig::default();
        let key = COLD_INTERVAL.key;
        for (text, told) in [("0", "0s"), ("90", "90s"), ("2m", "2m"), ("120s", "2m"), ("1h", "1h")]
        {
            config.set(key, text).unwrap();
            assert_eq!(config.get(key).unwrap(), told);
        }
        for text in ["", "-1", "soon", "1500ms", "61m", "1h30"] {
            assert!(config.set(key, text).unwrap_err().to_string().contains(key), "{text}");
        }
        assert!(config.set("opentracker.other", "1s").is_err());
        assert_eq!(config.get("opentracker.other"), None);
    }
}
