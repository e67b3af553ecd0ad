//! `alto whoami`: which ALTO server speaks for this host, and what to tell trackers of it.

mod record;

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use alto_discovery::core::{Setting, parse_uri};
use alto_discovery::guidance::Guidance;
use alto_discovery::whoami::blob::{Fitted, LONGEST_LIFE};
use alto_discovery::whoami::{Access, Domain, Family, Leases, Tried, ask_v4, ask_v6, guidance};
use alto_discovery::{Call, Config, Error, Instant, Policy};
use clap::Args;
use url::Url;

use crate::Failure;
use crate::report::{Status, error_status, printable};
use crate::setup::{Fetching, Setup};

/// Where to learn what the network is called, and what to do with it.
#[derive(Debug, Args)]
pub(crate) struct WhoamiOptions {
    /// The domain name of the access network, instead of what DHCP says.
    #[arg(long, value_name = "NAME", group = "origin")]
    domain: Option<Domain>,

    /// The directory of the server, instead of finding one.
    #[arg(long, value_name = "URI", group = "origin")]
    uri: Option<String>,

    /// A lease file of dhclient, dhcpcd, NetworkManager or systemd-networkd, or `-` for what `dhcpcd -U`
    /// prints. Repeat for several. [default: those where these programs keep them]
    #[arg(long, value_name = "FILE", group = "origin")]
    lease: Vec<PathBuf>,

    /// Ask the DHCP servers on this interface, by a DHCPINFORM and an Information-Request. Needs root.
    #[arg(long, value_name = "INTERFACE", group = "origin")]
    ask: Option<String>,

    /// Go by this interface's leases only.
    #[arg(long, value_name = "INTERFACE", conflicts_with_all = ["domain", "uri", "ask"])]
    interface: Option<String>,

    /// Go by one family only: ipv4 (DHCPv4) or ipv6 (DHCPv6).
    #[arg(long, value_name = "F", value_parser = ["ipv4", "ipv6"])]
    family: Option<String>,

    /// Fetch the server's maps as well, and print what matters of them for approach 6.
    #[arg(long)]
    guidance: bool,

    /// This host's address as the server's network map knows it [default: that of the lease, or of the
    /// default route].
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,

    /// The longest wait for DHCP servers, such as 500ms or 5s.
    #[arg(long, value_name = "D", default_value = "5s", value_parser = duration)]
    wait: Duration,

    #[command(flatten)]
    setup: Setup,

    #[command(flatten)]
    fetching: Fetching,

    /// One JSON object per network.
    #[arg(long)]
    json: bool,
}

/// The longest wait for DHCP servers.
const WAIT: Setting<Duration> = Setting {
    key: "--wait",
    default: Duration::from_secs(5),
    floor: Duration::from_millis(10),
    ceiling: Duration::from_secs(60),
    source: "DHCP clients double their waiting from a second on",
};

/// Guidance is told to hold a minute at least: who gets it applies it at once.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// One network: what it is called, what came of its names, and what to tell trackers.
struct Outcome {
    access: Access,
    tried: Vec<Tried>,
    /// The servers, best first.
    servers: Vec<Url>,
    /// What matters of the maps of the first server that has any, if that is wanted.
    guidance: Option<Result<Guide, String>>,
}

/// What a server's maps say for this host.
struct Guide {
    server: Url,
    host: IpAddr,
    fitted: Fitted,
}

/// Carries the command out. It is a success if any network has a server.
pub(crate) fn run(options: &WhoamiOptions) -> Result<Status, Failure> {
    let config = options.setup.config_with(options.fetching.flags())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::Input)?;
    let status = runtime.block_on(find(options, &config));
    runtime.shutdown_background();
    status
}

async fn find(options: &WhoamiOptions, config: &Config) -> Result<Status, Failure> {
    let mut outcomes = Vec::new();
    if let Some(uri) = &options.uri {
        match Outcome::given(uri, config.policy) {
            Ok(outcome) => outcomes.push(outcome),
            Err(fault) => {
                aside(&format!("{uri}: {fault}"));
                return Ok(Status::Refused);
            }
        }
    } else {
        for access in networks(options).await {
            outcomes.push(Outcome::of(access, config).await?);
        }
    }
    if outcomes.is_empty() {
        aside("nothing says what this network is called: try --ask INTERFACE, or --domain NAME");
        return Ok(Status::Refused);
    }
    if options.guidance {
        let client =
            Guidance::new(&config.sections.guidance, &config.sections.fetch, config.policy)?;
        for outcome in &mut outcomes {
            outcome.guidance = outcome.guidance(options.address, &client).await;
        }
    }
    let told = outcomes.iter().map(|outcome| outcome.told(config.policy, options.json));
    io::stdout().write_all(told.collect::<String>().as_bytes()).map_err(Failure::Output)?;
    Ok(status(&outcomes))
}

/// Found if any network has a server; else the gravest of what came of their names.
fn status(outcomes: &[Outcome]) -> Status {
    if outcomes.iter().any(|outcome| !outcome.servers.is_empty()) {
        return Status::Found;
    }
    let of = |outcome: &Outcome| match outcome.error() {
        Some(error) => error_status(error),
        None => Status::Refused, // it has no name
    };
    outcomes.iter().map(of).max().unwrap_or(Status::Refused)
}

/// The networks that this host is in, by the user's word, by asking, or by leases.
async fn networks(options: &WhoamiOptions) -> Vec<Access> {
    if let Some(domain) = &options.domain {
        return vec![Access::by_hand(domain.clone())];
    }
    if let Some(interface) = &options.ask {
        return asked(interface, options).await;
    }
    let leases = leases(&options.lease);
    for passed in &leases.passed {
        aside(&passed.to_string());
    }
    let here = |access: &Access| {
        let other = options.interface.is_some() && options.interface != access.interface;
        !other && access.family.is_none_or(|family| options.wants(family))
    };
    leases.networks.into_iter().filter(here).collect()
}

/// What the DHCP servers of a link say now, both families at a time.
async fn asked(interface: &str, options: &WhoamiOptions) -> Vec<Access> {
    let v4 = async {
        if options.wants(Family::V4) { Some(ask_v4(interface, options.wait).await) } else { None }
    };
    let v6 = async {
        if options.wants(Family::V6) { Some(ask_v6(interface, options.wait).await) } else { None }
    };
    let (v4, v6) = tokio::join!(v4, v6);
    let mut networks = Vec::new();
    for (family, asked) in [(Family::V4, v4), (Family::V6, v6)] {
        match asked {
            Some(Ok(access)) => networks.push(access),
            Some(Err(fault)) => aside(&format!("{interface}, {}: {fault}", name(family))),
            None => {}
        }
    }
    networks
}

#[allow(clippy::disallowed_methods)] // leases end by the wall clock
fn leases(files: &[PathBuf]) -> Leases {
    let now = SystemTime::now();
    match files {
        [] => Leases::of_this_host(now),
        [one] if one == Path::new("-") => Leases::in_text(io::stdin(), "standard input", now),
        files => Leases::in_files(files, now),
    }
}

impl WhoamiOptions {
    fn wants(&self, family: Family) -> bool {
        self.family.as_deref().is_none_or(|wanted| wanted == name(family))
    }
}

impl Outcome {
    /// The user's word is taken as it is, if that server may be contacted at all.
    fn given(text: &str, policy: Policy) -> Result<Self, String> {
        let uri = parse_uri(text).map_err(|fault| fault.to_string())?;
        policy.check_location(&uri).map_err(|refusal| refusal.to_string())?;
        let access = Access {
            source: "the user".to_owned(),
            interface: None,
            family: None,
            address: None,
            names: Vec::new(),
        };
        Ok(Self { access, tried: Vec::new(), servers: vec![uri], guidance: None })
    }

    async fn of(access: Access, config: &Config) -> Result<Self, Error> {
        let tried = access.find(config, &Call::default()).await?;
        let answer = tried.last().and_then(|tried| tried.outcome.as_ref().ok());
        let servers = answer.into_iter().flat_map(|answer| answer.servers());
        let servers = servers.map(|server| server.uri.clone()).collect();
        Ok(Self { access, tried, servers, guidance: None })
    }

    /// What the first server that can be used says for this host.
    async fn guidance(
        &self,
        given: Option<IpAddr>,
        client: &Guidance,
    ) -> Option<Result<Guide, String>> {
        let mut fault = None;
        let host = given.or(self.access.address).or_else(|| of_default_route(self.access.family));
        for server in &self.servers {
            let Some(host) = host else {
                return Some(Err("this host's address is not known: say --address".to_owned()));
            };
            match fetched(server, host, client).await {
                Ok(fitted) => return Some(Ok(Guide { server: server.clone(), host, fitted })),
                Err(why) => fault = Some(why),
            }
        }
        fault.map(Err)
    }

    /// Why there is no server, by the last name that was tried.
    fn error(&self) -> Option<&Error> {
        self.tried.last()?.outcome.as_ref().err()
    }
}

async fn fetched(server: &Url, host: IpAddr, client: &Guidance) -> Result<Fitted, String> {
    let table = client.table(server).await.map_err(|fault| fault.to_string())?;
    for warning in table.warnings() {
        aside(&format!("warning: {warning}"));
    }
    let fresh = client.fresh_for(server, Instant::now()).unwrap_or_default();
    let life = fresh.clamp(SHORTEST_LIFE, LONGEST_LIFE);
    let maps = table.maps().ok_or_else(|| format!("{server} has no maps"))?;
    guidance(maps, host, life).map_err(|why| format!("{server}: {why} ({host})"))
}

/// The address that the kernel would speak from to anybody outside. No packet is sent.
fn of_default_route(family: Option<Family>) -> Option<IpAddr> {
    let from = |here: IpAddr, anybody: IpAddr| {
        let socket = UdpSocket::bind((here, 0)).ok()?;
        socket.connect((anybody, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    let v4 = || from(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = || {
        let anybody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        from(Ipv6Addr::UNSPECIFIED.into(), anybody.into())
    };
    match family {
        Some(Family::V4) => v4(),
        Some(Family::V6) => v6(),
        None => v4().or_else(v6),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    WAIT.parse(text).map_err(|fault| fault.to_string())
}

fn name(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

/// Something beside the results, on standard error.
fn aside(text: &str) {
    eprintln!("alto: {}", printable(text));
}
