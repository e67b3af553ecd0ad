//! nginx, in front of an HTTP server: it speaks TLS to clients, compresses, and keeps answers.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::pki::Identity;
use crate::ports;
use crate::process::{Process, installed, wait_until};

/// A running nginx on loopback, ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    address: SocketAddr,
    folder: TempDir,
    _process: Process,
}

/// A request as nginx saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Method and path.
    pub request: String,
    /// The status that the client got.
    pub status: u16,
    /// What the cache did: `MISS`, `HIT`, `REVALIDATED`, `EXPIRED`, `BYPASS`, or `-` if it was not asked.
    pub cache: String,
    /// The status that the server behind gave; `None` if it was not asked.
    pub behind: Option<u16>,
}

/// How long it may take to start: far more than it needs.
const PATIENCE: Duration = Duration::from_secs(20);

impl Nginx {
    /// Starts it before the server at `behind`, with this identity. What it keeps it uses for a
    /// second, whatever the server allows, and then asks whether it is still good; sooner if a
    /// client says `Cache-Control`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn before(behind: SocketAddr, identity: &Identity) -> Self {
        let program = installed("nginx", "nginx");
        let mut said = String::new();
        // Somebody else may have taken the port meanwhile.
        for _ in 0..3 {
            let (address, folder) = (ports::free(), folder(identity));
            let file = folder.path().join("nginx.conf");
            fs::write(&file, configuration(folder.path(), address, behind))
                .expect("a file in the temporary folder");
            let log = folder.path().join("log");
            let arguments = ["-p".as_ref(), folder.path(), "-c".as_ref(), file.as_path()];
            let process = Process::start(&program, &arguments, &log);
            let answers = || TcpStream::connect(address).is_ok();
            wait_until(PATIENCE, || !process.running() || answers());
            if process.running() && answers() {
                return Self { address, folder, _process: process };
            }
            said = process.log();
        }
        panic!("nginx does not start; it says:\n{said}");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URI of a path of it.
    pub fn uri(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// All requests so far that it has dealt with.
    pub fn passed(&self) -> Vec<Passed> {
        let log = fs::read_to_string(self.folder.path().join("access")).unwrap_or_default();
        log.lines().map(passed).collect()
    }

    /// Waits until it has dealt with a request of this kind; whether it has.
    pub fn wait_for(&self, kind: impl Fn(&Passed) -> bool) -> bool {
        wait_until(PATIENCE, || self.passed().iter().any(&kind))
    }
}

fn folder(identity: &Identity) -> TempDir {
    let folder = tempfile::Builder::new().prefix("alto-testkit-").tempdir();
    let folder = folder.expect("a temporary folder");
    for (name, content) in [("cert.pem", &identity.certificate), ("key.pem", &identity.key)] {
        fs::write(folder.path().join(name), content).expect("a file in the temporary folder");
    }
    folder
}

fn passed(line: &str) -> Passed {
    let mut fields = line.split('|');
    let mut next = || fields.next().unwrap_or_default();
    Passed {
        request: next().into(),
        status: next().parse().unwrap_or_default(),
        cache: next().into(),
        behind: next().parse().ok(),
    }
}

fn configuration(folder: &Path, address: SocketAddr, behind: SocketAddr) -> String {
    let root = fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0);
    // Its workers would otherwise be somebody who may not look into the folder.
    let user = if root { "user root;" } else { "" };
    let folder = folder.display();
    format!(
        r#"daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
  log_format passed "$request_method $uri|$status|$upstream_cache_status|$upstream_status";
  access_log {folder}/access passed;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=answers:1m;
  gzip on;
  gzip_proxied any;
  gzip_min_length 1;
  gzip_types application/alto-directory+json application/alto-networkmap+json application/alto-costmap+json;
  server {{
    listen {address} ssl;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://{behind};
      proxy_http_version 1.1;
      proxy_cache answers;
      proxy_cache_revalidate on;
      proxy_cache_valid 200 1s;
      proxy_cache_bypass $http_cache_control;
      proxy_ignore_headers Cache-Control Expires;
    }}
  }}
}}
"#
    )
}
