//! The operator's file: this server, its neighbours, and who speaks for which prefixes. TOML.
//!
//! Nothing is guessed and nothing left out: what cannot be read or contradicts itself is a fault
//! with file and line. Tokens are never repeated.

use std::fmt;
use std::ops::Range;

use alto_discovery_core::{Policy, parse_uri};
use alto_fetch::normal_form;
use alto_messages::{EndpointId, PidName, parse_prefix};
use ipnet::IpNet;
use serde::Deserialize;
use toml::{Spanned, Value};
use url::Url;

use super::territory::Part;
use crate::csv::LoadFault;

/// The most neighbours, prefixes, and parts of prefixes in one file; and its size in octets.
pub(crate) const MOST_NEIGHBOURS: usize = 1_000;
const MOST_PREFIXES: usize = 100_000;
const MOST_PARTS: usize = 100_000;
pub(crate) const MOST_OCTETS: usize = 16 << 20;

/// Who this server and its neighbours are, and for whom each speaks; see `docs/cli.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourFile {
    pub(crate) name: String,
    /// This server.
    pub(crate) own: Entry,
    /// Its neighbours, in the order of the file.
    pub(crate) neighbours: Vec<Entry>,
}

/// A server, and what it speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its directory.
    pub(crate) uri: Url,
    /// The line of the file where it is named.
    pub(crate) line: usize,
    /// Prefixes, each with its line.
    pub(crate) prefixes: Vec<(IpNet, usize)>,
    /// Parts of what is behind the addresses of a prefix, each with its line.
    pub(crate) parts: Vec<(IpNet, Part, usize)>,
    /// The PIDs of its network map whose prefixes are its own.
    pub(crate) pids: Vec<PidName>,
    /// Where its map is believed; empty for this server, whose map is the operator's word too.
    pub(crate) within: Vec<IpNet>,
    /// How others are sent there.
    pub(crate) form: Form,
}

/// How those who ask about a neighbour's endpoints are sent there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// They are told when they ask who is responsible.
    #[default]
    Property,
    /// Also by a directory in place of an answer (RFC 7285 §8.3.3).
    Directory,
    /// Also by status 307 (RFC 7285 §8.5.3).
    Status307,
}

impl NeighbourFile {
    /// Reads the text of a file of that name. `policy` says which URIs may stand in it.
    ///
    /// # Errors
    /// The first fault, with file and line.
    pub fn parse(name: &str, text: &str, policy: Policy) -> Result<Self, LoadFault> {
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let reader = Reader { name, ends, policy };
        if text.len() > MOST_OCTETS {
            return Err(reader.whole(&format!("holds more than {MOST_OCTETS} octets")));
        }
        let text: FileText = toml::from_str(text).map_err(|fault| reader.toml(&fault))?;
        if text.neighbour.len() > MOST_NEIGHBOURS {
            return Err(reader.whole(&format!("has more than {MOST_NEIGHBOURS} neighbours")));
        }
        let own = reader.own(text.own)?;
        let neighbours = text.neighbour.into_iter().map(|entry| reader.neighbour(entry));
        let neighbours = neighbours.collect::<Result<Vec<_>, _>>()?;
        reader.check(&own, &neighbours)?;
        Ok(Self { name: name.into(), own, neighbours })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    own: OwnText,
    #[serde(default)]
    neighbour: Vec<NeighbourText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnText {
    uri: Spanned<String>,
    #[serde(default)]
    prefixes: Vec<Spanned<String>>,
    #[serde(default)]
    shared: Vec<SharedText>,
    #[serde(default)]
    pids: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeighbourText {
    uri: Spanned<String>,
    #[serde(default)]
    prefixes: Vec<Spanned<String>>,
    #[serde(default)]
    shared: Vec<SharedText>,
    #[serde(default)]
    pids: Vec<Spanned<String>>,
    #[serde(default)]
    within: Vec<Spanned<String>>,
    redirect: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedText {
    prefix: Spanned<String>,
    #[serde(default)]
    ports: Vec<Spanned<String>>,
    /// Taken as whatever it is, so that no fault of the decoder's can repeat it.
    tokens: Option<Spanned<Value>>,
}

/// Reads the parts of a file.
struct Reader<'a> {
    name: &'a str,
    /// Where lines end.
    ends: Vec<usize>,
    policy: Policy,
}

impl Reader<'_> {
    fn own(&self, text: OwnText) -> Result<Entry, LoadFault> {
        self.entry(&text.uri, &text.prefixes, text.shared, &text.pids)
    }

    fn neighbour(&self, text: NeighbourText) -> Result<Entry, LoadFault> {
        let mut entry = self.entry(&text.uri, &text.prefixes, text.shared, &text.pids)?;
        entry.within = Self::all(&text.within, |text| self.prefix(text))?;
        entry.form = text.redirect.map_or(Ok(Form::default()), |form| self.form(&form))?;
        let at_fault = |sentence: &str| Err(self.line(text.uri.span(), &sentence));
        match (entry.pids.is_empty(), entry.within.is_empty()) {
            (false, true) => at_fault("`pids` without `within`: where is its map to be believed?"),
            (true, false) => at_fault("`within` without `pids`: which of its PIDs are its own?"),
            (true, true) if entry.prefixes.is_empty() && entry.parts.is_empty() => {
                at_fault("speaks for nothing: `prefixes`, `shared` or `pids` are wanted")
            }
            _ => Ok(entry),
        }
    }

    fn entry(
        &self,
        uri: &Spanned<String>,
        prefixes: &[Spanned<String>],
        shared: Vec<SharedText>,
        pids: &[Spanned<String>],
    ) -> Result<Entry, LoadFault> {
        let mut parts = Vec::new();
        for shared in shared {
            self.shared(shared, &mut parts)?;
        }
        Ok(Entry {
            uri: self.uri(uri)?,
            line: self.line_of(uri.span()),
            prefixes: Self::all(prefixes, |text| {
                Ok((self.prefix(text)?, self.line_of(text.span())))
            })?,
            parts,
            pids: Self::all(pids, |text| {
                text.get_ref().parse().map_err(|fault| self.line(text.span(), &fault))
            })?,
            within: Vec::new(),
            form: Form::default(),
        })
    }

    fn all<T>(
        texts: &[Spanned<String>],
        read: impl Fn(&Spanned<String>) -> Result<T, LoadFault>,
    ) -> Result<Vec<T>, LoadFault> {
        texts.iter().map(read).collect()
    }

    fn uri(&self, text: &Spanned<String>) -> Result<Url, LoadFault> {
        let refuse = |fault: &dyn fmt::Display| self.line(text.span(), fault);
        let uri = parse_uri(text.get_ref()).map_err(|fault| refuse(&fault))?;
        self.policy.check_uri(&uri).map_err(|fault| refuse(&fault))?;
        Ok(uri)
    }

    fn prefix(&self, text: &Spanned<String>) -> Result<IpNet, LoadFault> {
        parse_prefix(text.get_ref()).map_err(|fault| self.line(text.span(), &fault))
    }

    fn form(&self, text: &Spanned<String>) -> Result<Form, LoadFault> {
        match text.get_ref().as_str() {
            "property" => Ok(Form::Property),
            "directory" => Ok(Form::Directory),
            "307" => Ok(Form::Status307),
            _ => Err(self.line(text.span(), &"`redirect` is `property`, `directory` or `307`")),
        }
    }

    fn shared(
        &self,
        text: SharedText,
        parts: &mut Vec<(IpNet, Part, usize)>,
    ) -> Result<(), LoadFault> {
        let net = self.prefix(&text.prefix)?;
        let before = parts.len();
        for range in &text.ports {
            parts.push((net, Part::Ports(self.ports(range)?), self.line_of(range.span())));
        }
        if let Some(tokens) = text.tokens {
            let line = self.line_of(tokens.span());
            let refuse = || {
                self.line(
                    tokens.span(),
                    &"`tokens` is no list of 1 to 32 octets each, in base 64 for URLs",
                )
            };
            let list = tokens.get_ref().as_array().ok_or_else(refuse)?;
            for token in list {
                let token = token.as_str().and_then(part_of_token).ok_or_else(refuse)?;
                parts.push((net, token, line));
            }
        }
        if parts.len() == before {
            return Err(
                self.line(text.prefix.span(), &"shared, but with no `ports` and no `tokens`")
            );
        }
        Ok(())
    }

    /// `1024-2047`, or one port.
    fn ports(&self, text: &Spanned<String>) -> Result<std::ops::RangeInclusive<u16>, LoadFault> {
        let (low, high) =
            text.get_ref().split_once('-').unwrap_or((text.get_ref(), text.get_ref()));
        match (port(low), port(high)) {
            (Some(low), Some(high)) if low <= high => Ok(low..=high),
            _ => Err(self.line(text.span(), &"no ports: `LOW-HIGH` or one port, from 1 to 65535")),
        }
    }

    /// What no entry alone can tell.
    fn check(&self, own: &Entry, neighbours: &[Entry]) -> Result<(), LoadFault> {
        let all = || std::iter::once(own).chain(neighbours);
        let prefixes = all().map(|entry| entry.prefixes.len() + entry.within.len()).sum::<usize>();
        if prefixes > MOST_PREFIXES {
            return Err(self.whole(&format!("holds more than {MOST_PREFIXES} prefixes")));
        }
        if all().map(|entry| entry.parts.len()).sum::<usize>() > MOST_PARTS {
            return Err(self.whole(&format!("holds more than {MOST_PARTS} ports and tokens")));
        }
        let mut seen = std::collections::HashMap::new();
        for entry in all() {
            if let Some(first) = seen.insert(normal_form(&entry.uri), entry.line) {
                let sentence = format!("{} is there already (line {first})", entry.uri);
                return Err(LoadFault::of_line(self.name, entry.line, &sentence));
            }
        }
        Ok(())
    }

    /// What the decoder says, without the text around it and without values: they may be tokens.
    fn toml(&self, fault: &toml::de::Error) -> LoadFault {
        let words: Vec<&str> =
            fault.message().lines().next().unwrap_or_default().split('"').collect();
        let sentence = words.join(" ");
        let sentence = if words.len() > 2 { format!("{}...", words[0]) } else { sentence };
        match fault.span() {
            Some(span) => self.line(span, &sentence.trim()),
            None => self.whole(&sentence),
        }
    }

    fn whole(&self, sentence: &dyn fmt::Display) -> LoadFault {
        LoadFault::of_file(self.name, sentence)
    }

    fn line(&self, span: Range<usize>, sentence: &dyn fmt::Display) -> LoadFault {
        LoadFault::of_line(self.name, self.line_of(span), sentence)
    }

    fn line_of(&self, span: Range<usize>) -> usize {
        1 + self.ends.partition_point(|end| *end < span.start)
    }
}

fn port(text: &str) -> Option<u16> {
    match format!("port:{text}").parse() {
        Ok(EndpointId::Port(port)) => Some(port),
        _ => None,
    }
}

fn part_of_token(text: &str) -> Option<Part> {
    match format!("token:{text}").parse() {
        Ok(EndpointId::Token(octets)) => Some(Part::Token(octets)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
