//! The settings of approach 1, each with its bounds and where they come from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery_core::{
    Backend, BackendConfig, BoxFuture, Error, Finding, Policy, Setting, SettingValue, duration_text,
};

use crate::NAME;
use crate::address::ResolverAddress;
use crate::backend::DnsBackend;
use crate::naptr::Reading;
use crate::plan::{Granularity, Transition};
use crate::rules::{DnssecMode, Rules};
use crate::scope::NxdomainCut;
use crate::service::Service;

/// The longest a question may take.
pub const TIMEOUT: Setting<Duration> = Setting {
    key: "dns.timeout",
    default: Duration::from_secs(2),
    floor: Duration::from_millis(50),
    ceiling: Duration::from_secs(30),
    source: "RFC 8686 §3.5 prefers fast failure; a resolver on the same site replies within seconds",
};

/// Questions a second to one zone; twenty at once after a quiet time.
pub const ZONE_QPS: Setting<u32> = Setting {
    key: "dns.zone_qps",
    default: 1,
    floor: 1,
    ceiling: 1_000_000,
    source: "made-up peers must not make us a burden to anybody; real ones of one network are few a second",
};

/// Questions a second in all.
pub const TOTAL_QPS: Setting<u32> = Setting {
    key: "dns.total_qps",
    default: 100,
    floor: 1,
    ceiling: 1_000_000,
    source: "what a site's resolver does not notice",
};

/// Questions under way at a time.
pub const IN_FLIGHT: Setting<u32> = Setting {
    key: "dns.in_flight",
    default: 64,
    floor: 1,
    ceiling: 100_000,
    source: "each holds a socket",
};

/// Records hold at least so long.
pub const TTL_MIN: Setting<Duration> = Setting {
    key: "dns.ttl_min",
    default: Duration::from_secs(60),
    floor: Duration::ZERO,
    ceiling: Duration::from_secs(3_600),
    source: "a TTL of 0 would ask at each announce; a deliberate deviation from RFC 3403 §3",
};

/// Records hold at most so long.
pub const TTL_MAX: Setting<Duration> = Setting {
    key: "dns.ttl_max",
    default: Duration::from_secs(86_400),
    floor: Duration::from_secs(60),
    ceiling: Duration::from_secs(604_800),
    source: "RFC 8767 §4 advises a cap of days to weeks; guidance that moved is found within a day",
};

/// How to discover servers by DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig {
    /// Whom to ask, the dearest first; empty: the system's resolvers.
    pub resolver: Vec<ResolverAddress>,
    /// The authorities that vouch for resolvers asked over TLS, a PEM file; none: the system's.
    /// Read when a backend is built, and only if a resolver is asked over TLS.
    pub ca_file: Option<PathBuf>,
    /// What to look for.
    pub service: Service,
    /// See [`TIMEOUT`].
    pub timeout: Duration,
    /// What DNSSEC has to say.
    pub dnssec: DnssecMode,
    /// Whether a host is asked for by its own name first.
    pub granularity: Granularity,
    /// What else to ask for IPv6 addresses that carry an IPv4 address.
    pub transition: Transition,
    /// How records are read.
    pub reading: Reading,
    /// Whether "no such name" settles the names below.
    pub nxdomain_cut: NxdomainCut,
    /// See [`ZONE_QPS`].
    pub zone_qps: u32,
    /// See [`TOTAL_QPS`].
    pub total_qps: u32,
    /// See [`IN_FLIGHT`].
    pub in_flight: u32,
    /// See [`TTL_MIN`].
    pub ttl_min: Duration,
    /// See [`TTL_MAX`].
    pub ttl_max: Duration,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            resolver: Vec::new(),
            ca_file: None,
            service: Service::default(),
            timeout: TIMEOUT.default,
            dnssec: DnssecMode::default(),
            granularity: Granularity::default(),
            transition: Transition::default(),
            reading: Reading::default(),
            nxdomain_cut: NxdomainCut::default(),
            zone_qps: ZONE_QPS.default,
            total_qps: TOTAL_QPS.default,
            in_flight: IN_FLIGHT.default,
            ttl_min: TTL_MIN.default,
            ttl_max: TTL_MAX.default,
        }
    }
}

impl BackendConfig for DnsConfig {
    const NAME: &'static str = NAME;

    const KEYS: &'static [&'static str] = &[
        "dns.resolver",
        "dns.ca_file",
        "dns.service",
        "dns.timeout",
        "dns.dnssec",
        "dns.granularity",
        "dns.transition",
        "dns.lenient",
        "dns.nxdomain_cut",
        "dns.zone_qps",
        "dns.total_qps",
        "dns.in_flight",
        "dns.ttl_min",
        "dns.ttl_max",
    ];

    /// A service parameter that is none is [`Error::Invalid`], as if it had come with the question.
    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let value = value.trim();
        match key {
            "dns.resolver" => self.resolver = resolvers(value)?,
            "dns.ca_file" => self.ca_file = (!value.is_empty()).then(|| value.into()),
            "dns.service" => self.service = value.parse()?,
            "dns.timeout" => self.timeout = number(&TIMEOUT, value)?,
            "dns.dnssec" => self.dnssec = word(key, value, &DNSSEC)?,
            "dns.granularity" => self.granularity = word(key, value, &GRANULARITY)?,
            "dns.transition" => self.transition = word(key, value, &TRANSITION)?,
            "dns.lenient" => self.reading = word(key, value, &LENIENT)?,
            "dns.nxdomain_cut" => self.nxdomain_cut = word(key, value, &NXDOMAIN_CUT)?,
            "dns.zone_qps" => self.zone_qps = number(&ZONE_QPS, value)?,
            "dns.total_qps" => self.total_qps = number(&TOTAL_QPS, value)?,
            "dns.in_flight" => self.in_flight = number(&IN_FLIGHT, value)?,
            "dns.ttl_min" => self.ttl_min = number(&TTL_MIN, value)?,
            "dns.ttl_max" => self.ttl_max = number(&TTL_MAX, value)?,
            _ => return Err(no_such_key(key)),
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<String> {
        let shown = match key {
            "dns.resolver" => {
                let resolvers: Vec<_> = self.resolver.iter().map(ToString::to_string).collect();
                resolvers.join(",")
            }
            "dns.ca_file" => {
                let file = self.ca_file.as_deref().unwrap_or("".as_ref());
                file.display().to_string()
            }
            "dns.service" => self.service.to_string(),
            "dns.timeout" => duration_text(self.timeout),
            "dns.dnssec" => word_for(&self.dnssec, &DNSSEC),
            "dns.granularity" => word_for(&self.granularity, &GRANULARITY),
            "dns.transition" => word_for(&self.transition, &TRANSITION),
            "dns.lenient" => word_for(&self.reading, &LENIENT),
            "dns.nxdomain_cut" => word_for(&self.nxdomain_cut, &NXDOMAIN_CUT),
            "dns.zone_qps" => self.zone_qps.to_string(),
            "dns.total_qps" => self.total_qps.to_string(),
            "dns.in_flight" => self.in_flight.to_string(),
            "dns.ttl_min" => duration_text(self.ttl_min),
            "dns.ttl_max" => duration_text(self.ttl_max),
            _ => return None,
        };
        Some(shown)
    }

    fn build(&self, policy: Policy) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(DnsBackend::new(self, policy)?))
    }

    fn examine(&self, policy: Policy) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(crate::doctor::examine(self, policy))
    }
}

impl DnsConfig {
    /// Checks what was put into the fields directly.
    ///
    /// # Errors
    /// [`Error::Config`] for the first field out of bounds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        within(&TIMEOUT, self.timeout)?;
        within(&ZONE_QPS, self.zone_qps)?;
        within(&TOTAL_QPS, self.total_qps)?;
        within(&IN_FLIGHT, self.in_flight)?;
        within(&TTL_MIN, self.ttl_min)?;
        within(&TTL_MAX, self.ttl_max)?;
        if self.ttl_min > self.ttl_max {
            return Err(Error::config(TTL_MIN.key, "dns.ttl_min is greater than dns.ttl_max"));
        }
        Ok(())
    }

    /// How to walk by these settings.
    pub fn rules(&self, policy: Policy) -> Rules {
        Rules {
            service: self.service.clone(),
            granularity: self.granularity,
            transition: self.transition,
            reading: self.reading,
            dnssec: self.dnssec,
            nxdomain_cut: self.nxdomain_cut,
            policy,
        }
    }
}

/// The words of a setting and what they stand for; of several for one thing the first is written.
type Words<T> = [(&'static str, T)];

const DNSSEC: [(&str, DnssecMode); 3] =
    [("off", DnssecMode::Off), ("prefer", DnssecMode::Prefer), ("require", DnssecMode::Require)];
const GRANULARITY: [(&str, Granularity); 2] =
    [("host", Granularity::Host), ("prefix", Granularity::Prefix)];
const TRANSITION: [(&str, Transition); 2] =
    [("strict", Transition::Strict), ("fallback-v4", Transition::FallbackV4)];
const LENIENT: [(&str, Reading); 4] = [
    ("false", Reading::Strict),
    ("true", Reading::Lenient),
    ("off", Reading::Strict),
    ("on", Reading::Lenient),
];
const NXDOMAIN_CUT: [(&str, NxdomainCut); 4] = [
    ("off", NxdomainCut::Off),
    ("on", NxdomainCut::On),
    ("false", NxdomainCut::Off),
    ("true", NxdomainCut::On),
];

fn word<T: Copy>(key: &str, value: &str, words: &Words<T>) -> Result<T, Error> {
    let named = words.iter().find(|(word, _)| *word == value);
    named.map(|(_, meant)| *meant).ok_or_else(|| {
        let wanted: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Error::config(key, format!("`{value}` is no choice; wanted: {}", wanted.join(", ")))
    })
}

fn word_for<T: PartialEq>(meant: &T, words: &Words<T>) -> String {
    let named = words.iter().find(|(_, value)| value == meant);
    named.map(|(word, _)| (*word).to_owned()).unwrap_or_default()
}

fn number<T: SettingValue>(setting: &Setting<T>, value: &str) -> Result<T, Error> {
    setting.parse(value).map_err(|fault| Error::config(setting.key, fault.to_string()))
}

fn within<T: SettingValue>(setting: &Setting<T>, value: T) -> Result<(), Error> {
    if setting.admits(value) { Ok(()) } else { number(setting, &value.show()).map(|_| ()) }
}

fn resolvers(value: &str) -> Result<Vec<ResolverAddress>, Error> {
    value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::parse).collect()
}

fn no_such_key(key: &str) -> Error {
    let message = format!("no such setting; wanted: {}", DnsConfig::KEYS.join(", "));
    Error::config(key, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_discovery_core::code;

    /// What is set is got, for each key; the default is written as it is read.
    #[test]
    fn round_trips() {
        let values = [
            "127.0.0.1:5300,[::1]:53,tls://192.0.2.1:853#dns.example",
            "/etc/ssl/own.pem",
            "ALTO:https:http",
            "750ms",
            "require",
            "prefix",
            "fallback-v4",
            "true",
            "on",
            "7",
            "70",
            "700",
            "90s",
            "1h",
        ];
        let mut config = DnsConfig::default();
        for (key, value) in DnsConfig::KEYS.iter().copied().zip(values) {
            let default = config.get(key).unwrap();
            assert_ne!(default, value, "{key}");
            config.set(key, &default).unwrap();
            assert_eq!(config.get(key).unwrap(), default, "{key}");
            config.set(key, value).unwrap();
        }
        let read: DnsConfig =
            DnsConfig::KEYS.iter().copied().fold(DnsConfig::default(), |mut copy, key| {
                copy.set(key, &config.get(key).unwrap()).unwrap();
                copy
            });
        assert_eq!(read, config);
        assert_ne!(read, DnsConfig::default());
    }

    #[test]
    fn resolvers_one_after_the_other() {
        let read =
            |text| resolvers(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            read("127.0.0.1, tls://[::1]#dns.example"),
            ["127.0.0.1:53", "tls://[::1]:853#dns.example"]
        );
        assert!(read("").is_empty());
        assert!(resolvers("127.0.0.1,here").is_err());
    }

    /// A refused value is named with its key and what was wanted.
    #[test]
    fn faults_name_the_key_and_what_is_wanted() {
        let fault = |key, value| DnsConfig::default().set(key, value).unwrap_err();
        for (key, value) in [
            ("dns.timeout", "1h"),
            ("dns.timeout", "2"),
            ("dns.dnssec", "Prefer"),
            ("dns.zone_qps", "0"),
            ("dns.resolver", "here"),
            ("dns.colour", "red"),
        ] {
            let error = fault(key, value);
            assert_eq!(error.code(), code::CONFIG);
            let text = error.to_string();
            assert!(text.contains(key) && text.contains("wanted"), "{text}");
        }
        assert_eq!(fault("dns.service", "ALTO:").code(), code::INVALID_SERVICE);
    }

    #[test]
    fn fields_are_checked_too() {
        let fine = DnsConfig::default();
        assert!(fine.check().is_ok());
        assert!(DnsConfig { zone_qps: 0, ..fine.clone() }.check().is_err());
        assert!(DnsConfig { timeout: Duration::from_secs(31), ..fine.clone() }.check().is_err());
        let crossed = DnsConfig {
            ttl_min: Duration::from_secs(600),
            ttl_max: Duration::from_secs(60),
            ..fine
        };
        assert!(crossed.check().is_err());
    }
}
