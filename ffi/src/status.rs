//! What functions return.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int};

use facade::Error;

/// Done; for a lookup: an answer that holds now.
pub const ALTO_OK: c_int = 0;
/// Nothing is known yet, and a discovery is under way: ask again later.
pub const ALTO_PENDING: c_int = 1;
/// An answer past its life, told because its source cannot be reached at the moment (RFC 8767).
pub const ALTO_STALE: c_int = 2;
/// Surely no ALTO server speaks for this peer. A fact with a lifetime, not a failure.
pub const ALTO_NONE: c_int = 3;
/// The caller's arguments make no sense: NULL, a wrong size or length, an unknown kind.
pub const ALTO_E_INVALID: c_int = -1;
/// A key, a value or a file of the configuration is at fault; alto_last_error() names it.
pub const ALTO_E_CONFIG: c_int = -2;
/// Nobody knows at the moment: ask again later. Never to be taken for ALTO_NONE.
pub const ALTO_E_UNAVAILABLE: c_int = -3;
/// Something came that is refused: forged data, or a server that may not be contacted.
pub const ALTO_E_REJECTED: c_int = -4;
/// alto_start() was not called yet, or alto_stop() was.
pub const ALTO_E_NOT_STARTED: c_int = -5;
/// This process is a child of the one that called alto_start(): call it here, too.
pub const ALTO_E_FORKED: c_int = -6;
/// The time given was over first.
pub const ALTO_E_TIMEOUT: c_int = -7;
/// The caller's buffer is too small, or as much as may be is under way already.
pub const ALTO_E_FULL: c_int = -8;
/// No way of finding a server applies to this peer: its address means nothing outside its network.
pub const ALTO_E_NOT_APPLICABLE: c_int = -9;
/// A fault inside the library, which was stopped at its border.
pub const ALTO_E_PANIC: c_int = -10;
/// The lookup was cancelled, or the library was stopped, before it was over.
pub const ALTO_E_CANCELLED: c_int = -11;

/// Every status with its sentence.
const SENTENCES: &[(c_int, &CStr)] = &[
    (ALTO_OK, c"done"),
    (ALTO_PENDING, c"not known yet, a discovery is under way"),
    (ALTO_STALE, c"an answer past its life, its source being out of reach"),
    (ALTO_NONE, c"surely no ALTO server speaks for this peer"),
    (ALTO_E_INVALID, c"invalid argument"),
    (ALTO_E_CONFIG, c"fault in the configuration"),
    (ALTO_E_UNAVAILABLE, c"not known and not to be found out at the moment"),
    (ALTO_E_REJECTED, c"what came was refused"),
    (ALTO_E_NOT_STARTED, c"not started, or stopped"),
    (ALTO_E_FORKED, c"started in another process: start again in this one"),
    (ALTO_E_TIMEOUT, c"the time given was over first"),
    (ALTO_E_FULL, c"no room: the buffer is too small, or too much is under way"),
    (ALTO_E_NOT_APPLICABLE, c"no way of finding a server applies to this peer"),
    (ALTO_E_PANIC, c"a fault inside the library"),
    (ALTO_E_CANCELLED, c"cancelled"),
];

/// One sentence on a status, in English; static, never NULL. Any thread, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn alto_strerror(status: c_int) -> *const c_char {
    let known = SENTENCES.iter().find(|(number, _)| *number == status);
    known.map_or(c"unknown status", |(_, sentence)| sentence).as_ptr()
}

/// Why a call did not succeed: its status, and a sentence for alto_last_error().
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: c_int,
    pub(crate) sentence: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(status: c_int, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    pub(crate) fn invalid(sentence: &'static str) -> Self {
        Self::new(ALTO_E_INVALID, sentence)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(status_of(&error), error.to_string())
    }
}

/// The status that says what an error says.
pub(crate) fn status_of(error: &Error) -> c_int {
    match error {
        Error::NoServer(_) => ALTO_NONE,
        Error::Rejected { .. } => ALTO_E_REJECTED,
        Error::NotApplicable { .. } => ALTO_E_NOT_APPLICABLE,
        Error::Invalid { .. } => ALTO_E_INVALID,
        Error::Config { .. } => ALTO_E_CONFIG,
        // Also what a later version of the library may say beside these.
        _ => ALTO_E_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are fixed once published, each has its own, and each has a sentence.
    #[test]
    fn each_status_has_one_number_and_a_sentence() {
        for (at, (number, sentence)) in SENTENCES.iter().enumerate() {
            assert!(SENTENCES[..at].iter().all(|(earlier, _)| earlier != number));
            // SAFETY: `alto_strerror` returns a static string.
            let told = unsafe { CStr::from_ptr(alto_strerror(*number)) };
            assert_eq!(&told, sentence);
        }
        let numbers: Vec<c_int> = SENTENCES.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11]);
        // SAFETY: as above.
        let unknown = unsafe { CStr::from_ptr(alto_strerror(12_345)) };
        assert_eq!(unknown, c"unknown status");
    }
}
