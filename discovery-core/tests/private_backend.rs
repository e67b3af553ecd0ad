//! The example of a backend of one's own keeps the laws, and stays short.

use std::process::ExitCode;

#[allow(dead_code, missing_docs)] // an example is a program of its own
#[path = "../examples/private_backend.rs"]
mod private_backend;

/// The example ends well only if no law is broken.
#[test]
fn the_example_keeps_the_laws() {
    assert_eq!(format!("{:?}", private_backend::main()), format!("{:?}", ExitCode::SUCCESS));
}

/// Issue: an example of a private backend in under 60 lines.
#[test]
fn the_example_is_short() {
    let lines = include_str!("../examples/private_backend.rs").lines().count();
    assert!(lines < 60, "{lines} lines");
}
