//! `alto doctor`: what discovery stands on, looked at from here.

use std::io::Write as _;

use alto_discovery::{Finding, Severity};
use serde::Serialize;

use crate::Failure;
use crate::args::DoctorOptions;
use crate::report::{Status, printable};

/// Carries the command out.
pub(crate) fn run(options: &DoctorOptions) -> Result<Status, Failure> {
    let config = options.setup.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let findings = runtime.map_err(Failure::Input)?.block_on(config.examine());
    let told = findings.iter().map(if options.json { json } else { text });
    std::io::stdout().write_all(told.collect::<String>().as_bytes()).map_err(Failure::Output)?;
    let faulty = findings.iter().any(|finding| finding.severity == Severity::Fault);
    Ok(if faulty { Status::None } else { Status::Found })
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
