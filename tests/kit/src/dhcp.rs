//! Real DHCP servers beyond the wire of a [`namespace`](crate::namespace), and real clients at its near
//! end.

pub mod clients;

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::namespace::{NEAR, OUTSIDE, OUTSIDE_COMMAND, run};
use crate::process::{Process, installed, wait_until};

/// The interface at the near end, and that at the other one.
pub const INTERFACE: &str = "near";
const FAR: &str = "far";

/// The server's own IPv6 address, below that of the link.
pub const LINK_V6: &str = "2001:db8:1::/64";
const OUTSIDE_V6: &str = "2001:db8:1::7/64";

/// How long a program may take until it is ready: far more than it needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// What a server calls the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'n> {
    /// In options 213 and 57, with the final dot.
    pub access: Option<&'n str>,
    /// In option 15.
    pub plain: Option<&'n str>,
}

/// A DHCP server for both families, beyond the wire; ended when dropped.
#[derive(Debug)]
pub struct DhcpServer {
    processes: Vec<Process>,
    _folder: TempDir,
}

impl DhcpServer {
    /// dnsmasq.
    ///
    /// # Panics
    /// If it does not start.
    pub fn dnsmasq(names: Names<'_>) -> Self {
        let folder = ready();
        let access = names.access.map(wire);
        let options = [
            access.as_ref().map(|octets| format!("--dhcp-option-force=213,{octets}")),
            access.as_ref().map(|octets| format!("--dhcp-option=option6:57,{octets}")),
            names.plain.map(|name| format!("--dhcp-option-force=option:domain-name,{name}")),
        ];
        let leases = format!("--dhcp-leasefile={}", folder.path().join("leases").display());
        // As a daemon it would become another user, and in a namespace there is one alone.
        let own = ["--no-daemon", "--conf-file=/dev/null"];
        let how = ["--port=0", "--interface=far", "--enable-ra", "--log-dhcp"];
        let ranges = [
            "--dhcp-range=198.51.100.50,198.51.100.60,1h",
            "--dhcp-range=2001:db8:1::50,2001:db8:1::60,64,1h",
        ];
        let fixed = own.into_iter().chain(how).chain(ranges).map(String::from);
        let arguments: Vec<String> =
            fixed.chain([leases]).chain(options.into_iter().flatten()).collect();
        let process =
            outside("dnsmasq", "dnsmasq-base", &[], &arguments, &folder.path().join("log"));
        let server = Self { processes: vec![process], _folder: folder };
        server.wait_for(&["DHCP, IP range", "DHCPv6, IP range"]);
        server
    }

    /// Kea, a program for each family.
    ///
    /// # Panics
    /// If one of them does not start.
    pub fn kea(names: Names<'_>) -> Self {
        let folder = ready();
        let option = |name: &str, value: Option<&str>| {
            value.map(|value| {
                format!(r#"{{"name": "{name}", "data": "{value}", "always-send": true}}"#)
            })
        };
        let v4 = [option("v4-access-domain", names.access), option("domain-name", names.plain)];
        let v6 = [option("v6-access-domain", names.access)];
        // Where it keeps its own identifier.
        let data = format!(r#""data-directory": "{}","#, folder.path().display());
        let files = [
            ("kea-dhcp4", "kea-dhcp4-server", kea("4", "198.51.100", "0/24", "50", "60", "", &v4)),
            (
                "kea-dhcp6",
                "kea-dhcp6-server",
                kea("6", "2001:db8:1:", ":/64", ":50", ":60", &data, &v6),
            ),
        ];
        // It writes locks and the like, unless told not to, or elsewhere.
        let place = folder.path().display();
        let settings = [format!("KEA_PIDFILE_DIR={place}"), "KEA_LOCKFILE_DIR=none".to_owned()];
        let mut processes = Vec::new();
        for (program, package, text) in files {
            let file = folder.path().join(program);
            fs::write(&file, text).expect("a file in the temporary folder");
            let arguments = ["-c".to_owned(), file.display().to_string()];
            let log = folder.path().join(format!("{program}.log"));
            processes.push(outside(program, package, &settings, &arguments, &log));
        }
        let server = Self { processes, _folder: folder };
        server.wait_for(&["DHCP4_STARTED", "DHCP6_STARTED"]);
        server
    }

    /// One for IPv4 that answers each question with what no client must hear: to another question, from
    /// another port, cut short, and too long; and, if `honest`, with the names at last.
    ///
    /// # Panics
    /// If it does not start.
    pub fn hostile(honest: bool) -> Self {
        let folder = ready();
        let file = folder.path().join("hostile.py");
        fs::write(&file, HOSTILE).expect("a file in the temporary folder");
        let words = [file.display().to_string(), honest.to_string()];
        let log = folder.path().join("log");
        let process = outside("python3", "python3-minimal", &[], &words, &log);
        let server = Self { processes: vec![process], _folder: folder };
        server.wait_for(&["listening"]);
        server
    }

    /// What it has said so far, about each packet, too.
    pub fn log(&self) -> String {
        self.processes.iter().map(Process::log).collect()
    }

    /// Waits until it has said all of this.
    ///
    /// # Panics
    /// If it does not.
    pub fn wait_for(&self, words: &[&str]) {
        let said = || words.iter().all(|word| self.log().contains(word));
        let alive = || self.processes.iter().all(Process::running);
        wait_until(PATIENCE, || !alive() || said());
        assert!(alive() && said(), "the DHCP server does not say {words:?}:\n{}", self.log());
    }
}

const HOSTILE: &str = include_str!("dhcp/hostile.py");

fn kea(
    family: &str,
    net: &str,
    subnet: &str,
    low: &str,
    high: &str,
    more: &str,
    options: &[Option<String>],
) -> String {
    let options: Vec<&str> = options.iter().flatten().map(String::as_str).collect();
    let (options, dot) = (options.join(", "), if family == "4" { "." } else { "" });
    format!(
        r#"{{"Dhcp{family}": {{
  "interfaces-config": {{"interfaces": ["{FAR}"]}},
  "lease-database": {{"type": "memfile", "persist": false}},
  "valid-lifetime": 3600, {more}
  "option-data": [{options}],
  "subnet{family}": [{{"subnet": "{net}{dot}{subnet}", "interface": "{FAR}",
    "pools": [{{"pool": "{net}{dot}{low} - {net}{dot}{high}"}}]}}],
  "loggers": [{{"name": "kea-dhcp{family}", "severity": "DEBUG", "debuglevel": 40,
    "output_options": [{{"output": "stdout"}}]}}]}}}}"#
    )
}

/// The link as a server needs it: an address of each family at its end, and the kernel's word for
/// interfaces.
fn ready() -> TempDir {
    // As the test's network sees them; otherwise it is the machine's.
    if !Path::new("/sys/class/net").join(INTERFACE).exists() {
        run("mount", &["-t", "sysfs", "-o", "ro", "none", "/sys"]);
    }
    run("ip", &["-n", "outside", "addr", "replace", OUTSIDE_V6, "dev", FAR, "nodad"]);
    let settled = || {
        let said = |end: &[&str]| {
            let output = std::process::Command::new(installed("ip", "iproute2")).args(end).output();
            String::from_utf8_lossy(&output.expect("ip runs").stdout).into_owned()
        };
        let near = said(&["-6", "addr", "show", "dev", INTERFACE, "scope", "link"]);
        let far = said(&["-n", "outside", "-6", "addr", "show", "dev", FAR, "scope", "link"]);
        [near, far].iter().all(|text| text.contains("fe80") && !text.contains("tentative"))
    };
    assert!(wait_until(PATIENCE, settled), "link-local addresses stay tentative");
    tempfile::Builder::new().prefix("alto-testkit-").tempdir().expect("a temporary folder")
}

/// A folder of the machine's becomes the test's own, and empty.
fn own(folder: &str) {
    assert!(Path::new(folder).is_dir(), "{folder} is missing: run `make check`");
    run("mount", &["-t", "tmpfs", "none", folder]);
}

/// Takes the near end's address away, for a client to get one; its routes go with it.
pub fn without_address() {
    lose(NEAR);
}

/// Takes an address away from the near end.
pub fn lose(address: &str) {
    run("ip", &["addr", "del", &format!("{address}/24"), "dev", INTERFACE]);
}

/// The server's address, as the near end knows it.
pub const SERVER: &str = OUTSIDE;

fn outside(
    program: &str,
    package: &str,
    settings: &[String],
    arguments: &[String],
    log: &Path,
) -> Process {
    let program = installed(program, package).display().to_string();
    let through = OUTSIDE_COMMAND[1..].iter().map(|word| (*word).to_owned());
    let words = settings.iter().cloned().chain(through).chain([program]);
    let words: Vec<String> = words.chain(arguments.iter().cloned()).collect();
    Process::start(Path::new(OUTSIDE_COMMAND[0]), &words, log)
}

/// A name in wire format (RFC 1035 §3.1), as hexadecimal with colons.
fn wire(name: &str) -> String {
    let mut octets = Vec::new();
    for label in name.split('.') {
        octets.push(u8::try_from(label.len()).expect("a label of 63 octets at most"));
        octets.extend(label.as_bytes());
    }
    let text: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    text.join(":")
}
