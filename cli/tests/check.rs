//! `alto check`: for each code of a record a zone on a real name server that has the fault and is found
//! out, and one that has it mended and is not.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod checking;

use std::collections::BTreeSet;
use std::process::Command;

use alto_testkit::{NameServer as _, ZoneFile, nsd};
use checking::{GOOD, PREFIX, check, codes, findings, found, is_found_out, lines};

/// The fix is a record, to stand where the first line stood.
fn written(text: &str, fix: &str) -> String {
    let record = fix.strip_prefix("write: ").unwrap_or_else(|| panic!("{fix}"));
    let rest = text.split_once('\n').unwrap().1;
    format!("{record}\n{rest}")
}

fn becomes(line: &'static str) -> impl Fn(&str, &str) -> String {
    move |text, _| format!("{line}\n{}", text.split_once('\n').unwrap().1)
}

fn in_record(code: &str, data: &str) {
    let faulty = format!("113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 {data}");
    is_found_out(code, PREFIX, &[&faulty, GOOD], written);
}

/// RFC 4848 §4.4: "s" leads to a host, "p" to nothing.
#[test]
fn flag() {
    in_record("flag", r#""s" "ALTO:https" "!.*!https://b.example/ird!" ."#);
    in_record("flag", r#""p" "ALTO:https" "!.*!https://b.example/ird!" ."#);
}

/// RFC 4848 §4.5: what is meant for ALTO and is not `ALTO:https`. Other services are nobody's fault.
#[test]
fn service() {
    for service in ["ALTO+https", "ALTO", "ALTO:htps", "E2U+alto:https"] {
        in_record("service", &format!(r#""u" "{service}" "!.*!https://b.example/ird!" ."#));
    }
    let others = [
        r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "s" "SIP+D2U" "" sip.example."#,
        r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "LIS:HELD" "!.*!https://lis.example/!" ."#,
        r#"113.0.203.in-addr.arpa. 600 NAPTR 100 50 "u" "ALTO:http" "!.*!http://a.example/!" ."#,
        GOOD,
    ];
    assert!(found(&others.join("\n"), &["--prefix", PREFIX]).is_empty());
}

/// RFC 4848 §2.2: `!.*!URI!` and nothing else.
#[test]
fn regexp() {
    for regexp in [
        "!^.*$!https://b.example/ird!",
        "!.*!https://b.example/ird!i",
        "#.*#https://b.example/ird#",
        "!.*!https://b.example/wiki",
        "https://b.example/ird",
    ] {
        in_record("regexp", &format!(r#""u" "ALTO:https" "{regexp}" ."#));
    }
}

/// RFC 3403 §4.1.
#[test]
fn both_fields() {
    let data = r#""u" "ALTO:https" "!.*!https://b.example/ird!" b.example."#;
    in_record("both-fields", data);
}

#[test]
fn scheme() {
    let http = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!http://b.example/ird!" ."#;
    let https = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!https://b.example/ird!" ."#;
    is_found_out("scheme", PREFIX, &[http, GOOD], becomes(https));
}

#[test]
fn uri() {
    let user = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!https://me@b.example/!" ."#;
    let https = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!https://b.example/!" ."#;
    is_found_out("uri", PREFIX, &[user, GOOD], becomes(https));
}

#[test]
fn policy() {
    let private = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!https://10.0.0.1/!" ."#;
    let public = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!https://b.example/!" ."#;
    is_found_out("policy", PREFIX, &[private, GOOD], becomes(public));
}

/// RFC 3403 §4.1: one order, and a preference each.
#[test]
fn order() {
    for place in ["200 10", "100 10"] {
        let second = GOOD.replace("100 10", place).replace("a.example", "b.example");
        is_found_out("order", PREFIX, &[&second, GOOD], |_, fix| lines(fix));
    }
}

#[test]
fn ttl() {
    let brief = r#"113.0.203.in-addr.arpa. 30 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    let long = r#"113.0.203.in-addr.arpa. 604800 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    for (faulty, ttl) in [(brief, " 30 "), (long, " 604800 ")] {
        is_found_out("ttl", PREFIX, &[faulty], |text, fix| {
            let to = fix.strip_prefix("publish the records with a TTL of ").unwrap();
            text.replace(ttl, &format!(" {to} "))
        });
    }
}

/// RFC 2308 §5: how long a denial holds is in the SOA record.
#[test]
fn ttl_of_denials() {
    let asked = |ttl: u32, least: u32| {
        let own = format!(
            ". {ttl} IN SOA ns.root. h.root. 1 3600 600 86400 {least}\n. 600 NS ns.root.\n"
        );
        let file = ZoneFile { apex: ".".into(), text: format!("{own}{GOOD}\n") };
        let server = nsd::launch(&[file]);
        findings(&check(server.address(), &["--no-fetch", "--prefix", PREFIX]))
    };
    for (ttl, least) in [(5, 3600), (3600, 5)] {
        let found = asked(ttl, least);
        assert_eq!(codes(&found), BTreeSet::from(["ttl"]), "{found:#?}");
        let fix = found[0]["fix"].as_str().unwrap();
        assert!(fix.contains("SOA record, and its TTL, to 3600"), "{fix}");
    }
    assert!(asked(3600, 3600).is_empty());
}

/// RFC 3958 §2.2.4.
#[test]
fn loops() {
    let here = r#"113.0.203.in-addr.arpa. 600 NAPTR 100 20 "" "ALTO:https" "" x.example."#;
    let back = r#"x.example. 600 NAPTR 100 20 "" "ALTO:https" "" 113.0.203.in-addr.arpa."#;
    let end = r#"x.example. 600 NAPTR 100 20 "u" "ALTO:https" "!.*!https://b.example/!" ."#;
    is_found_out("loop", PREFIX, &[back, here, GOOD], becomes(end));
}

/// Five records lead on, a sixth is not followed.
#[test]
fn depth() {
    let lines = |last: u32| {
        let onward = |n: u32| {
            let from =
                if n == 0 { "113.0.203.in-addr.arpa.".into() } else { format!("x{n}.example.") };
            format!("{from} 600 NAPTR 100 20 \"\" \"ALTO:https\" \"\" x{}.example.\n", n + 1)
        };
        let end = format!(
            "x{last}.example. 600 NAPTR 100 20 \"u\" \"ALTO:https\" \"!.*!https://b.example/!\" .\n"
        );
        (0..last).map(onward).collect::<String>() + &end + GOOD + "\n"
    };
    let deep = lines(6);
    is_found_out("depth", PREFIX, &deep.lines().collect::<Vec<_>>(), |_, _| lines(5));
}

#[test]
fn target() {
    let here = r#"113.0.203.in-addr.arpa. 600 NAPTR 100 20 "" "ALTO:https" "" x.example."#;
    let other = "x.example. 600 TXT \"nothing of use\"";
    let end = r#"x.example. 600 NAPTR 100 20 "u" "ALTO:https" "!.*!https://b.example/!" ."#;
    is_found_out("target", PREFIX, &[here, GOOD], |text, _| format!("{text}{end}\n"));
    is_found_out("target", PREFIX, &[other, here, GOOD], becomes(end));
}

/// Each code that this file finds, and each of `alto doctor`, is explained.
#[test]
fn explanations() {
    let explain = |code: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_alto")).arg("explain").args(code).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let all = explain(&[]).1;
    for code in [
        "flag",
        "service",
        "regexp",
        "scheme",
        "order",
        "hole",
        "wildcard-hidden",
        "ttl",
        "dnssec",
        "both-fields",
        "loop",
        "depth",
        "uri",
        "policy",
        "target",
        "overreach",
        "unavailable",
        "directory",
        "resolver",
        "recursion",
        "reverse-tree",
        "tcp",
        "clock",
        "zone",
    ] {
        let (status, text) = explain(&[code]);
        assert_eq!(status, Some(0), "{code}");
        assert!(text.starts_with(&format!("{code}\n")) && all.contains(&text), "{text}");
    }
    assert_eq!(explain(&["no-such-code"]).0, Some(2));
}
