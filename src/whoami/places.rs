//! Where DHCP clients keep leases, and which of them are this host's own now.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::access::Access;
use super::lease::{self, Lease, MOST_OCTETS};

/// Folder, how the names of its files begin, and how they end.
const PLACES: [(&str, &str, &str); 7] = [
    ("/var/lib/dhcp", "dhclient", ".leases"),
    ("/var/lib/NetworkManager", "dhclient", ".lease"),
    ("/run/NetworkManager/devices", "", ""),
    ("/run/systemd/netif/leases", "", ""),
    ("/var/lib/dhcpcd", "", ".lease"),
    ("/var/lib/dhcpcd", "", ".lease6"),
    ("/var/lib/dhcpcd5", "", ".lease"),
];

/// The most files of one folder.
const MOST_FILES: usize = 256;

/// What was found in lease files.
#[derive(Debug, Default)]
pub struct Leases {
    /// The networks that they name, in the order of the files.
    pub networks: Vec<Access>,
    /// What was passed over, and why.
    pub passed: Vec<Passed>,
}

/// A file, or a lease in it, that is not used.
#[derive(Debug)]
pub struct Passed {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why a file, or a lease in it, is not used.
#[derive(Debug)]
pub enum Why {
    /// It cannot be had.
    Unreadable(io::Error),
    /// It cannot be read.
    Fault(lease::Fault),
    /// Its time is over.
    Ended,
    /// Its address is not, or no longer, one of this host (RFC 7286 §4.2).
    OtherAddress(IpAddr),
    /// It names no network.
    NoName,
}

impl Leases {
    /// Those that are this host's own at `now`, in the places where dhclient, NetworkManager, systemd-networkd
    /// and dhcpcd keep them.
    pub fn of_this_host(now: SystemTime) -> Self {
        let mut leases = Self::default();
        for (folder, start, end) in PLACES {
            for file in files(Path::new(folder), start, end) {
                leases.read(&file, now, Whose::OwnOnly);
            }
        }
        leases
    }

    /// Those in these files that have not ended at `now`, whosever they are.
    pub fn in_files(files: &[PathBuf], now: SystemTime) -> Self {
        let mut leases = Self::default();
        for file in files {
            leases.read(file, now, Whose::Anybody);
        }
        leases
    }

    /// Those in a text, such as what `dhcpcd -U` prints; `source` says where it comes from.
    pub fn in_text(mut text: impl Read, source: &str, now: SystemTime) -> Self {
        let (mut leases, file) = (Self::default(), Path::new(source));
        match bounded(&mut text) {
            Ok(octets) => leases.take(file, &octets, None, now, Whose::Anybody),
            Err(fault) => leases.pass(file, Why::Unreadable(fault)),
        }
        leases
    }

    fn read(&mut self, file: &Path, now: SystemTime, whose: Whose) {
        match octets(file) {
            Ok((octets, written)) => self.take(file, &octets, written, now, whose),
            Err(fault) => self.pass(file, Why::Unreadable(fault)),
        }
    }

    fn take(
        &mut self,
        file: &Path,
        octets: &[u8],
        written: Option<u64>,
        now: SystemTime,
        whose: Whose,
    ) {
        match lease::read(octets, written) {
            Ok(leases) => leases.into_iter().for_each(|lease| match refusal(&lease, now, whose) {
                Some(why) => self.pass(file, why),
                None => self.networks.push(access(lease, file)),
            }),
            Err(fault) => self.pass(file, Why::Fault(fault)),
        }
    }

    fn pass(&mut self, file: &Path, why: Why) {
        self.passed.push(Passed { file: file.into(), why });
    }
}

/// Whose leases count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    OwnOnly,
    Anybody,
}

fn refusal(lease: &Lease, now: SystemTime, whose: Whose) -> Option<Why> {
    if lease.ends.is_some_and(|ends| ends < seconds(now)) {
        return Some(Why::Ended);
    }
    let other = lease.facts.address.filter(|_| whose == Whose::OwnOnly).filter(|a| !is_own(*a));
    let no_name = lease.facts.access_domain.is_none() && lease.facts.domain_name.is_none();
    other.map(Why::OtherAddress).or(no_name.then_some(Why::NoName))
}

/// Only an address of this host can be bound to. Nothing is sent.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn access(mut lease: Lease, file: &Path) -> Access {
    lease.interface = lease.interface.or_else(|| interface_of(file));
    let source = format!("{}, {}", lease.program, file.display());
    Access::of_lease(&lease, source)
}

/// The interface that the name of a file says: by its number, or by its name, maybe with that of a
/// wireless network behind it.
fn interface_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let number: Option<u32> = stem.parse().ok();
    let begins = |name: &str| {
        let behind = stem.strip_prefix(name);
        behind.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let is_named = |interface: &&if_addrs::Interface| {
        number.map_or_else(|| begins(&interface.name), |number| interface.index == Some(number))
    };
    let named = interfaces.iter().filter(is_named).max_by_key(|interface| interface.name.len());
    named.and_then(|interface| lease::interface(&interface.name))
}

/// The files of a folder, by name; none if there is no such folder.
fn files(folder: &Path, start: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with(start) && name.ends_with(end))
        })
        .map(|entry| entry.path())
        .take(MOST_FILES)
        .collect();
    files.sort();
    files
}

/// What a file holds, one octet more than it may at most, and when it was written.
fn octets(file: &Path) -> io::Result<(Vec<u8>, Option<u64>)> {
    // A pipe would keep us waiting.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let mut open = File::open(file)?;
    let written = open.metadata()?.modified().ok().map(seconds);
    Ok((bounded(&mut open)?, written))
}

fn bounded(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let most = u64::try_from(MOST_OCTETS).unwrap_or(u64::MAX);
    from.take(most + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match &self.why {
            Why::Unreadable(fault) => fault.fmt(f),
            Why::Fault(fault) => fault.fmt(f),
            Why::Ended => f.write_str("a lease that has ended"),
            Why::OtherAddress(address) => write!(f, "{address} is no address of this host"),
            Why::NoName => f.write_str("a lease that names no network"),
        }
    }
}
