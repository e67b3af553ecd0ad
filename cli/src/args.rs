//! The command line, as types.

use alto_discovery::{Config, Error, PeerId};
use clap::{Args, Parser, Subcommand};

use crate::setup::{CHECK_LIMITS, Contact, Fetching, Setup};

/// Find the ALTO servers that speak for peers (RFC 8686), and ask them.
#[derive(Debug, Parser)]
#[command(name = "alto", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find the ALTO servers that speak for peers.
    #[command(after_help = EXIT_STATUS)]
    Discover(DiscoverOptions),
    /// Rank candidates for a peer, by what the ALTO server that speaks for the peer says.
    #[command(after_help = EXIT_STATUS)]
    Rank(RankOptions),
    /// Fetch a directory with its maps, or one map, check it, and sum it up.
    #[command(after_help = EXIT_STATUS)]
    Map(MapOptions),
    /// Look at what discovery stands on here (resolvers, DNSSEC, the clock), and say what to mend.
    #[command(after_help = "Exit status: 0 no fault, 1 faults, 2 usage or a wrong configuration.")]
    Doctor(DoctorOptions),
    /// Write the NAPTR records by which your ALTO server is found, to append to your reverse zones.
    Zone(crate::zone::ZoneOptions),
    /// Examine what is published for a prefix as trackers will find it, and say how to mend it.
    #[command(
        after_help = "Exit status: 0 no finding, 1 findings, 2 usage, 4 nobody can be asked for it."
    )]
    Check(CheckOptions),
    /// Say what a code of `check`, `doctor` or `discover` means, and what to do.
    Explain {
        /// The code; none: all of them.
        code: Option<String>,
    },
    /// Show it working on this machine: an embedded name server, five networks with ALTO servers,
    /// 10,000 peers.
    Demo(DemoOptions),
    /// Measure what guidance is worth, on this machine alone.
    Evaluate {
        #[command(subcommand)]
        what: Evaluation,
    },
    /// Serve ALTO (RFC 7285) from CSV files, which may change meanwhile, until interrupted.
    Serve(crate::serve::ServeOptions),
    /// Find the ALTO server that speaks for this host, and say what to tell trackers of it.
    ///
    /// By the name of the access network (RFC 7286): the user's word, or what DHCP says.
    #[command(
        after_help = "Exit status: 0 found, 1 surely none, 2 usage, 3 unavailable, 4 no name of a network, or \
refused, 5 bogus. Found if any network has a server; else the gravest."
    )]
    Whoami(crate::whoami::WhoamiOptions),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page (roff), for `man -l -`.
    Man {
        /// The command whose page is wanted; none for the page of `alto` itself.
        command: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Evaluation {
    /// How many good peers a tracker returns: at random, ranked by the peer, chosen by the tracker.
    Swarm(crate::evaluate::swarm::SwarmOptions),
    /// The six approaches to find servers, in one world: who gets the right guidance, at what cost,
    /// and who learns what.
    Approaches(crate::evaluate::approaches::ApproachesOptions),
}

const EXIT_STATUS: &str = "Exit status: 0 all found, 1 some surely none, 2 usage or invalid input, \
3 some unavailable, 4 some not applicable or refused by policy, 5 bogus. With several of them: \
2, then 5, 4, 3, 1, 0.";

/// How to discover, and whom for.
#[derive(Debug, Args)]
pub(crate) struct DiscoverOptions {
    /// Addresses or prefixes; none: standard input, one a line.
    #[arg(value_name = "PEER")]
    pub(crate) peers: Vec<String>,

    /// What tells the peers from others behind their addresses: port:N (the port seen) or token:T
    /// (base64url).
    #[arg(long, value_name = "ID")]
    pub(crate) peer_id: Option<PeerId>,

    /// The query of an HTTP announce (BEP 3) that the peers sent: `alto=` and `altog=` in it count as
    /// `peerinfo.trust` says.
    #[arg(long, value_name = "QUERY")]
    pub(crate) announce: Option<String>,

    #[command(flatten)]
    pub(crate) setup: Setup,

    #[command(flatten)]
    contact: Contact,

    /// One JSON object per peer, in input order.
    #[arg(long)]
    pub(crate) json: bool,

    /// Tell the walk: name by name, what came, why it was taken or refused, how long it holds.
    /// With --json, on standard error.
    #[arg(long)]
    pub(crate) explain: bool,

    /// Peers asked for at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) jobs: u32,

    /// The longest wait for one peer, such as 500ms or 2s.
    #[arg(long, value_name = "D")]
    timeout: Option<String>,
}

/// Whom to rank for, whom, and by what.
#[derive(Debug, Args)]
pub(crate) struct RankOptions {
    /// Addresses; none: standard input, one a line.
    #[arg(value_name = "CANDIDATE")]
    pub(crate) candidates: Vec<String>,

    /// The peer that is to choose among the candidates: an address or a prefix.
    #[arg(long = "for", value_name = "PEER")]
    pub(crate) peer: String,

    /// The directory of the server to ask, instead of discovering it.
    #[arg(long, value_name = "URI")]
    pub(crate) ird: Option<String>,

    /// What costs are to measure [default: routingcost].
    #[arg(long, value_name = "M")]
    metric: Option<String>,

    /// Whether the peer sends or receives [default: from-consumer].
    #[arg(long, value_name = "D", value_parser = ["from-consumer", "to-consumer"])]
    direction: Option<String>,

    #[command(flatten)]
    pub(crate) setup: Setup,

    #[command(flatten)]
    fetching: Fetching,

    /// One JSON object per candidate.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to fetch.
#[derive(Debug, Args)]
pub(crate) struct MapOptions {
    /// A directory, a network map or a cost map.
    #[arg(value_name = "URI")]
    pub(crate) uri: String,

    #[command(flatten)]
    fetching: Fetching,

    /// Also contact private and loopback addresses.
    #[arg(long)]
    allow_private: bool,

    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

impl RankOptions {
    /// The configuration: as for `discover`, then these flags, then `--set`.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        let own = [("guidance.metric", &self.metric), ("guidance.direction", &self.direction)];
        let own = own.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        self.setup.config_with(own.chain(self.fetching.flags()))
    }
}

impl DiscoverOptions {
    /// The configuration.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        let timeout = self.timeout.clone().map(|timeout| ("discovery.timeout", timeout));
        self.setup.config_with(self.contact.flags().chain(timeout))
    }
}

impl MapOptions {
    /// The configuration.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        let mut config = Config::default();
        let private = self.allow_private.then(|| ("policy.allow_private", "true".to_owned()));
        for (key, value) in private.into_iter().chain(self.fetching.flags()) {
            config.set(key, &value)?;
        }
        Ok(config)
    }
}

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) setup: Setup,

    /// One JSON object per finding.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to examine.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Prefixes, or addresses.
    #[arg(long = "prefix", value_name = "P", required = true, num_args = 1.., value_delimiter = ',', value_parser = crate::zone::net)]
    pub(crate) prefixes: Vec<ipnet::IpNet>,

    /// Look at no more than so many addresses of each prefix, spread evenly.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) addresses: u32,

    /// Leave out whether the servers found answer with a directory.
    #[arg(long)]
    pub(crate) no_fetch: bool,

    #[command(flatten)]
    setup: Setup,

    #[command(flatten)]
    fetching: Fetching,

    /// One JSON object per finding.
    #[arg(long)]
    pub(crate) json: bool,
}

impl CheckOptions {
    /// The configuration: as for `discover` but for the limits, then the flags of fetching, then
    /// `--set`.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        self.setup.config_within(CHECK_LIMITS, self.fetching.flags())
    }
}

/// How to show it.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Switch the name server off first: then nothing can be found.
    #[arg(long)]
    pub(crate) without_name_server: bool,

    /// Switch the ALTO servers off first: then replies stay random.
    #[arg(long)]
    pub(crate) without_alto_servers: bool,
}
