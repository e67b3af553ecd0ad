//! BIND 9, here an authoritative name server.

use std::fmt::Write;

use crate::name_server::{Daemon, Recipe, ZoneFile};

/// The vectors whose zones BIND refuses to load, for it checks the regexp of NAPTR records (three
/// delimiters, back-references to groups that exist). It answers SERVFAIL for such a zone.
pub const CANNOT_HOLD: [u8; 5] = [24, 26, 28, 31, 32];

/// Starts BIND 9 as the authority for these zones.
pub fn launch(zones: &[ZoneFile]) -> Daemon {
    launch_with(zones, String::new())
}

/// The same with so many replies of a kind a second (`rate-limit`): of those above that each second one
/// is cut short, the others are dropped.
pub fn launch_limiting(zones: &[ZoneFile], per_second: u32) -> Daemon {
    launch_with(zones, format!("rate-limit {{ responses-per-second {per_second}; }};"))
}

fn launch_with(zones: &[ZoneFile], rate: String) -> Daemon {
    let clauses = zones.iter().enumerate().fold(String::new(), |mut text, (number, zone)| {
        writeln!(text, r#"zone "{}" {{ type primary; file "{number}.zone"; }};"#, zone.apex)
            .expect("writing to a string");
        text
    });
    let recipe = Recipe {
        program: "named",
        debian_package: "bind9",
        arguments: &["-n", "1", "-g", "-c"],
        // Its own empty zones cover the documentation networks (RFC 6303).
        configuration: Box::new(move |folder, address| {
            let (ip, port, folder) = (address.ip(), address.port(), folder.display());
            format!(
                r#"options {{
  directory "{folder}";
  pid-file none;
  lock-file none;
  session-keyfile "{folder}/session.key";
  listen-on port {port} {{ {ip}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  minimal-responses yes;
  {rate}
}};
controls {{ }};
{clauses}"#
            )
        }),
    };
    Daemon::launch(recipe, zones)
}
