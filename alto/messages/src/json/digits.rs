//! Reads several digits at once.

/// The number that the digits at the start of these bytes form, and how many there are; eight if
/// there may be more. No branches: numbers of random length would make a processor guess wrong.
#[inline]
pub(crate) fn up_to_seven_digits(bytes: [u8; 8]) -> (u64, usize) {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let word = u64::from_le_bytes(bytes) ^ (EACH * u64::from(b'0'));
    // The highest bit of a byte is set if it is above 9.
    let others = (((word & (EACH * 0x7f)) + EACH * 0x76) | word) & (EACH * 0x80);
    let count = others.trailing_zeros() as usize / 8;
    // The digits move to the end, zeros before them; then neighbours are joined: to pairs, to
    // groups of four, to eight.
    let word = word.checked_shl(64 - 8 * u32::try_from(count).unwrap_or(8)).unwrap_or(0);
    let word = (word.wrapping_mul(10) + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
    let word = (word.wrapping_mul(100) + (word >> 16)) & 0x0000_ffff_0000_ffff;
    let word = (word.wrapping_mul(10_000) + (word >> 32)) & 0xffff_ffff;
    (word, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the bytes, the digits at their start are read as one by one.
        #[test]
        fn as_read_one_by_one(digits in "[0-9]{0,7}", after in "[^0-9]{8}") {
            let text = digits.clone() + &after;
            let eight = *text.as_bytes().first_chunk().unwrap();
            let expected = digits.parse().unwrap_or(0);
            prop_assert_eq!(up_to_seven_digits(eight), (expected, digits.len()));
        }
    }
}
