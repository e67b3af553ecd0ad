//! `alto check`: whom the records of a real name server reach, beyond the prefix or not at all, and that
//! what is printed mends it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod checking;

use std::collections::BTreeSet;
use std::process::Command;

use alto_testkit::process::installed;
use alto_testkit::{NameServer as _, ZoneFile, pdns};
use checking::{GOOD, PREFIX, carried_out, check, codes, findings, found, is_found_out, lines};
use proptest::prelude::*;
use proptest::sample;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use tempfile::TempDir;

/// RFC 8686 §3.4; the command that is printed writes what is missing.
#[test]
fn hole() {
    for (prefix, zone) in [
        ("203.0.112.0/23", GOOD),
        (
            "203.0.113.0/30",
            r#"2.113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/?x=$(echo)&y!" ."#,
        ),
        (
            "2001:db8::/31",
            r#"8.b.d.0.1.0.0.2.ip6.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#,
        ),
    ] {
        let mut text = format!("{zone}\n");
        let mut left = found(&text, &["--prefix", prefix]);
        assert_eq!(codes(&left), BTreeSet::from(["hole"]), "{left:#?}");
        for finding in &left {
            text.push_str(&carried_out(finding["fix"].as_str().unwrap()));
        }
        left = found(&text, &["--prefix", prefix]);
        assert!(left.is_empty(), "{text}{left:#?}");
    }
    let nothing = found("", &["--prefix", PREFIX]);
    assert_eq!((nothing.len(), &nothing[0]["name"]), (1, &Value::from(PREFIX)));
}

/// Neighbours are one hole, told as a prefix or as a range; what is left beyond sixteen is told of
/// together, and each of the commands writes what is missing.
#[test]
fn holes_beside_each_other() {
    let host = |last: u32| GOOD.replace("113.0", &format!("{last}.113.0")) + "\n";
    let every_fifth: String = (0..52).map(|nth| host(nth * 5)).collect();
    let second = GOOD.replace("113.0.203", "66.0.203") + "\n";
    for (prefix, zone, names) in [
        ("203.0.64.0/18", GOOD.replace("113.0.203", "9.0.203") + "\n", vec!["203.0.64.0/18"]),
        ("203.0.64.0/18", second, vec!["203.0.64.0/23", "203.0.67.0-203.0.127.255"]),
        (PREFIX, every_fifth, vec!["203.0.113.1-203.0.113.4"; 16]),
    ] {
        let holes = found(&zone, &["--prefix", prefix]);
        assert_eq!(codes(&holes), BTreeSet::from(["hole"]), "{holes:#?}");
        assert_eq!(holes.len(), names.len(), "{holes:#?}");
        assert_eq!(holes[0]["name"], names[0]);
        assert_eq!(holes.len() < 3, holes.iter().map(|hole| &hole["name"]).eq(&names));
        let fixes = holes.iter().map(|hole| carried_out(hole["fix"].as_str().unwrap()));
        let mended = zone + &fixes.collect::<String>();
        let left = found(&mended, &["--prefix", prefix]);
        assert!(left.is_empty(), "{mended}{left:#?}");
    }
}

/// RFC 1034 §3.6.2, RFC 2317 §4: beside a CNAME nothing else may stand, so what is missing is written
/// where it leads, whatever that zone is called. Both zones load afterwards.
#[test]
fn holes_behind_aliases() {
    let zone = |apex: &str, records: &str| ZoneFile {
        apex: apex.into(),
        text: format!(
            "$ORIGIN {apex}\n$TTL 3600\n@ IN SOA ns.example. h.example. 1 3600 600 86400 3600\n\
             @ IN NS ns.example.\n{records}"
        ),
    };
    for child in ["64/30.113.0.203.in-addr.arpa.", "64-67.113.0.203.in-addr.arpa.", "c.example."] {
        let aliases = [64, 65, 66, 67]
            .map(|last| format!("{last}.113.0.203.in-addr.arpa. CNAME {last}.{child}\n"));
        let aliases = aliases.concat();
        let mut zones =
            [zone("203.in-addr.arpa.", &aliases), zone(child, "65 PTR www.c.example.\n")];
        let asked = |zones: &[ZoneFile]| {
            let server = pdns::launch(zones);
            findings(&check(server.address(), &["--no-fetch", "--prefix", "203.0.113.64/30"]))
        };
        let holes = asked(&zones);
        let [hole] = &holes[..] else { panic!("{child}: {holes:#?}") };
        assert_eq!((&hole["code"], &hole["name"]), (&"hole".into(), &"203.0.113.64/30".into()));
        zones[1].text += &carried_out(hole["fix"].as_str().unwrap());
        zones.iter().for_each(loads);
        let left = asked(&zones);
        assert!(left.is_empty(), "{child}: {}{left:#?}", zones[1].text);
    }
}

/// Aliases that go anywhere: the records themselves are printed. A fault behind an alias is to be
/// mended where it is.
#[test]
fn faults_behind_aliases() {
    let alias =
        |last: u32, target: &str| format!("{last}.113.0.203.in-addr.arpa. 600 CNAME {target}\n");
    let zone = alias(0, "zero.example.") + &alias(1, "one.example.") + "one.example. 600 TXT x\n";
    let holes = found(&zone, &["--prefix", "203.0.113.0/31"]);
    let [hole] = &holes[..] else { panic!("{holes:#?}") };
    let mended = zone + &lines(hole["fix"].as_str().unwrap());
    assert!(found(&mended, &["--prefix", "203.0.113.0/31"]).is_empty(), "{mended}");

    let faulty = r#"one.example. 600 NAPTR 100 10 "s" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    let zone = alias(1, "one.example.") + GOOD + "\n";
    let both = found(&format!("{zone}{faulty}\n"), &["--prefix", "203.0.113.1"]);
    let [fault, _overreach] = &both[..] else { panic!("{both:#?}") };
    assert_eq!((&fault["code"], &fault["name"]), (&"flag".into(), &"one.example.".into()));
    let record = fault["fix"].as_str().unwrap().strip_prefix("write: ").unwrap();
    assert!(
        found(&format!("{zone}{record}\n"), &["--prefix", "203.0.113.1"]).is_empty(),
        "{record}"
    );
}

/// The zone is sound, as BIND's and NSD's own tools see it.
fn loads(zone: &ZoneFile) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("zone");
    std::fs::write(&file, &zone.text).unwrap();
    for (program, package) in [("named-checkzone", "bind9-utils"), ("nsd-checkzone", "nsd")] {
        let output = Command::new(installed(program, package)).arg(&zone.apex).arg(&file).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{zone:?}\n{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// RFC 4592 §2.2.1: hosts with PTR records have no part in a wildcard.
#[test]
fn wildcard_hidden() {
    let wild = r#"*.113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    let host = "5.113.0.203.in-addr.arpa. 600 PTR host.example.";
    let faulty = [wild, host];
    is_found_out("wildcard-hidden", PREFIX, &faulty, |text, fix| text.to_owned() + &lines(fix));
    assert!(found(&format!("{wild}\n"), &["--prefix", PREFIX]).is_empty(), "nobody is hidden");
    // A name that exists makes those above it exist, and hides all that is below them.
    let wide = wild.replace("*.113.0.203", "*.203");
    is_found_out("wildcard-hidden", "203.0.113.128/25", &[&wide, host], |text, fix| {
        text.to_owned() + &carried_out(fix)
    });
    let second = wild.replace("a.example", "b.example").replace("100 10", "100 20");
    is_found_out("wildcard-hidden", PREFIX, &[wild, &second, host], |text, fix| {
        text.to_owned() + &lines(fix)
    });
}

/// RFC 8686 §5.2.1: a /16's record speaks for its other holders too.
#[test]
fn overreach() {
    let wide =
        r#"0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    is_found_out("overreach", PREFIX, &[wide], |text, fix| format!("{text}{}", carried_out(fix)));
    let alias = "9.113.0.203.in-addr.arpa. 600 CNAME nine.example.";
    is_found_out("overreach", "203.0.113.9", &[wide, alias], |text, fix| {
        text.to_owned() + &lines(fix)
    });
}

/// What `alto zone` writes for a prefix.
fn written(prefix: &str, style: &str) -> String {
    let arguments =
        ["zone", "--prefix", prefix, "--style", style, "--uri", "https://a.example/ird"];
    let output = Command::new(env!("CARGO_BIN_EXE_alto")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// From a sound zone any records are lost, and hosts get PTR records: what is printed, carried out as
/// often as something is found, makes it sound again.
#[test]
fn zones_with_records_lost() {
    let prefixes = ["203.0.112.0/22", "203.0.113.64/26", "2001:db8::/38", "2001:db8:0:2::/63"];
    let styles = ["auto", "wildcard", "rfc2317"];
    let zones = (
        sample::select(prefixes.to_vec()),
        sample::select(styles.to_vec()),
        any::<[u64; 4]>(),
        any::<[u8; 3]>(),
    );
    let config = ProptestConfig { cases: 8, max_shrink_iters: 16, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..config });
    let outcome =
        runner.run(&zones, |(prefix, style, kept, hosts)| {
            let is_kept = |nth: usize| kept[nth / 64 % 4] >> (nth % 64) & 1 == 1;
            let text = written(prefix, style);
            let all = text.lines().enumerate();
            let mut zone: String = all
                .filter(|(nth, line)| !line.contains(" NAPTR ") || is_kept(*nth))
                .flat_map(|(_, line)| [line, "\n"])
                .collect();
            let host = |last| format!("{last}.113.0.203.in-addr.arpa. 60 PTR host.example.\n");
            zone.extend(hosts.map(host).into_iter().filter(|_| style != "rfc2317"));
            let mut left = Vec::new();
            for _ in 0..4 {
                left = found(&zone, &["--prefix", prefix, "--addresses", "1024"]);
                left.retain(|finding| finding["code"] != "overreach");
                if left.is_empty() {
                    break;
                }
                let fixes = left.iter().map(|finding| finding["fix"].as_str().unwrap());
                zone.extend(fixes.map(|fix| {
                    if fix.contains(": alto ") { carried_out(fix) } else { lines(fix) }
                }));
            }
            prop_assert!(left.is_empty(), "{zone}{left:#?}");
            Ok(())
        });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
}
