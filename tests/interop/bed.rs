//! Signed zones behind validating resolvers, and the command before them.

use alto_testkit::signer::{self, Key, Published};
use alto_testkit::unbound::{self, Reasons, Validation};
use alto_testkit::{Daemon, NameServer, Zone, ZoneFile, nsd};

use crate::command::{Said, discover};
use crate::signed_zones::naptr;

/// The server of the network around all zones, signed: what whoever breaks a zone would have us fall
/// back to.
pub(crate) const B: &str = "https://b.example/ird";
/// That network's name; zones of blocks lie below it.
pub(crate) const AROUND: &str = "51.198.in-addr.arpa.";

/// `dns.dnssec`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Off,
    Prefer,
    Require,
}

/// A signed root with these zones below it, and a validating resolver that says why data is not
/// authentic, and one that does not.
pub(crate) struct Bed {
    _authority: Daemon,
    told: Daemon,
    kept: Daemon,
}

impl Bed {
    pub(crate) fn start(zones: &[Published]) -> Self {
        let key = Key::new(0);
        let around = naptr(AROUND, B);
        let root = signer::signed_root(&Zone::new([around]), zones, &key);
        let mut files: Vec<ZoneFile> = zones.iter().map(|zone| zone.file.clone()).collect();
        let below = files.iter().map(|file| file.apex.clone()).collect();
        files.push(root);
        let authority = nsd::launch(&files);
        let validation = Validation { anchor: key.ds("."), zones: below, reasons: Reasons::Told };
        let told = unbound::launch_validating(authority.address(), &validation);
        let validation = Validation { reasons: Reasons::Kept, ..validation };
        let kept = unbound::launch_validating(authority.address(), &validation);
        Self { _authority: authority, told, kept }
    }

    pub(crate) fn discover(&self, mode: Mode, reasons: Reasons, peer: &str) -> Said {
        let resolver = match reasons {
            Reasons::Told => self.told.address(),
            Reasons::Kept => self.kept.address(),
        };
        let mode = format!("{mode:?}").to_lowercase();
        discover(resolver, &[("dns.dnssec", mode)], peer).unwrap()
    }
}
