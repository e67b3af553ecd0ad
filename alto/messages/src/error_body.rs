//! Error bodies (RFC 7285 §8.5).

use std::fmt;

use crate::fault::{Class, Fault, Parsed, code};
use crate::json::document::{Document, parse};
use crate::json::writer::Writer;
use crate::meta::required;
use crate::options::ReadOptions;

/// Why a server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// What kind of error.
    pub code: ErrorCode,
    /// What is wrong with the JSON text, for [`ErrorCode::Syntax`].
    pub syntax_error: Option<String>,
    /// Which field is at fault. For people: the RFC itself writes paths in two orders.
    pub field: Option<String>,
    /// The field's value, for [`ErrorCode::InvalidFieldValue`].
    pub value: Option<String>,
}

/// The codes of RFC 7285 §8.5.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `E_SYNTAX`
    Syntax,
    /// `E_MISSING_FIELD`
    MissingField,
    /// `E_INVALID_FIELD_TYPE`
    InvalidFieldType,
    /// `E_INVALID_FIELD_VALUE`
    InvalidFieldValue,
    /// Another: the request failed, that much is known.
    Other(Box<str>),
}

impl ErrorBody {
    /// Reads an error body.
    ///
    /// # Errors
    /// If the bytes are no error body; the request has failed all the same.
    pub fn parse(body: &[u8], options: &ReadOptions) -> Result<Parsed<Self>, Fault> {
        parse(body, options, |document| {
            let mut error = None;
            document.object(|document, key| {
                if key == "meta" {
                    error = Some(Self::read_meta(document)?);
                    return Ok(());
                }
                document.skip()
            })?;
            required(error, document, "meta")
        })
    }

    fn read_meta(document: &mut Document<'_>) -> Result<Self, Fault> {
        let mut error =
            Self { code: ErrorCode::Syntax, syntax_error: None, field: None, value: None };
        let mut code = None;
        document.object(|document, key| {
            match key {
                "code" => code = Some(document.string()?.into_owned()),
                "syntax-error" => error.syntax_error = Some(document.string()?.into_owned()),
                "field" => error.field = Some(document.string()?.into_owned()),
                "value" => error.value = Some(document.string()?.into_owned()),
                _ => document.skip()?,
            }
            Ok(())
        })?;
        let code = required(code, document, "code")?;
        error.code = ErrorCode::named(&code);
        if matches!(error.code, ErrorCode::Other(_)) {
            let sentence =
                format!("`{}` is no error code of RFC 7285", crate::fault::excerpt(&code));
            document.report.note(code::UNKNOWN_ERROR_CODE, || {
                Fault::value(code::UNKNOWN_ERROR_CODE, "meta/code", &code, sentence)
            });
        }
        Ok(error)
    }

    /// The body as it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        Writer::message(|writer| {
            writer.object_member("meta", |writer| {
                writer.string_member("code", self.code.as_str());
                let details = [
                    ("syntax-error", &self.syntax_error),
                    ("field", &self.field),
                    ("value", &self.value),
                ];
                for (key, text) in details {
                    if let Some(text) = text {
                        writer.string_member(key, text);
                    }
                }
            });
        })
    }
}

impl From<&Fault> for ErrorBody {
    /// What a server answers to a request with this fault.
    fn from(fault: &Fault) -> Self {
        let field = (!fault.field().is_empty()).then(|| fault.field().to_owned());
        let value = fault.offending_value().filter(|_| field.is_some()).map(str::to_owned);
        let code = match fault.class() {
            Class::Syntax => ErrorCode::Syntax,
            Class::MissingField => ErrorCode::MissingField,
            Class::FieldType => ErrorCode::InvalidFieldType,
            Class::FieldValue => ErrorCode::InvalidFieldValue,
        };
        let syntax_error = (code == ErrorCode::Syntax).then(|| fault.to_string());
        Self { code, syntax_error, field, value }
    }
}

impl ErrorCode {
    /// The code of that name.
    pub fn named(name: &str) -> Self {
        match name {
            "E_SYNTAX" => Self::Syntax,
            "E_MISSING_FIELD" => Self::MissingField,
            "E_INVALID_FIELD_TYPE" => Self::InvalidFieldType,
            "E_INVALID_FIELD_VALUE" => Self::InvalidFieldValue,
            _ => Self::Other(name.into()),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Syntax => "E_SYNTAX",
            Self::MissingField => "E_MISSING_FIELD",
            Self::InvalidFieldType => "E_INVALID_FIELD_TYPE",
            Self::InvalidFieldValue => "E_INVALID_FIELD_VALUE",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::fault::excerpt(self.code.as_str()))?;
        for (what, text) in
            [("", &self.syntax_error), (" field", &self.field), (" value", &self.value)]
        {
            if let Some(text) = text {
                write!(f, "{what} `{}`", crate::fault::excerpt(text))?;
            }
        }
        Ok(())
    }
}
