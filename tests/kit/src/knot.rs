//! Knot DNS, an authoritative name server.

use std::fmt::Write;

use crate::name_server::{Daemon, Recipe, ZoneFile};

/// Starts Knot DNS as the authority for these zones.
pub fn launch(zones: &[ZoneFile]) -> Daemon {
    let clauses = zones.iter().enumerate().fold(String::new(), |mut text, (number, zone)| {
        writeln!(text, "  - domain: \"{}\"\n    file: \"{number}.zone\"", zone.apex)
            .expect("writing to a string");
        text
    });
    let recipe = Recipe {
        program: "knotd",
        debian_package: "knot",
        arguments: &["-c"],
        configuration: Box::new(move |folder, address| {
            let (ip, port, folder) = (address.ip(), address.port(), folder.display());
            format!(
                r#"server:
  listen: {ip}@{port}
  rundir: "{folder}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{folder}"
control:
  listen: "{folder}/control"
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
{clauses}"#
            )
        }),
    };
    Daemon::launch(recipe, zones)
}
