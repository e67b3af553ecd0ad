//! The examples, built as their readers would build them, and run.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod kit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use alto_testkit::process::installed;
use kit::{CLANG, CLANGXX, Compiler, GCC, GXX, Workshop, name_server, resolver, succeed};

const URI: &str = "https://alto.example/ird";
const PEERS: [&str; 3] = ["203.0.113.5", "198.51.100.7", "2001:db8:1::9"];

/// A configuration file for a resolver on loopback.
fn configured(folder: &Path, resolver: &str) -> PathBuf {
    let file = folder.join("alto.toml");
    let text = format!("dns.resolver = \"{resolver}\"\npolicy.allow_documentation = true\n");
    fs::write(&file, text).unwrap();
    file
}

/// What an example says of the three peers: the first and the last have the server, the second none.
fn check(output: &str) {
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 3, "{output}");
    let [none, v6, v4] = lines[..] else { unreachable!() };
    assert!(none.starts_with("198.51.100.7 ") && !none.contains("https"), "{none}");
    assert_eq!(v6, format!("2001:db8:1::9 {URI}"));
    assert_eq!(v4, format!("203.0.113.5 {URI}"));
}

/// Compiles an example by both compilers of its language and runs it with the peers as arguments.
fn runs(source: &str, compilers: [Compiler; 2], libraries: &[&str]) {
    let (workshop, server) = (Workshop::new(), name_server(URI));
    workshop.soname();
    let config = configured(workshop.folder.path(), &resolver(&server));
    for compiler in compilers {
        let program = workshop.build(compiler, &format!("examples/{source}"), libraries);
        check(&succeed(Command::new(program).arg(&config).args(PEERS)));
    }
}

#[test]
fn with_poll() {
    runs("poll.c", [GCC, CLANG], &[]);
}

#[test]
fn with_libevent() {
    runs("libevent.c", [GCC, CLANG], &["-levent_core"]);
}

#[test]
fn with_cplusplus() {
    runs("raii.cpp", [GXX, CLANGXX], &[]);
}

/// Peers on standard input.
#[test]
fn with_epoll() {
    let (workshop, server) = (Workshop::new(), name_server(URI));
    workshop.soname();
    let config = configured(workshop.folder.path(), &resolver(&server));
    for compiler in [GCC, CLANG] {
        let program = workshop.build(compiler, "examples/epoll.c", &[]);
        let mut command = Command::new(program);
        command.arg(&config).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, format!("{}\n", PEERS.join("\n")).as_bytes())
            .unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        check(&String::from_utf8(output.stdout).unwrap());
    }
}

/// Python, without a build step.
#[test]
fn with_python() {
    let (workshop, server) = (Workshop::new(), name_server(URI));
    workshop.soname();
    let mut python = Command::new(installed("python3", "python3-minimal"));
    python.arg(kit::crate_folder().join("examples/lookup.py"));
    python.arg(configured(workshop.folder.path(), &resolver(&server))).args(PEERS);
    check(&succeed(python.env("LD_LIBRARY_PATH", &workshop.library)));
}

/// Go, by cgo.
#[test]
fn with_go() {
    let (workshop, server) = (Workshop::new(), name_server(URI));
    workshop.soname();
    let program = workshop.folder.path().join("alto-go");
    let include = kit::crate_folder().join("../include");
    let mut go = Command::new(installed("go", "golang-go"));
    go.args(["build", "-o"]).arg(&program).current_dir(kit::crate_folder().join("examples/go"));
    // Kept, for it holds Go's own library; and nothing is asked of the network.
    go.env("GOCACHE", workshop.library.join("go-cache")).env("GOFLAGS", "-mod=mod");
    go.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    go.env("CGO_CFLAGS", format!("-O1 -Wall -Werror -I{}", include.display()));
    let folder = workshop.library.display();
    go.env("CGO_LDFLAGS", format!("-L{folder} -lalto_discovery -Wl,-rpath,{folder}"));
    succeed(&mut go);
    let config = configured(workshop.folder.path(), &resolver(&server));
    check(&succeed(Command::new(program).arg(config).args(PEERS)));
}

/// `make install` with PREFIX and DESTDIR: pkg-config and CMake find what is there, shared and static,
/// and what is built on it runs.
#[test]
fn installed_and_found() {
    let (workshop, server) = (Workshop::new(), name_server(URI));
    let config = configured(workshop.folder.path(), &resolver(&server));
    let root = workshop.folder.path().join("root");
    let mut install = Command::new(kit::crate_folder().join("install"));
    succeed(install.arg(&workshop.library).arg("/opt/alto").arg(&root));
    let prefix = root.join("opt/alto");
    for file in
        ["include/alto_discovery.h", "lib/libalto_discovery.a", "lib/libalto_discovery.so.0"]
    {
        assert!(prefix.join(file).exists(), "{file}");
    }

    let mut ask = Command::new(installed("pkg-config", "pkg-config"));
    ask.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    ask.arg(format!("--define-variable=prefix={}", prefix.display()));
    let flags = succeed(ask.args(["--cflags", "--libs", "alto_discovery"]));
    let program = workshop.folder.path().join("by-pkg-config");
    let mut gcc = Command::new(installed("gcc", "gcc"));
    gcc.args(["-std=gnu11", "-o"]).arg(&program).arg(kit::crate_folder().join("examples/poll.c"));
    succeed(gcc.args(flags.split_whitespace()));
    let lib = prefix.join("lib");
    check(&succeed(Command::new(program).env("LD_LIBRARY_PATH", &lib).arg(&config).args(PEERS)));

    let source = workshop.folder.path().join("cmake");
    fs::create_dir(&source).unwrap();
    fs::copy(kit::crate_folder().join("examples/poll.c"), source.join("poll.c")).unwrap();
    let lists = "cmake_minimum_required(VERSION 3.10)\nproject(example C)\n\
                 find_package(alto_discovery 0.1 CONFIG REQUIRED)\n\
                 foreach(kind alto_discovery static)\nadd_executable(poll_${kind} poll.c)\n\
                 target_link_libraries(poll_${kind} alto_discovery::${kind})\nendforeach()\n";
    fs::write(source.join("CMakeLists.txt"), lists).unwrap();
    let mut cmake = Command::new(installed("cmake", "cmake"));
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    succeed(cmake.args(["-S", ".", "-B", "built"]).current_dir(&source));
    let mut cmake = Command::new(installed("cmake", "cmake"));
    succeed(cmake.args(["--build", "built"]).current_dir(&source));
    for kind in ["alto_discovery", "static"] {
        let program = source.join(format!("built/poll_{kind}"));
        check(&succeed(Command::new(program).arg(&config).args(PEERS)));
    }
}
