//! `alto discover`: peers in, their servers out, in order and in bounded memory.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::sync::Arc;

use alto_discovery::{Call, Config, Discovery, Error, Hints, Peer, PeerId, code};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::args::DiscoverOptions;
use crate::report::{Report, Status};
use crate::setup::limits;
use crate::{Failure, input};

/// Carries the command out. The status is the gravest of all peers'.
pub(crate) fn run(options: &DiscoverOptions) -> Result<Status, Failure> {
    let finder = Finder::new(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let status = runtime.block_on(report_all(options, Arc::new(finder)));
    runtime.shutdown_background(); // an answer still under way helps nobody any more
    status
}

async fn report_all(options: &DiscoverOptions, finder: Arc<Finder>) -> Result<Status, Failure> {
    let progress = progress(options);
    let peers = stream::unfold(input::peers(&options.peers), next_peer);
    let at_once = usize::try_from(options.jobs).unwrap_or(usize::MAX);
    let reports = peers.map(|text| find(Arc::clone(&finder), text)).buffered(at_once);
    let mut reports = std::pin::pin!(reports);
    let mut output = Output::new(options);
    let mut status = Status::Found;
    loop {
        // A lull is the moment to show what has been found so far.
        let ready = reports.next().now_or_never();
        if ready.is_none() {
            output.flush()?;
        }
        let report = match ready {
            Some(report) => report,
            None => reports.next().await,
        };
        let Some(report) = report else { break };
        let report = report.map_err(Failure::Input)?;
        status = status.max(report.status());
        output.write(&report)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    output.flush()?;
    Ok(status)
}

type Peers = mpsc::Receiver<io::Result<String>>;

async fn next_peer(mut peers: Peers) -> Option<(io::Result<String>, Peers)> {
    Some((peers.recv().await?, peers))
}

async fn find(finder: Arc<Finder>, text: io::Result<String>) -> io::Result<Report> {
    let text = text?;
    let task = tokio::spawn(async move { finder.report(text).await });
    task.await.map_err(io::Error::other)
}

/// Finds servers by the user's configuration.
struct Finder {
    discovery: Result<Discovery, Error>,
    id: Option<PeerId>,
    announce: Option<String>,
}

impl Finder {
    fn new(options: &DiscoverOptions) -> Result<Self, Failure> {
        let discovery = options.config().and_then(|config| {
            if options.explain {
                aside(&format!("limits: {}\n", limits(&config)));
            }
            if options.announce.is_some() && counts_for_nothing(&config) {
                aside("alto: peerinfo.trust is off, so what peers sent plays no part\n");
            }
            Discovery::new(&config)
        });
        match discovery {
            // A service parameter that is none is the question's fault, so it is told per peer.
            Err(fault) if fault.code() != code::INVALID_SERVICE => Err(fault.into()),
            discovery => {
                let announce = options.announce.clone();
                Ok(Self { discovery, id: options.peer_id, announce })
            }
        }
    }

    async fn report(&self, text: String) -> Report {
        let result = match (text.parse::<Peer<'_>>(), &self.discovery) {
            (Err(syntax), _) => Err(syntax.into()),
            (_, Err(fault)) => Err(Error::invalid(fault.code(), fault.to_string())),
            (Ok(peer), Ok(discovery)) => {
                let peer = self.id.map_or(peer.clone(), |id| peer.with_id(id));
                let sent = self.announce.as_ref().map(|query| query.as_bytes().into());
                let peer = peer.with_hints(sent.map_or(Hints::None, Hints::HttpQuery));
                discovery.discover(&peer, &Call::default()).await
            }
        };
        Report { peer: text, result, at: Instant::now() }
    }
}

fn counts_for_nothing(config: &Config) -> bool {
    config.get("peerinfo.trust").is_some_and(|trust| trust == "off")
}

/// Where reports go: results on standard output, explanations beside JSON on standard error.
struct Output {
    results: BufWriter<io::StdoutLock<'static>>,
    json: bool,
    explain: bool,
}

impl Output {
    fn new(options: &DiscoverOptions) -> Self {
        let results = BufWriter::new(io::stdout().lock());
        Self { results, json: options.json, explain: options.explain }
    }

    fn write(&mut self, report: &Report) -> Result<(), Failure> {
        match (self.json, self.explain) {
            (false, false) => self.results.write_all(report.text().as_bytes()),
            (false, true) => self.results.write_all(report.explanation().as_bytes()),
            (true, explain) => {
                if explain {
                    aside(&report.explanation());
                }
                writeln!(self.results, "{}", report.json())
            }
        }
        .map_err(Failure::Output)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.results.flush().map_err(Failure::Output)
    }
}

/// Says something on standard error. If nobody can hear it, the results still count.
fn aside(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A bar on a terminal's standard error for bulk work that lasts, nothing otherwise.
fn progress(options: &DiscoverOptions) -> ProgressBar {
    let bulk = options.peers.is_empty() || options.peers.len() > 100;
    if !(bulk && io::stderr().is_terminal() && !io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
    let style = ProgressStyle::with_template("{spinner} {pos} peers, {per_sec}, {elapsed}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
