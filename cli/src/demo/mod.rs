//! `alto demo`: five networks, one name server, 10,000 peers, all on this machine's loopback.
//!
//! The embedded name server stands for the reverse tree of the world. Everything else is what any
//! user of the library has: its public API and the configuration that is printed.

mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery::{Answer, Call, Config, Discovery, Error, Known, Origin, Peer};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::Failure;
use crate::args::DemoOptions;
use crate::name_server::NameServer;
use crate::report::Status;
use world::{NETWORKS, Network, announces};

/// Announces being worked on at once.
const AT_ONCE: usize = 128;

/// Shows the whole story on standard output.
pub(crate) fn run(options: &DemoOptions) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Failure::Input)?.block_on(tell(options))
}

async fn tell(options: &DemoOptions) -> Result<Status, Failure> {
    let mut server = NameServer::start(&world::zone()).await.map_err(Failure::Input)?;
    if options.without_name_server {
        server.stop().await;
    }
    println!("A name server on {} holds the reverse zones of five networks:\n", server.address());
    println!(
        "{}",
        world::zone().lines().filter(|line| line.contains("NAPTR")).collect::<Vec<_>>().join("\n")
    );

    let mut found = 0;
    for granularity in ["host", "prefix"] {
        let toml = configuration(&server, granularity);
        println!("\nA tracker with this configuration\n\n{}", indented(&toml));
        found = announce_all(&server, &toml).await?;
    }
    Ok(if found > 0 { Status::Found } else { Status::Unavailable })
}

fn configuration(server: &NameServer, granularity: &str) -> String {
    format!(
        "backends = [\"dns\"]\n\
         dns.resolver = \"{}\"\n\
         dns.granularity = \"{granularity}\"\n\
         dns.zone_qps = 100000\n\
         dns.total_qps = 100000\n\
         dns.in_flight = 1024\n\
         policy.allow_documentation = true\n",
        server.address()
    )
}

/// Both rounds of announces through one `Discovery`; the number of peers that got a server.
async fn announce_all(server: &NameServer, toml: &str) -> Result<usize, Failure> {
    let mut config = Config::default();
    config.set_toml(toml)?;
    let discovery = Arc::new(Discovery::new(&config)?);
    let peers: Vec<Peer<'static>> = announces().map(Peer::new).collect();

    let asked_before = server.queries();
    let began = Instant::now();
    let results = first_round(&discovery, &peers).await;
    let cold = began.elapsed();
    let queries = server.queries() - asked_before;
    let told = by_network(&results);
    println!("hears the first announce of {} peers and finds:\n\n{told}", peers.len());

    let (remembered, names) = names_asked(&results);
    println!(
        "{queries} queries for {} peers ({:.2} a peer); of the {names} names asked for, {} were answered \
         from cache and {} by a query already under way; {:.1} s, {:.0} peers a second.",
        peers.len(),
        ratio(queries, peers.len()),
        percent(remembered, names),
        percent(names.saturating_sub(remembered + queries), names),
        cold.as_secs_f64(),
        ratio(peers.len(), 1) / cold.as_secs_f64(),
    );
    second_round(server, &discovery, &peers);
    Ok(results.iter().filter(|(_, result)| result.is_ok()).count())
}

type Found = (Peer<'static>, Result<Arc<Answer>, Error>);

async fn first_round(discovery: &Arc<Discovery>, peers: &[Peer<'static>]) -> Vec<Found> {
    let ask = |peer: Peer<'static>| {
        let discovery = Arc::clone(discovery);
        async move {
            let result = discovery.discover(&peer, &Call::default()).await;
            (peer, result)
        }
    };
    stream::iter(peers.iter().cloned().map(ask)).buffer_unordered(AT_ONCE).collect().await
}

/// What each peer's next announce gets, without waiting.
fn second_round(server: &NameServer, discovery: &Discovery, peers: &[Peer<'static>]) {
    let asked_before = server.queries();
    let now = Instant::now();
    let certain =
        peers.iter().filter(|peer| !matches!(discovery.known(peer, now), Known::Ask)).count();
    let each = now.elapsed().checked_div(u32::try_from(peers.len()).unwrap_or(u32::MAX));
    println!(
        "Their next announces: {} answered from cache, {} queries, {} ns each.",
        percent(certain, peers.len()),
        server.queries() - asked_before,
        each.unwrap_or(Duration::ZERO).as_nanos(),
    );
}

/// A line for each network and answer: how many of its peers got it.
fn by_network(results: &[Found]) -> String {
    let mut counts: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for (peer, result) in results {
        let place = NETWORKS.iter().position(|network| network.holds(peer));
        let key = (place.unwrap_or(NETWORKS.len()), answer_text(result));
        *counts.entry(key).or_default() += 1;
    }
    let mut text = String::new();
    for ((place, answer), count) in counts {
        let name = NETWORKS.get(place).map_or("elsewhere", Network::name);
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<10} {count:>6} peers   {answer}");
    }
    text
}

fn answer_text(result: &Result<Arc<Answer>, Error>) -> String {
    match result {
        Ok(answer) => {
            let uris: Vec<&str> =
                answer.servers().iter().map(|server| server.uri.as_str()).collect();
            uris.join(", then ")
        }
        Err(Error::NoServer(_)) => "surely none".into(),
        Err(error) => format!("nothing: {}", error.code()), // its text names each peer's own names
    }
}

/// How many names all walks asked for: those answered from cache, and all.
fn names_asked(results: &[Found]) -> (usize, usize) {
    let trace = |result: &Result<Arc<Answer>, Error>| match result {
        Ok(answer) => Some(answer.trace.clone()),
        Err(error) => error.trace().cloned(),
    };
    let traces = results.iter().filter_map(|(_, result)| trace(result));
    traces.fold((0, 0), |(remembered, all), trace| {
        let steps = trace.steps();
        let cached = steps.iter().filter(|step| step.origin == Origin::Cache).count();
        (remembered + cached, all + steps.len())
    })
}

fn indented(text: &str) -> String {
    format!("    {}\n", text.trim_end().replace('\n', "\n    "))
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1}%", 100.0 * ratio(part, whole))
}

#[allow(clippy::cast_precision_loss)] // counts of a demonstration, far below 2^52
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
