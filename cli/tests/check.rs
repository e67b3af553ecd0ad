//! `alto check`: for each code a zone on a real name server that has the fault and is found out, and
//! one that has it mended and is not.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use alto_testkit::process::installed;
use alto_testkit::signer::{self, Key};
use alto_testkit::unbound::{Reasons, Validation};
use alto_testkit::{Daemon, NameServer as _, Zone, ZoneFile, bind, nsd, pdns, unbound};
use serde_json::Value;
use tempfile::TempDir;

const PREFIX: &str = "203.0.113.0/24";
const GOOD: &str =
    r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;

/// As fast as can be: the kit's name servers do not mind.
fn check(resolver: SocketAddr, arguments: &[&str]) -> Output {
    check_by_default(resolver, &[&["--set", "dns.zone_qps=100000"], arguments].concat())
}

fn check_by_default(resolver: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(["check", "--json", "--allow-documentation"]);
    command.args(["--resolver", &resolver.to_string()]).args(arguments).output().unwrap()
}

fn findings(output: &Output) -> Vec<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() < Some(2), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let findings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!findings.is_empty())), "{findings:#?}");
    findings
}

/// What is found in a zone of these lines of a master file.
fn found(zone: &str, arguments: &[&str]) -> Vec<Value> {
    let mut file = ZoneFile::from(&Zone::new([]));
    file.text.push_str(zone);
    let server = nsd::launch(&[file]);
    findings(&check(server.address(), &[&["--no-fetch"], arguments].concat()))
}

fn codes(findings: &[Value]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// A zone with this fault is found out by this code and no other; `mend` makes one of it, with the fix
/// that is printed, that is silent.
fn is_found_out(code: &str, prefix: &str, faulty: &[&str], mend: impl Fn(&str, &str) -> String) {
    let text: String = faulty.iter().flat_map(|line| [line, "\n"]).collect();
    let findings = found(&text, &["--prefix", prefix]);
    assert_eq!(codes(&findings), BTreeSet::from([code]), "{findings:#?}");
    let finding = &findings[0];
    for field in ["severity", "name", "reason", "fix"] {
        assert!(finding[field].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
    }
    let mended = mend(&text, finding["fix"].as_str().unwrap());
    let left = found(&mended, &["--prefix", prefix]);
    assert!(left.is_empty(), "{code}: {mended}{left:#?}");
}

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
    let second = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 200 10 "u" "ALTO:https" "!.*!https://b.example/ird!" ."#;
    let equal = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 10 "u" "ALTO:https" "!.*!https://b.example/ird!" ."#;
    let right = r#"113.0.203.in-addr.arpa. 600 IN NAPTR 100 20 "u" "ALTO:https" "!.*!https://b.example/ird!" ."#;
    is_found_out("order", PREFIX, &[second, GOOD], becomes(right));
    is_found_out("order", PREFIX, &[equal, GOOD], becomes(right));
}

/// What the command that a fix has writes.
fn carried_out(fix: &str) -> String {
    let (_, command) = fix.split_once(": alto ").unwrap_or_else(|| panic!("{fix}"));
    let script = format!("exec '{}' {command}", env!("CARGO_BIN_EXE_alto"));
    let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{fix}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

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
    let (_, records) = hole["fix"].as_str().unwrap().split_once("write: ").unwrap();
    let mended = zone + &records.replace("; ", "\n") + "\n";
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
    is_found_out("wildcard-hidden", PREFIX, &faulty, |text, fix| {
        format!("{text}{}\n", fix.strip_prefix("write: ").unwrap())
    });
    assert!(found(&format!("{wild}\n"), &["--prefix", PREFIX]).is_empty(), "nobody is hidden");
}

#[test]
fn ttl() {
    let brief = r#"113.0.203.in-addr.arpa. 30 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    let long = r#"113.0.203.in-addr.arpa. 604800 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    is_found_out("ttl", PREFIX, &[brief], becomes(GOOD));
    is_found_out("ttl", PREFIX, &[long], becomes(GOOD));
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

/// RFC 8686 §5.2.1: a /16's record speaks for its other holders too.
#[test]
fn overreach() {
    let wide =
        r#"0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;
    is_found_out("overreach", PREFIX, &[wide], |text, fix| format!("{text}{}", carried_out(fix)));
    let alias = "9.113.0.203.in-addr.arpa. 600 CNAME nine.example.";
    is_found_out("overreach", "203.0.113.9", &[wide, alias], |text, fix| {
        let (_, record) = fix.split_once("write: ").unwrap();
        format!("{text}{record}\n")
    });
}

/// A name server that has the /24 alone, asked for the /16 around it.
#[test]
fn unavailable() {
    let apex = "113.0.203.in-addr.arpa.";
    let text = format!(
        "{apex} 600 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 600\n\
         {apex} 600 IN NS ns.example.\n"
    );
    let server = nsd::launch(&[ZoneFile { apex: apex.into(), text }]);
    let found = findings(&check(server.address(), &["--no-fetch", "--prefix", PREFIX]));
    assert_eq!(codes(&found), BTreeSet::from(["unavailable"]), "{found:#?}");
    assert!(self::found(GOOD, &["--prefix", PREFIX]).is_empty());
}

/// Name servers drop replies to those who ask too fast. The command asks no faster than NSD allows as it
/// ships; what BIND drops above its limit, here a low one, is asked for again.
#[test]
fn rate_limits() {
    let prefix = "203.0.112.0/22";
    let mut file = ZoneFile::from(&Zone::new([]));
    for third in 112..116 {
        file.text.push_str(&GOOD.replace("113.0.203", &format!("{third}.0.203")));
        file.text.push('\n');
    }
    let zone = [file];
    let nsd = nsd::launch_limiting(&zone);
    let wide = ["--no-fetch", "--prefix", prefix, "--addresses", "600"];
    let output = check_by_default(nsd.address(), &wide);
    assert_eq!(findings(&output), [Value::Null; 0]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("limits: dns.zone_qps = 100, "), "{said}");
    assert!(said.contains("looked at 513 of 1024 addresses by "), "{said}");
    let bind = bind::launch_limiting(&zone, 20);
    let hurried = ["--set", "dns.zone_qps=1000", "--addresses", "120"];
    let output = check_by_default(
        bind.address(),
        &[&["--no-fetch", "--prefix", prefix], &hurried[..]].concat(),
    );
    assert_eq!(findings(&output), [Value::Null; 0]);
}

/// RFC 8686 §6.1: a zone that is not signed, one that is, and one whose key is not that of the anchor.
#[test]
fn dnssec() {
    let zone = Zone::parse([GOOD]).unwrap();
    let [ours, other] = [Key::new(1), Key::new(2)];
    let signed_by = |key: &Key| nsd::launch(&[signer::signed_root(&zone, &[], key)]);
    let behind_validator = |authority: &Daemon| {
        let validation =
            Validation { anchor: ours.ds("."), zones: Vec::new(), reasons: Reasons::Told };
        unbound::launch_validating(authority.address(), &validation)
    };
    let asked = |resolver: &Daemon| {
        findings(&check(resolver.address(), &["--no-fetch", "--prefix", PREFIX]))
    };
    let unsigned = nsd::launch(&[ZoneFile::from(&zone)]);
    let insecure = asked(&unbound::launch(unsigned.address()));
    assert_eq!(codes(&insecure), BTreeSet::from(["dnssec"]), "{insecure:#?}");
    assert_eq!(insecure[0]["severity"], "note");
    let signed = signed_by(&ours);
    let secure = asked(&behind_validator(&signed));
    assert!(secure.is_empty(), "{secure:#?}");
    let forged = signed_by(&other);
    let bogus = asked(&behind_validator(&forged));
    assert_eq!(codes(&bogus), BTreeSet::from(["dnssec"]), "{bogus:#?}");
    assert_eq!(bogus[0]["severity"], "fault");
}

/// What is behind the URI: a directory, a map, or nothing.
#[test]
fn directory() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("net.csv"), "prefix,pid\n0.0.0.0/0,far\n::/0,far\n203.0.113.0/24,near\n")
        .unwrap();
    std::fs::write(
        path("costs.csv"),
        "src,dst,cost\nnear,near,1\nnear,far,20\nfar,near,20\nfar,far,1\n",
    )
    .unwrap();
    let mut serving = Command::new(env!("CARGO_BIN_EXE_alto"))
        .args(["serve", "--http", "--listen", "127.0.0.1:0"])
        .args(["--network-map", &path("net.csv"), "--cost-map", &path("costs.csv")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(serving.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let uri = line.trim().strip_prefix("listening ").unwrap().to_owned();
    let check_uri = |uri: &str| {
        let record = format!(
            "113.0.203.in-addr.arpa. 600 NAPTR 100 10 \"u\" \"ALTO:http\" \"!.*!{uri}!\" .\n"
        );
        let mut file = ZoneFile::from(&Zone::new([]));
        file.text.push_str(&record);
        let server = nsd::launch(&[file]);
        let arguments =
            ["--prefix", PREFIX, "--allow-private", "--allow-http", "--service", "ALTO:http"];
        findings(&check(server.address(), &arguments))
    };
    let fine = check_uri(&uri);
    let map = check_uri(&uri.replace("/directory", "/network-map"));
    let nothing = check_uri(&uri.replace("/directory", "/nothing"));
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(fine.is_empty(), "{fine:#?}");
    for found in [map, nothing] {
        assert_eq!(codes(&found), BTreeSet::from(["directory"]), "{found:#?}");
    }
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

/// Who cannot be asked for is refused, as by `discover`.
#[test]
fn refusals() {
    let resolver: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let private = check(resolver, &["--no-fetch", "--prefix", "10.0.0.0/24"]);
    assert_eq!(private.status.code(), Some(4));
    assert_eq!(check(resolver, &["--no-fetch"]).status.code(), Some(2));
}
