//! Room to work in that a thread keeps from call to call.

use std::cell::Cell;
use std::thread::LocalKey;

/// Lends a thread what it keeps, so that there is nothing to allocate on an announce's path. A thread
/// that is at its end and keeps nothing any more, or is interrupted in the middle of `work`, gets a new
/// one.
pub fn with_scratch<S: Default, T>(
    own: &'static LocalKey<Cell<S>>,
    work: impl FnOnce(&mut S) -> T,
) -> T {
    let mut scratch = own.try_with(Cell::take).unwrap_or_default();
    let done = work(&mut scratch);
    own.try_with(|own| own.set(scratch)).ok(); // at a thread's end it goes
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static NUMBERS: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
        static LAST: Cell<Option<Last>> = const { Cell::new(None) };
    }

    /// Works when the thread's other data are gone already.
    struct Last(std::sync::mpsc::Sender<usize>);

    impl Drop for Last {
        fn drop(&mut self) {
            with_scratch(&NUMBERS, |numbers| {
                numbers.push(7);
                self.0.send(numbers.len()).unwrap();
            });
        }
    }

    /// Kept from call to call; a call inside of another one has its own.
    #[test]
    fn is_kept_and_lent_once() {
        with_scratch(&NUMBERS, |numbers| numbers.reserve(100));
        with_scratch(&NUMBERS, |numbers| {
            assert!(numbers.capacity() >= 100);
            with_scratch(&NUMBERS, |inner| assert_eq!(inner.capacity(), 0));
        });
        assert!(NUMBERS.take().capacity() >= 100);
    }

    /// At a thread's end, whatever went before.
    #[test]
    fn is_there_to_the_end() {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            LAST.set(Some(Last(tell)));
            with_scratch(&NUMBERS, |numbers| numbers.push(1));
        });
        assert!([1, 2].contains(&told.recv().unwrap()));
    }
}
