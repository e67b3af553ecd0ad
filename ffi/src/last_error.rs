//! What went wrong last on this thread.

use std::cell::RefCell;
use std::ffi::c_char;

/// Longer sentences are cut, so that telling one never allocates.
const ROOM: usize = 1_024;

struct Last {
    octets: [u8; ROOM],
    /// Without the NUL behind it.
    length: usize,
}

thread_local! {
    // Without a destructor, so that it can be used as long as the thread lives.
    static LAST: RefCell<Last> = const { RefCell::new(Last { octets: [0; ROOM], length: 0 }) };
}

/// Remembers a sentence.
pub(crate) fn remember(sentence: &str) {
    LAST.with(|last| {
        // A signal handler that interrupts this finds it busy, and goes on without.
        let Ok(mut last) = last.try_borrow_mut() else { return };
        let most = sentence.len().min(ROOM - 1);
        let whole = |end: &usize| sentence.is_char_boundary(*end);
        let length = (0..=most).rev().find(whole).unwrap_or(0);
        last.octets[..length].copy_from_slice(&sentence.as_bytes()[..length]);
        for octet in &mut last.octets[..length] {
            if *octet == 0 {
                *octet = b' '; // it would end the string early
            }
        }
        last.octets[length] = 0;
        last.length = length;
    });
}

/// Why the last call on this thread that returned an error did so, in one sentence that names the
/// key, file or argument at fault.
///
/// Writes at most len octets to buf, cut if need be and always ended by NUL. Returns the octets
/// needed, NUL included, whatever buf and len are; 0 if no call on this thread returned an error yet.
/// buf may be NULL if len is 0.
///
/// # Safety
/// `buf` points to `len` writable octets, or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_last_error(buf: *mut c_char, len: usize) -> usize {
    LAST.with(|last| {
        let Ok(last) = last.try_borrow() else { return 0 };
        let cut = last.length.min(len.saturating_sub(1));
        if !buf.is_null() && len > 0 {
            // SAFETY: `cut < len`, and the caller promises `len` writable octets at `buf`.
            unsafe {
                buf.copy_from_nonoverlapping(last.octets.as_ptr().cast(), cut);
                buf.add(cut).write(0);
            }
        }
        if last.length == 0 { 0 } else { last.length + 1 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(len: usize) -> (usize, Vec<u8>) {
        let mut buf = vec![7_u8; len + 1];
        // SAFETY: there is room for `len` octets, and one more to see that it stays as it is.
        let needed = unsafe { alto_last_error(buf.as_mut_ptr().cast(), len) };
        assert_eq!(buf.pop(), Some(7));
        (needed, buf)
    }

    /// The length is the same whatever the buffer, and what is written ends with NUL.
    #[test]
    fn is_cut_to_the_buffer() {
        assert_eq!(told(4), (0, b"\0\x07\x07\x07".to_vec()));
        remember("dns.timeout: no");
        // SAFETY: nothing is written without room.
        assert_eq!(unsafe { alto_last_error(std::ptr::null_mut(), 0) }, 16);
        assert_eq!(told(16), (16, b"dns.timeout: no\0".to_vec()));
        assert_eq!(told(4), (16, b"dns\0".to_vec()));
        assert_eq!(told(1), (16, b"\0".to_vec()));
        remember(&"ü".repeat(ROOM));
        assert_eq!(told(2_000).0, ROOM - 1);
    }
}
