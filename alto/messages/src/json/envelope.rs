//! A message that arrives in pieces: `meta`, one large member, and others that are ignored.
//!
//! Nothing of it is kept but `meta` and what the large member's reader makes of it.

use super::document::{Document, without_mark};
use super::grammar::{Event, Grammar};
use super::keys::{Keys, duplicate};
use crate::fault::{Fault, Parsed, code};
use crate::meta::Meta;
use crate::options::{Limits, ReadOptions, Report, too_large};

/// Reads the large member of a message.
pub(crate) trait Body {
    /// What it makes of it.
    type Message;

    /// The member's name.
    const MEMBER: &'static str;

    /// Takes the next event of the member's value, [`Event::BeginObject`] first.
    fn event(&mut self, event: Event<'_>, report: &mut Report) -> Result<(), Fault>;

    /// Reads what it can straight from `input`, which goes on anywhere in the value, and gives the
    /// number of bytes taken: whole members or elements only. `first` says that the innermost
    /// object or array has just begun, otherwise a comma or its end is due.
    fn fast(&mut self, input: &[u8], first: bool, report: &mut Report) -> usize;

    /// The message, once all was read.
    fn finish(self, meta: Meta, report: &mut Report) -> Result<Self::Message, Fault>;
}

/// A message in the reading.
#[derive(Debug)]
pub(crate) struct Envelope<B> {
    input: Input,
    place: Place,
    keys: Vec<Box<str>>,
    ignored: Keys,
    meta: Option<Vec<u8>>,
    body: B,
    body_seen: bool,
    report: Report,
    refused: Option<Fault>,
}

/// Where in the message we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Top,
    Meta,
    Body,
    Ignored,
}

/// How much is taken at once: the buffer stays in the cache and is never the whole body.
const STEP: usize = 32 << 10;

/// The most members at the top of a message; RFC 7285 defines two.
const MOST_MEMBERS: usize = 256;

impl<B: Body> Envelope<B> {
    pub(crate) fn new(options: &ReadOptions, body: B) -> Self {
        Self {
            input: Input::new(options.limits),
            place: Place::Start,
            keys: Vec::new(),
            ignored: Keys::default(),
            meta: None,
            body,
            body_seen: false,
            report: Report::new(options.strictness),
            refused: None,
        }
    }

    /// Reads on.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Fault> {
        if let Some(fault) = &self.refused {
            return Err(fault.clone());
        }
        for step in piece.chunks(STEP) {
            let read = self.input.push(step).and_then(|()| self.read_on());
            read.inspect_err(|fault| self.refused = Some(fault.clone()))?;
        }
        Ok(())
    }

    /// The message, once all was fed.
    pub(crate) fn finish(mut self) -> Result<Parsed<B::Message>, Fault> {
        if let Some(fault) = self.refused {
            return Err(fault);
        }
        self.input.last = true;
        self.read_on()?;
        let meta = self.meta()?;
        if !self.body_seen {
            return Err(self.body_missing());
        }
        let message = self.body.finish(meta, &mut self.report)?;
        Ok(Parsed { message, warnings: self.report.into_warnings() })
    }

    fn read_on(&mut self) -> Result<(), Fault> {
        if self.input.is_worth_a_look(&mut self.report)? {
            while self.step()? {}
        }
        self.input.check_size()
    }

    /// Takes one event; `false` if the input ends before it.
    fn step(&mut self) -> Result<bool, Fault> {
        if self.place == Place::Body && self.input.depth() > 1 {
            self.pass_fast();
        }
        let Some(event) = self.input.next()? else { return Ok(false) };
        let is_key = matches!(event, Event::Key(_));
        match self.place {
            Place::Start => match event {
                Event::BeginObject => self.place = Place::Top,
                other => return Err(Fault::wrong_type("", other.noun(), "an object")),
            },
            Place::Top => match event {
                Event::Key(key) => {
                    let key = key.into_owned();
                    self.open_member(&key)?;
                }
                _ => return Ok(true), // the end of the message
            },
            Place::Body => self.body.event(event, &mut self.report)?,
            Place::Ignored => drop(self.ignored.event(&event)?),
            Place::Meta => {}
        }
        if !is_key && self.input.grammar.depth() == 1 && self.input.grammar.is_between_members() {
            self.close_member();
        }
        Ok(true)
    }

    fn pass_fast(&mut self) {
        let grammar = &mut self.input.grammar;
        let first = grammar.is_at_start();
        if first || grammar.is_between_members() {
            let used = self.body.fast(&self.input.buffer[self.input.at..], first, &mut self.report);
            if used > 0 {
                grammar.passed_members();
                self.input.take(used);
            }
        }
    }

    fn open_member(&mut self, key: &str) -> Result<(), Fault> {
        if self.keys.iter().any(|earlier| **earlier == *key) {
            return Err(duplicate("", key));
        }
        if self.keys.len() == MOST_MEMBERS {
            return Err(too_large("", "members", MOST_MEMBERS));
        }
        self.keys.push(key.into());
        self.place = match key {
            "meta" => Place::Meta,
            _ if key == B::MEMBER => Place::Body,
            _ => Place::Ignored,
        };
        self.body_seen |= self.place == Place::Body;
        self.input.copy = (self.place == Place::Meta).then(Vec::new);
        Ok(())
    }

    fn close_member(&mut self) {
        if self.place == Place::Meta {
            self.meta = self.input.copy.take();
        }
        self.place = Place::Top;
    }

    fn meta(&mut self) -> Result<Meta, Fault> {
        let Some(copy) = &self.meta else { return Ok(Meta::default()) };
        let colon = copy.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
        let report = std::mem::take(&mut self.report);
        let mut document = Document::new(&copy[colon..], report, "meta");
        let meta = Meta::read(&mut document);
        self.report = document.report;
        meta
    }

    fn body_missing(&self) -> Fault {
        missing_member(B::MEMBER, self.keys.iter().map(|key| &**key))
    }
}

/// The fault of a message without its main member. Drafts before RFC 7285 called that `data`.
pub(crate) fn missing_member<'k>(member: &str, mut keys: impl Iterator<Item = &'k str>) -> Fault {
    if keys.any(|key| key == "data") {
        let sentence =
            format!("a message of a draft before RFC 7285: `data` in place of `{member}`");
        Fault::value(code::DRAFT_ERA, "data", "", sentence)
    } else {
        Fault::missing(code::MISSING_FIELD, member)
    }
}

/// The bytes that have arrived and are not yet read.
#[derive(Debug)]
struct Input {
    buffer: Vec<u8>,
    at: usize,
    /// How many bytes came before `buffer`.
    passed: u64,
    /// Not worth another look with fewer bytes than this in `buffer`.
    wanted: usize,
    last: bool,
    grammar: Grammar,
    /// What was read since this was set, byte by byte.
    copy: Option<Vec<u8>>,
    limits: Limits,
}

impl Input {
    fn new(limits: Limits) -> Self {
        Self {
            buffer: Vec::new(),
            at: 0,
            passed: 0,
            wanted: 3, // the length of a byte order mark
            last: false,
            grammar: Grammar::new(),
            copy: None,
            limits,
        }
    }

    fn depth(&self) -> u32 {
        self.grammar.depth()
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.passed += self.at as u64;
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(piece);
        if self.passed + self.buffer.len() as u64 > self.limits.map_octets {
            return Err(too_large("", "octets", self.limits.map_octets));
        }
        Ok(())
    }

    /// Whether reading on makes sense now. A long string that comes in tiny pieces must not be
    /// looked at anew for each of them, so we wait until it has doubled.
    fn is_worth_a_look(&mut self, report: &mut Report) -> Result<bool, Fault> {
        if self.buffer.len() - self.at < self.wanted && !self.last {
            return Ok(false);
        }
        if self.passed == 0 && self.at == 0 && self.grammar.is_untouched() {
            let rest = without_mark(&self.buffer, report)?.len();
            self.at = self.buffer.len() - rest;
        }
        Ok(true)
    }

    fn next(&mut self) -> Result<Option<Event<'_>>, Fault> {
        let (event, used) =
            self.grammar.next(&self.buffer[self.at..], self.last, self.passed + self.at as u64)?;
        let taken = &self.buffer[self.at..self.at + used];
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(taken);
            if copy.len() > self.limits.body_octets {
                return Err(too_large("meta", "octets", self.limits.body_octets));
            }
        }
        self.at += used;
        if event.is_none() {
            self.wanted = 2 * (self.buffer.len() - self.at);
        }
        Ok(event)
    }

    fn take(&mut self, used: usize) {
        self.at += used;
    }

    /// A text that is not complete after so many octets is refused.
    fn check_size(&self) -> Result<(), Fault> {
        if self.buffer.len() - self.at > self.limits.body_octets {
            return Err(too_large("", "octets in one text", self.limits.body_octets));
        }
        Ok(())
    }
}
