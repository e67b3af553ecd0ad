//! Settings: what is asked for, and how much of it is kept.

use alto_discovery_core::{Error, Setting, SettingValue as _};
use alto_messages::{CostMetric, Strictness};
use alto_selection::Direction;

/// What is asked of servers, and how much of their answers is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuidanceConfig {
    /// What costs are to measure (`guidance.metric`); `routingcost` is offered by every server.
    pub metric: CostMetric,
    /// Whose sending costs (`guidance.direction`).
    pub direction: Direction,
    /// The octets that all tables may take together (`guidance.memory`).
    pub memory: usize,
    /// When endpoint costs are asked for (`guidance.ecs`).
    pub ecs: EcsUse,
    /// The octets that endpoint costs may take together until they expire (`guidance.ecs_memory`).
    pub ecs_memory: usize,
    /// Where the links of directories may lead (`guidance.links`).
    pub links: Links,
    /// Whether faults known from other servers are forgiven (`guidance.lenient`).
    pub strictness: Strictness,
}

/// When the endpoint cost service is used. It tells a server which peers talk to each other, and
/// its answers serve one consumer only: maps are better where they say enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcsUse {
    /// Never.
    Off,
    /// If there is no cost map for the metric, or it has no costs for the consumer.
    #[default]
    Fallback,
    /// Always, by the server's offering it.
    Always,
}

/// Where the links of directories may lead. Wherever that is, each is checked as any URI from the
/// network is: by policy, every address of its host, TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// To the host of the server's root directory, and to hosts whose names are below its name (RFC
    /// 7285 §9.2.4).
    #[default]
    SameSite,
    /// To any host.
    Any,
}

/// Octets of all tables together.
const MEMORY: Setting<usize> = Setting {
    key: "guidance.memory",
    default: 256 << 20,
    floor: 1 << 20,
    ceiling: 1 << 40,
    source: "project: the table of the largest deployment known takes 10 MiB",
};

/// Octets of all endpoint costs that are kept.
const ECS_MEMORY: Setting<usize> = Setting {
    key: "guidance.ecs_memory",
    default: 8 << 20,
    floor: 0,
    ceiling: 1 << 30,
    source: "project: 1,000 consumers that asked about 100 candidates each; 0 keeps none",
};

const METRIC: &str = "guidance.metric";
const DIRECTION: &str = "guidance.direction";
const ECS: &str = "guidance.ecs";
const LINKS: &str = "guidance.links";
const LENIENT: &str = "guidance.lenient";

const DIRECTIONS: [(&str, Direction); 2] =
    [("from-consumer", Direction::FromConsumer), ("to-consumer", Direction::ToConsumer)];
const ECS_USES: [(&str, EcsUse); 3] =
    [("off", EcsUse::Off), ("fallback", EcsUse::Fallback), ("always", EcsUse::Always)];
const LINKINGS: [(&str, Links); 2] = [("same-site", Links::SameSite), ("any", Links::Any)];
const LENIENCIES: [(&str, Strictness); 2] =
    [("false", Strictness::Strict), ("true", Strictness::Lenient)];

impl Default for GuidanceConfig {
    fn default() -> Self {
        Self {
            metric: CostMetric::routingcost(),
            direction: Direction::default(),
            memory: MEMORY.default,
            ecs: EcsUse::default(),
            ecs_memory: ECS_MEMORY.default,
            links: Links::default(),
            strictness: Strictness::default(),
        }
    }
}

impl GuidanceConfig {
    /// All keys.
    pub const KEYS: &'static [&'static str] =
        &[METRIC, DIRECTION, MEMORY.key, ECS, ECS_MEMORY.key, LINKS, LENIENT];

    /// Sets `key` to the value that `text` says.
    ///
    /// # Errors
    /// If there is no such key, or the value is no such value or out of bounds.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        let text = text.trim();
        match key {
            METRIC => {
                let metric = text.parse();
                self.metric = metric.map_err(|fault| Error::config(key, format!("{fault}")))?;
            }
            DIRECTION => self.direction = chosen(key, text, &DIRECTIONS)?,
            ECS => self.ecs = chosen(key, text, &ECS_USES)?,
            LINKS => self.links = chosen(key, text, &LINKINGS)?,
            LENIENT => self.strictness = chosen(key, text, &LENIENCIES)?,
            _ if key == MEMORY.key => self.memory = number(&MEMORY, text)?,
            _ if key == ECS_MEMORY.key => self.ecs_memory = number(&ECS_MEMORY, text)?,
            _ => return Err(Error::config(key, "no such key")),
        }
        Ok(())
    }

    /// The value of `key` as [`set`](Self::set) reads it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        Some(match key {
            METRIC => self.metric.to_string(),
            DIRECTION => word(self.direction, &DIRECTIONS),
            ECS => word(self.ecs, &ECS_USES),
            LINKS => word(self.links, &LINKINGS),
            LENIENT => word(self.strictness, &LENIENCIES),
            _ if key == MEMORY.key => self.memory.show(),
            _ if key == ECS_MEMORY.key => self.ecs_memory.show(),
            _ => return None,
        })
    }
}

fn number(setting: &Setting<usize>, text: &str) -> Result<usize, Error> {
    setting.parse(text).map_err(|fault| Error::config(setting.key, fault.to_string()))
}

fn chosen<T: Copy>(key: &str, text: &str, choices: &[(&str, T)]) -> Result<T, Error> {
    let found = choices.iter().find(|(word, _)| *word == text);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        Error::config(key, format!("`{text}` is none of: {}", words.join(", ")))
    })
}

fn word<T: Copy + PartialEq>(value: T, choices: &[(&str, T)]) -> String {
    let found = choices.iter().find(|(_, choice)| *choice == value);
    found.map_or_else(String::new, |(word, _)| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key can be read and written back; what is no value is refused by the key's name.
    #[test]
    fn keys_are_complete() {
        for key in GuidanceConfig::KEYS {
            let mut config = GuidanceConfig::default();
            let text = config.get(key).unwrap();
            config.set(key, &text).unwrap();
            assert_eq!(config, GuidanceConfig::default(), "{key}");
            let refused = config.set(key, "no value").unwrap_err().to_string();
            assert!(refused.contains(key), "{refused}");
        }
        let mut config = GuidanceConfig::default();
        assert!(config.set("guidance.other", "1").is_err());
        assert!(config.get("guidance.other").is_none());
    }

    #[test]
    fn words_are_heard() {
        let mut config = GuidanceConfig::default();
        config.set("guidance.direction", "to-consumer").unwrap();
        config.set("guidance.ecs", "always").unwrap();
        config.set("guidance.links", "any").unwrap();
        config.set("guidance.lenient", "true").unwrap();
        config.set("guidance.metric", "priv:hops").unwrap();
        assert_eq!(config.direction, Direction::ToConsumer);
        assert_eq!(config.ecs, EcsUse::Always);
        assert_eq!(config.links, Links::Any);
        assert_eq!(config.strictness, Strictness::Lenient);
        assert_eq!(config.metric.as_str(), "priv:hops");
    }
}
