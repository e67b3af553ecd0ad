//! DHCPv6 messages: the name in a reply, and the question for it (RFC 8415, RFC 5986). Pure.

use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::domain::Domain;
use super::lease::{Facts, OPTION_57};

/// The port of clients, and that of servers (RFC 8415 §7.2).
pub const CLIENT_PORT: u16 = 546;
/// See [`CLIENT_PORT`].
pub const SERVER_PORT: u16 = 547;
/// All servers and relays of a link (RFC 8415 §7.1).
pub const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// The longest message we look at, in octets: what an Ethernet carries.
pub const MOST_MESSAGE: usize = 1_500;

const REPLY: u8 = 7;
const INFORMATION_REQUEST: u8 = 11;

const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_ADDRESS: u16 = 5;
const WANTED: u16 = 6;
const ELAPSED_TIME: u16 = 8;
const INFORMATION_REFRESH_TIME: u16 = 32;
const INF_MAX_RT: u16 = 83;

/// The question for option 57 with this transaction ID, of which 24 bits count, so many hundredths of a
/// second after the first one (RFC 8415 §18.2.6). It says nothing of who asks: the client's identifier,
/// which that section advises to send, is left out.
pub fn information_request(id: u32, elapsed: u16) -> Vec<u8> {
    let [_, id @ ..] = id.to_be_bytes();
    let mut message = vec![INFORMATION_REQUEST];
    message.extend(id);
    // RFC 8415 §18.2.6: the last two must be asked for.
    let wanted = [OPTION_57, INFORMATION_REFRESH_TIME, INF_MAX_RT];
    let wanted: Vec<u8> = wanted.iter().flat_map(|option| option.to_be_bytes()).collect();
    for (option, data) in [(ELAPSED_TIME, &elapsed.to_be_bytes()[..]), (WANTED, &wanted)] {
        message.extend(option.to_be_bytes());
        message.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes()); // a few octets
        message.extend(data);
    }
    message
}

/// What a reply to [`information_request`] says; `None` if it is none to this question.
///
/// # Errors
/// If it is one and broken.
pub fn answer(message: &[u8], id: u32) -> Option<Result<Facts, Fault>> {
    let [_, id @ ..] = id.to_be_bytes();
    (message.get(..4)? == [&[REPLY], &id[..]].concat()).then(|| kept(message))
}

/// What a whole reply says that a client kept, as dhcpcd does.
///
/// # Errors
/// If it is no reply, or broken.
pub fn kept(message: &[u8]) -> Result<Facts, Fault> {
    if message.len() > MOST_MESSAGE {
        return Err(Fault::TooLong);
    }
    let [REPLY, _, _, _, options @ ..] = message else { return Err(Fault::NoReply) };
    let (mut facts, mut is_signed) = (Facts::default(), false);
    for option in Options(options) {
        match option? {
            (SERVER_ID, _) => is_signed = true,
            (OPTION_57, _) if facts.access_domain.is_some() => return Err(Fault::Twice),
            (OPTION_57, data) => facts.access_domain = Some(Domain::from_wire(data)),
            (IA_NA, data) => addresses(data, &mut facts)?,
            _ => {}
        }
    }
    // RFC 8415 §16.10: otherwise it must be discarded.
    if is_signed { Ok(facts) } else { Err(Fault::NoServer) }
}

/// The first address that was given, and for how long.
fn addresses(data: &[u8], facts: &mut Facts) -> Result<(), Fault> {
    const AHEAD: usize = 12; // its ID and two times (RFC 8415 §21.4)
    for option in Options(data.get(AHEAD..).ok_or(Fault::CutShort)?) {
        let (IA_ADDRESS, data) = option? else { continue };
        let (address, rest) = data.split_first_chunk::<16>().ok_or(Fault::CutShort)?;
        let (_preferred, rest) = rest.split_first_chunk::<4>().ok_or(Fault::CutShort)?;
        let (valid, _) = rest.split_first_chunk::<4>().ok_or(Fault::CutShort)?;
        if facts.address.is_none() {
            facts.address = Some(Ipv6Addr::from(*address).into());
            facts.lifetime = Some(Duration::from_secs(u32::from_be_bytes(*valid).into()));
        }
    }
    Ok(())
}

/// Options one after the other; nothing comes after a broken one.
struct Options<'m>(&'m [u8]);

impl<'m> Iterator for Options<'m> {
    type Item = Result<(u16, &'m [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let octets = std::mem::take(&mut self.0);
        let Some(([kind_high, kind_low, high, low], rest)) = octets.split_first_chunk::<4>() else {
            return (!octets.is_empty()).then_some(Err(Fault::CutShort));
        };
        let kind = u16::from_be_bytes([*kind_high, *kind_low]);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((data, behind)) = rest.split_at_checked(length) else {
            return Some(Err(Fault::CutShort));
        };
        self.0 = behind;
        Some(Ok((kind, data)))
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
    /// It does not say which server it is from.
    NoServer,
    /// It names two access networks.
    Twice,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoReply => "it is no reply of a DHCPv6 server",
            Self::TooLong => "it is longer than a message of DHCPv6",
            Self::CutShort => "it is cut short",
            Self::NoServer => "it does not say which server it is from",
            Self::Twice => "option 57 is there more than once",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCESS: &[u8] = b"\x06access\x07example\0";

    fn option(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
    }

    fn reply(options: &[Vec<u8>]) -> Vec<u8> {
        [&[REPLY, 1, 2, 3][..], &option(SERVER_ID, b"server"), &options.concat()].concat()
    }

    /// RFC 8415 §18.2.6.
    #[test]
    fn a_question() {
        let message = information_request(0xff01_0203, 0x0405);
        assert_eq!(message[..4], [11, 1, 2, 3]);
        assert_eq!(message[4..10], [0, 8, 0, 2, 4, 5]);
        assert_eq!(message[10..], [0, 6, 0, 6, 0, 57, 0, 32, 0, 83]);
    }

    #[test]
    fn the_name_in_a_reply() {
        let facts = answer(&reply(&[option(57, ACCESS)]), 0xff01_0203).unwrap().unwrap();
        assert_eq!(facts.access_domain.unwrap().unwrap().as_str(), "access.example.");
        assert_eq!(facts.domain_name, None);
        let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let given = [&address.octets()[..], &[0, 0, 0, 1], &[0, 0, 14, 16]].concat();
        let identity = [&[0; 12][..], &option(IA_ADDRESS, &given)].concat();
        let facts = kept(&reply(&[option(IA_NA, &identity)])).unwrap();
        assert_eq!(facts.address, Some(address.into()));
        assert_eq!(facts.lifetime, Some(Duration::from_secs(3_600)));
    }

    #[test]
    fn other_and_broken_replies() {
        let fine = reply(&[option(57, ACCESS)]);
        assert!(answer(&fine, 0x0001_0204).is_none(), "another question's");
        assert!(answer(&[&[2], &fine[1..]].concat(), 0x0001_0203).is_none(), "an offer");
        let unsigned = [&[REPLY, 1, 2, 3][..], &option(57, ACCESS)].concat();
        for (message, fault) in [
            (unsigned, Fault::NoServer),
            (reply(&[option(57, ACCESS), option(57, ACCESS)]), Fault::Twice),
            (fine[..fine.len() - 1].to_vec(), Fault::CutShort),
            ([&fine[..], &[0]].concat(), Fault::CutShort),
            (reply(&[option(IA_NA, &[0; 11])]), Fault::CutShort),
            ([&fine[..], &[0; MOST_MESSAGE]].concat(), Fault::TooLong),
        ] {
            assert_eq!(answer(&message, 0x0001_0203), Some(Err(fault)));
        }
    }

    proptest! {
        #[test]
        fn nothing_brings_it_down(octets in prop::collection::vec(any::<u8>(), 0..200), head: bool) {
            let message = if head { [&reply(&[])[..], &octets].concat() } else { octets };
            let _ = kept(&message);
        }
    }
}
