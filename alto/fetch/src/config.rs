//! Settings: each a number with a name, a floor, a ceiling and a source.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use alto_discovery_core::{Error, Setting, SettingValue};

/// What can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchConfig {
    /// Certification authorities to trust instead of the system's: a PEM file, read once when the
    /// [`Fetcher`](crate::Fetcher) is made. The system's are found as OpenSSL finds them, which
    /// includes the variables `SSL_CERT_FILE` and `SSL_CERT_DIR`: an operator's word, not a peer's.
    pub ca_file: Option<PathBuf>,
    /// The local address that requests leave from; the system's choice by default. For programs with
    /// several interfaces, each in a network of its own (RFC 7286 §3).
    pub source: Option<IpAddr>,
    /// The numbers.
    pub limits: Limits,
}

const CA_FILE: &str = "fetch.ca_file";

impl FetchConfig {
    /// Sets `key` to the value that `text` says.
    ///
    /// # Errors
    /// If there is no such key, or the value is no such value or out of bounds.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        if key == CA_FILE {
            self.ca_file = (!text.is_empty()).then(|| text.into());
            return Ok(());
        }
        self.limits.set(key, text)
    }

    /// The value of `key` as [`set`](Self::set) reads it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        if key == CA_FILE {
            let path = self.ca_file.as_ref();
            return Some(path.map_or_else(String::new, |path| path.display().to_string()));
        }
        self.limits.get(key)
    }

    /// Checks all values against their bounds, for those that were not [`set`](Self::set) by text.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.limits.check()
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Defines [`Limits`]: one line of fact for each number, from which all else follows.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $key:literal, $default:expr, $floor:expr, $ceiling:expr, $source:literal;)*) => {
        /// The numbers that bound time, size and concurrency.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $name: $kind,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl FetchConfig {
            /// All keys.
            pub const KEYS: &'static [&'static str] = &[CA_FILE, $($key),*];
        }

        impl Limits {
            fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
                match key {
                    $($key => {
                        let value = settings::$name().parse(text);
                        self.$name = value.map_err(|fault| Error::config(key, fault.to_string()))?;
                    })*
                    _ => return Err(Error::config(key, "no such key")),
                }
                Ok(())
            }

            fn get(&self, key: &str) -> Option<String> {
                match key {
                    $($key => Some(self.$name.show()),)*
                    _ => None,
                }
            }

            fn check(&self) -> Result<(), Error> {
                $(settings::$name()
                    .parse(&self.$name.show())
                    .map_err(|fault| Error::config($key, fault.to_string()))?;)*
                Ok(())
            }
        }

        mod settings {
            use super::*;

            $(pub(super) fn $name() -> Setting<$kind> {
                Setting {
                    key: $key,
                    default: $default,
                    floor: $floor,
                    ceiling: $ceiling,
                    source: $source,
                }
            })*
        }
    };
}

limits! {
    /// For finding the host's addresses, connecting and the TLS handshake.
    connect_timeout: Duration = "fetch.connect_timeout", ms(3_000), ms(10), ms(60_000), "project: a server on another continent answers in a tenth of it";
    /// From the start of a request until its reply's headers are in.
    headers_timeout: Duration = "fetch.headers_timeout", ms(5_000), ms(10), ms(120_000), "project: a reply that takes longer comes too late for a peer";
    /// For all of it, redirects included; for maps until the headers are in.
    total_timeout: Duration = "fetch.total_timeout", ms(20_000), ms(10), ms(600_000), "project: no caller waits longer";
    /// Between two pieces of a body.
    idle_timeout: Duration = "fetch.idle_timeout", ms(5_000), ms(10), ms(120_000), "project: a connection that stalls longer is dead";
    /// How long a map may come as slowly as it likes.
    rate_grace: Duration = "fetch.rate_grace", ms(5_000), ms(10), ms(120_000), "project: TCP slow start over a long path";
    /// The least rate of a map's body after that, in decoded octets a second.
    min_rate: u64 = "fetch.min_rate", 65_536, 1, 1 << 30, "project: the largest map known (47 MB) within 12 minutes";
    /// A map's body, decoded, in octets.
    max_map: u64 = "fetch.max_map", 128 << 20, 1_024, 4 << 30, "project: almost three times the largest map known (47 MB)";
    /// Any other body, decoded, in octets.
    max_body: u64 = "fetch.max_body", 1 << 20, 1_024, 128 << 20, "project: a directory of 500 entries of 2 KiB";
    /// The headers of a reply, in octets: each line with its name, colon, space, value and end. The
    /// HTTP library stops reading a head without end at 408 KiB, so the ceiling is below that.
    max_head: u64 = "fetch.max_head", 32 << 10, 512, 256 << 10, "project: four times what common servers and proxies let a request have";
    /// The lines of a reply's headers.
    max_headers: usize = "fetch.max_headers", 64, 8, 1_024, "project: twice what a server behind two proxies sends";
    /// How many times a body may grow when decoded.
    max_ratio: u64 = "fetch.max_ratio", 100, 1, 2_000, "project: JSON maps shrink 5 to 30 times, bombs 1,000 times";
    /// Redirects followed, all forms together.
    max_hops: u16 = "fetch.max_hops", 5, 0, 20, "project, after RFC 2068 §10.3: five redirects are enough for anybody";
    /// Requests under way at the same time.
    in_flight: usize = "fetch.in_flight", 16, 1, 4_096, "project: file descriptors of the host program are not ours";
    /// Of those, to one host and port.
    in_flight_per_host: usize = "fetch.in_flight_per_host", 2, 1, 64, "RFC 9112 §9.4: be conservative";
    /// Requests waiting for their turn; one more is refused at once.
    waiting: usize = "fetch.waiting", 64, 0, 65_536, "project: what four rounds of 16 requests clear";
    /// The longest that a resource is held to be fresh, whatever its server says.
    max_age: Duration = "fetch.max_age", ms(86_400_000), ms(1_000), ms(7 * 86_400_000), "project: guidance a day old misleads";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key can be read, written back, and is refused out of its bounds.
    #[test]
    fn keys_are_complete() {
        let mut config = FetchConfig::default();
        for key in FetchConfig::KEYS {
            let text = config.get(key).unwrap();
            config.set(key, &text).unwrap();
            assert_eq!(config, FetchConfig::default(), "{key}");
            let refused = config.set(key, "-1").is_err();
            assert!(refused || *key == CA_FILE, "{key}");
            config = FetchConfig::default();
        }
        assert!(config.set("fetch.other", "1").is_err() && config.get("fetch.other").is_none());
    }

    /// The table of limits: 3 s, 5 s, 20 s; 128 MiB, 1 MiB, 64 KiB/s after 5 s, 100; 5; 16 and 2.
    #[test]
    fn defaults_are_within_bounds() {
        let config = FetchConfig::default();
        config.check().unwrap();
        assert_eq!(config.get("fetch.max_map").as_deref(), Some("134217728"));
        assert_eq!(config.get("fetch.connect_timeout").as_deref(), Some("3s"));
        let limits = Limits { in_flight: 0, ..Limits::default() };
        let error = FetchConfig { limits, ..config }.check().unwrap_err();
        assert!(error.to_string().starts_with("fetch.in_flight: "), "{error}");
    }

    #[test]
    fn the_ca_file_is_set_and_cleared() {
        let mut config = FetchConfig::default();
        config.set("fetch.ca_file", "/etc/ca.pem").unwrap();
        assert_eq!(config.ca_file.as_deref(), Some("/etc/ca.pem".as_ref()));
        config.set("fetch.ca_file", "").unwrap();
        assert_eq!(config.ca_file, None);
    }
}
