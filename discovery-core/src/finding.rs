//! What an examination of the surroundings found.

use std::fmt;

/// One thing that was looked at: how it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, as a short stable code.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Whose: a resolver, a zone, a key of the configuration.
    pub name: String,
    /// How it is, and what follows from that.
    pub reason: String,
    /// What to do, unless nothing needs to be done.
    pub fix: Option<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// It works, but not as well as it could.
    Note,
    /// It does not work.
    Fault,
}

impl Finding {
    /// Something as it should be.
    pub fn fine(code: &'static str, name: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(code, Severity::Fine, name, reason)
    }

    /// Something that works, but not as well as it could.
    pub fn note(code: &'static str, name: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, name, reason)
    }

    /// Something that does not work.
    pub fn fault(code: &'static str, name: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(code, Severity::Fault, name, reason)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    fn new(
        code: &'static str,
        severity: Severity,
        name: impl fmt::Display,
        reason: impl Into<String>,
    ) -> Self {
        Self { code, severity, name: name.to_string(), reason: reason.into(), fix: None }
    }
}

impl Severity {
    /// As in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Fault => "fault",
        }
    }
}
