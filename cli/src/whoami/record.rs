//! What is said of each network: lines for people, or a JSON record. Pure.

use std::fmt::Write as _;

use alto_discovery::whoami::{Domain, Tried, announce, claim};
use alto_discovery::{Dnssec, Error, Instant, Policy, Trace};
use serde::Serialize;

use super::{Guide, Outcome, name};
use crate::report::{ErrorRecord, ServerRecord, outcome_name, printable, seconds_left};

impl Outcome {
    /// Lines for people, or one JSON object on a line.
    pub(super) fn told(&self, policy: Policy, json: bool) -> String {
        let announce = Announce::of(self, policy);
        if json { self.json(&announce) } else { self.text(&announce) }
    }

    fn text(&self, announce: &Announce) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", printable(&line));
        };
        let mut network: Vec<&str> = self.access.interface.as_deref().into_iter().collect();
        network.extend(self.access.family.map(name));
        network.push(&self.access.source);
        line(network.join(", "));
        if self.access.names.is_empty() && self.servers.is_empty() {
            line("  it has no name".to_owned());
        }
        for tried in &self.tried {
            line(format!("  {}: {}", tried_name(tried), tried_outcome(tried)));
        }
        for server in &self.servers {
            line(format!("  found  {server}"));
        }
        match &self.guidance {
            Some(Ok(Guide { server, host, fitted })) => line(format!(
                "  maps   {server}: for {host} {} prefixes, {} left out",
                fitted.costs.entries.len(),
                fitted.left_out
            )),
            Some(Err(why)) => line(format!("  no maps: {why}")),
            None => {}
        }
        for parameter in [&announce.alto, &announce.altog].into_iter().flatten() {
            line(format!("  send   {parameter}"));
        }
        if let Some(why) = &announce.refused {
            line(format!("  note   trackers do not take this URI: {why}"));
        }
        text
    }

    fn json(&self, announce: &Announce) -> String {
        let answer = self.tried.last().and_then(|tried| tried.outcome.as_ref().ok());
        let error = self.error();
        let trace = self.tried.iter().filter_map(|tried| match &tried.outcome {
            Ok(answer) => Some(&answer.trace),
            Err(error) => error.trace(),
        });
        let by_hand = !self.servers.is_empty() && answer.is_none();
        let record = Record {
            source: &self.access.source,
            interface: self.access.interface.as_deref(),
            family: self.access.family.map(name),
            address: self.access.address.map(|address| address.to_string()),
            outcome: match error {
                _ if !self.servers.is_empty() => "found",
                Some(error) => outcome_name(error),
                None => "not-applicable",
            },
            names: self.tried.iter().map(NameRecord::of).collect(),
            servers: match answer {
                Some(answer) => answer.servers().iter().map(ServerRecord::of).collect(),
                None => self.servers.iter().map(ServerRecord::configured).collect(),
            },
            dnssec: answer.map_or(Dnssec::Unknown, |answer| answer.dnssec).as_str(),
            ttl: answer.map(|answer| seconds_left(answer.validity.left(Instant::now()))),
            queries: trace.flat_map(Trace::steps).map(|step| &*step.subject).collect(),
            guidance: self.guidance.as_ref().map(GuidanceRecord::of),
            announce,
            error: error.map(ErrorRecord::of).filter(|_| !by_hand),
        };
        serde_json::to_string(&record).expect("a record of texts and numbers") + "\n"
    }
}

fn tried_name(tried: &Tried) -> String {
    let domain = tried.named.domain.as_ref().map_or("?", |domain| domain.as_str());
    format!("{}, {domain}", tried.named.by)
}

fn tried_outcome(tried: &Tried) -> String {
    match &tried.outcome {
        Ok(answer) if answer.incomplete => "names its server (incomplete)".to_owned(),
        Ok(_) => "names its server".to_owned(),
        Err(Error::NoServer(_)) => "names no server".to_owned(),
        Err(error) => format!("{}: {error}", outcome_name(error)),
    }
}

/// What to send along with announces, and why not.
#[derive(Serialize)]
struct Announce {
    /// For the query of an HTTP announce, approach 5.
    alto: Option<String>,
    /// The same, approach 6.
    altog: Option<String>,
    /// The options of a UDP announce that say all of this, or the guidance alone if there is no room for both;
    /// in hexadecimal.
    udp: Option<String>,
    /// Why trackers would not take the server's URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Announce {
    fn of(outcome: &Outcome, policy: Policy) -> Self {
        let (uri, refused) = match outcome.servers.first().map(|server| sendable(server, policy)) {
            Some(Ok(uri)) => (Some(uri), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let blob = match &outcome.guidance {
            Some(Ok(guide)) => Some(&*guide.fitted.octets),
            _ => None,
        };
        let options = announce::as_options(uri, blob).or_else(|| announce::as_options(None, blob));
        Self {
            alto: uri.and_then(announce::uri_parameter),
            altog: blob.and_then(announce::guidance_parameter),
            udp: options.filter(|options| !options.is_empty()).map(hexadecimal),
            refused,
        }
    }
}

fn hexadecimal(octets: Vec<u8>) -> String {
    octets.into_iter().fold(String::new(), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Judged as a tracker with this policy would.
fn sendable(server: &url::Url, policy: Policy) -> Result<&url::Url, String> {
    if announce::uri_parameter(server).is_none() {
        return Err(format!("it is longer than {} octets", announce::MOST_URI));
    }
    let policy = Policy { allow_http: false, ..policy };
    claim::vet(server.as_str().as_bytes(), policy).map_err(|why| why.to_string())?;
    Ok(server)
}

#[derive(Serialize)]
struct Record<'r> {
    source: &'r str,
    interface: Option<&'r str>,
    family: Option<&'static str>,
    address: Option<String>,
    outcome: &'static str,
    names: Vec<NameRecord<'r>>,
    servers: Vec<ServerRecord<'r>>,
    dnssec: &'static str,
    ttl: Option<u64>,
    queries: Vec<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<GuidanceRecord<'r>>,
    announce: &'r Announce,
    error: Option<ErrorRecord>,
}

#[derive(Serialize)]
struct NameRecord<'r> {
    option: Option<u16>,
    domain: Option<&'r str>,
    outcome: &'static str,
}

impl<'r> NameRecord<'r> {
    fn of(tried: &'r Tried) -> Self {
        Self {
            option: tried.named.by.number(),
            domain: tried.named.domain.as_ref().ok().map(Domain::as_str),
            outcome: tried.outcome.as_ref().map_or_else(outcome_name, |_| "found"),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum GuidanceRecord<'r> {
    Said { server: &'r str, address: String, entries: usize, left_out: usize, lifetime: u64 },
    Failed { error: &'r str },
}

impl<'r> GuidanceRecord<'r> {
    fn of(guidance: &'r Result<Guide, String>) -> Self {
        match guidance {
            Ok(Guide { server, host, fitted }) => Self::Said {
                server: server.as_str(),
                address: host.to_string(),
                entries: fitted.costs.entries.len(),
                left_out: fitted.left_out,
                lifetime: fitted.costs.lifetime.as_secs(),
            },
            Err(error) => Self::Failed { error },
        }
    }
}
