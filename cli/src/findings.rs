//! Findings as people and programs read them.

use std::io::Write as _;

use alto_discovery::Finding;
use serde::Serialize;

use crate::Failure;
use crate::report::printable;

/// Writes findings to standard output, as text or one JSON object a line.
pub(crate) fn tell(findings: &[Finding], json: bool) -> Result<(), Failure> {
    let told = findings.iter().map(if json { self::json } else { text });
    std::io::stdout().write_all(told.collect::<String>().as_bytes()).map_err(Failure::Output)
}

fn text(finding: &Finding) -> String {
    let Finding { code, severity, name, reason, .. } = finding;
    let said = format!("{code} {name}: {reason}");
    let mut text = format!("{:<6} {}\n", severity.as_str(), printable(&said));
    if let Some(fix) = &finding.fix {
        text.extend(["       fix: ", &printable(fix), "\n"]);
    }
    text
}

fn json(finding: &Finding) -> String {
    let Finding { code, severity, name, reason, fix, .. } = finding;
    let record = Record { code, severity: severity.as_str(), name, reason, fix: fix.as_deref() };
    serde_json::to_string(&record).expect("a record of texts") + "\n"
}

#[derive(Serialize)]
struct Record<'f> {
    code: &'static str,
    severity: &'static str,
    name: &'f str,
    reason: &'f str,
    fix: Option<&'f str>,
}
