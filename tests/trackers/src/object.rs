//! The object for opentracker, built as `make opentracker` builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use alto_testkit::process::{installed, workspace_library};
use tempfile::TempDir;

/// The options by which a program is linked with the object and static libowfat: as in
/// docs/opentracker.md.
const WRAPPED: [&str; 7] = [
    "io_wait",
    "io_tryread",
    "io_close",
    "socket_accept6",
    "socket_recv6",
    "socket_send6",
    "write",
];

/// The shared library for `LD_PRELOAD`, in a folder that goes away with it.
pub fn preloaded(compiler: &str) -> (TempDir, PathBuf) {
    let folder = built(compiler);
    let library = folder.path().join("libalto_opentracker.so");
    (folder, library)
}

/// A program on libowfat, linked with the object and everything it needs.
pub fn host(compiler: &str) -> (TempDir, PathBuf) {
    let folder = built(compiler);
    let program = folder.path().join("host");
    let library = workspace_library("alto-discovery-ffi", "libalto_discovery.a");
    let mut command = Command::new(installed(compiler, compiler));
    command.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"]);
    command.arg(&program).arg(sources().join("../../tests/trackers/host/host.c"));
    command.arg(folder.path().join("alto_opentracker.o")).arg(library);
    for name in WRAPPED {
        command.arg(format!("-Wl,--wrap={name},-u,{name}"));
    }
    command.args(["-l:libowfat.a", "-lgcc_s", "-lpthread", "-ldl", "-lm"]);
    succeed(&mut command);
    (folder, program)
}

fn built(compiler: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let library = workspace_library("alto-discovery-ffi", "libalto_discovery.a");
    let mut command = Command::new(sources().join("build"));
    command.arg(library.parent().expect("a folder")).arg(folder.path());
    succeed(command.arg(installed(compiler, compiler)));
    folder
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations/opentracker")
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
}
