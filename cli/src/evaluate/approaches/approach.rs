//! The six approaches and their mixtures: what is configured for them, and what users send.

use std::fmt::Write as _;

/// What a user's program sends along with its announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    /// Nothing that it didn't before.
    Nothing,
    /// The directory of its server.
    Server,
    /// What that server told it.
    Guidance,
}

/// A way to find servers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approach {
    /// As the slides number it; 0 for a mixture.
    pub(super) number: u8,
    pub(super) name: &'static str,
    /// Backends in their order.
    pub(super) backends: &'static [&'static str],
    /// Whether the tracker passes on the port that it sees.
    pub(super) by_port: bool,
    pub(super) sends: Sends,
    /// `peerinfo.trust`.
    pub(super) trust: &'static str,
}

const fn one(
    number: u8,
    name: &'static str,
    backends: &'static [&'static str],
    by_port: bool,
    sends: Sends,
) -> Approach {
    Approach { number, name, backends, by_port, sends, trust: "open" }
}

const fn mix(
    name: &'static str,
    backends: &'static [&'static str],
    trust: &'static str,
) -> Approach {
    Approach { number: 0, name, backends, by_port: true, sends: Sends::Server, trust }
}

/// Those of the slides.
pub(super) const APPROACHES: [Approach; 6] = [
    one(1, "DNS, by address", &["dns"], false, Sends::Nothing),
    one(2, "redirecting servers, by address", &["redirect"], false, Sends::Nothing),
    one(3, "DNS, by address and port", &["dns"], true, Sends::Nothing),
    one(4, "redirecting servers, by address and port", &["redirect"], true, Sends::Nothing),
    one(5, "peer names its server", &["peerinfo"], false, Sends::Server),
    one(6, "peer brings guidance", &["peerinfo"], false, Sends::Guidance),
];

/// What becomes of them together.
pub(super) const MIXTURES: [Approach; 7] = [
    mix("peerinfo, dns, redirect", &["peerinfo", "dns", "redirect"], "open"),
    mix("peerinfo, redirect, dns", &["peerinfo", "redirect", "dns"], "open"),
    mix("dns, peerinfo, redirect", &["dns", "peerinfo", "redirect"], "open"),
    mix("dns, redirect, peerinfo", &["dns", "redirect", "peerinfo"], "open"),
    mix("redirect, peerinfo, dns", &["redirect", "peerinfo", "dns"], "open"),
    mix("redirect, dns, peerinfo", &["redirect", "dns", "peerinfo"], "open"),
    mix("peerinfo (confirm), dns, redirect", &["peerinfo", "dns", "redirect"], "confirm"),
];

impl Approach {
    pub(super) fn uses(&self, backend: &str) -> bool {
        self.backends.contains(&backend)
    }

    /// The tracker's configuration: all that a user of the library needs to say.
    pub(super) fn toml(&self, resolver: &str, redirector: &str, authority: &str) -> String {
        let backends: Vec<String> = self.backends.iter().map(|name| format!("{name:?}")).collect();
        let mut toml = format!("backends = [{}]\n", backends.join(", "));
        // Writing to a string does not fail.
        if self.uses("dns") {
            let _ = writeln!(
                toml,
                "dns.resolver = {resolver:?}\ndns.zone_qps = 100000\ndns.total_qps = 100000"
            );
        }
        if self.uses("redirect") {
            let _ = writeln!(toml, "redirect.servers = [{redirector:?}]");
        }
        if self.uses("peerinfo") {
            let _ = writeln!(toml, "peerinfo.trust = {:?}", self.trust);
        }
        let _ = writeln!(toml, "fetch.ca_file = {authority:?}\npolicy.allow_private = true");
        // Whom it passes over, among equals, depends on the minutes before.
        toml.push_str("select.promoted_share = \"100%\"\n");
        toml
    }
}
