//! Which version this is.

use std::ffi::c_char;

/// The version of this header: (major << 16) | (minor << 8) | patch.
pub const ALTO_VERSION_NUMBER: u32 = 0x00_01_00;

/// The version of the library at hand, in the form of ALTO_VERSION_NUMBER.
#[unsafe(no_mangle)]
pub extern "C" fn alto_version_number() -> u32 {
    ALTO_VERSION_NUMBER
}

/// The version of the library at hand as text, such as "0.1.0"; static.
#[unsafe(no_mangle)]
pub extern "C" fn alto_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header's macro, the library's number and the package's version are one.
    #[test]
    fn the_number_is_the_packages() {
        let parts: Vec<u32> =
            env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap()).collect();
        let [major, minor, patch] = parts[..] else { panic!("{parts:?}") };
        assert_eq!(alto_version_number(), (major << 16) | (minor << 8) | patch);
    }
}
