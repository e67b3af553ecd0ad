//! Reads a body that is held as a whole, by asking for what should come next.

use std::borrow::Cow;
use std::collections::HashSet;

use super::grammar::{Event, Grammar};
use super::keys::duplicate;
use crate::address::TypedAddress;
use crate::fault::{Fault, Parsed, code, excerpt};
use crate::options::{ReadOptions, Report, too_large};

/// A body in the reading: where we are, and what was forgiven so far.
pub(crate) struct Document<'a> {
    input: &'a [u8],
    at: usize,
    grammar: Grammar,
    path: Vec<Box<str>>,
    pub(crate) report: Report,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The fault of a byte order mark (RFC 8259 §8.1).
pub(crate) fn byte_order_mark() -> Fault {
    Fault::syntax(code::BYTE_ORDER_MARK, "the text starts with a byte order mark")
}

/// Removes the byte order mark from the start of `input`, if there is one and it is forgiven.
pub(crate) fn without_mark<'a>(input: &'a [u8], report: &mut Report) -> Result<&'a [u8], Fault> {
    let Some(rest) = input.strip_prefix(BYTE_ORDER_MARK) else { return Ok(input) };
    report.forgive(byte_order_mark())?;
    Ok(rest)
}

/// Reads the one object that a body consists of; `member` is called for each member's key.
pub(crate) fn parse<T>(
    body: &[u8],
    options: &ReadOptions,
    read: impl FnOnce(&mut Document<'_>) -> Result<T, Fault>,
) -> Result<Parsed<T>, Fault> {
    if body.len() > options.limits.body_octets {
        return Err(too_large("", "octets", options.limits.body_octets));
    }
    let mut report = Report::new(options.strictness);
    let input = without_mark(body, &mut report)?;
    let mut document = Document::new(input, report, "");
    let message = read(&mut document)?;
    document.end()?;
    Ok(Parsed { message, warnings: document.report.into_warnings() })
}

impl<'a> Document<'a> {
    /// A reader of `input`, which stands in member `field` of something larger.
    pub(crate) fn new(input: &'a [u8], report: Report, field: &str) -> Self {
        let path = if field.is_empty() { Vec::new() } else { vec![field.into()] };
        Self { input, at: 0, grammar: Grammar::new(), path, report }
    }

    /// The names of the members that we are in, outermost first.
    pub(crate) fn path(&self) -> String {
        self.path.join("/")
    }

    /// The path of member `key` of the object we are in.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}/{key}", self.path()) }
    }

    /// Reads an object; `member` must read or skip the value of each key.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match self.next()? {
            Event::BeginObject => {}
            other => return Err(self.wrong_type(&other, "an object")),
        }
        let mut keys = HashSet::new();
        while let Event::Key(key) = self.next()? {
            if keys.contains(&key) {
                return Err(duplicate(&self.path(), &key));
            }
            self.path.push(excerpt(&key));
            member(self, &key)?;
            self.path.pop();
            keys.insert(key);
        }
        Ok(())
    }

    /// Reads an array; `element` must read or skip each element.
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match self.next()? {
            Event::BeginArray => {}
            other => return Err(self.wrong_type(&other, "an array")),
        }
        while self.upcoming() != Some(b']') {
            element(self)?;
        }
        self.next().map(drop)
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        match self.next()? {
            Event::String(text) => Ok(text),
            other => Err(self.wrong_type(&other, "a string")),
        }
    }

    /// Reads a boolean.
    pub(crate) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.next()? {
            Event::Bool(value) => Ok(value),
            other => Err(self.wrong_type(&other, "a boolean")),
        }
    }

    /// Reads an array of strings; one string alone is forgiven.
    pub(crate) fn strings(
        &mut self,
        mut each: impl FnMut(&mut Self, &str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.upcoming() == Some(b'"') {
            let fault = Fault::wrong_type(self.path(), "a string", "an array of strings");
            self.report.forgive(fault.with_code(code::NOT_A_LIST))?;
            let text = self.string()?;
            return each(self, &text);
        }
        self.array(|document| {
            let text = document.string()?;
            each(document, &text)
        })
    }

    /// Reads the typed address that `text`, a key or a value where we are, stands for; `None` if
    /// its type is unknown.
    pub(crate) fn address(&mut self, text: &str) -> Result<Option<TypedAddress>, Fault> {
        let path = &self.path;
        TypedAddress::read(text, &|| path.join("/"), &mut self.report)
    }

    /// Reads a value that is neither object nor array; `None` if it is one, which is skipped.
    pub(crate) fn scalar(&mut self) -> Result<Option<Event<'a>>, Fault> {
        match self.upcoming() {
            Some(b'{' | b'[') => self.skip().map(|()| None),
            _ => self.next().map(Some),
        }
    }

    /// Whether an array comes next.
    pub(crate) fn is_at_array(&mut self) -> bool {
        self.upcoming() == Some(b'[')
    }

    /// Passes over a value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        match self.upcoming() {
            Some(b'{') => self.object(|document, _| document.skip()),
            Some(b'[') => self.array(Self::skip),
            _ => self.next().map(drop),
        }
    }

    /// Reads whatever comes next.
    pub(crate) fn next(&mut self) -> Result<Event<'a>, Fault> {
        let (event, used) = self.grammar.next(&self.input[self.at..], true, self.at as u64)?;
        self.at += used;
        event.ok_or_else(|| Fault::syntax(code::SYNTAX, "no JSON: the text ends too soon"))
    }

    /// The first byte of what comes next.
    fn upcoming(&mut self) -> Option<u8> {
        self.at += self.grammar.skip_separators(&self.input[self.at..]);
        self.input.get(self.at).copied()
    }

    /// Makes sure that nothing follows.
    fn end(&mut self) -> Result<(), Fault> {
        self.grammar.next(&self.input[self.at..], true, self.at as u64).map(drop)
    }

    /// The fault of finding `event` where `wanted` is due.
    pub(crate) fn wrong_type(&self, event: &Event<'_>, wanted: &str) -> Fault {
        Fault::wrong_type(self.path(), event.noun(), wanted)
    }
}
