//! Where a command's configuration comes from: its limits, a file, flags, and `--set`.

use std::path::PathBuf;

use alto_discovery::{Config, Error};
use clap::Args;

/// Where the configuration comes from: a file, then flags.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// A configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The way of finding servers: dns (approaches 1 and 3), redirect (2 and 4) or peerinfo (5 and 6,
    /// what --announce brings) [default: dns]. Repeat for several, in order.
    #[arg(long, value_name = "NAME")]
    backend: Vec<String>,

    /// The directory of an ALTO server that redirects, for --backend redirect. Repeat for several.
    #[arg(long, value_name = "URI")]
    server: Vec<String>,

    /// The name server to ask, instead of the system's. Repeat for several.
    #[arg(long, value_name = "IP[:PORT]", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    resolver: Vec<String>,

    /// The U-NAPTR service parameter [default: ALTO:https].
    #[arg(long, value_name = "S")]
    service: Option<String>,

    /// Ask for hosts (exact) or for /24 and /64 prefixes (fewer queries, more privacy).
    #[arg(long, value_name = "G", value_parser = ["host", "prefix"])]
    granularity: Option<String>,

    /// Also ask for peers in documentation prefixes, for tests.
    #[arg(long)]
    allow_documentation: bool,

    /// Also ask for private and loopback peers, and accept such servers.
    #[arg(long)]
    allow_private: bool,

    /// Set any configuration key. Repeat for several.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// A command is one user who waits, not a flood of announces from anywhere: it sets its own limits.
const COMMAND_LIMITS: &[(&str, &str)] = &[
    ("dns.zone_qps", "100000"),
    ("dns.total_qps", "100000"),
    ("dns.in_flight", "1024"),
    ("fetch.in_flight", "64"),
    ("fetch.waiting", "10000"),
];

/// All that `check` asks may be asked of one name server, which drops replies to those who ask too fast:
/// NSD above 200 a second unless told otherwise.
pub(crate) const CHECK_LIMITS: &[(&str, &str)] =
    &[("dns.zone_qps", "100"), ("dns.total_qps", "100000"), ("dns.in_flight", "32")];

impl Setup {
    /// The configuration: the command's limits, then the file, then the flags.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        self.config_with([])
    }

    /// The same with flags of one command.
    pub(crate) fn config_with(
        &self,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Config, Error> {
        self.config_within(COMMAND_LIMITS, flags)
    }

    /// The same with limits of one command.
    pub(crate) fn config_within(
        &self,
        limits: &[(&str, &str)],
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Config, Error> {
        let mut config = Config::default();
        for (key, value) in limits.iter().filter(|(key, _)| known(key)) {
            config.set(key, value)?;
        }
        if let Some(path) = &self.config {
            config.load(path)?;
        }
        for (key, value) in self.flags().chain(flags) {
            config.set(key, &value)?;
        }
        for setting in &self.settings {
            let pair = setting.split_once('=');
            let (key, value) = pair.ok_or_else(|| Error::config(&**setting, "not KEY=VALUE"))?;
            config.set(key.trim(), value)?;
        }
        Ok(config)
    }

    fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("backends", list(&self.backend)),
            ("redirect.servers", list(&self.server)),
            ("dns.resolver", list(&self.resolver)),
            ("dns.service", self.service.clone()),
            ("dns.granularity", self.granularity.clone()),
            ("policy.allow_documentation", truth(self.allow_documentation)),
            ("policy.allow_private", truth(self.allow_private)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
    }
}

fn list(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(","))
}

fn truth(flag: bool) -> Option<String> {
    flag.then(|| "true".to_owned())
}

/// The limits that `config` sets, in words.
pub(crate) fn limits(config: &Config) -> String {
    let shown = |&(key, _): &(&str, _)| Some(format!("{key} = {}", config.get(key)?));
    let limits: Vec<String> = COMMAND_LIMITS.iter().filter_map(shown).collect();
    limits.join(", ")
}

fn known(key: &str) -> bool {
    Config::keys().any(|known| known == key)
}

/// Which servers to contact.
#[derive(Debug, Args)]
pub(crate) struct Contact {
    /// Certification authorities to trust instead of the system's (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,

    /// Also contact servers without TLS.
    #[arg(long)]
    allow_http: bool,
}

/// How to fetch and read.
#[derive(Debug, Args)]
pub(crate) struct Fetching {
    #[command(flatten)]
    contact: Contact,

    /// Where links of a directory may lead: to its own site, or anywhere.
    #[arg(long, value_name = "same-site|any")]
    links: Option<String>,

    /// Forgive faults known from other ALTO servers, each with a warning.
    #[arg(long)]
    lenient: bool,
}

impl Contact {
    pub(crate) fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        [("fetch.ca_file", self.ca.clone()), ("policy.allow_http", truth(self.allow_http))]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
    }
}

impl Fetching {
    pub(crate) fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        let own =
            [("guidance.links", self.links.clone()), ("guidance.lenient", truth(self.lenient))];
        self.contact.flags().chain(own.into_iter().filter_map(|(key, value)| Some((key, value?))))
    }
}
