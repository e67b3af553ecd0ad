//! Guesses which destination comes next in a row: the one that came next in an earlier row.

use crate::pid_table::{PidId, PidTable};

/// The destinations of an earlier row in the order given, and which of them is due.
#[derive(Debug, Default)]
pub(super) struct Guess {
    ids: Vec<PidId>,
    /// Their names in quotes, one after the other.
    keys: Vec<u8>,
    /// Where in `keys` each ends.
    ends: Vec<usize>,
    /// Where in `ids` each PID stands, by its number.
    place_of: Vec<usize>,
    next: usize,
    /// Where its key starts.
    start: usize,
    /// What was due since here came, and was not fetched by [`Guess::run`] yet.
    run: usize,
    misses: usize,
}

impl Guess {
    /// The destination that is due and its name in quotes.
    #[inline]
    pub(super) fn due(&self) -> Option<(PidId, &[u8])> {
        let id = *self.ids.get(self.next)?;
        Some((id, &self.keys[self.start..self.ends[self.next]]))
    }

    /// It came.
    #[inline]
    pub(super) fn hit(&mut self) {
        self.start = self.ends[self.next];
        self.next += 1;
    }

    /// The destinations that came as they were due, since this was last asked.
    pub(super) fn run(&mut self) -> &[PidId] {
        let run = std::mem::replace(&mut self.run, self.next);
        &self.ids[run..self.next]
    }

    /// This one came instead; what follows it is due next.
    pub(super) fn miss(&mut self, came: PidId) {
        self.misses += 1;
        self.next = self.place_of.get(came.index()).map_or(usize::MAX, |place| *place);
        match self.ends.get(self.next) {
            Some(_) => self.hit(),
            None => self.next = self.ids.len(),
        }
        self.run = self.next;
    }

    /// A row has ended; if guessing was no good, its order is learnt.
    pub(super) fn end_row(&mut self, ids: &[PidId], pids: &PidTable) {
        if self.misses > 4 + ids.len() / 8 {
            self.learn(ids, pids);
        }
        (self.next, self.start, self.run, self.misses) = (0, 0, 0, 0);
    }

    fn learn(&mut self, ids: &[PidId], pids: &PidTable) {
        // No more work than the rows are long: a hostile map has many PIDs and odd rows.
        for id in &self.ids {
            self.place_of[id.index()] = usize::MAX;
        }
        self.place_of.resize(pids.len(), usize::MAX);
        self.ids = ids.to_vec();
        self.keys.clear();
        self.ends.clear();
        for (place, id) in ids.iter().enumerate() {
            self.keys.push(b'"');
            self.keys.extend_from_slice(pids.name(*id).as_str().as_bytes());
            self.keys.push(b'"');
            self.ends.push(self.keys.len());
            self.place_of[id.index()] = place;
        }
    }
}
