//! Numbers with a name, a floor, a ceiling and a source.

use std::fmt;
use std::time::Duration;

/// A number that can be configured: its key, default, bounds, and where they come from.
#[derive(Clone, Copy, Debug)]
pub struct Setting<T> {
    /// The key in configuration files and in `set(key, value)`.
    pub key: &'static str,
    /// Used unless something else is said.
    pub default: T,
    /// The least that makes sense.
    pub floor: T,
    /// The most that makes sense.
    pub ceiling: T,
    /// Why these numbers: an RFC section, or a decision of the project.
    pub source: &'static str,
}

impl<T: SettingValue> Setting<T> {
    /// Reads a value from text and checks it against the bounds.
    ///
    /// # Errors
    /// If the text is no such value, or out of bounds; the message names the bounds.
    pub fn parse(&self, text: &str) -> Result<T, SettingFault> {
        let fault = |what| SettingFault {
            what,
            wanted: format!("{} from {} to {}", T::NOUN, self.floor.show(), self.ceiling.show()),
        };
        let value =
            T::read(text.trim()).ok_or_else(|| fault(format!("`{text}` is no {}", T::NOUN)))?;
        if self.admits(value) {
            Ok(value)
        } else {
            Err(fault(format!("{} is out of bounds", value.show())))
        }
    }

    /// Whether a value lies within the bounds.
    pub fn admits(&self, value: T) -> bool {
        self.floor <= value && value <= self.ceiling
    }

    /// The nearest value within the bounds.
    pub fn clamp(&self, value: T) -> T {
        if value < self.floor {
            self.floor
        } else if value > self.ceiling {
            self.ceiling
        } else {
            value
        }
    }
}

/// Why a text is no value for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    what: String,
    wanted: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; wanted: {}", self.what, self.wanted)
    }
}

impl std::error::Error for SettingFault {}

/// A kind of number that settings hold.
pub trait SettingValue: Copy + PartialOrd {
    /// What to call it in messages.
    const NOUN: &'static str;

    /// Reads it.
    fn read(text: &str) -> Option<Self>;

    /// Writes it, so that `read` gives it back.
    fn show(self) -> String;
}

macro_rules! whole_number {
    ($($kind:ty)*) => {$(
        impl SettingValue for $kind {
            const NOUN: &'static str = "whole number";

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(self) -> String {
                self.to_string()
            }
        }
    )*};
}

whole_number!(u16 u32 u64 usize);

impl SettingValue for Duration {
    const NOUN: &'static str = "duration (such as 500ms, 2s, 5m, 1h)";

    fn read(text: &str) -> Option<Self> {
        parse_duration(text)
    }

    fn show(self) -> String {
        duration_text(self)
    }
}

/// Reads a duration: a whole or decimal number and one of `ms`, `s`, `m`, `h`, `d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(digits);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let seconds = Duration::try_from_secs_f64(number * seconds_per_unit).ok()?;
    // Binary fractions of 0.001 are not exact; nobody asks for less than a microsecond.
    Some(Duration::from_micros(
        u64::try_from((seconds + Duration::from_nanos(500)).as_micros()).ok()?,
    ))
}

/// Writes a duration the way [`parse_duration`] reads it, in the largest unit that is exact.
pub fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".into(),
        _ if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Setting<Duration> = Setting {
        key: "dns.timeout",
        default: Duration::from_secs(2),
        floor: Duration::from_millis(50),
        ceiling: Duration::from_secs(30),
        source: "RFC 8686",
    };

    #[test]
    fn bounds_are_kept_and_named() {
        assert_eq!(TIMEOUT.parse("750ms"), Ok(Duration::from_millis(750)));
        assert_eq!(TIMEOUT.parse("1.5s"), Ok(Duration::from_millis(1_500)));
        for text in
            ["", "2", "2 s", "-1s", "1ms", "31s", "1e3s", "s", "1..2s", "99999999999999999999d"]
        {
            let fault = TIMEOUT.parse(text).unwrap_err().to_string();
            assert!(fault.contains("from 50ms to 30s"), "{fault}");
        }
        assert_eq!(TIMEOUT.clamp(Duration::ZERO), TIMEOUT.floor);
    }

    proptest! {
        #[test]
        fn durations_survive_being_written(ms in 0_u64..10_000_000_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&duration_text(duration)), Some(duration));
        }
    }
}
