//! The contract of the header, line by line, as C programs see it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod kit;

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use alto_testkit::process::{installed, wait_until};
use kit::{CLANG, CLANGXX, GCC, GXX, STRICT, Workshop, name_server, resolver, run, succeed};

const URI: &str = "https://alto.example/ird";

/// NULL and misuse give codes, outputs are written only on success, structs may grow.
#[test]
fn misuse_gives_codes() {
    Workshop::new().check("misuse.c", &["127.0.0.1:9"]);
}

/// The first version's structs, octet by octet.
#[test]
fn layout() {
    Workshop::new().check("layout.c", &[]);
}

/// Lookups at once, waiting and by token, against NSD.
#[test]
fn lookups() {
    Workshop::new().check("lookup.c", &[&resolver(&name_server(URI))]);
}

/// What one peer claims with its announce is nobody else's answer.
#[test]
fn claims() {
    Workshop::new().check("claims.c", &[&resolver(&name_server(URI))]);
}

/// C11 and C++17 compile the header alone, with all warnings as errors.
#[test]
fn the_header_compiles() {
    let header = kit::crate_folder().join("../include/alto_discovery.h");
    for compiler in [GCC, CLANG, GXX, CLANGXX] {
        let language = if compiler.standard.contains("++") { "c++" } else { "c" };
        let mut command = Command::new(installed(compiler.program, compiler.package));
        command.args([compiler.standard, "-fsyntax-only", "-x", language]).args(STRICT);
        if language == "c" {
            command.arg("-Wstrict-prototypes");
        }
        // Included by a file of its own: a header alone is warned about.
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("twice");
        let line = format!("#include \"{}\"\n", header.display());
        fs::write(&file, format!("{line}{line}int main(void) {{ return ALTO_OK; }}\n")).unwrap();
        succeed(command.arg(file));
    }
}

/// A silent resolver: 10,000 lookups return at once, waits keep their timeout, cancelling and stopping
/// are told; a closed port ends a wait early.
#[test]
fn a_resolver_that_never_answers() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = alto_testkit::ports::free().to_string();
    Workshop::new().check("silent.c", &[&silent.local_addr().unwrap().to_string(), &closed]);
}

/// Threads and descriptors only after the start, close-on-exec, all signals blocked; children are told,
/// and can start again.
#[test]
fn life_cycle_and_fork() {
    Workshop::new().check("life.c", &[&resolver(&name_server(URI))]);
}

/// chroot and setuid between open and start.
#[test]
fn rights_given_up() {
    let (workshop, empty) = (Workshop::new(), tempfile::TempDir::new().unwrap());
    workshop.check("rights.c", &[&resolver(&name_server(URI)), empty.path().to_str().unwrap()]);
}

/// alto_stop in a handler that interrupts four callers; nothing is cut short by EINTR.
#[test]
fn signals() {
    Workshop::new().check("signals.c", &[&resolver(&name_server(URI))]);
}

/// pthread_cancel() of callers, pending or at any moment: calls are over before their thread ends.
#[test]
fn cancelled_callers() {
    Workshop::new().check("cancel.c", &[&resolver(&name_server(URI))]);
}

/// EMFILE at the start and at a lookup is an error, and passes.
#[test]
fn no_descriptors_left() {
    Workshop::new().check("limits.c", &[&resolver(&name_server(URI))]);
}

/// exit() while another thread waits.
#[test]
fn leaving_without_a_word() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    Workshop::new().check("exit.c", &[&silent.local_addr().unwrap().to_string()]);
}

/// dlopen and dlclose, 50 times, with live threads.
#[test]
fn unloading() {
    let workshop = Workshop::new();
    let library = workshop.library.join("libalto_discovery.so");
    workshop.check("unload.c", &["127.0.0.1:9", library.to_str().unwrap()]);
}

/// Hot calls allocate nothing and call nobody, and they are guided.
#[test]
fn hot_calls() {
    let alto = kit::alto_server();
    let server = name_server(&alto.uri("/ird"));
    let workshop = Workshop::new();
    workshop.check("hot.c", &[&resolver(&server)]);

    let program = workshop.build(GCC, "tests/c/hot.c", &[]);
    let log = workshop.folder.path().join("calls");
    let mut strace = Command::new(installed("strace", "strace"));
    strace.args(["-f", "-o"]).arg(&log).arg(&program).arg(resolver(&server));
    succeed(&mut strace);
    let log = fs::read_to_string(log).unwrap();
    let own = log.split_whitespace().next().unwrap(); // the first thread
    let calls: Vec<&str> = log.lines().filter(|line| line.starts_with(own)).collect();
    let marks: Vec<usize> =
        (0..calls.len()).filter(|at| calls[*at].contains("getppid()")).collect();
    let [from, to, _, _] = marks[..] else { panic!("{marks:?}") };
    assert_eq!(calls[from + 1..to], [""; 0], "system calls on the path of an announce");
}

/// Nothing is written to files, and no variable of the environment is read but those that the header
/// names: where root certificates are, and one of tokio's, which has no other way of being told.
#[test]
fn leaves_environment_and_files_alone() {
    let workshop = Workshop::new();
    workshop.soname();
    let server = name_server(URI);
    let spy = workshop.build(GCC, "tests/c/spy.c", &["-shared", "-fPIC", "-ldl"]);
    let program = workshop.build(GCC, "tests/c/lookup.c", &[]);
    let log = workshop.folder.path().join("opened");
    let mut strace = Command::new(installed("strace", "strace"));
    strace.args(["-f", "-e", "trace=open,openat,creat,mkdir,mkdirat,unlink,unlinkat,rename", "-o"]);
    strace.arg(&log).arg("-E").arg(format!("LD_PRELOAD={}", spy.display()));
    let output = run(strace.arg(&program).arg(resolver(&server)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let asked: BTreeSet<&str> =
        said.lines().filter_map(|line| line.strip_prefix("getenv ")).collect();
    let named = ["SSL_CERT_DIR", "SSL_CERT_FILE", "TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE"];
    assert_eq!(asked, BTreeSet::from(named), "and no other");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("libalto_discovery.so.0") && log.contains("O_RDONLY"), "{log}");
    let written: Vec<&str> = log
        .lines()
        .filter(|line| {
            ["O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "unlink", "rename", "creat("]
                .iter()
                .any(|sign| line.contains(sign))
        })
        .collect();
    assert_eq!(written, [""; 0]);
}

/// Only the interface's functions are exported, and all of them; the library's name is its SONAME; it
/// is never unmapped.
#[test]
fn exported_symbols() {
    let library = kit::library_folder().join("libalto_discovery.so");
    let nm = Command::new(installed("nm", "binutils"))
        .args(["-D", "--defined-only"])
        .arg(&library)
        .output()
        .unwrap();
    let text = String::from_utf8(nm.stdout).unwrap();
    let mut exported: Vec<&str> =
        text.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    exported.sort_unstable();
    let wanted = fs::read_to_string(kit::crate_folder().join("tests/symbols.txt")).unwrap();
    assert_eq!(exported, wanted.lines().collect::<Vec<_>>());
    let dynamic = succeed(Command::new(installed("readelf", "binutils")).arg("-d").arg(&library));
    for wanted in ["[libalto_discovery.so.0]", "NODELETE", "NOW"] {
        assert!(dynamic.contains(wanted), "{wanted} is not in {dynamic}");
    }
}

/// A short run of random sequences of calls; `scripts/monkey` makes long ones under AddressSanitizer and
/// valgrind.
#[test]
fn random_calls() {
    Workshop::new().check("monkey.c", &[&resolver(&name_server(URI)), "2000", "1"]);
}

/// What goes wrong is told where "log.target" says, a peer by its network only; nothing is by default.
#[test]
fn lines_in_the_log() {
    let workshop = Workshop::new();
    workshop.soname();
    let program = workshop.build(GCC, "examples/poll.c", &[]);
    let closed = alto_testkit::ports::free();
    let file = workshop.folder.path().join("alto.toml");
    for (log, told) in [
        ("", ""),
        ("log.target = \"stderr\"\n", "alto: warn: 203.0.113.0/24: no server to be found"),
        ("log.target = \"stderr\"\nlog.level = \"error\"\n", ""),
        ("log.target = \"stderr\"\nlog.level = \"debug\"\n", "alto: warn: 203.0.113.5/32: "),
    ] {
        let resolver = format!("dns.resolver = \"{closed}\"\npolicy.allow_documentation = true\n");
        fs::write(&file, resolver + log).unwrap();
        let output = run(Command::new(&program).arg(&file).arg("203.0.113.5"));
        let said = String::from_utf8_lossy(&output.stderr);
        let wrong = said.lines().filter(|line| !line.starts_with("alto: info: "));
        assert_eq!(wrong.count(), usize::from(!told.is_empty()), "{log}: {said}");
        assert!(said.contains(told), "{log}: {said}");
    }
}

/// Start and stop, limits that are met, and what comes of asking for maps: each has its line, by the
/// threads of the library.
#[test]
fn lines_of_a_life() {
    let workshop = Workshop::new();
    workshop.soname();
    let program = workshop.build(GCC, "tests/c/log.c", &[]);
    let (sound, broken) = (kit::alto_server(), alto_testkit::alto::serve("{}", "{}"));
    let closed = format!("http://{}/ird", alto_testkit::ports::free());
    let version = env!("CARGO_PKG_VERSION");
    let started = format!("alto: info: alto-discovery {version}: started");
    let stopped = format!("alto: info: alto-discovery {version}: stopped");
    for (uri, told) in [
        (sound.uri("/ird"), "alto: info: 127.0.0.1: maps fetched"),
        (broken.uri("/ird"), "alto: error: 127.0.0.1: what it says is refused ("),
        (closed, "alto: warn: 127.0.0.1: does not answer ("),
    ] {
        let server = name_server(&uri);
        let [file, log] = ["alto.toml", "log"].map(|name| workshop.folder.path().join(name));
        let config = format!(
            "dns.resolver = \"{}\"\ndns.service = \"ALTO:http\"\npolicy.allow_http = true\n\
             policy.allow_documentation = true\npolicy.allow_private_servers = true\n\
             dns.zone_qps = 100000\ndns.total_qps = 100000\ndiscovery.calls = 1\n\
             log.target = \"stderr\"\nlog.level = \"info\"\n",
            resolver(&server)
        );
        fs::write(&file, config).unwrap();
        let mut command = Command::new(&program);
        command.arg(&file).stdin(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let lines = || fs::read_to_string(&log).unwrap();
        let full = "lookups turned away, too many being under way (limit-reached)";
        let is_told = || [told, full, &started].iter().all(|line| lines().contains(line));
        assert!(wait_until(Duration::from_secs(20), is_told), "{told}: {}", lines());
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success(), "{}", lines());
        assert!(lines().lines().any(|line| line == stopped), "{}", lines());
        let whole = |line: &str| line.starts_with("alto: ") && !line.contains("203.0.113.5");
        assert!(lines().lines().all(whole), "{}", lines());
    }
}
