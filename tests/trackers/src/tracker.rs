//! Debian's opentracker as a process of the test.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use alto_testkit::ports;
use alto_testkit::process::{Process, installed, wait_until};
use tempfile::TempDir;

use crate::announce::{Ask, INFOHASH, Peer};

/// How it is run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The torrent it serves, and no other.
    pub infohash: [u8; 20],
    /// What is loaded before it.
    pub preload: Option<PathBuf>,
    /// What `ALTO_CONFIG` names: the text of a file, or else a path that is not there.
    pub config: Option<String>,
    /// Threads for UDP; 0 for the main loop.
    pub workers: u32,
    /// Another program than opentracker, which takes a port as its only argument.
    pub program: Option<PathBuf>,
    /// Runs below callgrind, which leaves its counts in this file: fifty times slower.
    pub counts: Option<PathBuf>,
}

impl Default for Setup {
    /// Debian's opentracker as it is, for the torrent that peers ask for by default.
    fn default() -> Self {
        let (preload, config, program, counts) = (None, None, None, None);
        Self { infohash: INFOHASH, preload, config, workers: 0, program, counts }
    }
}

/// A tracker that serves one torrent. It ends when this is dropped.
pub struct Tracker {
    process: Process,
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Tracker {
    /// Starts it; it answers when this returns. As root it gives up its rights and lives in an empty
    /// folder (chroot) afterwards, elsewhere it stays who it is.
    pub fn start(setup: &Setup) -> Self {
        // The port may be taken between being free and being used.
        (0..3).find_map(|_| Self::try_start(setup)).expect("the tracker does not answer")
    }

    fn try_start(setup: &Setup) -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let address = ports::free();
        let command = command(setup, folder.path(), address);
        let env = installed("env", "coreutils");
        let process = Process::start(&env, &command, &folder.path().join("log"));
        let is_up = || answers(address) && (setup.preload.is_none() || is_told(&process.log()));
        let is_up = wait_until(Duration::from_secs(20), || !process.running() || is_up());
        if is_up && process.running() {
            wait_for_the_whitelist(address, setup.infohash);
            return Some(Self { process, address, _folder: folder });
        }
        eprintln!("not up on {address}; it says:\n{}", process.log());
        None
    }

    /// What it has said.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.process.running()
    }

    /// Seconds of processor time it has used so far, in user and in system mode.
    pub fn cpu(&self) -> f64 {
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let fields = stat.rsplit(')').next().expect("fields");
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        ticks.map(|ticks| ticks.expect("a number")).sum::<f64>() / 100.0
    }

    /// Ends it as its unit does, by SIGINT; whether it left within seconds.
    pub fn interrupt(&self) -> bool {
        let kill = ["-c", "kill -INT $0", &self.process.id().to_string()];
        let sent = Command::new("/bin/sh").args(kill).status().expect("a shell");
        sent.success() && wait_until(Duration::from_secs(10), || !self.process.running())
    }
}

/// `env VARIABLE=... PROGRAM ...`: what is loaded must not be loaded into anything else.
fn command(setup: &Setup, folder: &Path, address: SocketAddr) -> Vec<String> {
    let root = folder.join("root");
    fs::create_dir(&root).expect("a folder");
    for folder in [folder, &root] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a folder of ours");
    }
    let mut hash = String::new();
    for octet in setup.infohash {
        write!(hash, "{octet:02x}").expect("a string");
    }
    fs::write(root.join("whitelist"), hash + "\n").expect("a file");
    let workers = setup.workers;
    let text = format!(
        "listen.udp.workers {workers}\nlisten.tcp_udp {address}\naccess.whitelist whitelist\n\
         tracker.rootdir {}\n",
        root.display()
    );
    let file = folder.join("opentracker.conf");
    fs::write(&file, text).expect("a file");
    let mut command = Vec::new();
    if let Some(preload) = &setup.preload {
        command.push(format!("LD_PRELOAD={}", preload.display()));
    }
    if let Some(config) = &setup.config {
        let path = folder.join("alto.toml");
        if !config.is_empty() {
            fs::write(&path, config).expect("a file");
        }
        command.push(format!("ALTO_CONFIG={}", path.display()));
    }
    if let Some(file) = &setup.counts {
        command.extend(counting(file));
    }
    if let Some(program) = &setup.program {
        command.extend([program.display().to_string(), address.port().to_string()]);
    } else {
        let opentracker = installed("opentracker", "opentracker").display().to_string();
        command.extend([opentracker, "-f".into(), file.display().to_string()]);
    }
    command
}

/// Callgrind opens its file anew at the end, when opentracker would have no rights and another root: it is
/// started without rights where it could give some up, and stays in the real file system then.
fn counting(file: &Path) -> Vec<String> {
    let valgrind = installed("valgrind", "valgrind").display().to_string();
    let out = format!("--callgrind-out-file={}", file.display());
    let mut command = Vec::new();
    if fs::metadata("/proc/self").expect("a process").uid() == 0 {
        let nobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"].map(String::from);
        command.push(installed("setpriv", "util-linux").display().to_string());
        command.extend(nobody);
    }
    command.extend([
        valgrind,
        "--tool=callgrind".into(),
        "--vgdb=no".into(),
        "--fair-sched=yes".into(),
        out,
    ]);
    command
}

/// opentracker reads its whitelist on a thread of its own, and refuses all torrents until then.
fn wait_for_the_whitelist(address: SocketAddr, infohash: [u8; 20]) {
    let peer = Peer::new(Ipv4Addr::LOCALHOST, address);
    let is_served = || {
        let reply = peer.raw(&peer.datagram(&Ask { infohash, ..Ask::wanting(0) }));
        reply.is_some_and(|reply| reply.len() >= 20)
    };
    assert!(wait_until(Duration::from_secs(20), is_served), "the torrent is not served");
    peer.udp(&Ask { infohash, ..Ask::stopping() });
}

/// Whether the object has said that it guides from now on, or why it does not. Threads for UDP answer
/// before that, when nothing is learnt yet.
fn is_told(log: &str) -> bool {
    log.contains("opentracker: alto: ")
}

/// Whether it answers a connect request (BEP 15).
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        socket.connect(address)?;
        socket.send(&crate::announce::connect_request())?;
        socket.recv(&mut [0; 64])
    };
    ask().is_ok()
}
