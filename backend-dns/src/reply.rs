//! A DNS message read as a reply to one question. Pure.

use std::sync::Arc;

use alto_discovery_core::Dnssec;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{NAPTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::domain::text_of;
use crate::fact::Failure;
use crate::naptr::Naptr;
use crate::upstream::{Holds, Reply};

/// RFC 2317 §5.3 advises against chains; so many links are followed.
const MAX_LINKS: usize = 8;
/// Extended errors that tell of failed validation (RFC 8914 §4; the last by registration).
const DNSSEC_ERRORS: [(u16, &str); 9] = [
    (5, "indeterminate"),
    (6, "bogus"),
    (7, "signature expired"),
    (8, "signature not yet valid"),
    (9, "DNSKEY missing"),
    (10, "RRSIGs missing"),
    (11, "no zone key bit set"),
    (12, "NSEC missing"),
    (25, "signature expired before valid"),
];
const EXTENDED_ERROR: u16 = 15;

/// What the message says of the NAPTR records of `asked`. Whatever else it carries is ignored.
///
/// `believed`: whether the sender's word on DNSSEC counts.
pub(crate) fn read(message: &Message, asked: &Name, believed: bool) -> Result<Reply, Failure> {
    let denied = match message.metadata.response_code {
        ResponseCode::NoError => false,
        ResponseCode::NXDomain => true,
        other => return Err(Failure::upstream(format!("the resolver replied {}", word(other)))),
    };
    let dnssec = state(message, believed);
    let chain = Chain::follow(&message.answers, asked)?;
    let records = records_of(&chain, &message.answers);
    if records.is_empty() {
        return denial(message, &chain, denied, dnssec);
    }
    if denied {
        return Err(Failure::upstream("the reply denies a name and holds its records"));
    }
    let ttl = records.iter().map(|(ttl, _)| *ttl).fold(chain.ttl, u32::min);
    let holds = Holds::Records(records.into_iter().map(|(_, record)| record).collect());
    Ok(Reply { holds, ttl, zone: None, dnssec, alias: chain.alias() })
}

/// The validation error the message tells of, if any. There may be other errors beside it.
pub(crate) fn validation_error(message: &Message) -> Option<String> {
    let options = &message.edns.as_ref()?.options().options;
    options.iter().find_map(|(_, option)| match option {
        EdnsOption::Unknown(EXTENDED_ERROR, data) => of_validation(data),
        _ => None,
    })
}

/// RFC 8914 §2: a code, and text for people.
fn of_validation(data: &[u8]) -> Option<String> {
    let (code, text) = data.split_first_chunk::<2>()?;
    let code = u16::from_be_bytes(*code);
    let (_, words) = DNSSEC_ERRORS.iter().find(|(known, _)| *known == code)?;
    let text = match text {
        [] => String::new(),
        text => format!(": {}", text.escape_ascii()),
    };
    Some(format!("{words} (extended error {code}){text}"))
}

/// RFC 4035 §3.2.3: AD is a validator's word. Without a validator nobody told; who offers no
/// recursion is none.
fn state(message: &Message, believed: bool) -> Dnssec {
    let metadata = &message.metadata;
    match (believed, metadata.authentic_data, metadata.recursion_available) {
        (true, true, _) => Dnssec::Secure,
        (true, false, true) => Dnssec::Insecure,
        _ => Dnssec::Unknown,
    }
}

/// Where a chain of aliases leads (RFC 1034 §3.6.2).
struct Chain {
    end: Name,
    links: usize,
    /// The shortest of its links.
    ttl: u32,
}

impl Chain {
    fn follow(answers: &[Record], asked: &Name) -> Result<Self, Failure> {
        let mut chain = Self { end: asked.clone(), links: 0, ttl: u32::MAX };
        while let Some((ttl, target)) = alias(answers, &chain.end) {
            if chain.links == MAX_LINKS {
                return Err(Failure::upstream("the aliases go round in circles or on and on"));
            }
            chain = Self { end: target.clone(), links: chain.links + 1, ttl: chain.ttl.min(ttl) };
        }
        Ok(chain)
    }

    fn alias(&self) -> Option<Arc<str>> {
        (self.links > 0).then(|| text_of(&self.end))
    }
}

fn alias<'m>(answers: &'m [Record], owner: &Name) -> Option<(u32, &'m Name)> {
    owned_by(answers, owner).find_map(|record| match &record.data {
        RData::CNAME(target) => Some((lifetime(record.ttl), &target.0)),
        _ => None,
    })
}

fn owned_by<'m>(records: &'m [Record], owner: &Name) -> impl Iterator<Item = &'m Record> {
    records.iter().filter(move |record| record.dns_class == DNSClass::IN && record.name == *owner)
}

fn records_of(chain: &Chain, answers: &[Record]) -> Vec<(u32, Naptr)> {
    owned_by(answers, &chain.end)
        .filter_map(|record| match &record.data {
            RData::NAPTR(data) => Some((lifetime(record.ttl), own(data))),
            _ => None,
        })
        .collect()
}

fn own(data: &NAPTR) -> Naptr {
    Naptr {
        order: data.order,
        preference: data.preference,
        flags: data.flags.clone(),
        services: data.services.clone(),
        regexp: data.regexp.clone(),
        replacement: text_of(&data.replacement),
    }
}

/// No such records, or no such name: RFC 2308 §2.
fn denial(
    message: &Message,
    chain: &Chain,
    denied: bool,
    dnssec: Dnssec,
) -> Result<Reply, Failure> {
    let authority = authority(message, &chain.end);
    let referral = message.authorities.iter().any(|record| record.record_type() == RecordType::NS);
    if authority.is_none() && !denied {
        if referral {
            return Err(Failure::upstream(
                "the reply is a referral: the server offers no recursion",
            ));
        }
        if chain.links > 0 && !message.metadata.recursion_available {
            return Err(Failure::upstream(
                "the reply ends at an alias: the server offers no recursion",
            ));
        }
    }
    let holds = match (denied, chain.links) {
        (true, 0) => Holds::NoName, // otherwise it is the alias's target that does not exist
        _ => Holds::NoRecords,
    };
    let (ttl, zone) = authority.map_or((0, None), |(ttl, zone)| (ttl, Some(zone)));
    Ok(Reply { holds, ttl: ttl.min(chain.ttl), zone, dnssec, alias: chain.alias() })
}

/// RFC 2308 §5: a denial holds for the smaller of the SOA's TTL and its minimum field.
fn authority(message: &Message, denied: &Name) -> Option<(u32, Arc<str>)> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(SOA { minimum, .. }) if record.name.zone_of(denied) => {
            Some((lifetime(record.ttl).min(lifetime(*minimum)), text_of(&record.name)))
        }
        _ => None,
    })
}

/// A TTL with its highest bit set means zero (RFC 2181 §8).
fn lifetime(ttl: u32) -> u32 {
    if ttl > i32::MAX.unsigned_abs() { 0 } else { ttl }
}

pub(crate) fn word(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        other => format!("code {}", u16::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;
    use hickory_proto::rr::rdata::CNAME;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// A reply with something in each section.
    fn full_reply() -> Message {
        let asked = name("3.100.51.198.in-addr.arpa.");
        let target = name("3.0-63.100.51.198.in-addr.arpa.");
        let mut message = Message::query().into_response();
        message.queries.push(Query::query(asked.clone(), RecordType::NAPTR));
        let alias = RData::CNAME(CNAME(target.clone()));
        message.answers.push(Record::from_rdata(asked, 300, alias));
        let texts = [&b"u"[..], b"ALTO:https", b"!.*!https://a.example/ird!"].map(Into::into);
        let [flags, services, regexp] = texts;
        let data = NAPTR::new(100, 10, flags, services, regexp, name("Out.Example."));
        message.answers.push(Record::from_rdata(target, 600, RData::NAPTR(data)));
        let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, 60);
        message.authorities.push(Record::from_rdata(Name::root(), 900, RData::SOA(soa)));
        message
    }

    /// Records come with the shortest TTL of their chain, and names in lower case.
    #[test]
    fn records_behind_an_alias() {
        let message = full_reply();
        let reply = read(&message, &message.queries[0].name, false).unwrap();
        let Holds::Records(records) = &reply.holds else { panic!("{reply:?}") };
        assert_eq!(&*records[0].replacement, "out.example.");
        assert_eq!(reply.ttl, 300);
        assert_eq!(reply.alias.as_deref(), Some("3.0-63.100.51.198.in-addr.arpa."));
    }

    proptest! {
        /// Mutated packets never bring us down, and whatever is believed to be
        /// a record is owned by the name asked for or by its alias.
        #[test]
        fn mutated_replies_are_read_or_refused(
            changes in proptest::collection::vec((0_usize..400, any::<u8>()), 0..8),
            cut in 0_usize..400,
        ) {
            let asked = full_reply().queries[0].name.clone();
            let mut octets = full_reply().to_vec().unwrap();
            let length = octets.len();
            for (at, octet) in changes {
                octets[at % length] = octet;
            }
            octets.truncate(length - if cut < 40 { cut % length } else { 0 });
            if let Ok(message) = Message::from_vec(&octets) {
                let _ = validation_error(&message);
                if let Ok(Reply { holds: Holds::Records(records), .. }) = read(&message, &asked, true) {
                    prop_assert!(records.len() <= message.answers.len());
                }
            }
        }
    }
}
