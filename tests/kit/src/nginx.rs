//! nginx, in front of an HTTP server: it speaks TLS to clients, compresses, and keeps answers.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::namespace::OUTSIDE_COMMAND;
use crate::pki::Identity;
use crate::ports;
use crate::process::{Process, installed, wait_until};

/// A running nginx, ended when dropped.
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
    /// Starts it on loopback before the server at `behind`, with this identity. What it keeps it
    /// uses for a second, whatever the server allows, and then asks whether it is still good; sooner
    /// if a client says `Cache-Control`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn before(behind: SocketAddr, identity: &Identity) -> Self {
        let mut said = String::new();
        // Somebody else may have taken the port meanwhile.
        for _ in 0..3 {
            match Self::start(&[], ports::free(), identity, &proxy(behind), &[]) {
                Ok(nginx) => return nginx,
                Err(log) => said = log,
            }
        }
        panic!("nginx does not start; it says:\n{said}");
    }

    /// Starts it at this address in a network namespace, see [`namespace`](crate::namespace), with
    /// these `location` blocks and these files below its root.
    ///
    /// # Panics
    /// If it does not start.
    pub fn outside(
        address: SocketAddr,
        identity: &Identity,
        locations: &str,
        files: &[(String, String)],
    ) -> Self {
        let nginx = Self::start(OUTSIDE_COMMAND, address, identity, locations, files);
        nginx.unwrap_or_else(|said| panic!("nginx does not start; it says:\n{said}"))
    }

    fn start(
        through: &[&str],
        address: SocketAddr,
        identity: &Identity,
        locations: &str,
        files: &[(String, String)],
    ) -> Result<Self, String> {
        let folder = folder(identity, files);
        let file = folder.path().join("nginx.conf");
        let text = configuration(folder.path(), address, locations);
        fs::write(&file, text).expect("a file in the temporary folder");
        let nginx = installed("nginx", "nginx");
        let own = [nginx.as_path(), "-p".as_ref(), folder.path(), "-c".as_ref(), &file];
        let words: Vec<&Path> = through.iter().map(Path::new).chain(own).collect();
        let process = Process::start(words[0], &words[1..], &folder.path().join("log"));
        let answers = || TcpStream::connect(address).is_ok();
        wait_until(PATIENCE, || !process.running() || answers());
        if process.running() && answers() {
            return Ok(Self { address, folder, _process: process });
        }
        let errors = fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
        Err(process.log() + &errors)
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

/// A folder with what it shows and what it serves.
fn folder(identity: &Identity, files: &[(String, String)]) -> TempDir {
    let folder = tempfile::Builder::new().prefix("alto-testkit-").tempdir();
    let folder = folder.expect("a temporary folder");
    let write = |name: &str, content: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("it is in the folder")).expect("a folder");
        fs::write(file, content).expect("a file in the temporary folder");
    };
    write("cert.pem", &identity.certificate);
    write("key.pem", &identity.key);
    for (name, content) in files {
        write(&format!("root{name}"), content);
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

/// A location that passes all on, and keeps what comes back.
fn proxy(behind: SocketAddr) -> String {
    format!(
        r"location / {{
      proxy_pass http://{behind};
      proxy_http_version 1.1;
      proxy_cache answers;
      proxy_cache_revalidate on;
      proxy_cache_valid 200 1s;
      proxy_cache_bypass $http_cache_control;
      proxy_ignore_headers Cache-Control Expires;
    }}"
    )
}

fn configuration(folder: &Path, address: SocketAddr, locations: &str) -> String {
    let is_root = fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0);
    // Its workers would otherwise be somebody who may not look into the folder.
    let user = if is_root { "user root;" } else { "" };
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
    root {folder}/root;
    {locations}
  }}
}}
"#
    )
}
