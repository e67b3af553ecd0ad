//! How the tokens of JSON follow each other, step by step, over input that arrives in pieces.

use std::borrow::Cow;

use super::lexer::{self, Lexed, NoToken};
use crate::fault::{Fault, code};
use crate::options::MAX_DEPTH;

/// What a JSON text says, one thing at a time; commas and colons are checked and left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event<'b> {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Key(Cow<'b, str>),
    String(Cow<'b, str>),
    Number(&'b str),
    Bool(bool),
    Null,
}

impl Event<'_> {
    /// What to call it in messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::BeginObject | Self::EndObject => "an object",
            Self::BeginArray | Self::EndArray => "an array",
            Self::Key(_) => "a member",
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Null => "null",
        }
    }
}

/// Where in a JSON text we are: which containers are open, and what may come next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grammar {
    /// One bit per open container, innermost lowest: 1 for an object.
    objects: u32,
    depth: u32,
    expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

impl Grammar {
    pub(crate) fn new() -> Self {
        Self { objects: 0, depth: 0, expect: Expect::Value }
    }

    /// How many containers are open.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether nothing was read yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.depth == 0 && self.expect == Expect::Value
    }

    /// Whether a whole member or element has just been read.
    pub(crate) fn is_between_members(&self) -> bool {
        self.expect == Expect::CommaOrEnd
    }

    /// Whether the innermost container has just been opened.
    pub(crate) fn is_at_start(&self) -> bool {
        matches!(self.expect, Expect::KeyOrEnd | Expect::ValueOrEnd)
    }

    /// Tells that whole members were read by other means.
    pub(crate) fn passed_members(&mut self) {
        self.expect = Expect::CommaOrEnd;
    }

    /// Whether the text is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// The next event and the number of bytes taken; no event if `input` ends before it.
    /// `last` says that nothing follows `input`; `base` is its place in the whole text, for faults.
    pub(crate) fn next<'b>(
        &mut self,
        input: &'b [u8],
        last: bool,
        base: u64,
    ) -> Result<(Option<Event<'b>>, usize), Fault> {
        let at = self.skip_separators(input);
        if at < input.len() {
            self.token(input, at, last, base)
        } else if last && !self.is_complete() {
            Err(syntax("the text ends too soon", base, at))
        } else {
            Ok((None, at))
        }
    }

    /// Passes over white space, and a comma or colon in its place; gives their length.
    pub(crate) fn skip_separators(&mut self, input: &[u8]) -> usize {
        let mut at = lexer::skip_space(input, 0);
        while let Some(expect) = input.get(at).and_then(|byte| self.separator(*byte)) {
            self.expect = expect;
            at = lexer::skip_space(input, at + 1);
        }
        at
    }

    /// What is expected after `byte`, if that is a comma or colon in its place.
    fn separator(&self, byte: u8) -> Option<Expect> {
        match (self.expect, byte) {
            (Expect::CommaOrEnd, b',') if self.in_object() => Some(Expect::Key),
            (Expect::Colon, b':') | (Expect::CommaOrEnd, b',') => Some(Expect::Value),
            _ => None,
        }
    }

    fn token<'b>(
        &mut self,
        input: &'b [u8],
        at: usize,
        last: bool,
        base: u64,
    ) -> Result<(Option<Event<'b>>, usize), Fault> {
        match self.event(&input[at..], last) {
            Ok((Event::BeginObject | Event::BeginArray, _)) if self.depth > MAX_DEPTH => {
                let sentence =
                    format!("more than {MAX_DEPTH} objects and arrays inside each other");
                Err(Fault::syntax(code::TOO_DEEP, sentence))
            }
            Ok((event, used)) => Ok((Some(event), at + used)),
            Err(NoToken::CutShort) if !last => Ok((None, at)),
            Err(NoToken::CutShort) => Err(syntax("the text ends too soon", base, input.len())),
            Err(NoToken::Wrong(what, offset)) => Err(syntax(what, base, at + offset)),
        }
    }

    fn event<'b>(&mut self, input: &'b [u8], last: bool) -> Lexed<Event<'b>> {
        match (self.expect, input[0]) {
            (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}') if self.in_object() => {
                Ok((self.close(Event::EndObject), 1))
            }
            (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') if !self.in_object() => {
                Ok((self.close(Event::EndArray), 1))
            }
            (Expect::Key | Expect::KeyOrEnd, b'"') => {
                let (text, used) = lexer::string(input)?;
                self.expect = Expect::Colon;
                Ok((Event::Key(text), used))
            }
            (Expect::Value | Expect::ValueOrEnd, _) => self.value(input, last),
            (Expect::Key | Expect::KeyOrEnd, _) => {
                Err(NoToken::Wrong("no key where one is due", 0))
            }
            (Expect::Colon, _) => Err(NoToken::Wrong("no colon after a key", 0)),
            (Expect::CommaOrEnd, _) => Err(NoToken::Wrong("neither a comma nor an end", 0)),
            (Expect::Nothing, _) => Err(NoToken::Wrong("something follows the JSON text", 0)),
        }
    }

    fn value<'b>(&mut self, input: &'b [u8], last: bool) -> Lexed<Event<'b>> {
        let (event, used) = match input[0] {
            b'{' => return Ok((self.open(Event::BeginObject, 1, Expect::KeyOrEnd), 1)),
            b'[' => return Ok((self.open(Event::BeginArray, 0, Expect::ValueOrEnd), 1)),
            b'"' => lexer::string(input).map(|(text, used)| (Event::String(text), used))?,
            b'-' | b'0'..=b'9' => {
                lexer::number(input, last).map(|(text, used)| (Event::Number(text), used))?
            }
            b't' => (Event::Bool(true), lexer::word(input, "true", last)?.1),
            b'f' => (Event::Bool(false), lexer::word(input, "false", last)?.1),
            _ => (Event::Null, lexer::word(input, "null", last)?.1),
        };
        self.expect = self.after_value();
        Ok((event, used))
    }

    fn open<'b>(&mut self, event: Event<'b>, bit: u32, expect: Expect) -> Event<'b> {
        self.objects = self.objects << 1 | bit;
        self.depth += 1;
        self.expect = expect;
        event
    }

    fn close<'b>(&mut self, event: Event<'b>) -> Event<'b> {
        self.objects >>= 1;
        self.depth -= 1;
        self.expect = self.after_value();
        event
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn after_value(&self) -> Expect {
        if self.depth == 0 { Expect::Nothing } else { Expect::CommaOrEnd }
    }
}

fn syntax(what: &str, base: u64, at: usize) -> Fault {
    Fault::syntax(code::SYNTAX, format!("no JSON: {what}, at byte {}", base + at as u64))
}
