//! How peers are chosen.

use alto_discovery_core::{Error, Setting, SettingValue};

/// How peers are chosen, unless a request says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectConfig {
    /// The share of a reply that is drawn at random whatever ALTO says (`select.random_share`).
    pub random_share: Share,
    /// How many peers of one PID the rest of a reply may hold (`select.pid_cap`); 0 for any number.
    pub pid_cap: usize,
    /// In what share of the replies that one server shapes within ten minutes a candidate outside the
    /// requester's PID may be promoted (`select.promoted_share`), where there are others of equal
    /// cost.
    pub promoted_share: Share,
    /// Where the rotation of peers of equal cost starts; `None` for somewhere else each time.
    pub seed: Option<u64>,
}

const RANDOM_SHARE: Setting<Share> = Setting {
    key: "select.random_share",
    default: Share(200_000),
    floor: Share(0),
    ceiling: Share(Share::WHOLE),
    source: "decision: RFC 8686 C.3 and RFC 7971 §4.2.2 want some, so that swarms stay in one piece",
};

const PID_CAP: Setting<usize> = Setting {
    key: "select.pid_cap",
    default: 0,
    floor: 0,
    ceiling: 1_000_000,
    source: "decision: off; for operators who want several networks in each reply",
};

const PROMOTED_SHARE: Setting<Share> = Setting {
    key: "select.promoted_share",
    default: Share(500_000),
    floor: Share(0),
    ceiling: Share(Share::WHOLE),
    source: "decision: RFC 7971 §7.4 warns of single addresses that all are sent to",
};

impl Default for SelectConfig {
    fn default() -> Self {
        Self {
            random_share: RANDOM_SHARE.default,
            pid_cap: PID_CAP.default,
            promoted_share: PROMOTED_SHARE.default,
            seed: None,
        }
    }
}

impl SelectConfig {
    /// All keys.
    pub const KEYS: &'static [&'static str] = &[RANDOM_SHARE.key, PID_CAP.key, PROMOTED_SHARE.key];

    /// Sets `key` to the value that `text` says.
    ///
    /// # Errors
    /// If there is no such key, or the value is no such value or out of bounds.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), Error> {
        match key {
            _ if key == RANDOM_SHARE.key => self.random_share = parse(&RANDOM_SHARE, text)?,
            _ if key == PID_CAP.key => self.pid_cap = parse(&PID_CAP, text)?,
            _ if key == PROMOTED_SHARE.key => self.promoted_share = parse(&PROMOTED_SHARE, text)?,
            _ => return Err(Error::config(key, "no such key")),
        }
        Ok(())
    }

    /// The value of `key` as [`set`](Self::set) reads it; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Option<String> {
        match key {
            _ if key == RANDOM_SHARE.key => Some(self.random_share.show()),
            _ if key == PID_CAP.key => Some(self.pid_cap.show()),
            _ if key == PROMOTED_SHARE.key => Some(self.promoted_share.show()),
            _ => None,
        }
    }
}

/// Reads the value of a setting.
pub(super) fn parse<T: SettingValue>(setting: &Setting<T>, text: &str) -> Result<T, Error> {
    setting.parse(text).map_err(|fault| Error::config(setting.key, fault.to_string()))
}

/// A part of a whole, exact to a millionth: what is computed from it has no rounding to argue about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(Self::WHOLE);
    const WHOLE: u32 = 1_000_000;

    /// So many thousandths; all of it from 1,000 on.
    pub const fn permille(thousandths: u16) -> Self {
        Self(if thousandths < 1_000 { thousandths as u32 * 1_000 } else { Self::WHOLE })
    }

    /// It in whole thousandths, rounded down.
    pub fn thousandths(self) -> u16 {
        u16::try_from(self.0 / 1_000).unwrap_or(1_000) // no more than 1,000, so it fits
    }

    /// How many of `k` this share is: ⌊s · k⌋.
    pub fn of(self, k: usize) -> usize {
        Self(Self::WHOLE - self.0).rest_of(k)
    }

    /// How many of `k` places are left beside this share: ⌊(1 − s) · k⌋.
    pub fn rest_of(self, k: usize) -> usize {
        let places = k as u128 * u128::from(Self::WHOLE - self.0) / u128::from(Self::WHOLE);
        usize::try_from(places).unwrap_or(k) // no more than k, so it fits
    }
}

impl SettingValue for Share {
    const NOUN: &'static str = "share (such as 0.2 or 20%)";

    fn read(text: &str) -> Option<Self> {
        let (number, digits) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), 4),
            None => (text, 6),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        let fine = !number.starts_with('.') && !number.is_empty() && fraction.len() <= digits;
        if !fine || whole.len() > 3 || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let all_digits = format!("{whole}{fraction:0<digits$}");
        all_digits.parse().ok().filter(|millionths| *millionths <= Self::WHOLE).map(Self)
    }

    fn show(self) -> String {
        let text = format!("{}.{:06}", self.0 / Self::WHOLE, self.0 % Self::WHOLE);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each key can be read and written back; what is no value is refused by the key's name.
    #[test]
    fn keys_are_complete() {
        for key in SelectConfig::KEYS {
            let mut config = SelectConfig::default();
            let text = config.get(key).unwrap();
            config.set(key, &text).unwrap();
            assert_eq!(config, SelectConfig::default(), "{key}");
            let refused = config.set(key, "no value").unwrap_err().to_string();
            assert!(refused.contains(key), "{refused}");
        }
        assert!(SelectConfig::default().set("select.other", "1").is_err());
    }

    #[test]
    fn shares_are_read_as_fractions_and_percents() {
        for (text, millionths) in
            [("0.2", 200_000), ("20%", 200_000), ("0", 0), ("1", 1_000_000), ("12.5 %", 125_000)]
        {
            assert_eq!(Share::read(text), Some(Share(millionths)), "{text}");
        }
        for text in ["", "%", ".5", "-0.1", "+0.1", "1.1", "101%", "0.1234567", "1e-1", "0.5.5"] {
            assert_eq!(Share::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn shares_survive_being_written(millionths in 0..=Share::WHOLE) {
            let share = Share(millionths);
            prop_assert_eq!(Share::read(&share.show()), Some(share));
        }

        /// The rest is the largest number of places that is no more than (1 - s) k, the share that of
        /// those no more than s k.
        #[test]
        fn the_rest_is_exact(millionths in 0..=Share::WHOLE, k in 0..1_000_000_usize) {
            let rest = Share(millionths).rest_of(k) as u64;
            let exact = u64::from(Share::WHOLE - millionths) * k as u64;
            prop_assert!(rest * 1_000_000 <= exact && exact < (rest + 1) * 1_000_000);
            let part = Share(millionths).of(k) as u64;
            let exact = u64::from(millionths) * k as u64;
            prop_assert!(part * 1_000_000 <= exact && exact < (part + 1) * 1_000_000);
        }
    }
}
