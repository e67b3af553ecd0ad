//! `alto map`: what a directory or a map holds, in numbers.

use std::fmt::Write as _;
use std::io::Write as _;

use alto_discovery::core::parse_uri;
use alto_discovery::guidance::{Guidance, MediaType, Summary, Warning};
use serde::Serialize;

use crate::Failure;
use crate::args::MapOptions;
use crate::report::Status;

/// Carries the command out.
pub(crate) fn run(options: &MapOptions) -> Result<Status, Failure> {
    let config = options.config()?;
    let guidance = Guidance::new(&config.sections.guidance, &config.sections.fetch, config.policy)?;
    let uri = match parse_uri(&options.uri) {
        Ok(uri) => uri,
        Err(fault) => {
            eprintln!("alto: {}: {fault}", options.uri);
            return Ok(Status::Refused);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    match runtime.block_on(guidance.summary(&uri)) {
        Ok(summary) => show(&summary, options.json),
        Err(error) => {
            eprintln!("alto: {error}");
            Ok(if error.is_refusal() { Status::Refused } else { Status::Unavailable })
        }
    }
}

fn show(summary: &Summary, json: bool) -> Result<Status, Failure> {
    warn(&summary.warnings);
    let text = if json { self::json(summary) + "\n" } else { text(summary) };
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Status::Found)
}

/// One line each on standard error.
pub(crate) fn warn(warnings: &[Warning]) {
    for warning in warnings {
        eprintln!("alto: warning: {warning}");
    }
}

fn text(summary: &Summary) -> String {
    let mut text = format!("{}\n", noun(summary.kind));
    let tag = summary.tag.as_deref().unwrap_or("none");
    for (what, value) in [
        ("pids", &*summary.pids.to_string()),
        ("prefixes", &*summary.prefixes.to_string()),
        ("costs", &*summary.costs.to_string()),
        ("tag", tag),
        ("warnings", &*summary.warnings.len().to_string()),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {what:<9} {value}");
    }
    text
}

fn noun(kind: MediaType) -> &'static str {
    match kind {
        MediaType::NetworkMap => "network map",
        MediaType::CostMap => "cost map",
        _ => "directory",
    }
}

fn json(summary: &Summary) -> String {
    let warnings = summary.warnings.iter();
    let record = Record {
        pids: summary.pids,
        prefixes: summary.prefixes,
        costs: summary.costs,
        tag: summary.tag.as_deref(),
        warnings: warnings.map(WarningRecord::of).collect(),
    };
    serde_json::to_string(&record).expect("a record of texts and numbers")
}

#[derive(Serialize)]
struct Record<'r> {
    pids: usize,
    prefixes: usize,
    costs: usize,
    tag: Option<&'r str>,
    warnings: Vec<WarningRecord<'r>>,
}

#[derive(Serialize)]
struct WarningRecord<'r> {
    code: &'static str,
    message: &'r str,
    uri: &'r str,
}

impl<'r> WarningRecord<'r> {
    fn of(warning: &'r Warning) -> Self {
        Self { code: warning.code, message: &warning.message, uri: warning.uri.as_str() }
    }
}
