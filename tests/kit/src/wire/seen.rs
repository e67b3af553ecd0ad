//! A reply taken apart.

use super::{Octets, kind};

/// What a client sees of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The transaction id.
    pub id: u16,
    /// The flags, without the response code; see [`flag`](super::flag).
    pub flags: u16,
    /// The response code; see [`rcode`](super::rcode).
    pub rcode: u8,
    /// The name it claims to answer.
    pub name: String,
    /// The records of the answer, authority and additional sections.
    pub sections: [Vec<SeenRecord>; 3],
}

/// A record as it arrived, its data not taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRecord {
    /// The name that holds it.
    pub owner: String,
    /// Its type.
    pub kind: u16,
    /// Its lifetime in seconds.
    pub ttl: u32,
    /// Its data, names of the types of RFC 1035 written out.
    pub data: Vec<u8>,
}

impl Seen {
    /// Reads a reply; `None` if it is none.
    pub fn read(message: &[u8]) -> Option<Self> {
        let mut at = Reader::new(message);
        let (id, word) = (at.u16()?, at.u16()?);
        let [_, answers, authorities, additionals] = [at.u16()?, at.u16()?, at.u16()?, at.u16()?];
        let (name, _kind, _class) = (at.name()?, at.u16()?, at.u16()?);
        let mut section = |count| (0..count).map(|_| at.record()).collect::<Option<Vec<_>>>();
        let sections = [section(answers)?, section(authorities)?, section(additionals)?];
        let rcode = u8::try_from(word & 0xf).ok()?;
        Some(Self { id, flags: word & !0xf, rcode, name, sections })
    }
}

/// Takes a message apart from front to back; `None` where it ends too early or makes no sense.
pub(super) struct Reader<'m> {
    message: &'m [u8],
    position: usize,
}

impl<'m> Reader<'m> {
    pub(super) fn new(message: &'m [u8]) -> Self {
        Self { message, position: 0 }
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let taken = self.message.get(self.position..self.position + count)?;
        self.position += count;
        Some(taken)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    pub(super) fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            let length = self.take(1)?[0];
            if length >= 0xc0 {
                let low = usize::from(self.take(1)?[0]);
                let position = usize::from(length & 0x3f) << 8 | low;
                // Pointers go back only, so that this ends.
                let before = self.message.get(..self.position - 2)?;
                return Some(name + &Reader { message: before, position }.name()?)
                    .filter(|name| name.len() <= 1024);
            }
            if length == 0 {
                return Some(if name.is_empty() { ".".into() } else { name });
            }
            name.push_str(std::str::from_utf8(self.take(length.into())?).ok()?);
            name.push('.');
        }
    }

    pub(super) fn record(&mut self) -> Option<SeenRecord> {
        let (owner, kind, _class, ttl) = (self.name()?, self.u16()?, self.u16()?, self.u32()?);
        let length: usize = self.u16()?.into();
        let end = self.position + length;
        let names = match kind {
            kind::CNAME | kind::DNAME | kind::NS | kind::PTR => 1,
            kind::SOA => 2,
            _ => 0,
        };
        let mut data = Octets::default();
        for _ in 0..names {
            data.name(&self.name()?);
        }
        data.raw(self.take(end.checked_sub(self.position)?)?);
        Some(SeenRecord { owner, kind, ttl, data: data.into_vec() })
    }
}
