//! Reads arrays of prefixes straight from the bytes, as long as they look as they usually do.
//! Whatever does not (escapes, host bits, mistakes) is left to the reader of any JSON.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::json::lexer::skip_space;

/// Takes strings and the commas between them from the start of `input` and gives the number of
/// bytes taken. `read` reads one string, which starts at its opening quote, and gives its length;
/// at most `room` of them.
pub(super) fn strings<T>(
    input: &[u8],
    mut first: bool,
    room: usize,
    read: impl Fn(&[u8]) -> Option<(T, usize)>,
    mut take: impl FnMut(T),
) -> usize {
    let mut done = 0;
    for _ in 0..room {
        let mut at = skip_space(input, done);
        if !first {
            if input.get(at) != Some(&b',') {
                break;
            }
            at = skip_space(input, at + 1);
        }
        let Some((value, used)) = read(&input[at..]) else { break };
        take(value);
        done = at + used;
        first = false;
    }
    done
}

/// An IPv4 prefix in quotes, without host bits.
pub(super) fn ipv4(input: &[u8]) -> Option<(Ipv4Net, usize)> {
    let (mut at, mut bits) = (0, 0);
    for before in *b"\"..." {
        if *input.get(at)? != before {
            return None;
        }
        let (octet, used) = decimal(&input[at + 1..])?;
        bits = bits << 8 | octet;
        at += 1 + used;
        if octet > 255 {
            return None;
        }
    }
    let (length, used) = length(&input[at..])?;
    let host_bits = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    if bits & host_bits != 0 {
        return None;
    }
    let net = Ipv4Net::new(Ipv4Addr::from_bits(bits), length).ok()?;
    Some((net, at + used))
}

/// An IPv6 prefix in quotes, in hexadecimal groups only and without host bits.
pub(super) fn ipv6(input: &[u8]) -> Option<(Ipv6Net, usize)> {
    let mut groups = [0_u16; 8];
    let (mut count, mut gap, mut at) = (0, None, 1);
    if *input.first()? != b'"' {
        return None;
    }
    loop {
        if gap.is_none() && input.get(at..)?.starts_with(b"::") {
            gap = Some(count);
            at += 2;
        } else if count > 0 {
            if *input.get(at)? != b':' {
                break;
            }
            at += 1;
        }
        match hexadecimal(&input[at..]) {
            Some((group, used)) => {
                *groups.get_mut(count)? = group;
                count += 1;
                at += used;
            }
            None if gap == Some(count) => break, // nothing follows the gap
            None => return None,
        }
    }
    fill_gap(&mut groups, count, gap)?;
    let (length, used) = length(&input[at..])?;
    let bits = Ipv6Addr::from(groups).to_bits();
    if bits & u128::MAX.checked_shr(u32::from(length)).unwrap_or(0) != 0 {
        return None;
    }
    let net = Ipv6Net::new(Ipv6Addr::from_bits(bits), length).ok()?;
    Some((net, at + used))
}

/// Moves the groups behind the gap to the end. A gap stands for one group at least.
fn fill_gap(groups: &mut [u16; 8], count: usize, gap: Option<usize>) -> Option<()> {
    match gap {
        None => (count == 8).then_some(()),
        Some(gap) if count < 8 => {
            groups.copy_within(gap..count, 8 - (count - gap));
            groups[gap..8 - (count - gap)].fill(0);
            Some(())
        }
        Some(_) => None,
    }
}

/// A slash, a length, and the closing quote.
fn length(input: &[u8]) -> Option<(u8, usize)> {
    let (length, used) = decimal(input.strip_prefix(b"/")?)?;
    let is_closed = *input.get(1 + used)? == b'"';
    if is_closed { Some((u8::try_from(length).ok()?, used + 2)) } else { None }
}

/// One to three digits without leading zeros, and how many; what follows them is not looked at.
/// Sums in place of branches: a processor cannot guess how long the numbers in an address are.
#[inline]
fn decimal(input: &[u8]) -> Option<(u32, usize)> {
    let [first, second, third] = input.first_chunk()?.map(|byte| u32::from(byte ^ b'0'));
    let is_two = u32::from(second < 10);
    let is_three = is_two & u32::from(third < 10);
    let number = first + is_two * (9 * first + second);
    let number = number + is_three * (9 * number + third);
    let has_leading_zero = is_two == 1 && first == 0;
    if first > 9 || has_leading_zero {
        None
    } else {
        Some((number, (1 + is_two + is_three) as usize))
    }
}

/// One to four hexadecimal digits, and how many; what follows them is not looked at.
#[inline]
fn hexadecimal(input: &[u8]) -> Option<(u16, usize)> {
    let digits = input.first_chunk::<4>()?.map(|byte| HEXADECIMAL[usize::from(byte)]);
    let (mut number, mut count, mut goes_on) = (0, 0, 1);
    for digit in digits.map(u32::from) {
        goes_on &= u32::from(digit < 16);
        number += goes_on * (15 * number + digit);
        count += goes_on as usize;
    }
    if count == 0 { None } else { Some((u16::try_from(number).ok()?, count)) }
}

/// What each byte stands for as a digit; 16 if it is none.
const HEXADECIMAL: [u8; 256] = {
    let mut values = [16; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::{PrefixText, ipv4_prefix, ipv6_prefix};

    proptest! {
        /// What the fast reader takes, it takes as the other one does; it takes all usual IPv4
        /// prefixes.
        #[test]
        fn ipv4_as_the_slow_twin(text in "([0-9]{1,3}\\.){2,4}[0-9]{1,3}/[0-9]{0,3}", net: u32, length in 0_u8..=32) {
            let usual = Ipv4Net::new(Ipv4Addr::from_bits(net), length).unwrap().trunc();
            let quoted = format!("\"{usual}\"]}}");
            prop_assert_eq!(ipv4(quoted.as_bytes()), Some((usual, quoted.len() - 2)));
            if let Some((net, used)) = ipv4(format!("\"{text}\"]}}").as_bytes()) {
                prop_assert_eq!(Some(PrefixText::Plain(net)), ipv4_prefix(&text));
                prop_assert_eq!(used, text.len() + 2);
            }
        }

        /// The same for IPv6, and for texts that are nearly prefixes.
        #[test]
        fn ipv6_as_the_slow_twin(text in "[0-9a-f]{0,4}(::?[0-9a-fA-F]{0,5}){1,8}/[0-9]{1,3}", net: u128, zeros: u128, length in 0_u8..=128) {
            for bits in [net, net & zeros & zeros << 64, net & zeros.rotate_left(13) & zeros >> 9] {
                let usual = Ipv6Net::new(Ipv6Addr::from_bits(bits), length).unwrap().trunc();
                let quoted = format!("\"{usual}\"]}}");
                let expected = (!quoted.contains('.')).then_some((usual, quoted.len() - 2));
                prop_assert_eq!(ipv6(quoted.as_bytes()), expected);
            }
            if let Some((net, used)) = ipv6(format!("\"{text}\"]}}").as_bytes()) {
                prop_assert_eq!(Some(PrefixText::Plain(net)), ipv6_prefix(&text));
                prop_assert_eq!(used, text.len() + 2);
            }
        }
    }
}
