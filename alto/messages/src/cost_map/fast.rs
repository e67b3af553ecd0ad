//! Reads names and numbers straight from the bytes, as long as they look as they usually do.
//! Whatever does not (escapes, signs, exponents, mistakes) is left to the reader of any JSON.

use std::str;

use crate::json::digits::up_to_seven_digits;
use crate::json::lexer::skip_space;
use crate::names::{LONGEST_PID_NAME, is_pid_octet};

/// A name in quotes that can be a PID's, without the quotes.
pub(super) fn name(input: &[u8]) -> Option<&str> {
    let inside = input.strip_prefix(b"\"")?;
    let length = inside.iter().take(LONGEST_PID_NAME + 1).position(|byte| !is_pid_octet(*byte))?;
    if inside[length] == b'"' { str::from_utf8(&inside[..length]).ok() } else { None }
}

/// A colon and a number at `at`, and where they end: digits, perhaps with a fraction, fifteen at
/// most, followed by something that ends a number.
#[inline]
pub(super) fn cost(input: &[u8], at: usize) -> Option<(f64, usize)> {
    let colon = skip_space(input, at);
    if *input.get(colon)? != b':' {
        return None;
    }
    let start = skip_space(input, colon + 1);
    let (mut number, mut at) = digits(input, start, 0);
    let whole = at - start;
    if whole == 0 || (whole > 1 && input[start] == b'0') {
        return None;
    }
    let mut fraction = 0;
    if input.get(at) == Some(&b'.') {
        let point = at;
        (number, at) = digits(input, point + 1, number);
        fraction = at - point - 1;
        if fraction == 0 {
            return None;
        }
    }
    let is_ended = matches!(input.get(at)?, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
    if !is_ended || whole + fraction > MOST_DIGITS {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits are exact")]
    let number = number.cast_signed() as f64; // cheaper than from unsigned
    // Both are exact, so the quotient is the number nearest to what is written.
    Some((if fraction == 0 { number } else { number / POWERS_OF_TEN[fraction] }, at))
}

/// Ten to this is less than two to 53.
const MOST_DIGITS: usize = 15;

const POWERS_OF_TEN: [f64; MOST_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Appends the digits from `at` on to `number`; gives the end too.
#[inline]
fn digits(input: &[u8], at: usize, number: u64) -> (u64, usize) {
    let eight = input.get(at..).and_then(|rest| rest.first_chunk());
    match eight.map(|eight| up_to_seven_digits(*eight)) {
        Some((appended, count)) if count < 8 => {
            (number.wrapping_mul(WHOLE_POWERS_OF_TEN[count]).wrapping_add(appended), at + count)
        }
        _ => digit_by_digit(input, at, number),
    }
}

const WHOLE_POWERS_OF_TEN: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

#[inline]
fn digit_by_digit(input: &[u8], mut at: usize, mut number: u64) -> (u64, usize) {
    while let Some(digit) = input.get(at).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        number = number.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
    (number, at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What the fast reader takes, it takes to the last bit as the standard library does; it
        /// takes all usual numbers.
        #[test]
        fn numbers_as_the_slow_twin(text in "[0-9]{0,3}[1-9]?[0-9]{0,12}(\\.[0-9]{0,12})?(e1|\\.)?", whole in 0_u32.., cents in 0_u32..100) {
            for usual in [whole.to_string(), format!("{whole}.{cents}")] {
                let read = cost(format!(" : {usual} ").as_bytes(), 0);
                prop_assert_eq!(read, Some((usual.parse().unwrap(), usual.len() + 3)));
            }
            if let Some((number, used)) = cost(format!(":{text},").as_bytes(), 0) {
                prop_assert_eq!(used, text.len() + 1);
                prop_assert_eq!(Some(number), serde_json::from_str::<f64>(&text).ok());
            }
        }
    }
}
