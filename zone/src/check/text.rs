//! What comes from the network, written into a fix: somebody may paste it.

use std::borrow::Cow;

/// One word of a command line, whatever stands in it.
pub(super) fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./:,@%+=".contains(&octet);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''")).into()
}

/// A domain name in a master file: what means something there is escaped (RFC 1035 §5.1). Dots and
/// escapes that are there already stay.
pub(super) fn master_name(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/.*\\".contains(c);
    if name.chars().all(plain) {
        return name.into();
    }
    let escaped = name.chars().map(|c| match c {
        c if plain(c) => c.to_string(),
        c => format!("\\{:03}", u32::from(c)),
    });
    escaped.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A URI may hold what a shell acts on (RFC 3986 §2.2), and so may a name (RFC 2181 §11).
    #[test]
    fn nothing_is_acted_on() {
        assert_eq!(shell_word("https://a.example/ird?x=1"), "'https://a.example/ird?x=1'");
        assert_eq!(shell_word("https://a.example:8443/ird"), "https://a.example:8443/ird");
        assert_eq!(shell_word("https://a.example/$(x)'&"), r"'https://a.example/$(x)'\''&'");
        assert_eq!(
            master_name("3.0/26.100.51.198.in-addr.arpa."),
            "3.0/26.100.51.198.in-addr.arpa."
        );
        assert_eq!(master_name("a;b\"@.example."), r"a\059b\034\064.example.");
        assert_eq!(master_name(r"a\.b.example."), r"a\.b.example.");
    }
}
