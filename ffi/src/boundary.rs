//! The border: arguments checked on the way in, panics stopped on the way out.

use std::ffi::{CStr, c_char, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::cancel::CancelHeld;
use crate::last_error;
use crate::status::{ALTO_E_PANIC, Failure};

/// Runs the body of an exported function. A failure or a panic becomes its status, and a sentence
/// for `alto_last_error`; a cancellation of the thread waits until it is over.
pub(crate) fn guard<T: From<i32>>(body: impl FnOnce() -> Result<T, Failure>) -> T {
    let _held = CancelHeld::new();
    guard_from_panics(body)
}

/// The same for a body that never comes to where a cancellation is obeyed: it neither reads nor writes
/// a descriptor. A cancellation need not be held off there, which takes some nanoseconds.
#[inline]
pub(crate) fn guard_from_panics<T: From<i32>>(body: impl FnOnce() -> Result<T, Failure>) -> T {
    let body = || {
        #[cfg(test)]
        tests::panic_if_told();
        body()
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(failure)) => {
            last_error::remember(&failure.sentence);
            failure.status.into()
        }
        Err(panic) => {
            let sentence = panic.downcast_ref::<String>().map(String::as_str);
            let sentence = sentence.or_else(|| panic.downcast_ref::<&str>().copied());
            last_error::remember(sentence.unwrap_or("panic"));
            ALTO_E_PANIC.into()
        }
    }
}

/// A count as C is told it.
pub(crate) fn whole_number(count: usize) -> c_long {
    c_long::try_from(count).unwrap_or(c_long::MAX)
}

/// What a pointer from C points to.
///
/// # Safety
/// It is NULL, or points to a `T` that lives, and is not written to, as long as the reference.
pub(crate) unsafe fn borrow<'a, T>(from: *const T, what: &'static str) -> Result<&'a T, Failure> {
    if from.is_null() || !from.is_aligned() {
        return Err(Failure::invalid(what));
    }
    // SAFETY: neither, and else the caller's promise.
    Ok(unsafe { &*from })
}

/// A text from C.
///
/// # Safety
/// It is NULL or points to a string that ends with NUL and lives as long as the reference.
pub(crate) unsafe fn text<'a>(from: *const c_char, what: &'static str) -> Result<&'a str, Failure> {
    if from.is_null() {
        return Err(Failure::invalid(what));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(from) };
    text.to_str().map_err(|_| Failure::invalid("a text is not UTF-8"))
}

/// A plain struct of the interface. It may grow at its end, and what is zero means the default.
///
/// # Safety
/// `repr(C)`, its first field is `struct_size: u32`, all zeros are a value, and any bits are.
pub(crate) unsafe trait Grows: Copy {
    /// Where the last field of its first version ends: a caller's cannot be smaller, however it grows.
    const FIRST: usize;
}

/// Copies a struct in, as far as the caller's header knew it.
///
/// # Safety
/// `from` is NULL or points to as many octets as its first field says.
pub(crate) unsafe fn read<T: Grows>(from: *const T, what: &'static str) -> Result<T, Failure> {
    // SAFETY: the caller's promise.
    let size = unsafe { size_of_theirs(from, what)? };
    if size >= size_of::<T>() {
        // SAFETY: there are enough octets, and any bits are a value.
        return Ok(unsafe { from.read() });
    }
    let mut own = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: `size` octets are there, and fewer than `own` has.
    unsafe { own.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(from.cast(), size) };
    // SAFETY: zeros, overwritten in part by any bits, are a value.
    Ok(unsafe { own.assume_init() })
}

/// Copies a struct out, as far as the caller's header knew it. Its first field stays as it is.
///
/// # Safety
/// `to` points to as many writable octets as its first field says.
#[inline]
pub(crate) unsafe fn write<T: Grows>(to: *mut T, value: &T) {
    const SIZE_FIELD: usize = size_of::<u32>();
    // SAFETY: the caller's promise.
    let size = unsafe { to.cast::<u32>().read_unaligned() } as usize;
    // SAFETY: the caller's promise; ours has as many octets, too.
    unsafe {
        let value = std::ptr::from_ref(value).cast::<u8>().add(SIZE_FIELD);
        let to = to.cast::<u8>().add(SIZE_FIELD);
        // Mostly both headers are the same: a number of octets known here is copied without a call.
        if size >= size_of::<T>() {
            to.copy_from_nonoverlapping(value, size_of::<T>() - SIZE_FIELD);
        } else {
            to.copy_from_nonoverlapping(value, size.saturating_sub(SIZE_FIELD));
        }
    }
}

/// The size that a caller's struct says it has, which must not be less than ever.
///
/// # Safety
/// `from` is NULL or points to at least four octets.
pub(crate) unsafe fn size_of_theirs<T: Grows>(
    from: *const T,
    what: &'static str,
) -> Result<usize, Failure> {
    if from.is_null() {
        return Err(Failure::invalid(what));
    }
    if !from.is_aligned() {
        return Err(Failure::invalid("a struct is not aligned: is it packed?"));
    }
    // SAFETY: the caller's promise.
    let size = unsafe { from.cast::<u32>().read() } as usize;
    if size < T::FIRST {
        return Err(Failure::invalid("struct_size is too small: set it to sizeof of the struct"));
    }
    Ok(size)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static TOLD: Cell<bool> = const { Cell::new(false) };
    }

    /// From now on, each exported function panics on this thread as soon as it is called.
    pub(crate) fn tell_to_panic() {
        TOLD.set(true);
    }

    pub(super) fn panic_if_told() {
        assert!(!TOLD.get(), "told to panic");
    }

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Old {
        struct_size: u32,
        one: u32,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct New {
        struct_size: u32,
        one: u32,
        two: u64,
    }

    // SAFETY: both are as the trait demands.
    unsafe impl Grows for Old {
        const FIRST: usize = 8;
    }
    // SAFETY: both are as the trait demands.
    unsafe impl Grows for New {
        const FIRST: usize = 8;
    }

    /// An older header with a newer library: what the header lacks is zero and is not written.
    #[test]
    fn an_older_header_with_a_newer_library() {
        let mut theirs = [Old { struct_size: 8, one: 1 }, Old { struct_size: 99, one: 99 }];
        let from: *mut New = theirs.as_mut_ptr().cast();
        // SAFETY: eight octets, as the first field says.
        let own = unsafe { read(from, "") }.unwrap();
        assert_eq!(own, New { struct_size: 8, one: 1, two: 0 });
        // SAFETY: as above.
        unsafe { write(from, &New { struct_size: 0, one: 5, two: 6 }) };
        assert_eq!(theirs, [Old { struct_size: 8, one: 5 }, Old { struct_size: 99, one: 99 }]);
    }

    /// A newer header with an older library: what the library lacks stays as it was.
    #[test]
    fn a_newer_header_with_an_older_library() {
        let mut theirs = New { struct_size: 16, one: 1, two: 2 };
        let from: *mut Old = std::ptr::from_mut(&mut theirs).cast();
        // SAFETY: sixteen octets, as the first field says.
        assert_eq!(unsafe { read(from, "") }.unwrap().one, 1);
        // SAFETY: as above.
        unsafe { write(from, &Old { struct_size: 0, one: 5 }) };
        assert_eq!(theirs, New { struct_size: 16, one: 5, two: 2 });
        theirs.struct_size = 7;
        // SAFETY: more octets than the first field says.
        assert!(unsafe { read::<New>(std::ptr::from_ref(&theirs), "") }.is_err());
    }

    /// A panic ends at the border, with its sentence.
    #[test]
    fn a_panic_becomes_a_status() {
        let status: c_long = guard(|| panic!("number {}", 7));
        assert_eq!(status, c_long::from(ALTO_E_PANIC));
        let mut buf = [0_u8; 64];
        // SAFETY: the buffer has the length told.
        let needed = unsafe { crate::last_error::alto_last_error(buf.as_mut_ptr().cast(), 64) };
        assert_eq!(&buf[..needed], b"number 7\0");
    }
}
