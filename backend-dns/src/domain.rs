//! Domain names as texts (RFC 1035 §5.1). Pure.
//!
//! Any octet may stand in a label (RFC 2181 §11): RFC 2317 puts `/` there, and records point where
//! their zone wants them to.

use std::fmt::Write as _;
use std::sync::Arc;

use hickory_proto::rr::Name;

/// Lower case, absolute. Octets that would be misread are escaped.
pub(crate) fn text_of(name: &Name) -> Arc<str> {
    let mut text = String::with_capacity(name.len() + 1);
    for label in name {
        for octet in label {
            push(&mut text, octet.to_ascii_lowercase());
        }
        text.push('.');
    }
    if text.is_empty() { ".".into() } else { text.into() }
}

fn push(text: &mut String, octet: u8) {
    match octet {
        b'.' | b'\\' => text.extend(['\\', octet.into()]),
        b'!'..=b'~' => text.push(octet.into()),
        // Writing to a string does not fail.
        _ => drop(write!(text, "\\{octet:03}")),
    }
}

/// The name that a text of [`text_of`] stands for; `None` if it is no name, or a longer one than
/// there may be (RFC 1035 §2.3.4).
pub(crate) fn name_of(text: &str) -> Option<Name> {
    let mut labels: Vec<Vec<u8>> = Vec::new();
    let mut label = Vec::new();
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'.' => labels.push(std::mem::take(&mut label)),
            b'\\' => label.push(escaped(&mut octets)?),
            octet => label.push(octet),
        }
    }
    let is_root = text == ".";
    if text.is_empty() || !label.is_empty() || labels.iter().any(Vec::is_empty) && !is_root {
        return None;
    }
    let labels = if is_root { &[] } else { &labels[..] };
    let mut name = Name::from_labels(labels.iter().map(Vec::as_slice)).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn escaped(octets: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, octets.next()?, octets.next()?];
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn name(labels: &[&[u8]]) -> Name {
        Name::from_labels(labels.iter().copied()).unwrap()
    }

    /// RFC 1035 §5.1, RFC 2317 §4: what stands for itself, what is escaped, and how.
    #[test]
    fn as_in_a_master_file() {
        for (labels, text) in [
            (
                &[b"60" as &[u8], b"64/26", b"in-addr", b"ARPA"] as &[&[u8]],
                "60.64/26.in-addr.arpa.",
            ),
            (&[b"a.b\\", b"x+y@z:", b"-q_"], "a\\.b\\\\.x+y@z:.-q_."),
            (&[b"bi\0n\xff \xc3\xa4"], "bi\\000n\\255\\032\\195\\164."),
            (&[], "."),
        ] {
            assert_eq!(&*text_of(&name(labels)), text);
            assert_eq!(name_of(text).unwrap(), name(labels));
        }
    }

    #[test]
    fn what_is_no_name() {
        let long = format!("{}.", "a".repeat(64));
        for text in ["", "a", "a..", "..", ".a.", "a\\", "a\\25", "a\\256.", &long] {
            assert_eq!(name_of(text), None, "{text}");
        }
    }

    proptest! {
        /// Whatever a name holds, its text stands for it and for no other (RFC 4343: but for case).
        #[test]
        fn a_text_stands_for_its_name(labels in vec(vec(any::<u8>(), 1..20), 0..8)) {
            let name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            let text = text_of(&name);
            prop_assert!(text.is_ascii() && !text.contains(|c: char| c.is_control() || c == ' '));
            prop_assert_eq!(name_of(&text).unwrap(), name);
        }

        #[test]
        fn no_text_brings_it_down(text in any::<String>()) {
            let _ = name_of(&text);
        }
    }
}
