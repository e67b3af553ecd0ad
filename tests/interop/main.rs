//! The test vectors of RFC 8686 through the whole stack, as a user has it: the command `alto`, asking
//! real name servers over real sockets.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;

use alto_testkit::scripted::Scripted;
use alto_testkit::vectors::{self, Outcome, ServedBy, Vector};
use alto_testkit::{NameServer, Zone, nsd, process::workspace_program};
use serde_json::{Value, json};

/// Spec section 9, against NSD as the authority for the root: what a vector does not name does not
/// exist.
#[test]
fn vectors_against_nsd() {
    check_all(vectors::for_real_servers(), |zone| nsd::launch(&[zone.into()]));
}

/// The vectors that no real server will serve on demand: SERVFAIL, silence, truncation.
#[test]
fn vectors_against_a_scripted_server() {
    let vectors = vectors::all().into_iter();
    let scripted: Vec<Vector> =
        vectors.filter(|vector| vector.server == ServedBy::Scripted).collect();
    assert_eq!(scripted.len(), 3);
    for vector in scripted {
        let server = Scripted::for_vector(&vector);
        assert_eq!(check(&vector, server.address()), Ok(()), "vector {vector}");
    }
}

fn check_all<S: NameServer>(vectors: Vec<Vector>, start: impl Fn(&Zone) -> S + Sync) {
    let (count, faults) = (vectors.len(), Mutex::new(Vec::new()));
    vectors::check_each(vectors, start, |server, vector| {
        if let Err(fault) = check(vector, server.address()) {
            faults.lock().expect("no panic").push(format!("vector {vector}: {fault}"));
        }
    });
    let faults = faults.into_inner().expect("no panic");
    println!("{count} vectors, {} failed", faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn check(vector: &Vector, server: SocketAddr) -> Result<(), String> {
    let mut command = Command::new(workspace_program("alto-cli", "alto"));
    command.args(["discover", "--json", "--resolver", &server.to_string()]);
    for (key, value) in vector.options.settings() {
        command.args(["--set", &format!("{key}={value}")]);
    }
    let output = command.arg(&vector.peer).output().map_err(|fault| fault.to_string())?;
    let record: Value = serde_json::from_slice(&output.stdout).map_err(|fault| {
        format!(
            "{fault}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    same("peer", &record["peer"], &json!(vector.peer))?;
    same("outcome", &record["outcome"], &json!(vector.outcome.as_str()))?;
    if let Some(code) = &vector.code {
        same("error code", &record["error"]["code"], &json!(code))?;
    }
    same("servers", &servers(&record), &expected_servers(vector))?;
    same("incomplete", &record["incomplete"], &json!(vector.incomplete))?;
    same("queries", &record["queries"], &json!(vector.queries))?;
    same("exit status", &json!(output.status.code()), &json!(status(vector.outcome)))
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} instead of {expected}")) }
}

fn servers(record: &Value) -> Value {
    let all = record["servers"].as_array().cloned().unwrap_or_default();
    all.iter().map(|server| json!([server["uri"], server["order"], server["preference"]])).collect()
}

fn expected_servers(vector: &Vector) -> Value {
    vector
        .servers
        .iter()
        .map(|server| json!([server.uri, server.order, server.preference]))
        .collect()
}

/// Spec section 12.
fn status(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Found => 0,
        Outcome::None => 1,
        Outcome::Invalid => 2,
        Outcome::Unavailable => 3,
        Outcome::Rejected | Outcome::NotApplicable => 4,
    }
}
