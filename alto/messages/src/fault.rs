//! What is wrong with a message, and what was forgiven.

use std::error::Error;
use std::fmt;

/// Why a message is refused: a stable code, the place, and a sentence.
///
/// A fault that is forgiven becomes a [`Warning`] with the same code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    code: &'static str,
    class: Class,
    field: Box<str>,
    value: Option<Box<str>>,
    sentence: Box<str>,
}

/// The kinds of faults, as RFC 7285 §8.5.2 tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No JSON, or JSON we refuse as such.
    Syntax,
    /// A member that must be there is not.
    MissingField,
    /// A member holds the wrong kind of JSON value.
    FieldType,
    /// A member holds the right kind of value, but not one that makes sense.
    FieldValue,
}

impl Fault {
    /// The bytes are no JSON text that we accept.
    pub(crate) fn syntax(code: &'static str, sentence: impl Into<Box<str>>) -> Self {
        Self {
            code,
            class: Class::Syntax,
            field: Box::default(),
            value: None,
            sentence: sentence.into(),
        }
    }

    /// Member `field` is missing.
    pub(crate) fn missing(code: &'static str, field: impl Into<Box<str>>) -> Self {
        let sentence = "is missing".into();
        Self { code, class: Class::MissingField, field: field.into(), value: None, sentence }
    }

    /// Member `field` is of the wrong JSON type.
    pub(crate) fn wrong_type(field: impl Into<Box<str>>, found: &str, wanted: &str) -> Self {
        Self {
            code: code::FIELD_TYPE,
            class: Class::FieldType,
            field: field.into(),
            value: None,
            sentence: format!("is {found} where {wanted} is due").into(),
        }
    }

    /// Member `field` holds a value that makes no sense.
    pub(crate) fn value(
        code: &'static str,
        field: impl Into<Box<str>>,
        value: &str,
        sentence: impl Into<Box<str>>,
    ) -> Self {
        Self {
            code,
            class: Class::FieldValue,
            field: field.into(),
            value: (!value.is_empty()).then(|| excerpt(value)),
            sentence: sentence.into(),
        }
    }

    /// The same fault under a more telling code.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// The stable code; see [`code`](mod@code).
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What kind of fault it is.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Where it is: member names from the outside in, joined by `/`; empty for the whole message.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The value at fault (its start, if long), for [`Class::FieldValue`].
    pub fn offending_value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.sentence)
    }
}

impl Error for Fault {}

/// A fault that was forgiven, or something that is allowed and yet worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its first occurrence.
    pub first: Fault,
    /// How often it occurred.
    pub count: u32,
}

impl Warning {
    /// The stable code; see [`code`](mod@code).
    pub fn code(&self) -> &'static str {
        self.first.code
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more)", count - 1),
        }
    }
}

/// A message and what was forgiven on the way, one warning per code.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<T> {
    /// The message.
    pub message: T,
    /// In the order of first occurrence.
    pub warnings: Vec<Warning>,
}

/// The start of a text from outside, short enough for a log line and without control characters.
pub(crate) fn excerpt(text: &str) -> Box<str> {
    const MOST: usize = 80;
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(MOST).map(printable).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short.into()
}

/// The codes of faults and warnings.
///
/// "Forgiven" means: refused when strict, a warning when lenient. "Always a warning" means that
/// the message is used in either case.
pub mod code {
    /// No JSON text (RFC 8259), cut short, or followed by something else.
    pub const SYNTAX: &str = "syntax";
    /// A key occurs twice in one object; never forgiven.
    pub const DUPLICATE_KEY: &str = "duplicate-key";
    /// More than [`MAX_DEPTH`](crate::MAX_DEPTH) objects and arrays inside each other.
    pub const TOO_DEEP: &str = "too-deep";
    /// More of something than [`Limits`](crate::Limits) allows.
    pub const TOO_LARGE: &str = "too-large";
    /// A member that must be there is missing.
    pub const MISSING_FIELD: &str = "missing-field";
    /// A member holds the wrong kind of JSON value.
    pub const FIELD_TYPE: &str = "field-type";
    /// A member holds a value outside the RFC's grammar.
    pub const FIELD_VALUE: &str = "field-value";
    /// A message of a draft before RFC 7285.
    pub const DRAFT_ERA: &str = "draft-era";
    /// No PID name, resource ID, tag, metric, mode or property name (RFC 7285 §10).
    pub const BAD_NAME: &str = "bad-name";
    /// No typed endpoint address (RFC 7285 §10.4).
    pub const BAD_ADDRESS: &str = "bad-address";
    /// No endpoint prefix (RFC 7285 §10.4).
    pub const BAD_PREFIX: &str = "bad-prefix";
    /// One prefix in two PIDs (RFC 7285 §11.2.2); never forgiven.
    pub const PREFIX_IN_TWO_PIDS: &str = "prefix-in-two-pids";
    /// A cost that is no finite number; never forgiven.
    pub const BAD_COST: &str = "bad-cost";
    /// A cost below zero where none can be: `routingcost`, or mode `ordinal`; never forgiven.
    pub const NEGATIVE_COST: &str = "negative-cost";
    /// A rank (mode `ordinal`) that is no whole number; never forgiven.
    pub const FRACTIONAL_RANK: &str = "fractional-rank";
    /// A cost mode whose values this crate does not read (RFC 9274).
    pub const UNSUPPORTED_MODE: &str = "unsupported-mode";
    /// The answer is not of a type that was asked for.
    pub const MEDIA_TYPE: &str = "media-type";
    /// A name that refers to nothing.
    pub const DANGLING_NAME: &str = "dangling-name";
    /// Not the number of elements the RFC wants.
    pub const WRONG_COUNT: &str = "wrong-count";
    /// Neither a network map to go by nor a way to choose one (RFC 7285 §9.2.2).
    pub const NO_NETWORK_MAP: &str = "no-network-map";

    /// Forgiven: `application/json`, or no media type at all.
    pub const GENERIC_MEDIA_TYPE: &str = "generic-media-type";
    /// Forgiven: a network map without `vtag`.
    pub const MISSING_VTAG: &str = "missing-vtag";
    /// Forgiven: a message without the `dependent-vtags` it should have.
    pub const MISSING_DEPENDENT_VTAGS: &str = "missing-dependent-vtags";
    /// Forgiven: an endpoint address without `ipv4:` or `ipv6:`.
    pub const UNTYPED_ADDRESS: &str = "untyped-address";
    /// Forgiven: an address where a prefix is due.
    pub const BARE_ADDRESS: &str = "bare-address";
    /// Forgiven: a byte order mark before the JSON text.
    pub const BYTE_ORDER_MARK: &str = "byte-order-mark";
    /// Forgiven: one string where an array of strings is due.
    pub const NOT_A_LIST: &str = "not-a-list";
    /// Forgiven: a directory entry that cannot be used; it is left out.
    pub const ENTRY_SKIPPED: &str = "entry-skipped";
    /// Forgiven: a `charset` other than UTF-8; the body is read as UTF-8.
    pub const FOREIGN_CHARSET: &str = "foreign-charset";

    /// Always a warning: a parameter that the media type does not have, such as `charset`.
    pub const MEDIA_TYPE_PARAMETER: &str = "media-type-parameter";
    /// Always a warning: bits set beyond a prefix's length; they are cleared.
    pub const HOST_BITS: &str = "host-bits";
    /// Always a warning: a prefix twice in one PID.
    pub const REPEATED_PREFIX: &str = "repeated-prefix";
    /// Always a warning: addresses of a type other than `ipv4` and `ipv6`; they are ignored.
    pub const UNKNOWN_ADDRESS_TYPE: &str = "unknown-address-type";
    /// Always a warning: an error code that RFC 7285 does not define.
    pub const UNKNOWN_ERROR_CODE: &str = "unknown-error-code";
    /// Always a warning: a property whose value is no string (RFC 7285 §11.4.1.6 wants one).
    pub const PROPERTY_NOT_A_STRING: &str = "property-not-a-string";
    /// Always a warning: no `default-alto-network-map`; the only network map is taken.
    pub const NO_DEFAULT_NETWORK_MAP: &str = "no-default-network-map";
    /// Always a warning: a PID name with the reserved `.` (RFC 7285 §10.1).
    pub const RESERVED_DOT: &str = "reserved-dot";
}
