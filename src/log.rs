//! What the library has to say while it runs: few lines, and never whose they are about.

mod config;

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{Write as _, stderr};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alto_discovery_core::{Answer, Error, Peer};
use ipnet::IpNet;
use tokio::time::Instant;

pub use config::{Level, LogConfig, Target};

/// Tells lines of the level wanted; of one kind a few in a minute, and how many were left out.
#[derive(Debug)]
pub(crate) struct Log {
    config: LogConfig,
    kinds: Mutex<HashMap<&'static str, Minute>>,
    counts: [AtomicU32; LIMITS.len()],
}

/// A limit that was met on the path of an announce, where no line is told: it is counted there, and
/// told when some work beside that path ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Met {
    /// As many lookups are under way as may be.
    Calls,
    /// A swarm's views of maps take as much as they may.
    #[cfg(feature = "guidance")]
    Views,
}

/// Kind, level and sentence of each, by its number.
const LIMITS: [(&str, Level, &str); 2] = [
    ("full", Level::Warn, "lookups turned away, too many being under way (limit-reached)"),
    ("no-room", Level::Info, "choices from samples, a swarm having no room for one map more"),
];

#[derive(Clone, Copy, Debug)]
struct Minute {
    since: Instant,
    told: u32,
    left_out: u32,
}

/// Lines of one kind in a minute.
const MOST: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
/// A kind is the code of an error: few, but who knows.
const MOST_KINDS: usize = 100;

impl Log {
    pub(crate) fn new(config: LogConfig) -> Self {
        Self { config, kinds: Mutex::default(), counts: Default::default() }
    }

    /// That threads work from now on, or no longer.
    #[cfg(feature = "guidance")]
    pub(crate) fn works(&self, works: bool) {
        let what = if works { "started" } else { "stopped" };
        let line = || format!("alto-discovery {}: {what}", env!("CARGO_PKG_VERSION"));
        self.say(Level::Info, what, Instant::now(), line);
    }

    /// Counts that a limit was met: no line, no waiting.
    pub(crate) fn met(&self, limit: Met) {
        self.counts[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Tells what limits were met since the last time.
    fn limits(&self) {
        for (count, (kind, level, what)) in self.counts.iter().zip(LIMITS) {
            if count.load(Ordering::Relaxed) > 0 {
                let count = count.swap(0, Ordering::Relaxed);
                self.say(level, kind, Instant::now(), || {
                    format!("limits: {count} {what} ({kind})")
                });
            }
        }
    }

    fn tells(&self, level: Level) -> bool {
        self.config.target != Target::None && level <= self.config.level
    }

    /// How a discovery ended.
    pub(crate) fn discovered(
        &self,
        peer: &Peer<'_>,
        reply: &Result<std::sync::Arc<Answer>, Error>,
    ) {
        self.limits();
        let (level, kind) = match reply {
            Err(error @ Error::Rejected { .. }) => (Level::Error, error.code()),
            Err(error @ Error::Unavailable { .. }) => (Level::Warn, error.code()),
            Err(error) => (Level::Debug, error.code()),
            Ok(_) => (Level::Debug, "found"),
        };
        if !self.tells(level) {
            return;
        }
        let in_full = self.config.level == Level::Debug;
        let whose = if in_full { peer.net() } else { network_of(peer.net()) };
        self.say(level, kind, Instant::now(), || match reply {
            Ok(answer) => {
                let servers = answer.servers().iter().map(|server| server.uri.as_str());
                format!("{whose}: found {}", servers.collect::<Vec<_>>().join(" "))
            }
            Err(error) if in_full => format!("{whose}: {error}"),
            Err(Error::Rejected { .. }) => format!("{whose}: refused ({kind})"),
            Err(_) => format!("{whose}: no server to be found for now ({kind})"),
        });
    }

    /// What came of asking a server for its maps.
    #[cfg(feature = "guidance")]
    pub(crate) fn fetched(&self, told: &alto_guidance::Told<'_>) {
        self.limits();
        let host = told.server.host_str().unwrap_or("-");
        match told.outcome {
            Ok(table) => {
                self.say(Level::Info, "fetched", Instant::now(), || {
                    format!("{host}: maps fetched")
                });
                for warning in table.warnings() {
                    let line = || format!("{host}: {}", warning.code);
                    self.say(Level::Info, warning.code, Instant::now(), line);
                }
            }
            Err(error) => {
                let (level, what) = if error.is_refusal() {
                    (Level::Error, "what it says is refused")
                } else {
                    (Level::Warn, "does not answer")
                };
                self.say(level, error.code(), Instant::now(), || match self.config.level {
                    Level::Debug => format!("{host}: {what}: {error}"),
                    _ => format!("{host}: {what} ({})", error.code()),
                });
            }
        }
    }

    fn say(&self, level: Level, kind: &'static str, now: Instant, line: impl FnOnce() -> String) {
        if !self.tells(level) {
            return;
        }
        let Some(left_out) = self.admit(kind, now) else { return };
        let more = match left_out {
            0 => String::new(),
            _ => format!(" ({left_out} more of this kind were left out)"),
        };
        let line = one_line(&line()) + &more;
        // Whoever does not listen misses it.
        match self.config.target {
            Target::Stderr => drop(writeln!(stderr(), "alto: {}: {line}", level.name())),
            Target::Syslog => drop(to_syslog("/dev/log", level, &line)),
            Target::None => {}
        }
    }

    /// Whether one more line of a kind may be told, and how many were left out before it.
    fn admit(&self, kind: &'static str, now: Instant) -> Option<u32> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= MOST_KINDS && !kinds.contains_key(kind) {
            return None;
        }
        let fresh = Minute { since: now, told: 0, left_out: 0 };
        let minute = kinds.entry(kind).or_insert(fresh);
        if now.saturating_duration_since(minute.since) >= MINUTE {
            *minute = Minute { left_out: minute.left_out, ..fresh };
        }
        if minute.told >= MOST {
            minute.left_out += 1;
            return None;
        }
        minute.told += 1;
        Some(std::mem::take(&mut minute.left_out))
    }
}

/// The network that a peer is told by.
fn network_of(net: IpNet) -> IpNet {
    let length = if net.addr().is_ipv4() { 24 } else { 48 };
    IpNet::new(net.addr(), length.min(net.prefix_len())).map_or(net, |net| net.trunc())
}

/// What strangers sent begins no line of its own, and has an end.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 500;
    let visible = |sign: char| if sign.is_control() { ' ' } else { sign };
    text.chars().take(LONGEST).map(visible).collect()
}

/// One datagram, as syslog(3) sends it (RFC 3164 §4.1), without waiting; the time is the log's affair.
/// The socket lives for this line: a log that was restarted is found again, also from a chroot.
fn to_syslog(path: &str, level: Level, line: &impl Display) -> std::io::Result<()> {
    const DAEMON: u8 = 3 << 3;
    let severity = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug => 7,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let text = format!("<{}>alto[{}]: {line}", DAEMON | severity, std::process::id());
    socket.send_to(text.as_bytes(), path).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of one kind five lines a minute are told, then how many were not; other kinds are apart.
    #[test]
    fn lines_of_a_kind_are_few() {
        let config = LogConfig { level: Level::Warn, target: Target::Stderr };
        let (log, start) = (Log::new(config), Instant::now());
        let told = (0..1_000).filter(|_| log.admit("timeout", start).is_some()).count();
        assert_eq!((told, log.admit("bogus", start)), (5, Some(0)));
        assert_eq!(log.admit("timeout", start + MINUTE), Some(995));
        assert_eq!(log.admit("timeout", start + MINUTE), Some(0));
    }

    /// What is met on the path of an announce is counted there, and told once beside it.
    #[test]
    fn limits_are_counted_first() {
        let log = Log::new(LogConfig { level: Level::Warn, target: Target::Stderr });
        for _ in 0..7 {
            log.met(Met::Calls);
        }
        assert!(log.kinds.lock().unwrap().is_empty(), "nothing is told there");
        assert_eq!(log.counts[Met::Calls as usize].load(Ordering::Relaxed), 7);
        log.limits();
        log.limits();
        assert_eq!(log.kinds.lock().unwrap()["full"].told, 1);
        assert_eq!(log.counts[Met::Calls as usize].load(Ordering::Relaxed), 0);
    }

    /// Nothing is told without a target, or below the level.
    #[test]
    fn silent_unless_told() {
        assert!(
            !Log::new(LogConfig { level: Level::Debug, target: Target::None }).tells(Level::Error)
        );
        let warn = Log::new(LogConfig { level: Level::Warn, target: Target::Stderr });
        assert_eq!(
            [Level::Error, Level::Warn, Level::Info].map(|l| warn.tells(l)),
            [true, true, false]
        );
    }

    /// A peer is told by its network.
    #[test]
    fn peers_are_told_by_their_network() {
        for (net, told) in [
            ("203.0.113.5/32", "203.0.113.0/24"),
            ("203.0.0.0/16", "203.0.0.0/16"),
            ("2001:db8:1:2::3/128", "2001:db8:1::/48"),
        ] {
            assert_eq!(network_of(net.parse().unwrap()).to_string(), told);
        }
        assert_eq!(one_line("a\nb\u{1b}c"), "a b c");
    }

    /// One datagram with facility and severity; a log that is not there is an error, not a wait.
    #[test]
    fn syslog_gets_one_datagram() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("log");
        let socket = UnixDatagram::bind(&path).unwrap();
        to_syslog(path.to_str().unwrap(), Level::Warn, &"a line").unwrap();
        let mut octets = [0; 100];
        let length = socket.recv(&mut octets).unwrap();
        let wanted = format!("<28>alto[{}]: a line", std::process::id());
        assert_eq!(std::str::from_utf8(&octets[..length]).unwrap(), wanted);
        assert!(to_syslog("/nonexistent/log", Level::Warn, &"a line").is_err());
    }
}
