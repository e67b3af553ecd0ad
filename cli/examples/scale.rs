//! The largest maps, fetched over our own server, decoded and used: times, and the most memory that
//! either side took.
//!
//! `make scale`. Server and client are programs of their own, so that their peaks are theirs, and
//! talk https over loopback. The first world is that of the largest deployment known (250,000
//! prefixes, 1,700 PIDs, about 1.3 million pairs); the second is what the limits are made for.
#![forbid(unsafe_code)]

#[path = "../../alto/selection/benches/common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use alto_discovery::core::Policy;
use alto_discovery::guidance::{
    Consumer, EcsUse, FetchConfig, Guidance, GuidanceConfig, MediaType, Summary,
};
use alto_messages::CostMetric;
use alto_server::{CostFile, Server, ServerConfig, Source, Transport};
use alto_testkit::pki::Authority;
use common::{PIDS, Random, V4_MIX, V6_MIX, prefixes};
use tokio::time::Instant;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// How large a world is.
struct World {
    name: &'static str,
    v4: usize,
    v6: usize,
    /// PIDs of the network map.
    pids: usize,
    /// PIDs that have costs between each other.
    with_costs: usize,
    /// How many in a thousand of those pairs have one.
    density: usize,
}

const WORLDS: [World; 2] = [
    World {
        name: "deployed",
        v4: 200_000,
        v6: 50_000,
        pids: 1_700,
        with_costs: 1_700,
        density: 450,
    },
    World {
        name: "limits",
        v4: 1_000_000,
        v6: 250_000,
        pids: PIDS,
        with_costs: 2_000,
        density: 1_000,
    },
];

/// The candidates that are judged in one call.
const CANDIDATES: usize = 1_000;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words[..] {
        ["serve", folder] => runtime.block_on(serve(Path::new(folder))),
        ["ask", uri, folder] => runtime.block_on(ask(uri, Path::new(folder))),
        _ => WORLDS.iter().try_for_each(measure),
    }
}

/// Makes a world, serves it from one program and asks from another.
fn measure(world: &World) -> Outcome {
    let folder = tempfile::tempdir()?;
    write_files(world, folder.path())?;
    println!("{}: {} prefixes, {} PIDs", world.name, world.v4 + world.v6, world.pids);
    let own = std::env::current_exe()?;
    let mut server = Command::new(&own)
        .arg("serve")
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = BufReader::new(server.stdout.take().ok_or("no output")?);
    let mut uri = String::new();
    told.read_line(&mut uri)?;
    let client = Command::new(&own).args(["ask", uri.trim()]).arg(folder.path()).output()?;
    drop(server.stdin.take()); // which ends it
    let mut rest = String::new();
    told.read_to_string(&mut rest)?;
    server.wait()?;
    print!("{rest}{}", String::from_utf8_lossy(&client.stdout));
    if client.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&client.stderr).into_owned().into())
}

/// Serves the files of a folder until standard input ends.
async fn serve(folder: &Path) -> Outcome {
    let start = Instant::now();
    let file = |name: &str| folder.join(name);
    let cost_map = CostFile { metric: CostMetric::routingcost(), path: file("costs.csv") };
    let source = Source::Files { network_map: file("net.csv"), cost_maps: vec![cost_map] };
    let transport = Transport::Files { certificates: file("cert.pem"), key: file("key.pem") };
    let config = ServerConfig::new("127.0.0.1:0".parse()?, source, transport);
    let server = Server::bind(config).await?;
    let (ready, peak_when_ready) = (start.elapsed(), peak()?);
    println!("{}", server.uri());
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    println!(
        "  server: CSV read and maps written in {}, peak {peak_when_ready} MB; after serving {} MB",
        seconds(ready),
        peak()?
    );
    server.stop().await;
    Ok(())
}

/// Fetches, decodes and uses what the server has.
async fn ask(uri: &str, folder: &Path) -> Outcome {
    let fetch = FetchConfig { ca_file: Some(folder.join("ca.pem")), ..FetchConfig::default() };
    let policy = Policy { allow_private_servers: true, ..Policy::default() };
    let config = GuidanceConfig { ecs: EcsUse::Off, ..GuidanceConfig::default() };
    let guidance = Guidance::new(&config, &fetch, policy)?;
    let (uri, base): (url::Url, _) = (uri.parse()?, peak()?);
    let start = Instant::now();
    let table = guidance.table(&uri).await?;
    let (took, peak_then) = (start.elapsed(), peak()?);
    let maps = table.maps().ok_or("no maps")?;
    println!(
        "  client: fetched, decoded, joined in {}: {} prefixes, {} PIDs, {} costs",
        seconds(took),
        maps.prefixes(),
        maps.pids(),
        maps.table().costs().cells()
    );
    println!(
        "  client: peak {peak_then} MB ({base} MB before), of which the table {} MB",
        guidance.memory() / MEGABYTE
    );
    for path in ["network-map", "cost-map/routingcost"] {
        let (place, start) = (uri.join(path)?, Instant::now());
        report(&guidance.summary(&place).await?, start.elapsed());
    }
    use_it(&guidance, &uri).await
}

fn report(summary: &Summary, took: Duration) {
    let what = if summary.kind == MediaType::NetworkMap { "network map" } else { "cost map" };
    println!("  client: the {what} alone, fetched and decoded, in {}", seconds(took));
}

/// Judges candidates for consumers; the best of each must be the cheapest.
async fn use_it(guidance: &Guidance, uri: &url::Url) -> Outcome {
    const CALLS: u32 = 100;
    let mut random = Random(7);
    let mut address = || IpAddr::from(Ipv4Addr::from_bits((random.next() >> 32) as u32));
    let candidates: Vec<IpAddr> = (0..CANDIDATES).map(|_| address()).collect();
    let consumers: Vec<IpAddr> = (0..CALLS).map(|_| address()).collect();
    let (start, mut known) = (Instant::now(), 0);
    for consumer in consumers {
        let judgement =
            guidance.judge(std::slice::from_ref(uri), Consumer::new(consumer), &candidates).await?;
        known += judgement.candidates.iter().filter(|judged| judged.cost.is_some()).count();
    }
    let each = start.elapsed() / CALLS;
    println!(
        "  client: {CANDIDATES} candidates judged in {each:.0?}, {known} costs in {CALLS} calls"
    );
    if known == 0 { Err("no cost at all".into()) } else { Ok(()) }
}

/// CSV files of a world, and an identity.
fn write_files(world: &World, folder: &Path) -> Outcome {
    let (mut random, mut net) = (Random(1), String::from("prefix,pid\n0.0.0.0/0,p0\n::/0,p0\n"));
    for (count, mix) in [(world.v4, V4_MIX), (world.v6, V6_MIX)] {
        for (start, length, pid) in prefixes(count, mix, &mut random) {
            let address = if mix == V4_MIX {
                IpAddr::from(Ipv4Addr::from_bits(u32::try_from(start >> 96)?))
            } else {
                Ipv6Addr::from_bits(start).into()
            };
            writeln!(net, "{address}/{length},p{}", usize::from(pid) % world.pids)?;
        }
    }
    let mut costs = String::from("src,dst,cost\n");
    for source in 0..world.with_costs {
        for destination in 0..world.with_costs {
            if random.below(1_000) < world.density {
                writeln!(costs, "p{source},p{destination},{}", random.below(10_000))?;
            }
        }
    }
    let authority = Authority::new();
    let own = authority.sign(&["127.0.0.1"]);
    let files: [(&str, &str); 5] = [
        ("net.csv", &net),
        ("costs.csv", &costs),
        ("ca.pem", authority.pem()),
        ("cert.pem", &own.certificate),
        ("key.pem", &own.key),
    ];
    for (name, content) in files {
        fs::write(PathBuf::from(folder).join(name), content)?;
    }
    Ok(())
}

const MEGABYTE: usize = 1_000_000;

/// The most memory that this program has had, in megabytes, as the kernel counts it.
fn peak() -> Result<usize, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: usize = line.ok_or("no VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024 / MEGABYTE)
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
