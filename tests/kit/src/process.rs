//! Programs beside the test, ended with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// Starts the program given as arguments with its output in `$LOG`, tells its process id, and
/// ends it when standard input closes, which it does however the test ends.
const GUARD: &str = r#"
"$@" </dev/null >>"$LOG" 2>&1 &
echo $!
read -r _
kill -TERM $! 2>/dev/null
wait $!
"#;

/// How long a program may take to end before it is killed.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A running program. It ends when this is dropped, and also if the test is killed.
#[derive(Debug)]
pub struct Process {
    guard: Child,
    id: u32,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it says is appended to the file `log`.
    pub fn start(program: &Path, arguments: &[impl AsRef<std::ffi::OsStr>], log: &Path) -> Self {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(arguments)
            .env("LOG", log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0) // so that Ctrl-C ends the test, and the test's end ends the program
            .spawn()
            .expect("a shell to guard the program");
        let mut line = String::new();
        let told = guard.stdout.take().expect("its output is piped");
        BufReader::new(told).read_line(&mut line).expect("the guard tells the process id");
        let id = line.trim().parse().expect("the guard tells the process id");
        Self { guard, id, log: log.into() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it has not ended by itself.
    pub fn running(&self) -> bool {
        // An ended program stays a zombie until the guard waits for it.
        let status = fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        status
            .rsplit(')')
            .next()
            .is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        let octets = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let guard = &mut self.guard;
        if !wait_until(LAST_WORDS, || matches!(guard.try_wait(), Ok(Some(_)))) {
            let kill = ["-c", "kill -KILL $0", &self.id.to_string()];
            let _ = Command::new("/bin/sh").args(kill).status();
            let _ = self.guard.wait();
        }
    }
}

/// Tries every 5 ms until `ready`, at most for `patience`; whether it became so.
pub fn wait_until(patience: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Works through what there is to do, as much at a time as there are processors.
pub fn side_by_side<T: Send>(to_do: Vec<T>, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(to_do.into_iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let work_on = || {
        while let Some(piece) = next() {
            work(piece);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work_on))));
}

/// The full path of an installed program.
///
/// Panics if it is missing: a test that needs it must not pass without it.
pub fn installed(program: &str, debian_package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("{program} is not installed: run `make check` (or `apt-get install {debian_package}`)")
        })
}

/// The path of one of the workspace's own programs, built (once) the way the test was built.
pub fn workspace_program(package: &str, program: &str) -> PathBuf {
    static BUILT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let folder = profile_folder();
    let file = folder.join(program);
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !built.contains(&file) {
        build(package, &["--bin", program], &folder);
        built.push(file.clone());
    }
    file
}

/// `target/<profile>`, found from the test's own place below it.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test program");
    let folder = test.parent().expect("a folder holds it");
    let nested = folder.ends_with("deps") || folder.ends_with("examples");
    let profile = if nested { folder.parent() } else { Some(folder) };
    profile.expect("the test lies in the target folder").into()
}

/// The path of one of the workspace's own libraries for C, built (once) the way the test was built.
pub fn workspace_library(package: &str, file: &str) -> PathBuf {
    static BUILT: Mutex<()> = Mutex::new(());
    let folder = profile_folder();
    let _one_at_a_time = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    build(package, &["--lib"], &folder);
    folder.join(file)
}

fn build(package: &str, what: &[&str], profile_folder: &Path) {
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = profile_folder.parent().expect("the target folder");
    let status = cargo()
        .args(["build", "--quiet", "--package", package, "--profile", profile])
        .args(what)
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo could not build {what:?} of {package}");
}

/// The cargo that runs the test, to build something as if there were no test around it: build scripts
/// that look at these variables would be run again, and what stands on them built again.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let is_of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|start| name.to_string_lossy().starts_with(start));
        if is_of_package || name == "OUT_DIR" {
            cargo.env_remove(name);
        }
    }
    cargo
}
