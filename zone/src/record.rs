//! Records as they are published.

/// A record to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name that holds it: lower case, absolute.
    pub owner: String,
    /// A name above it, under which it is listed: absolute.
    pub origin: String,
    /// How long it may be remembered, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A server.
    Naptr(Naptr),
    /// Another name for its owner (RFC 2317 §4).
    Cname(String),
}

/// A terminal U-NAPTR record (RFC 4848 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lower is processed first.
    pub order: u16,
    /// Lower is processed first within one order.
    pub preference: u16,
    /// What it offers, such as `ALTO:https`.
    pub service: String,
    /// The server's directory.
    pub uri: String,
}

impl Naptr {
    /// Its flag: the record leads to a URI.
    pub(crate) const FLAGS: &'static str = "u";

    /// Its regexp, of the one form that U-NAPTR knows (RFC 4848 §2.2).
    pub(crate) fn regexp(&self) -> String {
        format!("!.*!{}!", self.uri)
    }
}

impl Record {
    /// The owner as seen from the origin: `@` for the origin itself.
    pub(crate) fn relative_owner(&self) -> &str {
        let relative = self
            .owner
            .strip_suffix(&self.origin)
            .and_then(|owner| if owner.is_empty() { Some("@") } else { owner.strip_suffix('.') });
        relative.unwrap_or(&self.owner)
    }
}
