//! What all name servers of the kit have in common, and how the real ones are run.

use std::fmt::{self, Write};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::dns_zone::Zone;
use crate::ports;
use crate::process::{Process, installed, wait_until};
use crate::record::Record;
use crate::wire::{Question, kind};

/// A name server on loopback, ended when dropped.
pub trait NameServer {
    /// Where it listens, UDP and TCP. It stays the same for its whole life.
    fn address(&self) -> SocketAddr;

    /// Ends it; its port is closed from then on. Nothing happens if it has ended already.
    fn stop(&mut self);

    /// Ends it, if need be, and starts it again where it was; returns when it answers.
    fn restart(&mut self);
}

/// A zone as a real server reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFile {
    /// The name at its top, absolute.
    pub apex: String,
    /// The master file.
    pub text: String,
}

impl ZoneFile {
    /// The zone of these records.
    pub fn new(apex: impl Into<String>, records: &[Record]) -> Self {
        let text = records.iter().fold(String::new(), |mut text, record| {
            writeln!(text, "{record}").expect("writing to a string");
            text
        });
        Self { apex: apex.into(), text }
    }
}

impl From<&Zone> for ZoneFile {
    fn from(zone: &Zone) -> Self {
        Self::new(".", zone.records())
    }
}

/// How a name server program is run.
pub(crate) struct Recipe {
    pub(crate) program: &'static str,
    pub(crate) debian_package: &'static str,
    /// What stands before the path of the configuration; `{folder}` is the folder that holds it, and
    /// stands for it.
    pub(crate) arguments: &'static [&'static str],
    /// The configuration for a folder of its own and an address. It may put more files there.
    pub(crate) configuration: Box<Configuration>,
}

type Configuration = dyn Fn(&Path, SocketAddr) -> String + Send + Sync;

/// A real name server program: in the foreground, without privileges, in a folder of its own.
pub struct Daemon {
    recipe: Recipe,
    address: SocketAddr,
    folder: TempDir,
    process: Option<Process>,
}

/// How long a program may take until it answers: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(20);

impl Daemon {
    /// Starts it on a free port and returns when it answers. Zone files are `0.zone`, `1.zone`, ...
    pub(crate) fn launch(recipe: Recipe, zones: &[ZoneFile]) -> Self {
        let folder = tempfile::Builder::new().prefix("alto-testkit-").tempdir();
        let folder = folder.expect("a temporary folder");
        for (number, zone) in zones.iter().enumerate() {
            let file = folder.path().join(format!("{number}.zone"));
            fs::write(file, &zone.text).expect("a file in the temporary folder");
        }
        let mut daemon = Self { recipe, address: ports::free(), folder, process: None };
        // Somebody else may have taken the port meanwhile, such as a resolver for its questions.
        for _ in 0..2 {
            match daemon.start() {
                Ok(()) => return daemon,
                Err(fault) => eprintln!("{fault}\ntrying another port"),
            }
            daemon.address = ports::free();
        }
        daemon.start().unwrap_or_else(|fault| panic!("{fault}"));
        daemon
    }

    /// Its process id; `None` while it is stopped.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// What it has said so far, all starts together.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn start(&mut self) -> Result<(), String> {
        self.process = None;
        let Recipe { program, debian_package, arguments, configuration } = &self.recipe;
        let file = self.folder.path().join("configuration");
        fs::write(&file, configuration(self.folder.path(), self.address))
            .expect("a file in the temporary folder");
        let folder = self.folder.path().display().to_string();
        let by_folder = arguments.iter().any(|argument| argument.contains("{folder}"));
        let file = (!by_folder).then(|| file.display().to_string());
        let arguments = arguments.iter().map(|argument| argument.replace("{folder}", &folder));
        let arguments: Vec<String> = arguments.chain(file).collect();
        let process = Process::start(
            &installed(program, debian_package),
            &arguments,
            &self.folder.path().join("log"),
        );
        wait_until(PATIENCE, || !process.running() || answers(self.address));
        if process.running() && answers(self.address) {
            self.process = Some(process);
            return Ok(());
        }
        Err(format!("{program} does not answer on {}; it says:\n{}", self.address, process.log()))
    }
}

/// Whether anything comes back from there. A closed port is known at once, by a connected socket.
fn answers(address: SocketAddr) -> bool {
    let question = Question { kind: kind::SOA, ..Question::naptr(1, ".") }.write();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP port on 127.0.0.1");
    let ask = || {
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        socket.connect(address)?;
        socket.send(&question)?;
        socket.recv(&mut [0; 512])
    };
    ask().is_ok()
}

impl NameServer for Daemon {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn stop(&mut self) {
        self.process = None;
    }

    fn restart(&mut self) {
        self.start().unwrap_or_else(|fault| panic!("{fault}"));
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.recipe.program, self.address)
    }
}
