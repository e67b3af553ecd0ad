//! Writes JSON: compact, members in the order given, so equal messages give equal bytes.

use std::fmt::{Display, Write as _};

/// A JSON text in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// The text of one object.
    pub(crate) fn message(members: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        writer.object(members);
        writer.text.into_bytes()
    }

    /// Writes an object; `members` writes its members.
    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.text.push('{');
        members(self);
        self.text.push('}');
    }

    /// Writes a member that is an object.
    pub(crate) fn object_member(&mut self, key: &str, members: impl FnOnce(&mut Self)) {
        self.key(key);
        self.object(members);
    }

    /// Writes a member that is an array of strings.
    pub(crate) fn strings_member<T: AsRef<str>>(
        &mut self,
        key: &str,
        texts: impl IntoIterator<Item = T>,
    ) {
        self.array_member(key, texts, |writer, text| writer.string(text.as_ref()));
    }

    /// Writes a member that is an array; `each` writes one element.
    pub(crate) fn array_member<T>(
        &mut self,
        key: &str,
        elements: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.key(key);
        self.text.push('[');
        for element in elements {
            self.comma();
            each(self, element);
        }
        self.text.push(']');
    }

    /// Writes a member that is a string.
    pub(crate) fn string_member(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// Writes a member whose value is written as it displays: a number or a boolean.
    pub(crate) fn plain_member(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.plain(value);
    }

    /// Writes a value that needs neither quotes nor escapes.
    pub(crate) fn plain(&mut self, value: impl Display) {
        let _ = write!(self.text, "{value}"); // a String takes whatever comes
    }

    /// Writes a string that needs quotes but no escapes, such as an address.
    pub(crate) fn quoted(&mut self, value: impl Display) {
        let _ = write!(self.text, "\"{value}\"");
    }

    /// Writes a string.
    pub(crate) fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        while let Some(at) = rest.find(|c| matches!(c, '"' | '\\' | '\0'..='\u{1f}')) {
            self.text.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                byte @ (b'"' | b'\\') => self.text.extend(['\\', char::from(byte)]),
                byte => self.plain(format_args!("\\u{byte:04x}")),
            }
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    /// Writes a key and its colon, and the comma before it if it is not the first.
    pub(crate) fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.text.push(':');
    }

    /// Every value but the first in its container follows a comma.
    fn comma(&mut self) {
        if !self.text.ends_with(['{', '[', ':']) {
            self.text.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever text is written, another parser reads it back.
        #[test]
        fn strings_are_read_back(key in any::<String>(), text in any::<String>()) {
            let body = Writer::message(|writer| {
                writer.string_member(&key, &text);
                writer.strings_member("", [&text, &key]);
            });
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(&read[""], &serde_json::json!([text, key]));
        }
    }
}
