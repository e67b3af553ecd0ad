//! Notices a key that occurs twice in one object of something that is otherwise ignored.

use std::collections::HashSet;

use super::grammar::Event;
use crate::fault::{Fault, code};
use crate::options::too_large;

/// The keys of the objects that are open.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    open: Vec<HashSet<Box<str>>>,
    held: usize,
}

/// What an ignored value may make us remember.
const MOST_KEYS: usize = 65_536;

impl Keys {
    /// Takes note of one event of the ignored value; `true` once the value is complete.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<bool, Fault> {
        match event {
            Event::BeginObject | Event::BeginArray => self.open.push(HashSet::new()),
            Event::EndObject | Event::EndArray => {
                self.held -= self.open.pop().map_or(0, |keys| keys.len());
            }
            Event::Key(key) => self.key(key)?,
            Event::String(_) | Event::Number(_) | Event::Bool(_) | Event::Null => {}
        }
        Ok(self.open.is_empty())
    }

    fn key(&mut self, key: &str) -> Result<(), Fault> {
        let Some(keys) = self.open.last_mut() else { return Ok(()) };
        if !keys.insert(key.into()) {
            return Err(duplicate("", key));
        }
        self.held += 1;
        if self.held > MOST_KEYS { Err(too_large("", "members", MOST_KEYS)) } else { Ok(()) }
    }
}

/// The fault of a key that occurs twice in the object `path`.
pub(crate) fn duplicate(path: &str, key: &str) -> Fault {
    let sentence = format!("the key `{}` occurs twice in one object", crate::fault::excerpt(key));
    Fault::value(code::DUPLICATE_KEY, path, key, sentence)
}
