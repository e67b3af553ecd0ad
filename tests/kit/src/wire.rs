//! The few lines of RFC 1035 that tests need: a question read, a reply written and taken apart.

use crate::record::Record;

mod seen;

use seen::Reader;
pub use seen::{Seen, SeenRecord};

/// Numbers of record types.
#[allow(missing_docs)]
pub mod kind {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const NAPTR: u16 = 35;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const DNSKEY: u16 = 48;
    pub const NSEC3: u16 = 50;
    pub const NSEC3PARAM: u16 = 51;
}

/// Numbers of response codes.
#[allow(missing_docs)]
pub mod rcode {
    pub const NOERROR: u8 = 0;
    pub const FORMERR: u8 = 1;
    pub const SERVFAIL: u8 = 2;
    pub const NXDOMAIN: u8 = 3;
    pub const NOTIMP: u8 = 4;
    pub const REFUSED: u8 = 5;
}

/// Bits of the header's second word.
#[allow(missing_docs)]
pub mod flag {
    pub const QR: u16 = 0x8000;
    pub const AA: u16 = 0x0400;
    pub const TC: u16 = 0x0200;
    pub const RD: u16 = 0x0100;
    pub const RA: u16 = 0x0080;
    pub const AD: u16 = 0x0020;
    pub const CD: u16 = 0x0010;
}

/// A message being written.
#[derive(Clone, Debug, Default)]
pub struct Octets(Vec<u8>);

impl Octets {
    /// What was written.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// A 16-bit number.
    pub fn u16(&mut self, number: u16) {
        self.raw(&number.to_be_bytes());
    }

    /// A 32-bit number.
    pub fn u32(&mut self, number: u32) {
        self.raw(&number.to_be_bytes());
    }

    /// Octets as they are.
    pub fn raw(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    /// A character-string: a length octet and at most 255 octets.
    pub fn string(&mut self, octets: &[u8]) {
        self.0.push(u8::try_from(octets.len()).expect("a character-string has at most 255 octets"));
        self.raw(octets);
    }

    /// A domain name, uncompressed.
    pub fn name(&mut self, name: &str) {
        name.split('.')
            .filter(|label| !label.is_empty())
            .for_each(|label| self.string(label.as_bytes()));
        self.0.push(0);
    }

    /// What `write` writes, behind its length in 16 bits.
    pub fn counted(&mut self, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.u16(u16::try_from(inner.0.len()).expect("no message is longer than 65,535 octets"));
        self.raw(&inner.0);
    }
}

/// A question on its way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The transaction id.
    pub id: u16,
    /// The flags as sent; see [`flag`].
    pub flags: u16,
    /// The absolute name as sent, in its letter case.
    pub name: String,
    /// The type asked for.
    pub kind: u16,
    /// Whether it speaks EDNS (RFC 6891).
    pub edns: bool,
}

impl Question {
    /// A question for NAPTR as a stub resolver sends it.
    pub fn naptr(id: u16, name: &str) -> Self {
        Self { id, flags: flag::RD, name: name.into(), kind: kind::NAPTR, edns: true }
    }

    /// Reads a message with one question; `None` if it is anything else.
    pub fn read(message: &[u8]) -> Option<Self> {
        let mut at = Reader::new(message);
        let (id, flags) = (at.u16()?, at.u16()?);
        let [questions, answers, authorities, additionals] =
            [at.u16()?, at.u16()?, at.u16()?, at.u16()?];
        if (flags & flag::QR, questions, answers, authorities) != (0, 1, 0, 0) {
            return None;
        }
        let (name, kind, _class) = (at.name()?, at.u16()?, at.u16()?);
        let edns = (0..additionals).try_fold(false, |seen, _| {
            at.record().map(|record| seen || record.kind == kind::OPT)
        })?;
        Some(Self { id, flags, name, kind, edns })
    }

    /// Writes it.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Octets::default();
        for word in [self.id, self.flags, 1, 0, 0, u16::from(self.edns)] {
            to.u16(word);
        }
        to.name(&self.name);
        to.u16(self.kind);
        to.u16(1);
        if self.edns {
            write_opt(&mut to, &[]);
        }
        to.into_vec()
    }
}

/// A reply on its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The transaction id.
    pub id: u16,
    /// The flags, without the response code; see [`flag`].
    pub flags: u16,
    /// The response code; see [`rcode`].
    pub rcode: u8,
    /// The name and type it claims to answer.
    pub question: (String, u16),
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The additional section.
    pub additionals: Vec<Record>,
    /// Whether it speaks EDNS, and the codes of extended errors it carries (RFC 8914).
    pub edns: Option<Vec<u16>>,
}

impl Message {
    /// Writes it, names uncompressed.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Octets::default();
        let sections = [&self.answers, &self.authorities, &self.additionals];
        let [answers, authorities, additionals] = sections.map(|section| count(section.len()));
        to.u16(self.id);
        to.u16(self.flags | u16::from(self.rcode));
        for word in [1, answers, authorities, additionals + u16::from(self.edns.is_some())] {
            to.u16(word);
        }
        to.name(&self.question.0);
        to.u16(self.question.1);
        to.u16(1);
        sections.into_iter().flatten().for_each(|record| record.write(&mut to));
        if let Some(errors) = &self.edns {
            write_opt(&mut to, errors);
        }
        to.into_vec()
    }
}

fn count(records: usize) -> u16 {
    u16::try_from(records).expect("no section has more than 65,535 records")
}

/// An OPT record that offers 1,232 octets and carries these extended errors.
fn write_opt(to: &mut Octets, errors: &[u16]) {
    to.name(".");
    to.u16(kind::OPT);
    to.u16(1232);
    to.u32(0);
    to.counted(|to| {
        for error in errors {
            to.u16(15);
            to.u16(2);
            to.u16(*error);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives() {
        let question = Question::naptr(7, "3.0/26.100.51.198.in-addr.arpa.");
        assert_eq!(Question::read(&question.write()), Some(question.clone()));
        let plain = Question { edns: false, ..question };
        assert_eq!(Question::read(&plain.write()), Some(plain));
    }

    #[test]
    fn a_reply_survives() {
        let record: Record = "a.example. 60 CNAME b.example.".parse().unwrap();
        let message = Message {
            id: 9,
            flags: flag::QR | flag::AA,
            rcode: rcode::NXDOMAIN,
            question: ("a.example.".into(), kind::NAPTR),
            answers: vec![record],
            authorities: vec![],
            additionals: vec![],
            edns: Some(vec![6]),
        };
        let seen = Seen::read(&message.write()).unwrap();
        assert_eq!((seen.id, seen.flags, seen.rcode), (9, flag::QR | flag::AA, rcode::NXDOMAIN));
        let [answers, authorities, additionals] = &seen.sections;
        assert_eq!(answers[0].data, b"\x01b\x07example\0");
        assert!(authorities.is_empty());
        assert_eq!(additionals[0].data, [0, 15, 0, 2, 0, 6]);
    }

    /// Pointers that go forward or in circles, and lengths past the end, are refused.
    #[test]
    fn garbage_is_no_message() {
        let mut circle = Question::naptr(1, "a.").write();
        circle[12..14].copy_from_slice(&[0xc0, 12]);
        assert_eq!(Question::read(&circle), None);
        let whole = Question::naptr(1, "a.example.").write();
        for end in 0..whole.len() {
            assert_eq!(Question::read(&whole[..end]), None);
        }
    }
}
