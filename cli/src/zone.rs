//! `alto zone`: the records by which a network's ALTO server is found.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use alto_discovery::Policy;
use alto_zone::{Entry, Format, PortBlock, Publication, ServerLine, Style, ZoneName};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use ipnet::IpNet;

use crate::Failure;
use crate::report::Status;

/// What to publish, and how.
#[derive(Debug, Args)]
pub(crate) struct ZoneOptions {
    #[command(flatten)]
    groups: Groups,

    /// More of the same: CSV with the header `prefix,uri`, several lines for several servers, an
    /// empty URI for a prefix that has none.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// What the servers offer.
    #[arg(long, value_name = "S", default_value = "ALTO:https")]
    service: String,

    /// How long records may be remembered: seconds, or such as 1h.
    #[arg(long, value_name = "T", default_value = "3600", value_parser = seconds)]
    ttl: u32,

    /// For which name server.
    #[arg(long, value_name = "F", default_value = "bind", value_parser = ["bind", "nsd", "knot", "pdns", "tinydns"])]
    format: String,

    /// Where records are put: at the fewest names, wildcards only below /64 (auto) or nowhere
    /// (per-name), also at the wildcard below each name (wildcard), or for hosts of IPv4 prefixes
    /// longer than /24 behind a CNAME in a zone of their own (rfc2317).
    #[arg(long, value_name = "S", default_value = "auto", value_parser = ["auto", "per-name", "wildcard", "rfc2317"])]
    style: String,

    /// With --style rfc2317: the zone that hosts' names lead into, if it is not FIRST/LENGTH at the
    /// name of the /24.
    #[arg(long, value_name = "NAME")]
    child_zone: Option<ZoneName>,

    /// Write only what belongs to this zone, such as 100.51.198.in-addr.arpa.
    #[arg(long, value_name = "NAME")]
    zone: Option<ZoneName>,

    /// Also accept servers with private addresses.
    #[arg(long)]
    allow_private: bool,
}

/// Carries the command out.
pub(crate) fn run(options: &ZoneOptions) -> Result<Status, Failure> {
    let publication = options.publication()?;
    let format: Format = options.format.parse().map_err(Failure::Usage)?;
    let mut records = publication.records().map_err(|fault| Failure::Usage(fault.to_string()))?;
    if let Some(zone) = &options.zone {
        records.retain(|record| zone.holds(&record.owner));
        if records.is_empty() {
            let zone = zone.as_str();
            return Err(Failure::Usage(format!("nothing of this belongs to the zone {zone}")));
        }
    }
    for remark in publication.remarks() {
        eprintln!("alto: {remark}");
    }
    format.check(&records).map_err(|fault| Failure::Usage(fault.to_string()))?;
    std::io::stdout().write_all(format.write(&records).as_bytes()).map_err(Failure::Output)?;
    Ok(Status::Found)
}

impl ZoneOptions {
    fn publication(&self) -> Result<Publication, Failure> {
        let mut entries = self.groups.entries().map_err(Failure::Usage)?;
        if let Some(file) = &self.file {
            entries.extend(read(file)?);
        }
        if entries.is_empty() {
            return Err(Failure::Usage("nothing to publish: give --prefix and --uri".into()));
        }
        Ok(Publication {
            entries,
            service: self.service.parse()?,
            ttl: self.ttl,
            style: match &*self.style {
                "per-name" => Style::PerName,
                "wildcard" => Style::Wildcard,
                "rfc2317" => Style::Rfc2317,
                _ => Style::Auto,
            },
            child_zone: self.child_zone.clone(),
            policy: Policy { allow_private_servers: self.allow_private, ..Policy::default() },
        })
    }
}

/// Prefixes and their servers, in the order of the command line.
#[derive(Debug)]
struct Groups(Vec<Word>);

#[derive(Clone, Debug)]
enum Word {
    Prefix(IpNet),
    Ports(PortBlock),
    Server(Option<(u16, u16)>, String),
    Except(IpNet),
}

impl Groups {
    /// A prefix or a port block behind a server begins a new group.
    fn entries(&self) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        let mut group = Group::default();
        for word in &self.0 {
            match word {
                Word::Except(net) => entries.push(Entry::new(*net, Vec::new())),
                Word::Prefix(net) => {
                    if !group.servers.is_empty() {
                        entries.extend(std::mem::take(&mut group).entries()?);
                    }
                    group.nets.push(*net);
                }
                Word::Ports(ports) => {
                    if !group.servers.is_empty() {
                        let next = Group { nets: group.nets.clone(), ..Group::default() };
                        entries.extend(std::mem::replace(&mut group, next).entries()?);
                    }
                    group.ports.push(*ports);
                }
                Word::Server(place, uri) => group.add(*place, uri)?,
            }
        }
        entries.extend(group.entries()?);
        Ok(entries)
    }
}

/// Prefixes and ports, and the servers that speak for them.
#[derive(Default)]
struct Group {
    nets: Vec<IpNet>,
    ports: Vec<PortBlock>,
    servers: Vec<ServerLine>,
}

impl Group {
    fn add(&mut self, place: Option<(u16, u16)>, uri: &str) -> Result<(), String> {
        if self.nets.is_empty() {
            return Err(format!("--uri {uri} follows no --prefix"));
        }
        let nth = u16::try_from(self.servers.len()).unwrap_or(u16::MAX);
        let listed = ServerLine::new(nth, uri);
        self.servers.push(match place {
            Some((order, preference)) => ServerLine { order, preference, ..listed },
            None => listed,
        });
        Ok(())
    }

    fn entries(self) -> Result<Vec<Entry>, String> {
        if self.servers.is_empty() {
            return match (self.nets.first(), self.ports.first()) {
                (Some(net), _) => {
                    Err(format!("{net} has no --uri; a prefix without a server is --except {net}"))
                }
                (None, Some(_)) => Err("--port-block follows no --prefix".into()),
                (None, None) => Ok(Vec::new()),
            };
        }
        let all: Vec<Option<PortBlock>> = match self.ports[..] {
            [] => vec![None],
            _ => self.ports.iter().copied().map(Some).collect(),
        };
        let entries = self.nets.iter().flat_map(|net| {
            let servers = &self.servers;
            all.iter().map(move |ports| Entry {
                net: *net,
                ports: *ports,
                servers: servers.clone(),
            })
        });
        Ok(entries.collect())
    }
}

impl Args for Groups {
    fn augment_args(command: Command) -> Command {
        let option = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
        };
        command.args([
            option("prefix", "P", "An address or a prefix. The --uri that follow speak for it")
                .num_args(1..)
                .value_delimiter(',')
                .value_parser(net),
            option("port-block", "LOW-HIGH", "Only these ports of the addresses before it")
                .value_parser(ports),
            option("uri", "[ORDER,PREFERENCE,]U", "A server's directory, the preferred one first")
                .num_args(1..)
                .value_parser(server),
            option("except", "P", "A prefix inside another one for which no server speaks")
                .num_args(1..)
                .value_delimiter(',')
                .value_parser(net),
        ])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Groups {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = words(matches, "prefix", |net: IpNet| Word::Prefix(net));
        words.extend(self::words(matches, "port-block", Word::Ports));
        words.extend(self::words(matches, "uri", |(place, uri)| Word::Server(place, uri)));
        words.extend(self::words(matches, "except", Word::Except));
        words.sort_by_key(|(place, _)| *place);
        Ok(Self(words.into_iter().map(|(_, word)| word).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The values of an option with their places on the command line.
fn words<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    option: &str,
    word: impl Fn(T) -> Word,
) -> Vec<(usize, Word)> {
    let places = matches.indices_of(option).into_iter().flatten();
    let values = matches.get_many::<T>(option).into_iter().flatten();
    places.zip(values.cloned().map(word)).collect()
}

/// An address or a prefix.
pub(crate) fn net(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().ok();
    let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.ok_or_else(|| "wanted: an address or a prefix such as 198.51.100.0/24".into())
}

fn ports(text: &str) -> Result<PortBlock, String> {
    let range = text.split_once('-');
    let ports = range.and_then(|(low, high)| {
        Some(PortBlock { low: low.parse().ok()?, high: high.parse().ok()? })
    });
    ports.ok_or_else(|| "wanted: LOW-HIGH such as 40000-40511".into())
}

/// `[ORDER,PREFERENCE,]URI`. No URI begins with a digit.
fn server(text: &str) -> Result<(Option<(u16, u16)>, String), String> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok((None, text.into()));
    }
    let mut parts = text.splitn(3, ',');
    let mut part = || parts.next().ok_or("wanted: [ORDER,PREFERENCE,]URI");
    let (order, preference, uri) = (part()?, part()?, part()?);
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number to 65535"));
    Ok((Some((number(order)?, number(preference)?)), uri.into()))
}

fn seconds(text: &str) -> Result<u32, String> {
    let seconds = text.parse().ok().or_else(|| {
        let duration = alto_discovery::core::parse_duration(text)?;
        u32::try_from(duration.as_secs()).ok()
    });
    seconds.ok_or_else(|| "wanted: seconds, or a duration such as 1h".into())
}

/// Entries from a CSV file; consecutive or not, the lines of a prefix are its servers.
fn read(file: &Path) -> Result<Vec<Entry>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|fault| {
        Failure::Input(std::io::Error::new(fault.kind(), format!("{}: {fault}", file.display())))
    })?;
    entries(&text).map_err(|fault| Failure::Usage(format!("{}: {fault}", file.display())))
}

fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let mut lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty());
    if lines.next().is_none_or(|(_, header)| header != "prefix,uri") {
        return Err("the header is not `prefix,uri`".into());
    }
    let mut groups: Vec<(Group, Option<usize>)> = Vec::new();
    let mut places: BTreeMap<IpNet, usize> = BTreeMap::new();
    for (number, line) in lines {
        let (prefix, uri) = line.split_once(',').ok_or(format!("line {number}: no comma"))?;
        let net = net(prefix.trim()).map_err(|fault| format!("line {number}: {fault}"))?;
        let uri = uri.trim();
        let place = places.get(&net).copied();
        let twice = place.is_some_and(|place| uri.is_empty() || groups[place].1.is_some());
        if twice {
            return Err(format!("line {number}: {net} has a line without a server beside others"));
        }
        let place = place.unwrap_or_else(|| {
            groups.push((Group { nets: vec![net], ..Group::default() }, None));
            places.insert(net, groups.len() - 1);
            groups.len() - 1
        });
        match uri {
            "" => groups[place].1 = Some(number),
            uri => groups[place].0.add(None, uri)?,
        }
    }
    let entries = groups.into_iter().map(|(group, without)| match without {
        Some(_) => Ok(vec![Entry::new(group.nets[0], Vec::new())]),
        None => group.entries(),
    });
    Ok(entries.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_file() {
        let read = |text: &str| {
            let entries = entries(text)?;
            let shown =
                entries.iter().map(|entry| format!("{} {}", entry.net, entry.servers.len()));
            Ok::<_, String>(shown.collect::<Vec<_>>())
        };
        let text = "prefix,uri\n\n198.51.100.0/24, https://a.example/x,y\n2001:db8::/32,\n\
                    198.51.100.0/24,https://b.example/\n";
        assert_eq!(read(text).unwrap(), ["198.51.100.0/24 2", "2001:db8::/32 0"]);
        for (text, fault) in [
            ("", "header"),
            ("prefix\n", "header"),
            ("prefix,uri\n198.51.100.0/24\n", "line 2: no comma"),
            ("prefix,uri\n198.51.100/24,u\n", "line 2: wanted: an address or a prefix"),
            ("prefix,uri\n198.51.100.0/24,u\n198.51.100.0/24,\n", "line 3: 198.51.100.0/24 has"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(fault), "{told}");
        }
    }
}
