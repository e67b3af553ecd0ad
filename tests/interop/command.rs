//! The command `alto discover`, run and compared with what a vector wants.

use std::net::SocketAddr;
use std::process::Command;

use alto_testkit::process::workspace_program;
use alto_testkit::vectors::{Outcome, Vector};
use serde_json::{Value, json};

/// What `alto discover --json` said of one peer, and its exit status.
pub(crate) struct Said {
    pub(crate) record: Value,
    pub(crate) status: Option<i32>,
}

/// Asks about one peer.
pub(crate) fn discover(
    resolver: SocketAddr,
    settings: &[(&str, String)],
    peer: &str,
) -> Result<Said, String> {
    let mut command = Command::new(workspace_program("alto-cli", "alto"));
    command.args(["discover", "--json", "--resolver", &resolver.to_string()]);
    for (key, value) in settings {
        command.args(["--set", &format!("{key}={value}")]);
    }
    let output = command.arg(peer).output().map_err(|fault| fault.to_string())?;
    let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let record = serde_json::from_slice(&output.stdout)
        .map_err(|fault| format!("{fault}: {}{}", said(&output.stdout), said(&output.stderr)))?;
    Ok(Said { record, status: output.status.code() })
}

/// Whether the vector comes out as it must.
pub(crate) fn check(vector: &Vector, resolver: SocketAddr) -> Result<(), String> {
    let said = discover(resolver, &vector.options.settings(), &vector.peer)?;
    said.is("peer", &json!(vector.peer))?;
    said.is("outcome", &json!(vector.outcome.as_str()))?;
    if let Some(code) = &vector.code {
        same("error code", &said.record["error"]["code"], &json!(code))?;
    }
    same("servers", &said.servers(), &expected_servers(vector))?;
    said.is("incomplete", &json!(vector.incomplete))?;
    said.is("queries", &json!(vector.queries))?;
    same("exit status", &json!(said.status), &json!(status(vector.outcome)))
}

/// Whether the vector fails, and in no way passes for an absence: where the server has no zone.
pub(crate) fn fails(vector: &Vector, resolver: SocketAddr) -> Result<(), String> {
    let said = discover(resolver, &vector.options.settings(), &vector.peer)?;
    said.is("outcome", &json!("unavailable"))?;
    same("error code", &said.record["error"]["code"], &json!("upstream-failure"))?;
    same("exit status", &json!(said.status), &json!(3))
}

impl Said {
    /// Whether this field of the record is so.
    pub(crate) fn is(&self, field: &str, expected: &Value) -> Result<(), String> {
        same(field, &self.record[field], expected)
    }

    /// URI, order and preference of each server.
    pub(crate) fn servers(&self) -> Value {
        let all = self.record["servers"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|server| json!([server["uri"], server["order"], server["preference"]]))
            .collect()
    }
}

/// Whether two values are one; else, both in words.
pub(crate) fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} instead of {expected}")) }
}

fn expected_servers(vector: &Vector) -> Value {
    let servers = vector.servers.iter();
    servers.map(|server| json!([server.uri, server.order, server.preference])).collect()
}

/// The exit status of `docs/cli.md`.
fn status(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Found => 0,
        Outcome::None => 1,
        Outcome::Invalid => 2,
        Outcome::Unavailable => 3,
        Outcome::Rejected | Outcome::NotApplicable => 4,
    }
}
