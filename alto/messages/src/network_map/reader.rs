//! Reads a network map in pieces.

use std::collections::HashSet;

use super::entry::{Entry4, Entry6};
use super::{NetworkMap, NetworkMapBuilder, fast};
use crate::address::{AddressType, PrefixText, ipv4_prefix, ipv6_prefix};
use crate::fault::{Fault, Parsed, code, excerpt};
use crate::json::envelope::{Body, Envelope};
use crate::json::grammar::Event;
use crate::json::keys::{Keys, duplicate};
use crate::meta::Meta;
use crate::options::{ReadOptions, Report};
use crate::pid_table::PidId;

/// Reads a network map in pieces, so that its text need not be held as a whole.
///
/// ```
/// use alto_messages::{NetworkMapReader, ReadOptions};
///
/// let text = br#"{"meta": {"vtag": {"resource-id": "map", "tag": "1"}},
///                 "network-map": {"PID1": {"ipv4": ["192.0.2.0/24"]}}}"#;
/// let mut reader = NetworkMapReader::new(&ReadOptions::default());
/// for piece in text.chunks(10) {
///     reader.feed(piece)?;
/// }
/// assert_eq!(reader.finish()?.message.prefix_count(), 1);
/// # Ok::<(), alto_messages::Fault>(())
/// ```
#[derive(Debug)]
pub struct NetworkMapReader(Envelope<Pids>);

impl NetworkMapReader {
    /// Nothing read yet.
    pub fn new(options: &ReadOptions) -> Self {
        let body = Pids {
            builder: NetworkMapBuilder::new(options.limits),
            place: Place::Start,
            pid: None,
            types: HashSet::new(),
            ignored: Keys::default(),
        };
        Self(Envelope::new(options, body))
    }

    /// Reads the next piece of the body.
    ///
    /// # Errors
    /// If what was read so far can be no network map; then the same fault is given ever after.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.0.feed(piece)
    }

    /// The map, once all pieces were read.
    ///
    /// # Errors
    /// If they are no network map, or it contradicts itself.
    pub fn finish(self) -> Result<Parsed<NetworkMap>, Fault> {
        self.0.finish()
    }
}

/// The reader of the member `network-map`.
#[derive(Debug)]
struct Pids {
    builder: NetworkMapBuilder,
    place: Place,
    pid: Option<PidId>,
    /// The address types that this PID has named so far.
    types: HashSet<Box<str>>,
    ignored: Keys,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Start,
    Pids,
    Pid,
    Types,
    /// Prefixes of that type are due.
    List(AddressType),
    Prefixes(AddressType),
    Ignored,
}

impl Body for Pids {
    type Message = NetworkMap;

    const MEMBER: &'static str = "network-map";

    #[expect(clippy::match_same_arms, reason = "the arms are a table, in reading order")]
    fn event(&mut self, event: Event<'_>, report: &mut Report) -> Result<(), Fault> {
        self.place = match (self.place, event) {
            (Place::Start, Event::BeginObject) => Place::Pids,
            (Place::Pids, Event::Key(name)) => self.open_pid(&name, report)?,
            (Place::Pids, Event::EndObject) => Place::Start,
            (Place::Pid, Event::BeginObject) => Place::Types,
            (Place::Types, Event::Key(name)) => self.open_type(&name, report)?,
            (Place::Types, Event::EndObject) => Place::Pids,
            (Place::List(kind), Event::BeginArray) => Place::Prefixes(kind),
            (Place::Prefixes(kind), Event::String(text)) => {
                self.prefix(kind, &text, report)?;
                Place::Prefixes(kind)
            }
            (Place::Prefixes(_), Event::EndArray) => Place::Types,
            (Place::Ignored, event) if self.ignored.event(&event)? => Place::Types,
            (Place::Ignored, _) => Place::Ignored,
            (place, event) => return Err(self.wrong_type(place, &event)),
        };
        Ok(())
    }

    fn fast(&mut self, input: &[u8], first: bool, _: &mut Report) -> usize {
        let (Place::Prefixes(kind), Some(pid)) = (self.place, self.pid) else { return 0 };
        let room = self.builder.room();
        match kind {
            AddressType::Ipv4 => {
                let into = &mut self.builder.ipv4;
                fast::strings(input, first, room, fast::ipv4, |net| {
                    into.push(Entry4::new(net, pid));
                })
            }
            AddressType::Ipv6 => {
                let into = &mut self.builder.ipv6;
                fast::strings(input, first, room, fast::ipv6, |net| {
                    into.push(Entry6::new(net, pid));
                })
            }
        }
    }

    fn finish(self, meta: Meta, report: &mut Report) -> Result<NetworkMap, Fault> {
        if meta.vtag.is_none() {
            report.forgive(Fault::missing(code::MISSING_VTAG, "meta/vtag"))?;
        }
        self.builder.finish_into(meta.vtag, report)
    }
}

impl Pids {
    fn open_pid(&mut self, name: &str, report: &mut Report) -> Result<Place, Fault> {
        if self.builder.pids().id(name).is_some() {
            return Err(duplicate("network-map", name));
        }
        self.pid = Some(self.builder.pid_noting(name, report)?);
        self.types.clear();
        Ok(Place::Pid)
    }

    /// Addresses of unknown types are ignored, but the PID stays valid (RFC 7285 §11.2.1.7).
    fn open_type(&mut self, name: &str, report: &mut Report) -> Result<Place, Fault> {
        const MOST_TYPES: usize = 64;
        if !self.types.insert(name.into()) {
            return Err(duplicate(&self.field(), name));
        }
        if self.types.len() > MOST_TYPES {
            return Err(crate::options::too_large(&self.field(), "address types", MOST_TYPES));
        }
        if let Some(kind) = AddressType::named(name) {
            return Ok(Place::List(kind));
        }
        report.note(code::UNKNOWN_ADDRESS_TYPE, || {
            let sentence = format!("addresses of type `{}` are ignored", excerpt(name));
            Fault::value(code::UNKNOWN_ADDRESS_TYPE, self.field(), name, sentence)
        });
        Ok(Place::Ignored)
    }

    fn prefix(&mut self, kind: AddressType, text: &str, report: &mut Report) -> Result<(), Fault> {
        let read = match kind {
            AddressType::Ipv4 => ipv4_prefix(text).map(|net| net.map(Into::into)),
            AddressType::Ipv6 => ipv6_prefix(text).map(|net| net.map(Into::into)),
        };
        let fault = |code, why: &str| {
            let field = format!("{}/{}", self.field(), kind.as_str());
            Fault::value(code, field, text, format!("`{}` {why}", excerpt(text)))
        };
        let net = match read {
            Some(PrefixText::Plain(net)) => net,
            Some(PrefixText::HostBits(net)) => {
                let why = "has bits set beyond its length; they are cleared";
                report.note(code::HOST_BITS, || fault(code::HOST_BITS, why));
                net
            }
            Some(PrefixText::Bare(net)) => {
                report.forgive(fault(code::BARE_ADDRESS, "is an address where a prefix is due"))?;
                net
            }
            None => {
                return Err(fault(code::BAD_PREFIX, &format!("is no {} prefix", kind.as_str())));
            }
        };
        match self.pid {
            Some(pid) => self.builder.prefix(pid, net),
            None => Ok(()), // a prefix never stands outside a PID
        }
    }

    fn wrong_type(&self, place: Place, event: &Event<'_>) -> Fault {
        let (field, wanted) = match place {
            Place::Start | Place::Pids => ("network-map".to_owned(), "an object of PIDs"),
            Place::Pid | Place::Types | Place::Ignored => {
                (self.field(), "an object of address types")
            }
            Place::List(kind) | Place::Prefixes(kind) => {
                (format!("{}/{}", self.field(), kind.as_str()), "an array of prefixes")
            }
        };
        Fault::wrong_type(field, event.noun(), wanted)
    }

    /// Where we are, for faults.
    fn field(&self) -> String {
        match self.pid {
            Some(pid) => format!("network-map/{}", self.builder.pids().name(pid)),
            None => "network-map".to_owned(),
        }
    }
}
