//! What is said of each peer: a JSON record, a line, an explanation, a part of the exit status.
//! Pure.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use alto_discovery::core::duration_text;
use alto_discovery::{
    Answer, Error, Guide, IdScope, Origin, PeerId, Scope, Server, Trace, Trust, Validity, code,
};
use serde::Serialize;
use tokio::time::Instant;

/// What the exit status says, least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// All found.
    Found,
    /// Some surely none.
    None,
    /// Some unavailable.
    Unavailable,
    /// Some not applicable, or refused by policy.
    Refused,
    /// Some bogus.
    Bogus,
    /// Usage, or invalid input.
    Usage,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Found => 0,
            Status::None => 1,
            Status::Usage => 2,
            Status::Unavailable => 3,
            Status::Refused => 4,
            Status::Bogus => 5,
        })
    }
}

/// What came of one peer.
#[derive(Debug)]
pub(crate) struct Report {
    /// The peer as the user wrote it.
    pub(crate) peer: String,
    /// What came.
    pub(crate) result: Result<Arc<Answer>, Error>,
    /// When it came.
    pub(crate) at: Instant,
}

impl Report {
    /// Its part of the exit status.
    pub(crate) fn status(&self) -> Status {
        self.result.as_ref().map_or_else(error_status, |_| Status::Found)
    }

    /// One JSON object on one line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(&self.record()).expect("a record of texts and numbers")
    }

    /// One line for each server, or one that says why there is none.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        match &self.result {
            Ok(answer) => match &answer.guide {
                Guide::Costs(costs) => {
                    let entries = costs.entries.len();
                    line(&mut text, &self.peer, &format!("guided by its own {entries} entries"));
                }
                _ => answer.servers().iter().for_each(|server| {
                    let doubt = if answer.incomplete { "  (incomplete)" } else { "" };
                    line(&mut text, &self.peer, &format!("{}{doubt}", server.uri));
                }),
            },
            Err(Error::NoServer(_)) => line(&mut text, &self.peer, "none"),
            Err(error) => line(&mut text, &self.peer, &format!("{}: {error}", self.outcome())),
        }
        text
    }

    /// The walk as a person would tell it.
    pub(crate) fn explanation(&self) -> String {
        let mut text = format!("{}\n", printable(&self.peer));
        for step in self.trace().map_or(&[][..], Trace::steps) {
            let (done, origin) = match step.origin {
                Origin::Wire => ("  asked", ""),
                Origin::Cache => ("  asked", " (remembered)"),
                Origin::NotAsked => ("  left ", " (not asked)"),
            };
            let holds =
                step.holds.map(|left| format!("; holds for {}", rounded(left))).unwrap_or_default();
            let mut findings = step.finding.lines();
            let summary = findings.next().unwrap_or_default();
            line(&mut text, done, &format!("{}{origin}: {summary}{holds}", step.subject));
            findings.for_each(|finding| line(&mut text, "       ", finding));
        }
        self.conclude(&mut text);
        text
    }

    fn conclude(&self, text: &mut String) {
        match &self.result {
            Ok(answer) => {
                for server in answer.servers() {
                    line(text, "  found", &server_text(server));
                }
                let state = answer.dnssec.as_str();
                line(
                    text,
                    "  valid",
                    &format!("{}; dnssec {state}", self.extent(&answer.scope, &answer.validity)),
                );
                if answer.incomplete {
                    line(
                        text,
                        "  note ",
                        "a question failed on the way: a later try may find a more specific server",
                    );
                }
            }
            Err(Error::NoServer(none)) => {
                let (extent, state) =
                    (self.extent(&none.scope, &none.validity), none.dnssec.as_str());
                let known = format!("nobody speaks for this peer; known {extent}; dnssec {state}");
                line(text, "  none ", &known);
            }
            Err(error) => {
                line(text, "  end  ", &format!("{} ({}): {error}", self.outcome(), error.code()));
            }
        }
    }

    fn extent(&self, scope: &Scope, validity: &Validity) -> String {
        let id = match &scope.id {
            IdScope::Any => String::new(),
            id => format!(", {}", id_text(id)),
        };
        format!("for {}{id}, for {}", scope.net, rounded(validity.left(self.at)))
    }

    fn trace(&self) -> Option<&Trace> {
        match &self.result {
            Ok(answer) => Some(&answer.trace),
            Err(error) => error.trace(),
        }
    }

    fn outcome(&self) -> &'static str {
        self.result.as_ref().map_or_else(outcome_name, |_| "found")
    }

    fn record(&self) -> Record<'_> {
        let answer = self.result.as_ref().ok();
        let none = match &self.result {
            Err(Error::NoServer(none)) => Some(none),
            _ => None,
        };
        let error = self.result.as_ref().err().filter(|_| none.is_none());
        let scope = answer.map(|answer| &answer.scope).or(none.map(|none| &none.scope));
        let validity = answer.map(|answer| &answer.validity).or(none.map(|none| &none.validity));
        Record {
            peer: &self.peer,
            outcome: self.outcome(),
            backend: match &self.result {
                Ok(answer) => Some(answer.backend),
                Err(error) => error.backend(),
            },
            approach: answer.map(|answer| answer.approach),
            servers: answer
                .map_or(&[][..], |answer| answer.servers())
                .iter()
                .map(ServerRecord::of)
                .collect(),
            guidance: answer.and_then(|answer| GuidanceRecord::of(answer)),
            dnssec: self.dnssec(),
            scope: scope
                .map(|scope| ScopeRecord { net: scope.net.to_string(), id: id_text(&scope.id) }),
            ttl: validity.map(|validity| seconds_left(validity.left(self.at))),
            incomplete: answer.is_some_and(|answer| answer.incomplete),
            queries: self
                .trace()
                .map_or(&[][..], Trace::steps)
                .iter()
                .map(|step| &*step.subject)
                .collect(),
            error: error.map(ErrorRecord::of),
        }
    }

    fn dnssec(&self) -> &'static str {
        use alto_discovery::Dnssec;
        match &self.result {
            Ok(answer) => answer.dnssec,
            Err(Error::NoServer(none)) => none.dnssec,
            Err(error) if error.code() == code::BOGUS => Dnssec::Bogus,
            Err(_) => Dnssec::Unknown,
        }
        .as_str()
    }
}

/// The part of the exit status of something that was not found.
pub(crate) fn error_status(error: &Error) -> Status {
    match error {
        Error::NoServer(_) => Status::None,
        Error::Unavailable { .. } => Status::Unavailable,
        Error::Rejected { .. } if error.code() == code::BOGUS => Status::Bogus,
        Error::Rejected { .. } | Error::NotApplicable { .. } => Status::Refused,
        _ => Status::Usage,
    }
}

/// What came of something that was not found, in a word.
pub(crate) fn outcome_name(error: &Error) -> &'static str {
    match error {
        Error::NoServer(_) => "none",
        Error::Unavailable { .. } => "unavailable",
        Error::Rejected { .. } => "rejected",
        Error::NotApplicable { .. } => "not-applicable",
        _ => "invalid",
    }
}

fn line(text: &mut String, first: &str, rest: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}  {}", printable(first), printable(rest));
}

/// What users and networks write must not steer a terminal or pass for another line.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

fn server_text(server: &Server) -> String {
    let Server { uri, order, preference, .. } = server;
    let place = server.found_at.as_deref().map(|at| format!(", at {at}")).unwrap_or_default();
    format!("{uri} (order {order}, preference {preference}{place})")
}

fn id_text(id: &IdScope) -> String {
    match id {
        IdScope::Any => "any".into(),
        IdScope::Ports { low, high } => format!("port:{low}-{high}"),
        IdScope::Exactly(PeerId::Port(port)) => format!("port:{port}-{port}"),
        IdScope::Exactly(PeerId::Token(_)) => "token".into(),
    }
}

/// Whole seconds; a part of one counts, so that a fact just learnt shows its whole lifetime.
pub(crate) fn seconds_left(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

fn rounded(left: Duration) -> String {
    duration_text(Duration::from_secs(seconds_left(left)))
}

#[derive(Serialize)]
struct Record<'r> {
    peer: &'r str,
    outcome: &'static str,
    backend: Option<&'static str>,
    approach: Option<u8>,
    servers: Vec<ServerRecord<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<GuidanceRecord>,
    dnssec: &'static str,
    scope: Option<ScopeRecord>,
    ttl: Option<u64>,
    incomplete: bool,
    queries: Vec<&'r str>,
    error: Option<ErrorRecord>,
}

#[derive(Serialize)]
pub(crate) struct ServerRecord<'r> {
    uri: &'r str,
    order: u16,
    preference: u16,
    name: Option<&'r str>,
    trust: &'static str,
}

impl<'r> ServerRecord<'r> {
    /// One that the user named.
    pub(crate) fn configured(uri: &'r url::Url) -> Self {
        let trust = Trust::Configured.as_str();
        Self { uri: uri.as_str(), order: 0, preference: 0, name: None, trust }
    }

    pub(crate) fn of(server: &'r Server) -> Self {
        Self {
            uri: server.uri.as_str(),
            order: server.order,
            preference: server.preference,
            name: server.found_at.as_deref(),
            trust: server.trust.as_str(),
        }
    }
}

/// What a peer brought itself (approach 6).
#[derive(Serialize)]
struct GuidanceRecord {
    entries: usize,
    lifetime: u64,
}

impl GuidanceRecord {
    fn of(answer: &Answer) -> Option<Self> {
        match &answer.guide {
            Guide::Costs(costs) => {
                Some(Self { entries: costs.entries.len(), lifetime: costs.lifetime.as_secs() })
            }
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct ScopeRecord {
    net: String,
    id: String,
}

#[derive(Serialize)]
pub(crate) struct ErrorRecord {
    code: &'static str,
    message: String,
}

impl ErrorRecord {
    pub(crate) fn of(error: &Error) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}
