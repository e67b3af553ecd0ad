//! Strings, numbers and words of JSON, from the start of a slice that may end anywhere.

use std::borrow::Cow;
use std::str;

/// Why a slice starts with no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// It may, once more bytes are there.
    CutShort,
    /// It does not: what is wrong, and at which byte of the slice.
    Wrong(&'static str, usize),
}

/// A token and the number of bytes it took.
pub(crate) type Lexed<T> = Result<(T, usize), NoToken>;

/// The position of the first byte from `at` on that is no white space.
pub(crate) fn skip_space(input: &[u8], mut at: usize) -> usize {
    while matches!(input.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Reads a string; `input` starts with its opening quote.
pub(crate) fn string(input: &[u8]) -> Lexed<Cow<'_, str>> {
    let mut at = 1;
    let mut escaped = false;
    loop {
        match input.get(at) {
            None => return Err(NoToken::CutShort),
            Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                at += 2;
            }
            Some(0..=0x1f) => return Err(NoToken::Wrong("a control character in a string", at)),
            Some(_) => at += 1,
        }
    }
    let text = str::from_utf8(&input[1..at])
        .map_err(|fault| NoToken::Wrong("a string that is no UTF-8", 1 + fault.valid_up_to()))?;
    let text = if escaped { Cow::Owned(unescape(text)?) } else { Cow::Borrowed(text) };
    Ok((text, at + 1))
}

/// Resolves the escapes of a string's inside (RFC 8259 §7).
fn unescape(text: &str) -> Result<String, NoToken> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let wrong = NoToken::Wrong("an unknown escape in a string", text.len() - rest.len() + at);
        let (character, used) = escape(&rest[at..]).ok_or(wrong)?;
        plain.push(character);
        rest = &rest[at + used..];
    }
    plain.push_str(rest);
    Ok(plain)
}

/// The character that the escape at the start of `text` stands for, and the escape's length.
fn escape(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((character, 2))
}

/// `\u` and four hexadecimal digits, or two of these that form a surrogate pair.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let text = text.get(at..at + 6)?.strip_prefix("\\u")?;
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { u16::from_str_radix(text, 16).ok() } else { None }
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, 6));
    }
    let mut pair = char::decode_utf16([first, unit(6)?]);
    Some((pair.next()?.ok()?, 12))
}

/// Reads a number; `input` starts with `-` or a digit. At the end of a slice that is not the
/// `last`, more digits may follow.
pub(crate) fn number(input: &[u8], last: bool) -> Lexed<&str> {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = input.iter().position(|byte| !is_part(byte)).unwrap_or(input.len());
    if length == input.len() && !last {
        return Err(NoToken::CutShort);
    }
    match str::from_utf8(&input[..length]) {
        Ok(text) if is_number(text.as_bytes()) => Ok((text, length)),
        _ => Err(NoToken::Wrong("a malformed number", 0)),
    }
}

/// RFC 8259 §6.
fn is_number(text: &[u8]) -> bool {
    let digits = |from: usize| {
        from + text[from..].iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len() - from)
    };
    let start = usize::from(text.first() == Some(&b'-'));
    let mut at = digits(start);
    if at == start || (text[start] == b'0' && at > start + 1) {
        return false;
    }
    if text.get(at) == Some(&b'.') {
        let fraction = at + 1;
        at = digits(fraction);
        if at == fraction {
            return false;
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let exponent = at + 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(exponent.min(text.len()));
        if at == exponent {
            return false;
        }
    }
    at == text.len()
}

/// Reads the word `wanted` (`true`, `false`, `null`).
pub(crate) fn word(input: &[u8], wanted: &str, last: bool) -> Lexed<()> {
    if input.starts_with(wanted.as_bytes()) {
        Ok(((), wanted.len()))
    } else if !last && wanted.as_bytes().starts_with(input) {
        Err(NoToken::CutShort)
    } else {
        Err(NoToken::Wrong("neither a value nor a known word", 0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Strings are read as `serde_json` reads them, whatever escapes they hold.
        #[test]
        fn strings_as_another_parser_reads_them(text in r#""([ -~é😀]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\uD83D\\uDE00){0,12}"?"#) {
            let ours = string(text.as_bytes()).ok()
                .filter(|(_, used)| *used == text.len())
                .map(|(text, _)| text.into_owned());
            prop_assert_eq!(ours, serde_json::from_str::<String>(&text).ok());
        }

        /// What is a number, and what only looks like one.
        #[test]
        fn numbers_as_another_parser_reads_them(text in "-?[0-9]{0,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?[-+.e]?") {
            prop_assume!(text.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
            let ours = number(text.as_bytes(), true).is_ok();
            prop_assert_eq!(ours, serde_json::from_str::<f64>(&text).is_ok());
        }
    }

    /// A token at the end of a piece may go on in the next.
    #[test]
    fn a_token_may_be_cut() {
        assert_eq!(string(b"\"ab"), Err(NoToken::CutShort));
        assert_eq!(string(b"\"ab\\"), Err(NoToken::CutShort));
        assert_eq!(number(b"12", false), Err(NoToken::CutShort));
        assert_eq!(number(b"12", true), Ok(("12", 2)));
        assert_eq!(word(b"tr", "true", false), Err(NoToken::CutShort));
        assert!(matches!(word(b"tr", "true", true), Err(NoToken::Wrong(..))));
    }
}
