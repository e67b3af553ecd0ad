//! Which claims count.

use std::collections::BTreeSet;
use std::sync::Arc;

use alto_discovery_core::{
    Backend, BackendConfig, Error, Place, Policy, Setting, SettingValue as _, parse_uri,
};

use crate::announce::MOST_GUIDANCE;
use crate::blob::MOST_ENTRIES;
use crate::{NAME, PeerInfoBackend};

/// Which claims of peers count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trusted {
    /// None.
    #[default]
    Off,
    /// Servers that the configuration lists.
    Allowlist,
    /// Servers whose host the peer's network names, too, by another approach.
    Confirm,
    /// All. What a peer says shapes at most half of the replies to itself.
    Open,
}

/// How peers' claims are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfoConfig {
    /// Which claims count (`peerinfo.trust`).
    pub trust: Trusted,
    /// The hosts whose servers count with [`Trusted::Allowlist`] (`peerinfo.allowlist`): as in a URI,
    /// lower case, without a final dot.
    pub allowlist: BTreeSet<String>,
    /// The most entries that a peer's guidance may have (`peerinfo.max_entries`).
    pub max_entries: usize,
    /// The most octets that a peer's guidance may have (`peerinfo.max_octets`).
    pub max_octets: usize,
}

const ENTRIES: Setting<usize> = Setting {
    key: "peerinfo.max_entries",
    default: MOST_ENTRIES,
    floor: 1,
    ceiling: MOST_ENTRIES,
    source: "the format: no more can be sent",
};

const OCTETS: Setting<usize> = Setting {
    key: "peerinfo.max_octets",
    default: MOST_GUIDANCE,
    floor: 11, // one entry of no prefix
    ceiling: MOST_GUIDANCE,
    source: "the format: a datagram of 1,232 octets holds no more",
};

impl Default for PeerInfoConfig {
    fn default() -> Self {
        Self {
            trust: Trusted::default(),
            allowlist: BTreeSet::new(),
            max_entries: ENTRIES.default,
            max_octets: OCTETS.default,
        }
    }
}

const TRUST: [(&str, Trusted); 4] = [
    ("off", Trusted::Off),
    ("allowlist", Trusted::Allowlist),
    ("confirm", Trusted::Confirm),
    ("open", Trusted::Open),
];

impl BackendConfig for PeerInfoConfig {
    const NAME: &'static str = NAME;

    const KEYS: &'static [&'static str] =
        &["peerinfo.trust", "peerinfo.allowlist", ENTRIES.key, OCTETS.key];

    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match key {
            "peerinfo.trust" => self.trust = trusted(value.trim())?,
            "peerinfo.allowlist" => self.allowlist = hosts(value)?,
            _ if key == ENTRIES.key => self.max_entries = number(&ENTRIES, value)?,
            _ if key == OCTETS.key => self.max_octets = number(&OCTETS, value)?,
            _ => {
                let message = format!("no such setting; wanted: {}", Self::KEYS.join(", "));
                return Err(Error::config(key, message));
            }
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<String> {
        match key {
            "peerinfo.trust" => {
                let word = TRUST.iter().find(|(_, trusted)| *trusted == self.trust);
                word.map(|(word, _)| (*word).to_owned())
            }
            "peerinfo.allowlist" => {
                Some(self.allowlist.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            }
            _ if key == ENTRIES.key => Some(self.max_entries.show()),
            _ if key == OCTETS.key => Some(self.max_octets.show()),
            _ => None,
        }
    }

    fn place(&self) -> Place {
        match self.trust {
            Trusted::Off => Place::Nowhere,
            Trusted::Confirm => Place::Confirmed,
            Trusted::Allowlist | Trusted::Open => Place::Uncached,
        }
    }

    fn build(&self, policy: Policy) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(PeerInfoBackend::new(self, policy)))
    }
}

fn number(setting: &Setting<usize>, text: &str) -> Result<usize, Error> {
    setting.parse(text).map_err(|fault| Error::config(setting.key, fault.to_string()))
}

fn trusted(value: &str) -> Result<Trusted, Error> {
    let named = TRUST.iter().find(|(word, _)| *word == value);
    named.map(|(_, trusted)| *trusted).ok_or_else(|| {
        let wanted: Vec<_> = TRUST.iter().map(|(word, _)| *word).collect();
        let message = format!("`{value}` is no choice; wanted: {}", wanted.join(", "));
        Error::config("peerinfo.trust", message)
    })
}

fn hosts(value: &str) -> Result<BTreeSet<String>, Error> {
    value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(host).collect()
}

/// A host as the parser of URIs writes it, so that spellings of one host are one.
fn host(text: &str) -> Result<String, Error> {
    let parsed = parse_uri(&format!("https://{text}/")).ok();
    let alone =
        parsed.filter(|uri| uri.port().is_none() && uri.path() == "/" && uri.query().is_none());
    let host = alone.as_ref().and_then(|uri| plain_host(uri)).map(str::to_owned);
    host.filter(|_| !text.contains(['/', '?', ':']) || text.starts_with('[')).ok_or_else(|| {
        let message = format!("`{text}` is no host; wanted: hosts such as alto.example.net");
        Error::config("peerinfo.allowlist", message)
    })
}

/// The host of a URI, without the final dot.
pub(crate) fn plain_host(uri: &url::Url) -> Option<&str> {
    uri.host_str().map(|host| host.strip_suffix('.').unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_got() {
        let mut config = PeerInfoConfig::default();
        assert_eq!(config.get("peerinfo.trust").unwrap(), "off");
        assert_eq!(config.place(), Place::Nowhere);
        for (word, place) in [
            ("allowlist", Place::Uncached),
            ("confirm", Place::Confirmed),
            ("open", Place::Uncached),
        ] {
            config.set("peerinfo.trust", word).unwrap();
            assert_eq!(
                (config.get("peerinfo.trust").unwrap(), config.place()),
                (word.into(), place)
            );
        }
        config.set("peerinfo.allowlist", " b.example., A.example ,[2001:DB8::1]").unwrap();
        let written = config.get("peerinfo.allowlist").unwrap();
        assert_eq!(written, "[2001:db8::1],a.example,b.example");
        config.set("peerinfo.max_entries", "9").unwrap();
        config.set("peerinfo.max_octets", "99").unwrap();
        let limits = ["peerinfo.max_entries", "peerinfo.max_octets"].map(|key| config.get(key));
        assert_eq!(limits, [Some("9".into()), Some("99".into())]);
        let before = config.clone();
        config.set("peerinfo.allowlist", &written).unwrap();
        assert_eq!(config, before);
    }

    #[test]
    fn faults_name_the_key() {
        for (key, value) in [
            ("peerinfo.trust", "yes"),
            ("peerinfo.allowlist", "https://a.example/"),
            ("peerinfo.allowlist", "a.example:443"),
            ("peerinfo.allowlist", "a.example/ird"),
            ("peerinfo.allowlist", "a b"),
            ("peerinfo.max_entries", "129"),
            ("peerinfo.max_octets", "10"),
            ("peerinfo.colour", "red"),
        ] {
            let fault = PeerInfoConfig::default().set(key, value).unwrap_err().to_string();
            assert!(fault.contains(key) && fault.contains("wanted"), "{fault}");
        }
    }
}
