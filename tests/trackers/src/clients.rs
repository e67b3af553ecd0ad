//! Real clients as processes of the test: the programs that seed and download, and what they share.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use alto_testkit::process::{Process, installed};
use tempfile::TempDir;

/// Debian's, for which its package python3-libtorrent is built: the first in `PATH` may be another.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clients/peer.py");

/// What downloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// python3-libtorrent.
    Libtorrent,
    /// aria2c, which always wants 50 peers.
    Aria2,
}

impl fmt::Display for Client {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Libtorrent => "libtorrent",
            Self::Aria2 => "aria2",
        })
    }
}

/// A private torrent of version 1 with one file, which all seeds have.
pub struct Torrent {
    folder: TempDir,
    /// What it is known by.
    pub infohash: [u8; 20],
}

impl Torrent {
    /// Makes a file of so many octets, no piece of it like another, and the torrent. It names no tracker,
    /// since a tracker is told the info-hash before it has a port.
    pub fn new(size: u64) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut torrent = Self { folder, infohash: [0; 20] };
        let octets: Vec<u8> = (0..size / 8).flat_map(u64::to_le_bytes).collect();
        fs::write(torrent.file(), octets).expect("room for the file");
        let mut command = Command::new(PYTHON);
        command.args([SCRIPT, "torrent"]).arg(torrent.file()).arg(torrent.path());
        let output = command.output().expect("python3");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "is python3-libtorrent installed? {said}");
        torrent.infohash = infohash(&String::from_utf8_lossy(&output.stdout));
        torrent
    }

    /// The file that is to be downloaded.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("torrent")
    }

    /// A seed at this address. Each line it says is what it has uploaded so far.
    pub fn seed(&self, tracker: &str, address: Ipv4Addr, log: &Path) -> Process {
        self.peer("seed", 0, tracker, address, self.folder.path(), log)
    }

    /// A leech at this address that wants so many peers. It ends by itself.
    pub fn leech(
        &self,
        client: Client,
        wanted: u32,
        tracker: &str,
        address: Ipv4Addr,
        to: &Path,
    ) -> Process {
        let log = to.join("log");
        match client {
            Client::Libtorrent => self.peer("leech", wanted, tracker, address, to, &log),
            Client::Aria2 => self.aria2(tracker, address, to, &log),
        }
    }

    fn peer(
        &self,
        role: &str,
        wanted: u32,
        tracker: &str,
        address: Ipv4Addr,
        folder: &Path,
        log: &Path,
    ) -> Process {
        let (torrent, folder) = (self.path().display().to_string(), folder.display().to_string());
        let (wanted, address) = (wanted.to_string(), address.to_string());
        let arguments = [SCRIPT, role, &torrent, tracker, &address, &folder, &wanted];
        Process::start(Path::new(PYTHON), &arguments, log)
    }

    fn aria2(&self, tracker: &str, address: Ipv4Addr, to: &Path, log: &Path) -> Process {
        let arguments = [
            "--no-conf=true".into(),
            format!("--interface={address}"),
            "--seed-time=0".into(),
            "--enable-dht=false".into(),
            "--bt-enable-lpd=false".into(),
            "--enable-peer-exchange=false".into(),
            "--allow-overwrite=true".into(),
            "--listen-port=6882".into(),
            "--bt-max-peers=6".into(),
            format!("--bt-tracker={tracker}"),
            "--quiet".into(),
            format!("--dir={}", to.display()),
            self.path().display().to_string(),
        ];
        Process::start(&installed("aria2c", "aria2"), &arguments, log)
    }
}

/// From 40 hexadecimal digits.
fn infohash(text: &str) -> [u8; 20] {
    let digits = text.trim();
    assert!(digits.len() == 40 && digits.is_ascii(), "not an info-hash: {text}");
    std::array::from_fn(|at| {
        u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal digits")
    })
}
