//! The configuration, by keys and text.

use std::ffi::{c_char, c_int, c_long};

use facade::Config;

use crate::boundary::{borrow, guard, text, whole_number};
use crate::status::{ALTO_E_CONFIG, ALTO_OK, Failure};
use crate::version::ALTO_VERSION_NUMBER;

/// A configuration that is being made. Owned by whoever called alto_config_new().
pub struct alto_config {
    pub(crate) config: Config,
}

/// A configuration with all defaults, to be freed by alto_config_free().
///
/// header_version is ALTO_VERSION_NUMBER as the caller's header has it: ALTO_E_INVALID if the library
/// is of another major version, for which the caller would have to be built anew.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_config_new(header_version: u32, out: *mut *mut alto_config) -> c_int {
    guard(|| {
        if header_version >> 16 != ALTO_VERSION_NUMBER >> 16 {
            return Err(Failure::invalid(
                "the header is of another major version than the library",
            ));
        }
        if out.is_null() {
            return Err(Failure::invalid("out is NULL"));
        }
        let config = Box::new(alto_config { config: Config::default() });
        // SAFETY: not NULL, so writable.
        unsafe { out.write(Box::into_raw(config)) };
        Ok(ALTO_OK)
    })
}

/// Sets a key such as "dns.resolver" to a value, both texts: lists are comma-separated ("dns"),
/// durations like "2s" or "500ms", flags "true" or "false". docs/operations.md lists the keys.
///
/// ALTO_E_CONFIG for an unknown key or a bad value: alto_last_error() names the key, and the nearest
/// known one. The configuration is then as before.
///
/// # Safety
/// `config` is NULL or from [`alto_config_new`]; the texts are NULL or end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_config_set(
    config: *mut alto_config,
    key: *const c_char,
    value: *const c_char,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { borrow_mut(config)? };
        // SAFETY: the caller's promise.
        let (key, value) = unsafe { (text(key, "key is NULL")?, text(value, "value is NULL")?) };
        config.set(key, value)?;
        Ok(ALTO_OK)
    })
}

/// Tells the value of a key as alto_config_set() reads it, in one spelling: the largest unit that is
/// exact ("2m", not "120s").
///
/// Writes at most len octets to buf, cut if need be and always ended by NUL. Returns the octets
/// needed, NUL included, whatever buf and len are; ALTO_E_CONFIG for an unknown key. buf may be NULL
/// if len is 0.
///
/// # Safety
/// As [`alto_config_set`]; `buf` points to `len` writable octets, or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_config_get(
    config: *const alto_config,
    key: *const c_char,
    buf: *mut c_char,
    len: usize,
) -> c_long {
    guard(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { borrow(config, "config is NULL")? };
        // SAFETY: the caller's promise.
        let key = unsafe { text(key, "key is NULL")? };
        if buf.is_null() && len > 0 {
            return Err(Failure::invalid("buf is NULL"));
        }
        let unknown = || Failure::new(ALTO_E_CONFIG, format!("{key}: no such key"));
        let value = config.config.get(key).ok_or_else(unknown)?;
        if len > 0 {
            let cut = value.len().min(len - 1);
            // SAFETY: `cut < len`, and the caller promises `len` writable octets at `buf`.
            unsafe {
                buf.copy_from_nonoverlapping(value.as_ptr().cast(), cut);
                buf.add(cut).write(0);
            }
        }
        Ok(whole_number(value.len() + 1))
    })
}

/// Sets what a TOML file says, the same file that the command `alto` reads.
///
/// ALTO_E_CONFIG if it is missing, broken, or says something unknown; what it said before that counts.
///
/// # Safety
/// As [`alto_config_set`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_config_load(config: *mut alto_config, path: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { borrow_mut(config)? };
        // SAFETY: the caller's promise.
        config.load(unsafe { text(path, "path is NULL")? })?;
        Ok(ALTO_OK)
    })
}

/// Frees a configuration. Nothing happens for NULL. Handles opened with it are not affected.
///
/// # Safety
/// `config` is NULL or from [`alto_config_new`], and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_config_free(config: *mut alto_config) {
    guard(|| {
        if !config.is_null() {
            // SAFETY: from `Box::into_raw`, and nobody else's any more.
            drop(unsafe { Box::from_raw(config) });
        }
        Ok(ALTO_OK)
    });
}

/// # Safety
/// `config` is NULL or from [`alto_config_new`], and nobody else uses it.
unsafe fn borrow_mut<'a>(config: *mut alto_config) -> Result<&'a mut Config, Failure> {
    // SAFETY: the caller's promise.
    let config = unsafe { config.as_mut() }.ok_or(Failure::invalid("config is NULL"))?;
    Ok(&mut config.config)
}
