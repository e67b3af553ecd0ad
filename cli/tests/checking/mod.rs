//! `alto check` run against zones of master-file lines, and its findings read.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Command, Output};

use alto_testkit::{NameServer as _, Zone, ZoneFile, nsd};
use serde_json::Value;

pub const PREFIX: &str = "203.0.113.0/24";
pub const GOOD: &str =
    r#"113.0.203.in-addr.arpa. 600 NAPTR 100 10 "u" "ALTO:https" "!.*!https://a.example/ird!" ."#;

/// As fast as can be: the kit's name servers do not mind.
pub fn check(resolver: SocketAddr, arguments: &[&str]) -> Output {
    check_by_default(resolver, &[&["--set", "dns.zone_qps=100000"], arguments].concat())
}

pub fn check_by_default(resolver: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(["check", "--json", "--allow-documentation"]);
    command.args(["--resolver", &resolver.to_string()]).args(arguments).output().unwrap()
}

pub fn findings(output: &Output) -> Vec<Value> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() < Some(2), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let findings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!findings.is_empty())), "{findings:#?}");
    findings
}

/// What is found in a zone of these lines of a master file.
pub fn found(zone: &str, arguments: &[&str]) -> Vec<Value> {
    let mut file = ZoneFile::from(&Zone::new([]));
    file.text.push_str(zone);
    let server = nsd::launch(&[file]);
    findings(&check(server.address(), &[&["--no-fetch"], arguments].concat()))
}

pub fn codes(findings: &[Value]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// A zone with this fault is found out by this code and no other; `mend` makes one of it, with the fix
/// that is printed, that is silent.
pub fn is_found_out(
    code: &str,
    prefix: &str,
    faulty: &[&str],
    mend: impl Fn(&str, &str) -> String,
) {
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

/// The records that a fix has, a line each.
pub fn lines(fix: &str) -> String {
    let (_, records) = fix.split_once("write: ").unwrap_or_else(|| panic!("{fix}"));
    records.replace("; ", "\n") + "\n"
}

/// What the command that a fix has writes.
pub fn carried_out(fix: &str) -> String {
    let (_, command) = fix.split_once(": alto ").unwrap_or_else(|| panic!("{fix}"));
    let script = format!("exec '{}' {command}", env!("CARGO_BIN_EXE_alto"));
    let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{fix}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
