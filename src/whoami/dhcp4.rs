//! DHCPv4 messages: the names in a reply, and the question for them (RFC 2131, RFC 5986). Pure.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::domain::{self, Domain};
use super::lease::{Facts, OPTION_15, OPTION_213};

/// The port of clients, and that of servers (RFC 2131 §4.1).
pub const CLIENT_PORT: u16 = 68;
/// See [`CLIENT_PORT`].
pub const SERVER_PORT: u16 = 67;

/// The longest message we look at, in octets: what an Ethernet carries.
pub const MOST_MESSAGE: usize = 1_500;

/// Where the hardware address, `sname`, `file` and the options begin (RFC 2131 §2).
const CHADDR: usize = 28;
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..236;
const COOKIE_AT: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

const REQUEST: u8 = 1;
const REPLY: u8 = 2;

const PAD: u8 = 0;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const WANTED: u8 = 55;
const MOST_SIZE: u8 = 57;
const END: u8 = 255;
/// What DHCPINFORM asks for.
const INFORM: u8 = 8;
/// What answers it.
const ACK: u8 = 5;

/// Whom a question is from, so that its reply is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Chosen at random for each question (`xid`).
    pub id: u32,
    /// Its own address, to which the reply is sent (`ciaddr`).
    pub address: Ipv4Addr,
    /// Its hardware address, if it has one of Ethernet's kind.
    pub hardware: Option<[u8; 6]>,
}

/// The question for options 213 and 15, of somebody who has an address (RFC 2131 §4.4.3): nothing
/// else of a client is told that the server does not know.
pub fn inform(asker: &Asker) -> Vec<u8> {
    let mut message = vec![0; COOKIE_AT];
    message[0] = REQUEST;
    if let Some(hardware) = asker.hardware {
        [message[1], message[2]] = [1, 6]; // Ethernet, six octets
        message[CHADDR..CHADDR + 6].copy_from_slice(&hardware);
    }
    message[4..8].copy_from_slice(&asker.id.to_be_bytes());
    message[12..16].copy_from_slice(&asker.address.octets());
    message.extend(COOKIE);
    message.extend([MESSAGE_TYPE, 1, INFORM]);
    let [high, low] = u16::try_from(MOST_MESSAGE).unwrap_or(u16::MAX).to_be_bytes();
    message.extend([MOST_SIZE, 2, high, low]);
    message.extend([WANTED, 2, OPTION_213, OPTION_15, END]);
    message.resize(message.len().max(300), PAD); // RFC 1542 §2.1: old relays drop what is shorter
    message
}

/// What a reply to [`inform`] says; `None` if it is none to this question.
///
/// # Errors
/// If it is one and broken.
pub fn answer(message: &[u8], asker: &Asker) -> Option<Result<Facts, Fault>> {
    let id = message.get(4..8)?;
    let hardware = message.get(CHADDR..CHADDR + 6)?;
    let is_ours = message[0] == REPLY
        && *id == asker.id.to_be_bytes()
        && asker.hardware.is_none_or(|own| *hardware == own);
    if !is_ours {
        return None;
    }
    match Options::of(message) {
        Err(fault) => Some(Err(fault)),
        Ok(options) => (options.get(MESSAGE_TYPE) == Some(&[ACK])).then(|| Ok(options.facts())),
    }
}

/// What a whole reply says that a client kept, as dhcpcd does.
///
/// # Errors
/// If it is no reply with a lease, or broken.
pub fn kept(message: &[u8]) -> Result<Facts, Fault> {
    if message.first() != Some(&REPLY) {
        return Err(Fault::NoReply);
    }
    let options = Options::of(message)?;
    let facts = options.facts();
    let own: [u8; 4] = message[16..20].try_into().unwrap_or_default(); // `yiaddr`; `of` has looked that far
    let address = Some(Ipv4Addr::from(own)).filter(|address| !address.is_unspecified());
    Ok(Facts { address: address.map(Into::into), ..facts })
}

/// The options of a message. One that comes in parts is put together (RFC 3396).
struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    fn of(message: &[u8]) -> Result<Self, Fault> {
        if message.len() > MOST_MESSAGE {
            return Err(Fault::TooLong);
        }
        let cookie = message.get(COOKIE_AT..COOKIE_AT + 4).ok_or(Fault::CutShort)?;
        if cookie != COOKIE {
            return Err(Fault::NoOptions);
        }
        let mut options = Self(Vec::new());
        options.read(&message[COOKIE_AT + 4..])?;
        // RFC 2132 §9.3: options may go on where the names of a server and a file would be.
        let places = match options.get(OVERLOAD) {
            None => &[][..],
            Some([1]) => &[FILE],
            Some([2]) => &[SNAME],
            Some([3]) => &[FILE, SNAME],
            Some(_) => return Err(Fault::Overload),
        };
        for place in places {
            options.read(&message[place.clone()])?;
        }
        Ok(options)
    }

    fn read(&mut self, mut octets: &[u8]) -> Result<(), Fault> {
        while let [kind, rest @ ..] = octets {
            octets = match *kind {
                END => return Ok(()),
                PAD => rest,
                kind => {
                    let (length, behind) = rest.split_first().ok_or(Fault::CutShort)?;
                    let parts = behind.split_at_checked(usize::from(*length));
                    let (data, behind) = parts.ok_or(Fault::CutShort)?;
                    self.add(kind, data);
                    behind
                }
            };
        }
        Ok(())
    }

    fn add(&mut self, kind: u8, data: &[u8]) {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, parts)) => parts.extend(data),
            None => self.0.push((kind, data.to_vec())),
        }
    }

    fn get(&self, kind: u8) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == kind).map(|(_, data)| &**data)
    }

    fn facts(&self) -> Facts {
        let named =
            |kind, read: fn(&[u8]) -> Result<Domain, domain::Fault>| self.get(kind).map(read);
        let seconds = self.get(LEASE_TIME).and_then(|octets| octets.try_into().ok());
        Facts {
            address: None,
            access_domain: named(OPTION_213, Domain::from_wire),
            domain_name: named(OPTION_15, Domain::from_option_15),
            lifetime: seconds
                .map(|seconds| Duration::from_secs(u32::from_be_bytes(seconds).into())),
        }
    }
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no reply.
    NoReply,
    /// Longer than [`MOST_MESSAGE`].
    TooLong,
    /// It ends within something.
    CutShort,
    /// It has no options of DHCP.
    NoOptions,
    /// It says that options go on at a place that is none.
    Overload,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoReply => "it is no reply of a DHCPv4 server",
            Self::TooLong => "it is longer than a message of DHCPv4",
            Self::CutShort => "it is cut short",
            Self::NoOptions => "it has no options of DHCP",
            Self::Overload => "it says that options go on where there are none",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKER: Asker = Asker {
        id: 0x0102_0304,
        address: Ipv4Addr::new(198, 51, 100, 1),
        hardware: Some([2, 0, 0, 0, 0, 1]),
    };
    const ACCESS: &[u8] = b"\x06access\x07example\0";

    /// A reply with these options.
    fn reply(options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut message = inform(&ASKER)[..COOKIE_AT + 4].to_vec();
        message[0] = REPLY;
        for (kind, data) in options {
            message.extend([*kind, u8::try_from(data.len()).unwrap()]);
            message.extend(*data);
        }
        message.push(END);
        message
    }

    fn access_domain(message: &[u8]) -> Option<String> {
        let facts = answer(message, &ASKER).unwrap().unwrap();
        facts.access_domain.map(|domain| domain.unwrap().to_string())
    }

    /// RFC 2131 §4.4.3, table 5.
    #[test]
    fn a_question() {
        let message = inform(&ASKER);
        assert_eq!(message[..4], [1, 1, 6, 0]);
        assert_eq!(message[12..16], [198, 51, 100, 1]);
        assert_eq!(message[16..28], [0; 12]);
        assert_eq!(message[236..247], [99, 130, 83, 99, 53, 1, 8, 57, 2, 5, 220]);
        assert_eq!(message[247..252], [55, 2, 213, 15, 255]);
    }

    #[test]
    fn the_names_in_a_reply() {
        let message =
            reply(&[(53, &[5]), (15, b"home.example"), (213, ACCESS), (51, &[0, 0, 14, 16])]);
        let facts = answer(&message, &ASKER).unwrap().unwrap();
        assert_eq!(facts.access_domain.unwrap().unwrap().as_str(), "access.example.");
        assert_eq!(facts.domain_name.unwrap().unwrap().as_str(), "home.example.");
        assert_eq!(facts.lifetime, Some(Duration::from_secs(3_600)));
    }

    /// RFC 3396: a long option comes in parts; RFC 2132 §9.3: or where other fields are.
    #[test]
    fn options_in_parts_and_elsewhere() {
        let parts =
            reply(&[(53, &[5]), (213, &ACCESS[..9]), (15, b"x.example"), (213, &ACCESS[9..])]);
        assert_eq!(access_domain(&parts).as_deref(), Some("access.example."));
        for (value, place) in [(1, FILE), (2, SNAME), (3, SNAME)] {
            let mut message = reply(&[(53, &[5]), (52, &[value])]);
            let option = [&[213, 16], ACCESS, &[END]].concat();
            message[place.start..place.start + option.len()].copy_from_slice(&option);
            assert_eq!(access_domain(&message).as_deref(), Some("access.example."));
        }
    }

    /// Who answers something else, or somebody else, is not heard.
    #[test]
    fn other_replies() {
        let fine = reply(&[(53, &[5]), (213, ACCESS)]);
        for (at, octet) in [(0, REQUEST), (4, 9), (CHADDR, 9)] {
            let mut message = fine.clone();
            message[at] = octet;
            assert!(answer(&message, &ASKER).is_none());
        }
        assert!(answer(&reply(&[(53, &[6])]), &ASKER).is_none(), "a refusal");
        assert!(answer(&reply(&[(213, ACCESS)]), &ASKER).is_none(), "no type");
        assert!(answer(b"", &ASKER).is_none());
    }

    #[test]
    fn broken_replies() {
        let fine = reply(&[(53, &[5]), (213, ACCESS)]);
        for length in 40..COOKIE_AT + 4 {
            assert_eq!(answer(&fine[..length], &ASKER), Some(Err(Fault::CutShort)));
        }
        let behind = fine.len() - 1;
        assert_eq!(answer(&fine[..behind - 1], &ASKER), Some(Err(Fault::CutShort)));
        let mut other = fine.clone();
        other[COOKIE_AT] = 0;
        assert_eq!(answer(&other, &ASKER), Some(Err(Fault::NoOptions)));
        assert_eq!(answer(&reply(&[(52, &[4])]), &ASKER), Some(Err(Fault::Overload)));
        let long = [&fine[..], &[0; MOST_MESSAGE]].concat();
        assert_eq!(answer(&long, &ASKER), Some(Err(Fault::TooLong)));
        let bad = reply(&[(53, &[5]), (213, b"\xc0\x0c")]);
        let facts = answer(&bad, &ASKER).unwrap().unwrap();
        assert_eq!(facts.access_domain, Some(Err(domain::Fault::LabelType)));
    }

    proptest! {
        #[test]
        fn nothing_brings_it_down(octets in prop::collection::vec(any::<u8>(), 0..400), options: bool) {
            let message = if options { [&reply(&[])[..240], &octets].concat() } else { octets };
            let _ = answer(&message, &ASKER);
            let _ = kept(&message);
        }
    }
}
