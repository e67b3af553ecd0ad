//! The names of RFC 7285 §10: of PIDs, resources, tags, metrics, modes and properties.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::fault::excerpt;

/// A text that is no name of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameFault {
    text: Box<str>,
    what: &'static str,
    wanted: &'static str,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}: {}", self.text, self.what, self.wanted)
    }
}

impl Error for NameFault {}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident: $what:literal, $wanted:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameFault;

            fn from_str(text: &str) -> Result<Self, NameFault> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameFault { text: excerpt(text), what: $what, wanted: $wanted })
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name! {
    /// The name of a group of endpoints in one network map (RFC 7285 §10.1).
    PidName: "PID name", "1 to 64 of letters, digits and - : @ _ . are wanted", is_pid_name
}

name! {
    /// The name of a resource, unique among all that a server's directories list (RFC 7285 §10.2).
    ResourceId: "resource ID", "1 to 64 of letters, digits and - : @ _ . are wanted", is_pid_name
}

name! {
    /// Tells versions of one resource apart (RFC 7285 §10.3).
    Tag: "tag", "1 to 64 printable characters without spaces are wanted", |text| {
        is_of(text, 64, |byte| byte.is_ascii_graphic())
    }
}

name! {
    /// What a cost measures, such as `routingcost` (RFC 7285 §10.6).
    CostMetric: "cost metric", "1 to 32 of letters, digits and - : _ . are wanted", |text| {
        is_of(text, 32, |byte| byte.is_ascii_alphanumeric() || b"-:_.".contains(&byte))
            && text != "priv:"
    }
}

impl CostMetric {
    /// The metric that every server offers; lower is better, and there is no unit (RFC 7285
    /// §6.1.1.1).
    pub const ROUTINGCOST: &'static str = "routingcost";

    /// That metric.
    pub fn routingcost() -> Self {
        Self(Self::ROUTINGCOST.into())
    }
}

name! {
    /// A cost mode that this crate does not interpret (RFC 9274 §3.1).
    OtherMode: "cost mode", "1 to 32 of letters, digits and - : _ are wanted", |text| {
        is_of(text, 32, |byte| byte.is_ascii_alphanumeric() || b"-:_".contains(&byte))
    }
}

name! {
    /// The name of an endpoint property: of a resource (`my-map.pid`) or a global one (RFC 7285
    /// §10.8).
    PropertyName: "property name",
    "1 to 32 of letters, digits and - : _ are wanted, perhaps after a resource ID and a dot",
    is_property_name
}

impl PropertyName {
    /// The property `name` of a resource.
    ///
    /// # Errors
    /// If `name` is not the name of a property.
    pub fn of_resource(resource: &ResourceId, name: &str) -> Result<Self, NameFault> {
        format!("{resource}.{name}").parse()
    }

    /// The resource it belongs to; `None` for a global property.
    pub fn resource(&self) -> Option<&str> {
        self.0.rsplit_once('.').map(|(resource, _)| resource)
    }

    /// The property's own name.
    pub fn property(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(_, name)| name)
    }
}

/// How the numbers of a cost are to be read (RFC 7285 §10.5, RFC 9274).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CostMode {
    /// Numbers that can be added and compared.
    Numerical,
    /// Ranks: whole numbers from zero on, meaningful within one response only.
    Ordinal,
    /// One that this crate does not read.
    Other(OtherMode),
}

impl CostMode {
    /// The word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Numerical => "numerical",
            Self::Ordinal => "ordinal",
            Self::Other(name) => name.as_str(),
        }
    }
}

impl FromStr for CostMode {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        match text {
            "numerical" => Ok(Self::Numerical),
            "ordinal" => Ok(Self::Ordinal),
            _ => text.parse().map(Self::Other),
        }
    }
}

impl fmt::Display for CostMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An octet that may stand in a PID name or resource ID.
pub(crate) fn is_pid_octet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'@' | b'_' | b'.')
}

/// The longest PID name, in octets.
pub(crate) const LONGEST_PID_NAME: usize = 64;

fn is_pid_name(text: &str) -> bool {
    is_of(text, LONGEST_PID_NAME, is_pid_octet)
}

fn is_property_name(text: &str) -> bool {
    let (resource, name) = match text.rsplit_once('.') {
        Some((resource, name)) => (Some(resource), name),
        None => (None, text),
    };
    resource.is_none_or(is_pid_name)
        && is_of(name, 32, |byte| byte.is_ascii_alphanumeric() || b"-:_".contains(&byte))
        && name != "priv:"
}

fn is_of(text: &str, longest: usize, is_allowed: impl Fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7285 §10.1 to §10.8: which characters, and how many.
    #[test]
    fn each_name_has_its_grammar() {
        let long = "x".repeat(64);
        for good in ["PID1", "a-b:c@d_e.f", &long] {
            assert!(good.parse::<PidName>().is_ok() && good.parse::<ResourceId>().is_ok());
        }
        for bad in ["", "a b", "a/b", "é", &format!("{long}x")] {
            assert!(bad.parse::<PidName>().is_err() && bad.parse::<ResourceId>().is_err());
        }
        assert!("!~\"\\".parse::<Tag>().is_ok());
        assert!("a b".parse::<Tag>().is_err() && "".parse::<Tag>().is_err());
        assert!("priv:x".parse::<CostMetric>().is_ok() && "tput:p95".parse::<CostMetric>().is_ok());
        assert!("priv:".parse::<CostMetric>().is_err() && "a@b".parse::<CostMetric>().is_err());
        assert!("x".repeat(33).parse::<CostMetric>().is_err());
        assert_eq!("array".parse::<CostMode>().unwrap().as_str(), "array");
        assert_eq!("ordinal".parse(), Ok(CostMode::Ordinal));
        assert!("Numerical!".parse::<CostMode>().is_err());
    }

    /// RFC 7285 §10.8: a property belongs to a resource if a dot says so; resource IDs may hold
    /// dots, property names may not.
    #[test]
    fn properties_name_their_resource() {
        let pid: PropertyName = "my.map.pid".parse().unwrap();
        assert_eq!((pid.resource(), pid.property()), (Some("my.map"), "pid"));
        let global: PropertyName = "priv:3pdisc-ird".parse().unwrap();
        assert_eq!((global.resource(), global.property()), (None, "priv:3pdisc-ird"));
        for bad in ["", ".pid", "map.", "priv:", "map.priv:", "a@b"] {
            assert!(bad.parse::<PropertyName>().is_err(), "{bad}");
        }
    }

    /// A refusal says what was found and what is wanted, without control characters.
    #[test]
    fn a_refusal_explains_itself() {
        let fault = "a\nb".parse::<PidName>().unwrap_err().to_string();
        assert!(fault.starts_with("`a\u{fffd}b` is no PID name: 1 to 64 of"), "{fault}");
    }
}
