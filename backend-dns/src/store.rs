//! A map with a bound in octets.

use std::collections::HashMap;
use std::sync::Arc;

/// Values by name, within a budget of octets. When it is full, what was not used since the last
/// time round makes room (the CLOCK scheme): cheap, and a sweep of names asked for once cannot push
/// out what is asked for again and again.
#[derive(Debug)]
pub(crate) struct Store<V> {
    places: HashMap<Arc<str>, usize>,
    entries: Vec<Entry<V>>,
    hand: usize,
    used: usize,
    budget: usize,
}

#[derive(Debug)]
struct Entry<V> {
    name: Arc<str>,
    value: V,
    octets: usize,
    touched: bool,
}

impl<V> Store<V> {
    /// An empty one that will hold at most `budget` octets.
    pub(crate) fn new(budget: usize) -> Self {
        Self { places: HashMap::new(), entries: Vec::new(), hand: 0, used: 0, budget }
    }

    pub(crate) fn get(&mut self, name: &str) -> Option<&mut V> {
        let place = *self.places.get(name)?;
        let entry = self.entries.get_mut(place)?;
        entry.touched = true;
        Some(&mut entry.value)
    }

    /// Puts a value in, replacing that of the same name. `extra` is what the value holds elsewhere,
    /// in octets. What is larger than the whole budget is not kept.
    pub(crate) fn put(&mut self, name: &Arc<str>, value: V, extra: usize) {
        let octets = Self::overhead(name) + extra;
        if let Some(place) = self.places.get(name) {
            self.remove(*place);
        }
        if octets > self.budget {
            return;
        }
        while self.used + octets > self.budget {
            self.evict();
        }
        self.used += octets;
        self.places.insert(name.clone(), self.entries.len());
        self.entries.push(Entry { name: name.clone(), value, octets, touched: false });
    }

    /// An entry, its name with two counters, and its place in the map at the load it has on average
    /// with the vector's spare room.
    fn overhead(name: &str) -> usize {
        let place = size_of::<(Arc<str>, usize)>() + 1;
        2 * place + size_of::<Entry<V>>() * 3 / 2 + name.len() + 2 * size_of::<usize>()
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.entries.get_mut(self.hand) {
                Some(entry) if entry.touched => {
                    entry.touched = false;
                    self.hand += 1;
                }
                Some(_) => return self.remove(self.hand),
                None => return,
            }
        }
    }

    /// The last entry takes the place of the one that goes.
    fn remove(&mut self, place: usize) {
        let gone = self.entries.swap_remove(place);
        self.places.remove(&gone.name);
        self.used -= gone.octets;
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.name.clone(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(n: u32) -> Arc<str> {
        format!("{n:08}.example.").into()
    }

    fn room_for(entries: usize) -> Store<u32> {
        Store::new(entries * Store::<u32>::overhead(&name(0)))
    }

    /// What is used survives a sweep of names used once.
    #[test]
    fn a_sweep_passes_by_what_is_used() {
        let mut store = room_for(100);
        (0..10).for_each(|n| store.put(&name(n), n, 0));
        for n in 10..10_000 {
            if n % 50 == 0 {
                assert!((0..10).all(|kept| store.get(&name(kept)) == Some(&mut { kept })));
            }
            store.put(&name(n), n, 0);
        }
        assert_eq!(store.entries.len(), 100);
    }

    #[test]
    fn too_large_for_the_budget_is_not_kept() {
        let mut store = room_for(2);
        store.put(&name(1), 1, 0);
        store.put(&name(2), 2, store.budget);
        assert!(store.get(&name(2)).is_none() && store.get(&name(1)).is_some());
    }

    proptest! {
        /// Beside a plain map: whatever is there is right, the budget holds, the books balance.
        #[test]
        fn agrees_with_a_plain_map(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..40, 0_usize..300), 0..300)
        ) {
            let mut store = room_for(12);
            let mut plain = HashMap::new();
            for (put, n, extra) in steps {
                if put {
                    store.put(&name(n), n + 1_000, extra);
                    plain.insert(n, n + 1_000);
                } else if let Some(value) = store.get(&name(n)) {
                    prop_assert_eq!(plain.get(&n), Some(&*value));
                }
                let octets: usize = store.entries.iter().map(|entry| entry.octets).sum();
                prop_assert_eq!(store.used, octets);
                prop_assert!(store.used <= store.budget);
                prop_assert_eq!(store.places.len(), store.entries.len());
            }
        }
    }
}
