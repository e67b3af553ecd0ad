use super::*;
use proptest::prelude::*;

const HTTPS: Wanted<'_> = Wanted { tag: "alto", protocol: Some("https") };

fn record(flags: &str, services: &str, regexp: &[u8], replacement: &str) -> Naptr {
    Naptr {
        order: 100,
        preference: 10,
        flags: flags.as_bytes().into(),
        services: services.as_bytes().into(),
        regexp: regexp.into(),
        replacement: replacement.into(),
    }
}

fn why(record: Naptr, reading: Reading) -> Option<Why> {
    let verdict = judge(&[record], HTTPS, reading, Policy::default());
    verdict.refused.into_iter().next().map(|refused| refused.why)
}

fn refused(regexp: &str) -> Option<Why> {
    why(record("u", "ALTO:https", regexp.as_bytes(), "."), Reading::Strict)
}

/// RFC 4848 §4.4 and RFC 3403 §4.1, vectors 21, 23, 30, 47.
#[test]
fn flags_and_fields() {
    let uri = b"!.*!https://a.example/ird!";
    let strict = |flags, regexp: &[u8], replacement| {
        why(record(flags, "ALTO:https", regexp, replacement), Reading::Strict)
    };
    assert_eq!(strict("U", uri, "."), None);
    assert_eq!(strict("s", b"", "h.example."), Some(Why::NoUriFlag));
    assert_eq!(strict("A", b"", "h.example."), Some(Why::NoUriFlag));
    for flags in ["p", "us", "9"] {
        assert_eq!(strict(flags, uri, "."), Some(Why::UnknownFlag));
    }
    assert_eq!(strict("u", uri, "other.example."), Some(Why::BothFields));
    assert_eq!(strict("u", b"", "other.example."), Some(Why::NoUri));
    assert_eq!(strict("u", b"", "."), Some(Why::NoUri));
    assert_eq!(strict("", b"", "other.example."), None);
    assert_eq!(strict("", b"", "."), Some(Why::NoTarget));
    assert_eq!(strict("", uri, "."), Some(Why::RegexpInNonTerminal));
    assert_eq!(strict("", uri, "other.example."), Some(Why::BothFields));
}

/// Vectors 24 to 26 and 28: the literal form and no other.
#[test]
fn only_the_literal_form() {
    for regexp in [
        "!.*!https://a.example/ird",
        "#.*#https://a.example/ird#",
        "!^.*$!https://a.example/ird!",
        "!.*!https://a.example/ird!i",
        "!(.*)!https://\\1/ird!",
        "!.*!https://\\1/ird!",
        "!.*!https://a.example/x!y!",
        "!.*!junk",
        "!",
        "!.*",
    ] {
        assert_eq!(refused(regexp), Some(Why::Regexp), "{regexp}");
    }
    assert_eq!(refused("!.*!!"), Some(Why::NoUri));
    assert_eq!(refused("!.*!https://a.example/x%21y!"), None);
}

/// What the lenient reading adds, and nothing else.
#[test]
fn lenient_reading_takes_enum_habits() {
    let lenient =
        |regexp: &str| why(record("u", "ALTO:https", regexp.as_bytes(), "."), Reading::Lenient);
    for regexp in
        ["!^.*$!https://a.example/!", "!.*!https://a.example/!i", "!^.*$!https://a.example/!i"]
    {
        assert_eq!(lenient(regexp), None, "{regexp}");
    }
    for regexp in ["#.*#https://a.example/#", "!(.*)!https://a.example/!", "!.*!https://a/\\1!i"] {
        assert_eq!(lenient(regexp), Some(Why::Regexp), "{regexp}");
    }
}

/// Vectors 27 to 29: URIs that lead nowhere, and downgrades.
#[test]
fn uris_are_checked() {
    for uri in [
        "a.example/ird",
        "https://a b/",
        "https:///ird",
        "https://u@a.example/",
        "https://a.example/#f",
        "https://a.example:0/",
        "https://a.example/%zz",
    ] {
        let why = refused(&format!("!.*!{uri}!"));
        assert!(matches!(why, Some(Why::Uri(_))), "{uri}: {why:?}");
    }
    for uri in ["javascript:alert(1)", "mailto:x@a.example", "http://a.example/ird"] {
        let why = refused(&format!("!.*!{uri}!"));
        assert!(matches!(why, Some(Why::Scheme(_))), "{uri}: {why:?}");
    }
    let any = Wanted { tag: "alto", protocol: None };
    let held = Wanted { tag: "lis", protocol: Some("held") };
    assert!(scheme_fits("http", any) && scheme_fits("https", any) && !scheme_fits("ftp", any));
    assert!(scheme_fits("urn", held));
}

/// A server that may not be contacted is told apart from a broken record.
#[test]
fn policy_refusals_are_kept_apart() {
    for uri in [
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://a.example:22/",
    ] {
        let record = record("u", "ALTO:https", format!("!.*!{uri}!").as_bytes(), ".");
        assert!(
            judge(&[record], HTTPS, Reading::Strict, Policy::default()).refused_by_policy(),
            "{uri}"
        );
    }
}

/// The strict form again, naively: take the text apart at each `!`.
fn naive(regexp: &[u8]) -> Option<String> {
    let text = String::from_utf8(regexp.to_vec()).ok()?;
    let parts: Vec<&str> = text.split('!').collect();
    match parts[..] {
        ["", ".*", uri, ""] if !uri.is_empty() && !uri.contains('\\') => Some(uri.to_owned()),
        _ => None,
    }
}

fn arbitrary_record() -> impl Strategy<Value = Naptr> {
    let text = |pattern: &'static str| proptest::string::bytes_regex(pattern).unwrap();
    (
        any::<u16>(),
        any::<u16>(),
        text("[uUsSaA9]{0,2}"),
        text("(?s-u:.{0,12}|ALTO:https)"),
        text("(?s-u:.{0,40}|!\\.\\*!https://[a-z.]{1,9}/?!)"),
        "[a-z]{0,3}\\.",
    )
        .prop_map(|(order, preference, flags, services, regexp, replacement)| Naptr {
            order,
            preference,
            flags: flags.into(),
            services: services.into(),
            regexp: regexp.into(),
            replacement: replacement.into(),
        })
}

proptest! {
    /// The parser agrees with the naive one on anything.
    #[test]
    fn literal_agrees_with_the_naive_reading(
        regexp in proptest::string::bytes_regex(r"(?s-u:!?\.?\*?!?[a-z!\\i/:.]{0,12}!?|.{0,20})").unwrap()
    ) {
        prop_assert_eq!(literal(&regexp, Reading::Strict).ok().map(ToOwned::to_owned), naive(&regexp));
    }

    /// Any records: no panic, each judged once, what is taken is in order and independent of
    /// the order in which the records came.
    #[test]
    fn each_record_is_judged_once_and_order_is_stable(
        records in proptest::collection::vec(arbitrary_record(), 0..12)
    ) {
        let judged = |records: &[Naptr]| judge(records, HTTPS, Reading::Lenient, Policy::default());
        let verdict = judged(&records);
        prop_assert_eq!(verdict.taken.len() + verdict.refused.len(), records.len());
        prop_assert!(verdict.taken.is_sorted_by(|a, b| rank(a) <= rank(b)));
        let reversed: Vec<_> = records.into_iter().rev().collect();
        prop_assert_eq!(judged(&reversed).taken, verdict.taken);
    }
}
