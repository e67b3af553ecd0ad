//! Unbound, a recursive name server.

use std::net::SocketAddr;

use crate::name_server::{Daemon, Recipe};
use crate::record::Record;

/// Zones that Unbound would answer from its own knowledge (RFC 6303) and the tests use.
const TEST_ZONES: [&str; 5] = [
    "2.0.192.in-addr.arpa.",
    "100.51.198.in-addr.arpa.",
    "113.0.203.in-addr.arpa.",
    "10.in-addr.arpa.",
    "8.b.d.0.1.0.0.2.ip6.arpa.",
];

/// Starts Unbound as a resolver that takes everything from the authority of the root at this
/// address. It validates nothing.
pub fn launch(authority: SocketAddr) -> Daemon {
    launch_with(&stubs(authority, &[]), "iterator", |_| String::new())
}

/// The same with an authority of this zone alone.
pub fn launch_below(zone: &str, authority: SocketAddr) -> Daemon {
    let own = format!("  local-zone: \"{zone}\" nodefault\n");
    launch_with(&stub(zone, authority), "iterator", move |_| own.clone())
}

/// How Unbound validates.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The DS record of the root that it trusts.
    pub anchor: Record,
    /// The zones below the root that the authority has as zones of their own.
    pub zones: Vec<String>,
    /// Whether it says why data is not authentic (RFC 8914).
    pub reasons: Reasons,
}

/// Whether a validator says why data is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasons {
    /// In extended errors.
    Told,
    /// It does not, as Unbound ships.
    Kept,
}

/// Starts Unbound as a validating resolver.
pub fn launch_validating(authority: SocketAddr, validation: &Validation) -> Daemon {
    let Validation { anchor, zones, reasons } = validation;
    let told = if *reasons == Reasons::Told { "yes" } else { "no" };
    let extra = format!("  trust-anchor: \"{anchor}\"\n  ede: {told}\n");
    launch_with(&stubs(authority, zones), "validator iterator", move |_| extra.clone())
}

/// The same with its TCP port for TLS alone (`tls-port`), showing this certificate with this key,
/// both in PEM.
pub fn launch_tls(authority: SocketAddr, certificate: &str, key: &str) -> Daemon {
    let folder = tempfile::Builder::new().prefix("alto-testkit-").tempdir();
    let folder = folder.expect("a temporary folder");
    let files = ["certificate", "key"].map(|name| folder.path().join(name));
    for (file, text) in files.iter().zip([certificate, key]) {
        std::fs::write(file, text).expect("a file in the temporary folder");
    }
    launch_with(&stubs(authority, &[]), "iterator", move |port| {
        let [certificate, key] = files.each_ref().map(|file| folder.path().join(file));
        let (certificate, key) = (certificate.display(), key.display());
        format!(
            "  tls-port: {port}\n  tls-service-pem: \"{certificate}\"\n  tls-service-key: \"{key}\"\n"
        )
    })
}

/// Where the root and these zones are, since a delegation names no port.
fn stubs(authority: SocketAddr, zones: &[String]) -> String {
    zones.iter().fold(stub(".", authority), |text, zone| text + &stub(zone, authority))
}

fn stub(zone: &str, authority: SocketAddr) -> String {
    let (ip, port) = (authority.ip(), authority.port());
    format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: {ip}@{port}\n  stub-prime: no\n")
}

fn launch_with(
    stubs: &str,
    modules: &'static str,
    extra: impl Fn(u16) -> String + Send + Sync + 'static,
) -> Daemon {
    let local = TEST_ZONES.map(|zone| format!("  local-zone: \"{zone}\" nodefault\n")).concat();
    let stubs = stubs.to_owned();
    let recipe = Recipe {
        program: "unbound",
        debian_package: "unbound",
        arguments: &["-d", "-c"],
        configuration: Box::new(move |folder, address| {
            let (ip, port, folder) = (address.ip(), address.port(), folder.display());
            let extra = extra(port);
            format!(
                r#"server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-daemonize: no
  num-threads: 1
  interface: {ip}
  port: {port}
  do-ip6: no
  do-not-query-localhost: no
  module-config: "{modules}"
{local}{extra}remote-control:
  control-enable: no
{stubs}"#
            )
        }),
    };
    Daemon::launch(recipe, &[])
}
