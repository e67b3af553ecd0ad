//! The command, and what it serves in these tests.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use alto_testkit::pki::Authority;
use tempfile::TempDir;

pub const NETWORK: &str = "prefix,pid\n0.0.0.0/0,far\n::/0,far\n203.0.113.0/24,near\n";
pub const COSTS: &str = "src,dst,cost\nnear,near,1\nnear,far,20\nfar,far,1\nfar,near,20\n";

pub fn alto(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Files to serve: maps, a certificate for 127.0.0.1 with its key, and the authority's.
pub struct Files(pub TempDir);

impl Files {
    pub fn new() -> Self {
        let files = Self(TempDir::new().unwrap());
        let authority = Authority::new();
        let own = authority.sign(&["127.0.0.1"]);
        for (name, content) in [
            ("net.csv", NETWORK),
            ("costs.csv", COSTS),
            ("ca.pem", authority.pem()),
            ("cert.pem", &own.certificate),
            ("key.pem", &own.key),
        ] {
            fs::write(files.path(name), content).unwrap();
        }
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn name(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// The command on these files, with further arguments.
    pub fn serve(&self, more: &[&str]) -> Command {
        let (network, costs) = (self.name("net.csv"), self.name("costs.csv"));
        let delay = format!("delay-ow={costs}");
        let own = ["serve", "--listen", "127.0.0.1:0", "--network-map", &network];
        alto(&[&own[..], &["--cost-map", &costs, &delay], more].concat())
    }

    pub fn output(&self, more: &[&str]) -> Output {
        self.serve(more).output().unwrap()
    }
}

/// A running server; killed when dropped unless it has ended.
pub struct Serving {
    child: Child,
    pub uri: String,
}

impl Serving {
    /// Waits for the line that tells where it listens.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let uri = line.strip_prefix("listening ").map(|uri| uri.trim_end().to_owned());
        let Some(uri) = uri else {
            child.kill().unwrap();
            panic!("{line:?} instead of where it listens");
        };
        Self { child, uri }
    }

    /// The next line that it says on standard error.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let said = self.child.stderr.as_mut().unwrap();
        // Octet by octet: what comes after the line is for whoever asks next.
        while line.last() != Some(&b'\n') {
            let mut octet = [0];
            said.read_exact(&mut octet).unwrap();
            line.push(octet[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// Sends a signal; how it ended, and what it said.
    pub fn end(mut self, signal: &str) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("/bin/sh").args(["-c", "kill -$0 $1", signal, &id]).status();
        assert!(sent.unwrap().success());
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}
