//! PowerDNS, an authoritative name server, with its BIND backend.

use std::fmt::Write;
use std::fs;

use crate::name_server::{Daemon, Recipe, ZoneFile};

/// Starts PowerDNS as the authority for these zones.
pub fn launch(zones: &[ZoneFile]) -> Daemon {
    let apexes: Vec<String> = zones.iter().map(|zone| zone.apex.clone()).collect();
    let recipe = Recipe {
        program: "pdns_server",
        debian_package: "pdns-server pdns-backend-bind",
        arguments: &["--config-dir={folder}"],
        configuration: Box::new(move |folder, address| {
            let (ip, port, path) = (address.ip(), address.port(), folder.display());
            let clauses =
                apexes.iter().enumerate().fold(String::new(), |mut text, (number, apex)| {
                    let file = format!("{path}/{number}.zone");
                    writeln!(text, r#"zone "{apex}" {{ type master; file "{file}"; }};"#)
                        .expect("writing to a string");
                    text
                });
            let text = format!(
                "launch=bind\nbind-config={path}/named.conf\nbind-check-interval=0\n\
                 local-address={ip}\nlocal-port={port}\nsocket-dir={path}\n\
                 receiver-threads=1\ndistributor-threads=1\nretrieval-threads=1\n\
                 cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n\
                 security-poll-suffix=\ndaemon=no\nguardian=no\nsetuid=\nsetgid=\nwrite-pid=no\n"
            );
            for (name, text) in [("named.conf", &clauses), ("pdns.conf", &text)] {
                fs::write(folder.join(name), text).expect("a file in the temporary folder");
            }
            text
        }),
    };
    Daemon::launch(recipe, zones)
}
