//! `alto rank`: candidates in, their ranks for a peer out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;

use alto_discovery::core::parse_uri;
use alto_discovery::guidance::{
    Consumer, Error as GuidanceError, Guidance, Judged, PidName, Ranked, rank,
};
use alto_discovery::{Answer, Call, Config, Discovery, Error, Peer, code};
use serde::Serialize;
use serde_json::Number;

use crate::args::RankOptions;
use crate::map::warn;
use crate::report::Status;
use crate::{Failure, input};

/// Carries the command out. The status is the graver of the server's and the input's.
pub(crate) fn run(options: &RankOptions) -> Result<Status, Failure> {
    let peer: Peer<'_> =
        options.peer.parse().map_err(|fault| Failure::Config(Error::from(fault)))?;
    let config = options.config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let status = runtime.block_on(async {
        let (candidates, input_status) = candidates(options).await?;
        let outcome = judge(options, &config, &peer, &candidates).await?;
        show(&outcome, &candidates, options.json)?;
        Ok(outcome.status.max(input_status))
    });
    runtime.shutdown_background();
    status
}

/// A candidate as the user wrote it, and its address.
struct Candidate {
    text: String,
    address: IpAddr,
}

/// The candidates that are addresses; what is none is reported and shows in the status.
async fn candidates(options: &RankOptions) -> Result<(Vec<Candidate>, Status), Failure> {
    let (mut candidates, mut status) = (Vec::new(), Status::Found);
    let mut texts = input::peers(&options.candidates);
    while let Some(text) = texts.recv().await {
        let text = text.map_err(Failure::Input)?;
        if let Ok(address) = text.parse() {
            candidates.push(Candidate { text, address });
        } else {
            eprintln!("alto: `{text}` is no address");
            status = Status::Usage;
        }
    }
    Ok((candidates, status))
}

/// What came of asking.
struct Outcome {
    status: Status,
    server: Option<String>,
    judged: Vec<Judged>,
}

/// The servers that speak for the peer, as texts, and for which network they do.
struct Servers {
    texts: Vec<String>,
    consumer: Consumer,
}

async fn judge(
    options: &RankOptions,
    config: &Config,
    peer: &Peer<'_>,
    candidates: &[Candidate],
) -> Result<Outcome, Failure> {
    let nothing = |status, server: Option<&String>| Outcome {
        status,
        server: server.cloned(),
        judged: vec![Judged::default(); candidates.len()],
    };
    let servers = match servers(options, config, peer).await? {
        Ok(servers) => servers,
        Err(status) => return Ok(nothing(status, None)),
    };
    let guidance = Guidance::new(&config.sections.guidance, &config.sections.fetch, config.policy)?;
    let mut uris = Vec::new();
    for text in &servers.texts {
        match parse_uri(text) {
            Ok(uri) => uris.push(uri),
            Err(fault) => {
                eprintln!("alto: {text}: {fault}");
                return Ok(nothing(Status::Refused, Some(text)));
            }
        }
    }
    let addresses: Vec<IpAddr> = candidates.iter().map(|candidate| candidate.address).collect();
    match guidance.judge(&uris, servers.consumer, &addresses).await {
        Ok(judgement) => {
            report(&judgement.failed);
            warn(&judgement.warnings);
            let at = uris.iter().position(|uri| *uri == judgement.server);
            let server = at.and_then(|at| servers.texts.get(at)).cloned();
            Ok(Outcome { status: Status::Found, server, judged: judgement.candidates })
        }
        Err(exhausted) => {
            report(&exhausted.failed);
            let status = exhausted.failed.iter().map(status_of).max().unwrap_or(Status::None);
            Ok(nothing(status, servers.texts.first()))
        }
    }
}

/// The servers to ask: the one that the user names, or those that discovery finds; otherwise the
/// status that says why there are none.
async fn servers(
    options: &RankOptions,
    config: &Config,
    peer: &Peer<'_>,
) -> Result<Result<Servers, Status>, Failure> {
    let consumer = Consumer::new(peer.net().addr());
    if let Some(ird) = &options.ird {
        return Ok(Ok(Servers { texts: vec![ird.clone()], consumer }));
    }
    let discovery = Discovery::new(config)?;
    match discovery.discover(peer, &Call::default()).await {
        Ok(answer) => Ok(found(&answer, consumer)),
        Err(Error::NoServer(_)) => {
            eprintln!("alto: {}: nobody speaks for this peer", options.peer);
            Ok(Err(Status::None))
        }
        Err(error) => {
            eprintln!("alto: {}: {error}", options.peer);
            Ok(Err(match &error {
                Error::Unavailable { .. } => Status::Unavailable,
                Error::Rejected { .. } if error.code() == code::BOGUS => Status::Bogus,
                Error::Rejected { .. } | Error::NotApplicable { .. } => Status::Refused,
                _ => Status::Usage,
            }))
        }
    }
}

fn found(answer: &Answer, consumer: Consumer) -> Result<Servers, Status> {
    let texts: Vec<String> = answer.servers().iter().map(|server| server.uri.to_string()).collect();
    if texts.is_empty() {
        return Err(Status::None);
    }
    Ok(Servers { texts, consumer: Consumer { speaks_for: answer.scope.net, ..consumer } })
}

fn report(failed: &[GuidanceError]) {
    for error in failed {
        eprintln!("alto: {error}");
    }
}

fn status_of(error: &GuidanceError) -> Status {
    if error.is_refusal() { Status::Refused } else { Status::Unavailable }
}

/// Writes the candidates by rank; those of equal cost, and those without one, in input order.
fn show(outcome: &Outcome, candidates: &[Candidate], json: bool) -> Result<(), Failure> {
    let costs = outcome.judged.iter().map(|judged| judged.cost).enumerate();
    let mut text = String::new();
    for ranked in rank(costs) {
        let (candidate, judged) =
            (&candidates[ranked.candidate], &outcome.judged[ranked.candidate]);
        let record = Record::new(&ranked, candidate, judged, outcome.server.as_deref());
        let line = if json { record.json() } else { record.text() };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

#[derive(Serialize)]
struct Record<'r> {
    rank: usize,
    candidate: &'r str,
    pid: Option<&'r str>,
    cost: Option<Number>,
    server: Option<&'r str>,
}

impl<'r> Record<'r> {
    fn new(
        ranked: &Ranked<usize>,
        candidate: &'r Candidate,
        judged: &'r Judged,
        server: Option<&'r str>,
    ) -> Self {
        Self {
            rank: ranked.rank,
            candidate: &candidate.text,
            pid: judged.pid.as_ref().map(PidName::as_str),
            cost: ranked.cost.and_then(number),
            server,
        }
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("a record of texts and numbers")
    }

    fn text(&self) -> String {
        let cost = self.cost.as_ref().map_or_else(|| "-".into(), ToString::to_string);
        let pid = self.pid.unwrap_or("-");
        format!("{}  {}  {pid}  {cost}", self.rank, self.candidate)
    }
}

/// A cost as JSON has it: whole ones without a fraction, as servers write them.
fn number(cost: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if cost.fract() == 0.0 && cost.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation)] // a whole number that i64 holds
        return Some(Number::from(cost as i64));
    }
    Number::from_f64(cost)
}
