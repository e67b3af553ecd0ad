//! NSD, an authoritative name server.

use std::fmt::Write;

use crate::name_server::{Daemon, Recipe, ZoneFile};

/// Starts NSD as the authority for these zones.
pub fn launch(zones: &[ZoneFile]) -> Daemon {
    // It drops replies above 200 a second to one network unless told not to.
    launch_with(zones, "rrl-ratelimit: 0")
}

/// The same with response rate limiting as it ships.
pub fn launch_limiting(zones: &[ZoneFile]) -> Daemon {
    launch_with(zones, "")
}

fn launch_with(zones: &[ZoneFile], rate: &'static str) -> Daemon {
    let clauses = zones.iter().enumerate().fold(String::new(), |mut text, (number, zone)| {
        let apex = &zone.apex;
        writeln!(text, "zone:\n  name: \"{apex}\"\n  zonefile: \"{number}.zone\"")
            .expect("writing to a string");
        text
    });
    let recipe = Recipe {
        program: "nsd",
        debian_package: "nsd",
        arguments: &["-d", "-c"],
        configuration: Box::new(move |folder, address| {
            let (ip, port, folder) = (address.ip(), address.port(), folder.display());
            format!(
                r#"server:
  ip-address: {ip}@{port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  {rate}
remote-control:
  control-enable: no
{clauses}"#
            )
        }),
    };
    Daemon::launch(recipe, zones)
}
