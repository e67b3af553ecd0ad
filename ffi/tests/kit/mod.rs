//! Builds the library and C programs on it, and runs them.
#![allow(dead_code)] // each test program uses its part

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use alto_testkit::alto;
use alto_testkit::http::HttpServer;
use alto_testkit::process::{cargo, installed, wait_until};
use alto_testkit::{Daemon, NameServer as _, Zone, nsd};
use tempfile::TempDir;

/// How strictly everything is compiled.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// A compiler and the language it is told.
#[derive(Clone, Copy, Debug)]
pub struct Compiler {
    pub program: &'static str,
    pub package: &'static str,
    pub standard: &'static str,
}

pub const GCC: Compiler = Compiler { program: "gcc", package: "gcc", standard: "-std=c11" };
pub const CLANG: Compiler = Compiler { program: "clang", package: "clang", standard: "-std=c11" };
pub const GXX: Compiler = Compiler { program: "g++", package: "g++", standard: "-std=c++17" };
pub const CLANGXX: Compiler =
    Compiler { program: "clang++", package: "clang", standard: "-std=c++17" };

/// The folder of the crate.
pub fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder with `libalto_discovery.so` and `.a`, built the way the test was built.
pub fn library_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test program");
    let profile_folder = test.parent().and_then(Path::parent).expect("target/<profile>").to_owned();
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let status = cargo()
        .args(["build", "--quiet", "--package", "alto-discovery-ffi", "--profile", profile])
        .arg("--target-dir")
        .arg(profile_folder.parent().expect("the target folder"))
        .current_dir(crate_folder().join(".."))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo could not build the library");
    profile_folder
}

/// Programs built in a folder that goes away with it.
pub struct Workshop {
    pub folder: TempDir,
    pub library: PathBuf,
}

impl Workshop {
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        Self { folder, library: library_folder() }
    }

    /// Compiles a source of `ffi/` strictly and links it with the shared library.
    pub fn build(&self, compiler: Compiler, source: &str, more: &[&str]) -> PathBuf {
        let source = crate_folder().join(source);
        let stem = source.file_stem().expect("a file").to_string_lossy().into_owned();
        let program = self.folder.path().join(format!("{stem}-{}", compiler.program));
        let mut command = Command::new(installed(compiler.program, compiler.package));
        command.arg(compiler.standard).args(STRICT).args(["-g", "-O1", "-pthread", "-o"]);
        command.arg(&program).arg(source).arg("-I").arg(crate_folder().join("../include"));
        command.arg("-L").arg(&self.library).arg("-lalto_discovery").args(more);
        command.arg(format!("-Wl,-rpath,{}", self.library.display()));
        succeed(&mut command);
        program
    }

    /// Links a link to the library under the name that programs look for.
    pub fn soname(&self) {
        let link = self.library.join("libalto_discovery.so.0");
        if std::fs::symlink_metadata(&link).is_err() {
            // Another test may be first.
            let _ = std::os::unix::fs::symlink("libalto_discovery.so", &link);
        }
    }

    /// Compiles a C program of `ffi/tests/c` with both compilers, and runs both.
    pub fn check(&self, source: &str, arguments: &[&str]) {
        self.soname();
        for compiler in [GCC, CLANG] {
            let program = self.build(compiler, &format!("tests/c/{source}"), &["-ldl"]);
            succeed(Command::new(program).args(arguments).env_remove("LD_LIBRARY_PATH"));
        }
    }
}

/// Runs a command, at most for a minute; shows what it said if it fails.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command, at most for a minute.
pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|fault| panic!("{command:?}: {fault}"));
    // Drained by threads, so that a talkative program does not stop.
    let drain = |from: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut octets = Vec::new();
            from.map(|mut from| from.read_to_end(&mut octets));
            octets
        })
    };
    let stdout = drain(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = drain(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let ended = wait_until(Duration::from_secs(60), || matches!(child.try_wait(), Ok(Some(_))));
    if !ended {
        child.kill().expect("it runs");
    }
    let status = child.wait().expect("it ran");
    let (stdout, stderr) = (stdout.join().expect("read"), stderr.join().expect("read"));
    assert!(ended, "{command:?} hangs; it said: {}", String::from_utf8_lossy(&stderr));
    Output { status, stdout, stderr }
}

/// NSD with servers for 203.0.113.0/24 and 2001:db8:1::/48 at this URI, denying all others.
pub fn name_server(uri: &str) -> Daemon {
    let v6 = "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
    let scheme = uri.split(':').next().expect("a scheme");
    let record =
        |name: &str| format!("{name} 600 NAPTR 100 10 \"u\" \"ALTO:{scheme}\" \"!.*!{uri}!\" .");
    let records = [record("113.0.203.in-addr.arpa."), record(v6)];
    let zone = Zone::parse(records.iter().map(String::as_str)).expect("a zone");
    nsd::launch(&[(&zone).into()])
}

/// The address of a name server as an argument.
pub fn resolver(server: &Daemon) -> String {
    server.address().to_string()
}

/// An ALTO server: 203.0.113.0/24 and 2001:db8:1::/48 are `near` each other (cost 1), 198.51.100.0/24 and
/// 2001:db8:2::/48 are `mid` (5), all else is `far` (20). The directory is at `/ird`.
pub fn alto_server() -> HttpServer {
    let nets = [
        ("near", "203.0.113.0/24"),
        ("near", "2001:db8:1::/48"),
        ("mid", "198.51.100.0/24"),
        ("mid", "2001:db8:2::/48"),
        ("far", "0.0.0.0/0"),
        ("far", "::/0"),
    ];
    let costs = [("near", "near", 1.0), ("near", "mid", 5.0), ("near", "far", 20.0)];
    alto::serve(&alto::network_map(&nets), &alto::cost_map(&costs))
}
