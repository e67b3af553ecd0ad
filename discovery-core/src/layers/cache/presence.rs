//! Which lengths and shapes of keys there are at all, so that a read probes no others.

use std::sync::atomic::Ordering;

use super::super::sync::{AtomicU32, AtomicU64};
use super::key::{Key, SHAPES, Shape};

/// Bits for readers. Only the writer, who holds the [`Counts`], changes them.
#[derive(Debug, Default)]
pub(super) struct Presence {
    families: [Family; 2],
}

#[derive(Debug, Default)]
pub(super) struct Family {
    lengths: [AtomicU64; 3],
    shapes: AtomicU32,
}

/// How many keys of each kind there are.
#[derive(Debug)]
pub(super) struct Counts {
    lengths: [[u32; 129]; 2],
    shapes: [[u32; SHAPES]; 2],
}

impl Default for Counts {
    fn default() -> Self {
        Self { lengths: [[0; 129]; 2], shapes: [[0; SHAPES]; 2] }
    }
}

impl Presence {
    pub(super) fn of(&self, is_v6: bool) -> &Family {
        &self.families[usize::from(is_v6)]
    }

    /// To be called before a key can be found.
    pub(super) fn add(&self, key: &Key, counts: &mut Counts) {
        let (family, length, shape) = place(key);
        counts.lengths[family][length] += 1;
        counts.shapes[family][shape] += 1;
        let bits = &self.families[family];
        bits.lengths[length / 64].fetch_or(1 << (length % 64), Ordering::Release);
        bits.shapes.fetch_or(1 << shape, Ordering::Release);
    }

    /// To be called once a key can no longer be found.
    pub(super) fn remove(&self, key: &Key, counts: &mut Counts) {
        let (family, length, shape) = place(key);
        counts.lengths[family][length] -= 1;
        counts.shapes[family][shape] -= 1;
        let bits = &self.families[family];
        if counts.lengths[family][length] == 0 {
            bits.lengths[length / 64].fetch_and(!(1 << (length % 64)), Ordering::Release);
        }
        if counts.shapes[family][shape] == 0 {
            bits.shapes.fetch_and(!(1 << shape), Ordering::Release);
        }
    }
}

impl Family {
    /// The lengths that are present, longest first, none longer than `most`.
    pub(super) fn lengths(&self, most: u8) -> impl Iterator<Item = u8> {
        let load = |word: u8| self.lengths[usize::from(word)].load(Ordering::Acquire);
        let mut word = most / 64;
        let mut bits = load(word) & (u64::MAX >> (63 - most % 64));
        std::iter::from_fn(move || {
            while bits == 0 {
                word = word.checked_sub(1)?;
                bits = load(word);
            }
            let bit = bits.ilog2();
            bits ^= 1 << bit;
            Some(word * 64 + u8::try_from(bit).unwrap_or(0))
        })
    }

    /// The shapes that are both present and `allowed`, narrowest first.
    pub(super) fn shapes(&self, allowed: u32) -> impl Iterator<Item = Shape> + Clone {
        lowest_first(self.shapes.load(Ordering::Acquire) & allowed)
    }
}

fn place(key: &Key) -> (usize, usize, usize) {
    (usize::from(key.is_v6()), usize::from(key.length()), usize::from(key.shape()))
}

fn lowest_first(mut bits: u32) -> impl Iterator<Item = Shape> + Clone {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?;
        Shape::try_from(bit).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::{peer, scope};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key(length: u8) -> Key {
        let net = format!("2001:db8::/{length}");
        Key::under(&scope(&net), &peer("2001:db8::1/128"))
            .unwrap_or_else(|| Key::under(&scope(&net), &peer(&net)).unwrap())
    }

    proptest! {
        /// A length is present as long as there is a key of it; the twin is a plain set.
        #[test]
        fn lengths_are_those_there_are(
            steps in proptest::collection::vec((1_u8..=128, any::<bool>()), 0..60),
            most in 0_u8..=128,
        ) {
            let (presence, mut counts) = (Presence::default(), Counts::default());
            let mut there: Vec<u8> = Vec::new();
            for (length, adds) in steps {
                if adds {
                    presence.add(&key(length), &mut counts);
                    there.push(length);
                } else if let Some(at) = there.iter().position(|own| *own == length) {
                    presence.remove(&key(length), &mut counts);
                    there.swap_remove(at);
                }
            }
            let set: BTreeSet<u8> = there.into_iter().filter(|length| *length <= most).collect();
            let longest_first: Vec<u8> = set.into_iter().rev().collect();
            prop_assert_eq!(presence.of(true).lengths(most).collect::<Vec<_>>(), longest_first);
            prop_assert_eq!(presence.of(false).lengths(32).count(), 0);
        }
    }
}
