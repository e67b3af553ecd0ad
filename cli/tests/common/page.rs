//! A page of docs/, run: its files are written, its commands run in their order, and what they print is
//! what the page shows.
#![allow(unreachable_pub)] // each test has this as a module of its own

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use alto_testkit::process::{Process, wait_until};
use alto_testkit::{Daemon, NameServer as _, ZoneFile, ports};
use tempfile::TempDir;

const NAME_SERVER: &str = "127.0.0.1:5300";
const PATIENCE: Duration = Duration::from_secs(20);

/// A fenced block of a page.
#[derive(Debug)]
pub struct Block {
    pub language: String,
    /// The last name in back-ticks before it.
    name: String,
    text: String,
}

/// The sections of a page: heading and blocks.
pub fn sections(page: &str) -> Vec<(String, Vec<Block>)> {
    let mut sections: Vec<(String, Vec<Block>)> = Vec::new();
    let mut name = String::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        if let Some(block) = open.as_mut() {
            if line == "```" {
                sections.last_mut().unwrap().1.push(open.take().unwrap());
            } else {
                block.text += line;
                block.text += "\n";
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let (language, text) = (language.into(), String::new());
            open = Some(Block { language, name: std::mem::take(&mut name), text });
        } else if let Some(heading) = line.strip_prefix("## ") {
            sections.push((heading.into(), Vec::new()));
        } else if let Some(last) = line.split('`').skip(1).step_by(2).last() {
            name = last.into();
        }
    }
    sections
}

/// A section while it runs.
pub struct Stage {
    folder: TempDir,
    launch: fn(&[ZoneFile]) -> Daemon,
    listeners: Vec<(&'static str, SocketAddr)>,
    background: Vec<Process>,
}

impl Stage {
    /// With name servers of this kind, and programs that listen at these addresses, each of which is
    /// to be on a free port.
    pub fn new(launch: fn(&[ZoneFile]) -> Daemon, listeners: &[&'static str]) -> Self {
        let listeners = listeners.iter().map(|address| (*address, ports::free())).collect();
        Self { folder: TempDir::new().unwrap(), launch, listeners, background: Vec::new() }
    }

    /// Writes the block's file, or runs its commands.
    pub fn take(&mut self, block: &Block) {
        if block.language == "console" { self.run(block) } else { self.write(block) }
    }

    fn here(&self, text: &str) -> String {
        self.listeners
            .iter()
            .fold(text.to_owned(), |text, (shown, real)| text.replace(shown, &real.to_string()))
    }

    /// Writes the block's file.
    pub fn write(&self, block: &Block) {
        fs::write(self.folder.path().join(&block.name), self.here(&block.text)).unwrap();
    }

    /// Runs the commands of a block; what each prints on standard output is what follows it, where
    /// `...` stands for anything.
    fn run(&mut self, block: &Block) {
        let text = format!("\n{}", block.text);
        for part in text.split("\n$ ").skip(1) {
            let (command, expected) = part.split_once('\n').unwrap_or((part, ""));
            let printed = self.carry_out(command);
            let expected = self.here(expected);
            assert!(fits(printed.trim_end(), expected.trim_end()), "{command}\n{printed}");
        }
    }

    fn carry_out(&mut self, command: &str) -> String {
        let command = self.here(command);
        if let Some(command) = command.strip_suffix(" &") {
            self.start(command);
            return String::new();
        }
        let server = command.contains(NAME_SERVER).then(|| (self.launch)(&self.zones()));
        let address =
            server.as_ref().map_or(NAME_SERVER.into(), |server| server.address().to_string());
        let output = Command::new("/bin/sh")
            .args(["-c", &command.replace(NAME_SERVER, &address)])
            .current_dir(&self.folder)
            .env("PATH", path())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\n{printed}{errors}");
        printed
    }

    /// Leaves a program running until the section ends, once whatever it listens on is open.
    fn start(&mut self, command: &str) {
        let folder = self.folder.path().display();
        let script = format!("cd {folder} && PATH={} exec {command}", path());
        let log = self.folder.path().join("background.log");
        let process = Process::start(Path::new("/bin/sh"), &["-c", &script], &log);
        // The command says where it listens; nginx has that from its file, and listens last.
        let said = |(_, real): &&(_, SocketAddr)| command.contains(&real.to_string());
        let (_, address) = self.listeners.iter().find(said).or(self.listeners.last()).unwrap();
        assert!(wait_until(PATIENCE, || TcpStream::connect(address).is_ok()), "{}", process.log());
        self.background.push(process);
    }

    /// `NAME.zone` holds the zone NAME, where `_` stands for `/`.
    fn zones(&self) -> Vec<ZoneFile> {
        let files = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let zones = files.filter_map(|file| {
            let name = file.file_name()?.to_str()?.strip_suffix(".zone")?.to_owned();
            let text = fs::read_to_string(&file).unwrap();
            Some(ZoneFile { apex: name.replace('_', "/") + ".", text })
        });
        zones.collect()
    }
}

/// Where `alto` is, beside the programs of the system.
fn path() -> String {
    let alto = Path::new(env!("CARGO_BIN_EXE_alto")).parent().unwrap().display().to_string();
    format!("{alto}:{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap())
}

/// Whether what was printed is what is shown, where `...` stands for anything.
pub fn fits(printed: &str, shown: &str) -> bool {
    let mut parts = shown.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// The comparison itself can fail.
#[test]
fn what_does_not_fit() {
    assert!(
        fits("a b c", "a b c") && fits("a b c", "a ... c") && fits("abc", "...") && fits("", "")
    );
    assert!(!fits("a b c", "a b") && !fits("a b c", "a ... d") && !fits("x", ""));
}
