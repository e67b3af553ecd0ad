//! Real DHCP clients, which keep their leases where they always do: these places are the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{INTERFACE, PATIENCE, own};
use crate::namespace::run;
use crate::process::{Process, installed, wait_until};

/// A running client; ended when dropped.
#[derive(Debug)]
pub struct Client {
    processes: Vec<Process>,
    _folder: TempDir,
}

/// What dhclient is told of options 213 and 57.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To ask for them.
    Plainly,
    /// The same, and to write them in wire format.
    AsOctets,
}

/// ISC's dhclient for IPv4 or IPv6, as `family` says (`-4` or `-6`).
///
/// # Panics
/// If it gets no lease.
pub fn dhclient(family: &str, asks: Asks) -> Client {
    let folder = folder();
    own("/var/lib/dhcp");
    let declared = match asks {
        Asks::Plainly => "",
        Asks::AsOctets => {
            "option v4-access-domain code 213 = string;\noption dhcp6.v6-access-domain code 57 = string;\n"
        }
    };
    let requests = "also request v4-access-domain, dhcp6.v6-access-domain;\n";
    let configuration = write(&folder, "conf", &format!("{declared}{requests}"));
    // Its own one would change the machine's resolvers, too.
    let script = write(
        &folder,
        "script",
        "#!/bin/sh\n\
         [ -z \"$new_ip_address\" ] || ip addr replace \"$new_ip_address/24\" dev \"$interface\"\n\
         [ -z \"$new_ip6_address\" ] || ip addr replace \"$new_ip6_address/64\" dev \"$interface\" nodad\n",
    );
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("its own file");
    let name = if family == "-6" { "dhclient6.near.leases" } else { "dhclient.near.leases" };
    let leases = Path::new("/var/lib/dhcp").join(name);
    let words =
        [family, "-d", "-cf", text(&configuration), "-lf", text(&leases), "-sf", text(&script)];
    let pid = folder.path().join("pid");
    let words = [&words[..], &["-pf", text(&pid), INTERFACE]].concat();
    let process = start("dhclient", "isc-dhcp-client", &words, &folder);
    let client = Client { processes: vec![process], _folder: folder };
    client.wait_for("a lease", || has(&leases, "lease"));
    client.wait_for("an address", || address_of(family));
    client
}

/// dhcpcd, for both families.
///
/// # Panics
/// If it gets no lease.
pub fn dhcpcd() -> Client {
    let folder = folder();
    own("/var/lib/dhcpcd");
    let options = "option domain_name, access_domain\noption dhcp6_access_domain\nnoarp\n";
    let configuration = write(&folder, "conf", options);
    let words = ["-B", "-f", text(&configuration), "-c", "/bin/true", INTERFACE];
    let process = start("dhcpcd", "dhcpcd-base", &words, &folder);
    let client = Client { processes: vec![process], _folder: folder };
    for file in ["near.lease", "near.lease6"] {
        client.wait_for(file, || Path::new("/var/lib/dhcpcd").join(file).exists());
    }
    client.wait_for("addresses", || address_of("-4") && address_of("-6"));
    client
}

/// systemd-networkd, for both families.
///
/// # Panics
/// If it gets no lease.
pub fn networkd() -> Client {
    let folder = folder();
    // In a namespace there is one user; it would become another one.
    let users = fs::read_to_string("/etc/passwd").expect("the users");
    let others = users.lines().filter(|line| !line.starts_with("systemd-network:"));
    let others: Vec<&str> = others.chain(["systemd-network:x:0:0::/run:/bin/false\n"]).collect();
    let file = write(&folder, "passwd", &others.join("\n"));
    run("mount", &["--bind", text(&file), "/etc/passwd"]);
    for place in ["network", "netif/leases", "netif/links", "netif/lldp"] {
        fs::create_dir_all(Path::new("/run/systemd").join(place))
            .expect("the namespace's own /run");
    }
    let network = "[Match]\nName=near\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n\
                   [DHCPv4]\nRequestOptions=213\n[DHCPv6]\nRequestOptions=57\n";
    fs::write("/run/systemd/network/near.network", network).expect("the namespace's own /run");
    let daemon = Path::new("/lib/systemd/systemd-networkd");
    assert!(daemon.exists(), "systemd is not installed: run `make check`");
    let no_words: [&str; 0] = [];
    let process = Process::start(daemon, &no_words, &folder.path().join("log"));
    let client = Client { processes: vec![process], _folder: folder };
    let leases = || files("/run/systemd/netif/leases").iter().any(|file| has(file, "ADDRESS="));
    client.wait_for("a lease", leases);
    client.wait_for("an address", || address_of("-4"));
    client
}

/// NetworkManager with its own client (`internal`) or with dhclient.
///
/// # Panics
/// If it gets no lease.
pub fn network_manager(client: &str) -> Client {
    let folder = folder();
    own("/var/lib/NetworkManager");
    own("/etc/NetworkManager");
    fs::create_dir_all("/run/dbus").expect("the namespace's own /run");
    let bus = write(
        &folder,
        "bus",
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#,
    );
    let words = [&format!("--config-file={}", text(&bus)), "--nofork", "--nopidfile"];
    let bus = start("dbus-daemon", "dbus", &words, &folder);
    assert!(wait_until(PATIENCE, || Path::new("/run/dbus/system_bus_socket").exists()), "no bus");
    let settings = format!(
        "[main]\nplugins=keyfile\ndhcp={client}\nauth-polkit=false\nno-auto-default=*\ndns=none\n\
         rc-manager=unmanaged\nhostname-mode=none\n[keyfile]\npath=/etc/NetworkManager\n"
    );
    fs::write("/etc/NetworkManager/NetworkManager.conf", settings).expect("the test's own folder");
    let connection = "[connection]\nid=near\nuuid=11111111-2222-3333-4444-555555555555\n\
                      type=ethernet\ninterface-name=near\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n";
    let file = Path::new("/etc/NetworkManager/near.nmconnection");
    fs::write(file, connection).expect("the test's own folder");
    fs::set_permissions(file, PermissionsExt::from_mode(0o600)).expect("its own file");
    let manager = start("NetworkManager", "network-manager", &["--no-daemon"], &folder);
    let client = Client { processes: vec![manager, bus], _folder: folder };
    let devices = || files("/run/NetworkManager/devices").iter().any(|file| has(file, "[dhcp4]"));
    client.wait_for("a lease", devices);
    client.wait_for("an address", || address_of("-4"));
    client
}

impl Client {
    fn wait_for(&self, what: &str, ready: impl Fn() -> bool) {
        let alive = || self.processes.iter().all(Process::running);
        wait_until(PATIENCE, || !alive() || ready());
        let said = || self.processes.iter().map(Process::log).collect::<String>();
        assert!(ready(), "the DHCP client has not {what}; it says:\n{}", said());
    }
}

/// Whether the near end has an address of this family that is not of the link alone.
fn address_of(family: &str) -> bool {
    let words = [family, "addr", "show", "dev", INTERFACE, "scope", "global"];
    let output = std::process::Command::new(installed("ip", "iproute2")).args(words).output();
    let output = output.expect("ip runs");
    let said = String::from_utf8_lossy(&output.stdout);
    said.contains("inet") && !said.contains("tentative")
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("alto-testkit-").tempdir().expect("a temporary folder")
}

fn write(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let file = folder.path().join(name);
    fs::write(&file, content).expect("a file in the temporary folder");
    file
}

fn start(program: &str, package: &str, words: &[&str], folder: &TempDir) -> Process {
    Process::start(
        &installed(program, package),
        words,
        &folder.path().join(format!("{program}.log")),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn has(file: &Path, word: &str) -> bool {
    fs::read(file).is_ok_and(|octets| String::from_utf8_lossy(&octets).contains(word))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
