//! A sorted list whose changes cost little however long it is.

/// Items in ascending order, in chunks: finding is a binary search, a change moves one chunk at
/// most (and, when a chunk splits or ends, the list of chunks).
#[derive(Clone, Debug)]
pub(crate) struct Sorted<T> {
    /// The first item of each chunk, side by side for the search.
    firsts: Vec<T>,
    /// None is empty.
    chunks: Vec<Vec<T>>,
    length: usize,
}

/// The most items of a chunk: about a kilobyte to move, a per cent or two of overhead.
pub(crate) const CHUNK: usize = 128;

impl<T: Copy + Ord> Sorted<T> {
    /// The list of items that are in ascending order already.
    pub(crate) fn from_sorted(items: &[T]) -> Self {
        let chunks: Vec<Vec<T>> = items.chunks(CHUNK / 2).map(<[T]>::to_vec).collect();
        Self { firsts: chunks.iter().map(|chunk| chunk[0]).collect(), chunks, length: items.len() }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn chunks(&self) -> &[Vec<T>] {
        &self.chunks
    }

    /// Inserts an item; gives back the equal one it replaces.
    pub(crate) fn put(&mut self, item: T) -> Option<T> {
        let Some(mut at) = self.chunk_of(&item) else {
            self.firsts.push(item);
            self.chunks.push(vec![item]);
            self.length = 1;
            return None;
        };
        let mut place = match self.chunks[at].binary_search(&item) {
            Ok(place) => return Some(std::mem::replace(&mut self.chunks[at][place], item)),
            Err(place) => place,
        };
        if self.chunks[at].len() == CHUNK {
            self.split(at);
            if place > CHUNK / 2 {
                (at, place) = (at + 1, place - CHUNK / 2);
            }
        }
        self.chunks[at].insert(place, item);
        self.firsts[at] = self.chunks[at][0];
        self.length += 1;
        None
    }

    /// Removes and gives back the item equal to this one.
    pub(crate) fn take(&mut self, item: &T) -> Option<T> {
        let at = self.chunk_of(item)?;
        let place = self.chunks[at].binary_search(item).ok()?;
        let taken = self.chunks[at].remove(place);
        self.length -= 1;
        if self.chunks[at].is_empty() {
            self.chunks.remove(at);
            self.firsts.remove(at);
            return Some(taken);
        }
        self.firsts[at] = self.chunks[at][0];
        if self.chunks[at].len() < CHUNK / 4 {
            self.merge(at);
        }
        Some(taken)
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.chunk_of(item).is_some_and(|at| self.chunks[at].binary_search(item).is_ok())
    }

    /// Items of one chunk: those behind `item`, or from the start; empty at the end of the list.
    pub(crate) fn behind(&self, item: Option<&T>) -> &[T] {
        let (at, place) = match item {
            None => (0, 0),
            Some(item) => {
                let at = self.chunk_of(item).unwrap_or(0);
                let place = self.chunks.get(at).map_or(0, |c| c.partition_point(|i| i <= item));
                (at, place)
            }
        };
        match self.chunks.get(at).map(|chunk| &chunk[place..]) {
            Some([]) => self.chunks.get(at + 1).map_or(&[], Vec::as_slice),
            Some(items) => items,
            None => &[],
        }
    }

    /// How many places there are for items, as if all chunks were full. Whoever tries random ones until
    /// there is an item draws each as likely as any other.
    pub(crate) fn places(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// The item at a place, which must be below [`places`](Self::places), if there is one.
    pub(crate) fn at(&self, place: usize) -> Option<&T> {
        self.chunks[place / CHUNK].get(place % CHUNK)
    }

    /// Memory it holds, in octets, all chunks taken as if they were full.
    pub(crate) fn bytes(&self) -> usize {
        let lists =
            self.firsts.capacity() * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>();
        lists + self.chunks.len() * CHUNK * size_of::<T>()
    }

    /// The only chunk that may hold an item; `None` if there is no chunk.
    fn chunk_of(&self, item: &T) -> Option<usize> {
        if self.chunks.is_empty() {
            return None;
        }
        Some(self.firsts.partition_point(|first| first <= item).saturating_sub(1))
    }

    fn split(&mut self, at: usize) {
        let behind = self.chunks[at].split_off(CHUNK / 2);
        self.firsts.insert(at + 1, behind[0]);
        self.chunks.insert(at + 1, behind);
    }

    /// Joins a chunk with a neighbour if both fit into one.
    fn merge(&mut self, at: usize) {
        let fits = |one: usize| {
            self.chunks
                .get(one + 1)
                .is_some_and(|next| self.chunks[one].len() + next.len() <= CHUNK)
        };
        let before = at.checked_sub(1);
        if let Some(one) = before.into_iter().chain([at]).find(|one| fits(*one)) {
            let behind = self.chunks.remove(one + 1);
            self.firsts.remove(one + 1);
            self.chunks[one].extend(behind);
        }
    }
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { firsts: Vec::new(), chunks: Vec::new(), length: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::random::Random;

    proptest! {
        /// As the standard library's set, through splits, merges and ends of chunks.
        #[test]
        fn agrees_with_a_set(
            changes in vec((any::<bool>(), 0_u16..600), 0..1_500),
            removed in vec(0_u16..600, 0..1_000),
        ) {
            let mut sorted = Sorted::default();
            let mut set = BTreeSet::new();
            let late = removed.into_iter().map(|item| (false, item));
            for (put, item) in changes.into_iter().chain(late) {
                if put {
                    prop_assert_eq!(sorted.put(item).is_none(), set.insert(item));
                } else {
                    prop_assert_eq!(sorted.take(&item).is_some(), set.remove(&item));
                }
                prop_assert_eq!(sorted.len(), set.len());
            }
            prop_assert!(sorted.chunks().iter().flatten().eq(&set));
            prop_assert!(sorted.chunks().iter().all(|c| !c.is_empty() && c.len() <= CHUNK));
            prop_assert!((0..600).all(|item| sorted.contains(&item) == set.contains(&item)));
            let mut walked = Vec::new();
            while let [.., _] = sorted.behind(walked.last()) {
                let piece = sorted.behind(walked.last()).to_vec();
                walked.extend(piece);
            }
            prop_assert!(walked.iter().eq(&set));
        }
    }

    /// Each item is as likely as any other, however full its chunk is.
    #[test]
    fn draws_evenly() {
        let mut sorted = Sorted::from_sorted(&(0..128_u16).collect::<Vec<_>>());
        for item in 70..128 {
            sorted.take(&item);
        }
        let mut random = Random::new(1);
        let mut counts = [0_u32; 70];
        for _ in 0..70_000 {
            let item = loop {
                if let Some(item) = sorted.at(random.below(sorted.places())) {
                    break *item;
                }
            };
            counts[usize::from(item)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
