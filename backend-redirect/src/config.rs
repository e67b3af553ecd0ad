//! The settings of approaches 2 and 4, each with its bounds and where they come from.

use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Backend, BackendConfig, BoxFuture, Error, Finding, Policy, Setting, SettingValue,
    duration_text, parse_uri,
};
use alto_fetch::FetchConfig;
use url::Url;

use crate::NAME;
use crate::backend::RedirectBackend;

const SERVERS: &str = "redirect.servers";

/// No more starting servers than this make sense.
const MOST_SERVERS: usize = 16;

/// The longest a discovery may take, all hops together.
pub const TIMEOUT: Setting<Duration> = Setting {
    key: "redirect.timeout",
    default: Duration::from_secs(5),
    floor: Duration::from_millis(50),
    ceiling: Duration::from_secs(60),
    source: "project: five hops to servers on other continents take two seconds",
};

/// An answer holds at least so long.
pub const TTL_MIN: Setting<Duration> = Setting {
    key: "redirect.ttl_min",
    default: Duration::from_secs(60),
    floor: Duration::from_secs(1),
    ceiling: Duration::from_secs(3_600),
    source: "project: `no-store` would ask at each announce; as for DNS",
};

/// An answer holds at most so long.
pub const TTL_MAX: Setting<Duration> = Setting {
    key: "redirect.ttl_max",
    default: Duration::from_secs(3_600),
    floor: Duration::from_secs(1),
    ceiling: Duration::from_secs(3_600),
    source: "project: a network that changes hands is found within the hour",
};

/// So many peers are asked about in one request.
pub const BATCH: Setting<usize> = Setting {
    key: "redirect.batch",
    default: 256,
    floor: 1,
    ceiling: 256,
    source: "project: the reply stays well below 1 MiB even with the longest URIs",
};

/// How to discover servers by asking others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectConfig {
    /// The directories of the servers to start at, in this order.
    pub servers: Vec<Url>,
    /// See [`TIMEOUT`].
    pub timeout: Duration,
    /// See [`TTL_MIN`].
    pub ttl_min: Duration,
    /// See [`TTL_MAX`].
    pub ttl_max: Duration,
    /// See [`BATCH`].
    pub batch: usize,
    /// How to fetch (keys `fetch.*`, which are not among [`BackendConfig::KEYS`] here). A facade that
    /// has such a section of its own puts it here.
    pub fetch: FetchConfig,
}

impl Default for RedirectConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: TIMEOUT.default,
            ttl_min: TTL_MIN.default,
            ttl_max: TTL_MAX.default,
            batch: BATCH.default,
            fetch: FetchConfig::default(),
        }
    }
}

impl BackendConfig for RedirectConfig {
    const NAME: &'static str = NAME;

    const KEYS: &'static [&'static str] =
        &[SERVERS, "redirect.timeout", "redirect.ttl_min", "redirect.ttl_max", "redirect.batch"];

    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let value = value.trim();
        match key {
            SERVERS => self.servers = servers(value)?,
            "redirect.timeout" => self.timeout = number(&TIMEOUT, value)?,
            "redirect.ttl_min" => self.ttl_min = number(&TTL_MIN, value)?,
            "redirect.ttl_max" => self.ttl_max = number(&TTL_MAX, value)?,
            "redirect.batch" => self.batch = number(&BATCH, value)?,
            _ => {
                let message = format!("no such setting; wanted: {}", Self::KEYS.join(", "));
                return Err(Error::config(key, message));
            }
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            SERVERS => {
                let servers: Vec<&str> = self.servers.iter().map(Url::as_str).collect();
                servers.join(",")
            }
            "redirect.timeout" => duration_text(self.timeout),
            "redirect.ttl_min" => duration_text(self.ttl_min),
            "redirect.ttl_max" => duration_text(self.ttl_max),
            "redirect.batch" => self.batch.to_string(),
            _ => return None,
        })
    }

    fn build(&self, policy: Policy) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(RedirectBackend::new(self, policy)?))
    }

    fn examine(&self, policy: Policy) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(crate::doctor::examine(self, policy))
    }
}

impl RedirectConfig {
    /// Checks what was put into the fields directly, and whether the servers may be contacted.
    ///
    /// # Errors
    /// [`Error::Config`] for the first field at fault.
    pub(crate) fn check(&self, policy: Policy) -> Result<(), Error> {
        within(&TIMEOUT, self.timeout)?;
        within(&TTL_MIN, self.ttl_min)?;
        within(&TTL_MAX, self.ttl_max)?;
        within(&BATCH, self.batch)?;
        if self.ttl_min > self.ttl_max {
            let message = "redirect.ttl_min is greater than redirect.ttl_max";
            return Err(Error::config(TTL_MIN.key, message));
        }
        if self.servers.is_empty() || self.servers.len() > MOST_SERVERS {
            let message = format!("wanted: the directories of 1 to {MOST_SERVERS} ALTO servers");
            return Err(Error::config(SERVERS, message));
        }
        for server in &self.servers {
            parse_uri(server.as_str())
                .map_err(|fault| Error::config(SERVERS, fault.to_string()))?;
            let refused = |refusal| Error::config(SERVERS, format!("{server}: {refusal}"));
            policy.check_uri(server).map_err(refused)?;
        }
        Ok(())
    }
}

fn number<T: SettingValue>(setting: &Setting<T>, value: &str) -> Result<T, Error> {
    setting.parse(value).map_err(|fault| Error::config(setting.key, fault.to_string()))
}

fn within<T: SettingValue>(setting: &Setting<T>, value: T) -> Result<(), Error> {
    if setting.admits(value) { Ok(()) } else { number(setting, &value.show()).map(|_| ()) }
}

fn servers(value: &str) -> Result<Vec<Url>, Error> {
    let texts = value.split(',').map(str::trim).filter(|text| !text.is_empty());
    let read = |text| {
        let wanted = "wanted: URIs of directories, such as https://alto.example/directory";
        parse_uri(text).map_err(|fault| {
            Error::config(SERVERS, format!("`{text}` cannot be used ({fault}); {wanted}"))
        })
    };
    texts.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(servers: &str) -> RedirectConfig {
        let mut config = RedirectConfig::default();
        config.set(SERVERS, servers).unwrap();
        config
    }

    /// What is set is got, for each key; the default is written as it is read.
    #[test]
    fn round_trips() {
        let values =
            ["https://a.example/ird,https://b.example:8443/directory", "750ms", "90s", "5m", "7"];
        let mut config = RedirectConfig::default();
        for (key, value) in RedirectConfig::KEYS.iter().copied().zip(values) {
            let default = config.get(key).unwrap();
            config.set(key, &default).unwrap();
            assert_eq!(config.get(key).unwrap(), default, "{key}");
            config.set(key, value).unwrap();
            assert_eq!(config.get(key).as_deref(), Some(value), "{key}");
        }
        assert!(config.check(Policy::default()).is_ok());
        assert_eq!(config.get("redirect.colour"), None);
    }

    /// A refused value is named with its key and what was wanted.
    #[test]
    fn faults_name_the_key_and_what_is_wanted() {
        for (key, value) in [
            (SERVERS, "a.example"),
            (SERVERS, "https://u:p@a.example/"),
            ("redirect.timeout", "2"),
            ("redirect.batch", "257"),
            ("redirect.ttl_min", "0s"),
            ("redirect.ttl_max", "2h"),
            ("redirect.colour", "red"),
        ] {
            let text = RedirectConfig::default().set(key, value).unwrap_err().to_string();
            assert!(text.contains(key) && text.contains("wanted"), "{text}");
        }
    }

    /// A start that may not be contacted is told when the backend is made, not at each discovery.
    #[test]
    fn servers_are_judged_by_policy() {
        let strict = Policy::default();
        for denied in
            ["http://a.example/", "https://127.1/", "https://a.example:22/", "https://[::1]/"]
        {
            let error = with(denied).check(strict).unwrap_err().to_string();
            assert!(error.starts_with("redirect.servers: "), "{error}");
        }
        let open = Policy { allow_http: true, allow_private_servers: true, ..strict };
        assert!(with("http://127.0.0.1:8080/ird").check(open).is_ok());
        assert!(RedirectConfig::default().check(strict).is_err());
        assert!(with(&["https://a.example/"; 17].join(",")).check(strict).is_err());
    }

    #[test]
    fn fields_are_checked_too() {
        let fine = with("https://a.example/ird");
        let (policy, minute) = (Policy::default(), Duration::from_secs(60));
        assert!(RedirectConfig { batch: 0, ..fine.clone() }.check(policy).is_err());
        let crossed = RedirectConfig { ttl_min: 2 * minute, ttl_max: minute, ..fine };
        assert!(crossed.check(policy).is_err());
    }
}
