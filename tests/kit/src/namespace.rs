//! A network of the test's own (Linux namespaces): no packet of it can leave the machine, and the
//! kernel counts those that are sent.
//!
//! There are two places in it. The test is at [`NEAR`] with its own loopback; beyond a wire, at
//! [`OUTSIDE`], is the rest of the world: all routes lead there.

use std::process::Command;

use crate::process::installed;

/// The test's own address.
pub const NEAR: &str = "198.51.100.1";

/// The one address on the other side.
pub const OUTSIDE: &str = "198.51.100.7";

/// What runs a program on the other side.
pub(crate) const OUTSIDE_COMMAND: &[&str] = &["/usr/bin/env", "ip", "netns", "exec", "outside"];

/// Says that a program runs inside.
const MARK: &str = "ALTO_TESTKIT_INSIDE";

/// Makes both places and runs the arguments at the near one. Names are those of `$HOSTS` alone.
/// Neighbour discovery is nobody's wish but the kernel's, so it is not counted.
const MAKE: &str = r#"
set -eu
mount -t tmpfs none /run
ip link set lo up
ip netns add outside
ip link add near type veth peer name far netns outside
ip addr add "$NEAR/24" dev near
ip link set near up
ip netns exec outside ip link set lo up
ip netns exec outside ip addr add "$OUTSIDE/24" dev far
ip netns exec outside ip link set far up
ip route add default via "$OUTSIDE"
ip -6 route add default dev near
printf '%s\n' "$HOSTS" >/run/hosts
echo 'hosts: files' >/run/nsswitch
mount --bind /run/hosts /etc/hosts
mount --bind /run/nsswitch /etc/nsswitch.conf
nft -f - <<RULES
table inet count {
  counter outside {}
  counter elsewhere {}
  set known { type inet_service; }
  chain output {
    type filter hook output priority 0;
    meta l4proto ipv6-icmp accept
    ip daddr $OUTSIDE counter name outside accept
    oif lo meta l4proto {tcp, udp} th dport @known accept
    oif lo meta l4proto {tcp, udp} th sport @known accept
    counter name elsewhere
  }
}
RULES
exec "$@"
"#;

/// Whether this runs inside. If not, the test of this name is run there, and has passed when this
/// returns; `hosts` are lines of `/etc/hosts`.
///
/// # Panics
/// If it fails, or the system does not let us make namespaces.
pub fn is_inside(test: &str, hosts: &[String]) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let _needed = installed("nft", "nftables");
    let own = std::env::current_exe().expect("the path of the test program");
    let output = Command::new(installed("unshare", "util-linux"))
        .args(["--user", "--map-root-user", "--net", "--mount", "/bin/sh", "-c", MAKE, "make"])
        .arg(own)
        .args(["--exact", test, "--nocapture"])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs([(MARK, "yes"), ("NEAR", NEAR), ("OUTSIDE", OUTSIDE), ("HOSTS", &hosts.join("\n"))])
        .output()
        .expect("a namespace");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    println!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "inside the namespace:\n{said}");
    false
}

/// Runs a command of the system to its end.
///
/// # Panics
/// If it fails.
pub(crate) fn run(program: &str, words: &[&str]) {
    let status = Command::new(installed(program, "iproute2")).args(words).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {words:?} failed");
}

/// Packets sent so far to [`OUTSIDE`], and to anywhere else.
///
/// # Panics
/// If the kernel's counters cannot be read.
pub fn packets() -> (u64, u64) {
    let counter = |name: &str| {
        let nft = installed("nft", "nftables");
        let output = Command::new(nft).args(["list", "counter", "inet", "count", name]).output();
        let text = String::from_utf8(output.expect("nft runs").stdout).expect("text");
        let words: Vec<&str> = text.split_whitespace().collect();
        let count = words.windows(2).find(|pair| pair[0] == "packets").map(|pair| pair[1]);
        count.expect("a counter").parse().expect("a number")
    };
    (counter("outside"), counter("elsewhere"))
}

/// Does not count what a server of the test on loopback, at this port, is asked and says.
///
/// # Panics
/// If the kernel refuses.
pub fn do_not_count(port: u16) {
    let element = format!("{{ {port} }}");
    let mut command = Command::new(installed("nft", "nftables"));
    let status = command.args(["add", "element", "inet", "count", "known", &element]).status();
    assert!(status.expect("nft runs").success(), "nft adds port {port}");
}
