//! Lease files of ISC's dhclient: statements and blocks, dhclient.leases(5).

use std::net::IpAddr;

use super::{Family, Fault, Lease, MOST_LEASES, interface, named};
use crate::whoami::domain::{self, Domain};

/// Blocks within blocks: an address within an identity within a lease.
const MOST_DEPTH: usize = 4;

pub(super) fn read(text: &str) -> Result<Vec<Lease>, Fault> {
    let mut reading = Reading::default();
    let mut tokens = Tokens { text, at: 0 };
    let mut statement = Vec::new();
    loop {
        tokens.skip_blanks();
        let at = tokens.at;
        let broken = || Fault::Syntax { line: 1 + text[..at].matches('\n').count() };
        match tokens.next().map_err(|NoToken| broken())? {
            Some(Token::Open) => reading.open(&statement).ok_or_else(broken)?,
            Some(Token::Close) if statement.is_empty() => reading.close().ok_or_else(broken)?,
            Some(Token::Semicolon) => reading.statement(&statement).ok_or_else(broken)?,
            Some(Token::Close) => return Err(broken()),
            Some(token) => {
                statement.push(token);
                continue;
            }
            None if statement.is_empty() && reading.blocks.is_empty() => return Ok(reading.leases),
            // dhclient may have been ended while it wrote.
            None => return Err(broken()),
        }
        statement.clear();
        if reading.leases.len() > MOST_LEASES {
            return Err(Fault::TooMany);
        }
    }
}

/// What has been read, and where in the blocks the reader is. Whatever is wrong is `None`.
#[derive(Default)]
struct Reading<'t> {
    leases: Vec<Lease>,
    blocks: Vec<&'t str>,
    starts: Option<u64>,
}

impl<'t> Reading<'t> {
    fn open(&mut self, head: &[Token<'t>]) -> Option<()> {
        let Token::Word(kind) = *head.first()? else { return None };
        match (&self.blocks[..], kind, head) {
            ([], "lease", _) => self.leases.push(Lease::new("dhclient", Family::V4)),
            ([], "lease6", _) => self.leases.push(Lease::new("dhclient", Family::V6)),
            ([], ..) => return None,
            (_, "iaaddr", [_, Token::Word(address)]) => {
                let address: IpAddr = address.parse().ok()?;
                let facts = &mut self.leases.last_mut()?.facts;
                facts.address = facts.address.or(Some(address));
            }
            _ => {}
        }
        self.blocks.push(kind);
        (self.blocks.len() <= MOST_DEPTH).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        self.blocks.pop().map(drop)
    }

    fn statement(&mut self, words: &[Token<'t>]) -> Option<()> {
        // Outside of leases stands the client's own identifier; an empty statement says nothing.
        let (Some(block), [Token::Word(key), values @ ..]) = (self.blocks.last(), words) else {
            return Some(());
        };
        let lease = self.leases.last_mut()?;
        match (*block, *key, values) {
            ("lease" | "lease6", "interface", [Token::Text(name)]) => {
                lease.interface = Some(interface(std::str::from_utf8(name).ok()?)?);
            }
            ("lease", "fixed-address", [Token::Word(address)]) => {
                lease.facts.address = Some(address.parse().ok()?);
            }
            ("lease", "expire", [Token::Word("never")]) => lease.ends = None,
            ("lease", "expire", [Token::Word("epoch"), Token::Word(seconds)]) => {
                lease.ends = Some(seconds.parse().ok()?);
            }
            ("lease", "expire", [_, Token::Word(date), Token::Word(time)]) => {
                lease.ends = Some(seconds_since_1970(date, time)?);
            }
            ("lease6", "released", []) => lease.ends = Some(0),
            ("iaaddr", "starts", [Token::Word(at)]) => self.starts = Some(at.parse().ok()?),
            ("iaaddr", "max-life", [Token::Word(seconds)]) => {
                let seconds: u32 = seconds.parse().ok()?;
                let starts = self.starts.filter(|_| seconds != u32::MAX && lease.ends != Some(0));
                lease.ends = starts.map(|at| at.saturating_add(seconds.into())).or(lease.ends);
            }
            ("lease" | "lease6", "option", [Token::Word(name), value @ ..]) => match *name {
                "v4-access-domain"
                | "unknown-213"
                | "dhcp6.v6-access-domain"
                | "dhcp6.unknown-57" => lease.facts.access_domain = Some(access_domain(value)),
                "domain-name" => lease.facts.domain_name = Some(domain_name(value)),
                _ => {}
            },
            _ => {}
        }
        Some(())
    }
}

/// As a name, or in wire format, by how the option is declared in the client's configuration.
fn access_domain(value: &[Token<'_>]) -> Result<Domain, domain::Fault> {
    match value {
        [Token::Word("<error>")] => Err(domain::Fault::NotWritten),
        [Token::Word(word)] => match octets(word) {
            Some(octets) => Domain::from_wire(&octets),
            None => named(word),
        },
        [Token::Text(text)] if text.iter().any(u8::is_ascii_control) => Domain::from_wire(text),
        [Token::Text(text)] => {
            named(std::str::from_utf8(text).map_err(|_| domain::Fault::Character)?)
        }
        [] => Err(domain::Fault::Empty),
        _ => Err(domain::Fault::Several),
    }
}

fn domain_name(value: &[Token<'_>]) -> Result<Domain, domain::Fault> {
    match value {
        [Token::Text(text)] => Domain::from_option_15(text),
        [] => Err(domain::Fault::Empty),
        _ => Err(domain::Fault::Several),
    }
}

/// Octets in hexadecimal with colons between.
fn octets(word: &str) -> Option<Vec<u8>> {
    let octet = |digits: &str| {
        let fine = matches!(digits.len(), 1 | 2) && digits.bytes().all(|d| d.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| fine)
    };
    word.contains(':').then(|| word.split(':').map(octet).collect())?
}

/// `2026/12/01` and `00:36:57`, UTC.
fn seconds_since_1970(date: &str, time: &str) -> Option<u64> {
    let three = |text: &str, between: char| -> Option<[u64; 3]> {
        let numbers: Option<Vec<u64>> = text
            .split(between)
            .map(|number| number.parse().ok().filter(|number| *number < 10_000))
            .collect();
        numbers?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (three(date, '/')?, three(time, ':')?);
    let fine = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fine || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days of the proleptic Gregorian calendar, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

enum Token<'t> {
    Word(&'t str),
    /// What stood in quotes, without its escapes.
    Text(Vec<u8>),
    Comma,
    Semicolon,
    Open,
    Close,
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

/// Quotes that do not end, or an escape that is none.
struct NoToken;

impl<'t> Tokens<'t> {
    /// The token that begins here.
    fn next(&mut self) -> Result<Option<Token<'t>>, NoToken> {
        let rest = &self.text[self.at..];
        let Some(first) = rest.bytes().next() else { return Ok(None) };
        let (length, token) = match first {
            b'{' => (1, Token::Open),
            b'}' => (1, Token::Close),
            b';' => (1, Token::Semicolon),
            b',' => (1, Token::Comma),
            b'"' => text(rest)?,
            _ => {
                let end = |c: char| c.is_ascii_whitespace() || "{};,\"#".contains(c);
                let length = rest.find(end).unwrap_or(rest.len());
                if length == 0 {
                    return Err(NoToken);
                }
                (length, Token::Word(&rest[..length]))
            }
        };
        self.at += length;
        Ok(Some(token))
    }

    /// White space, and comments up to the end of their line.
    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blanks =
                rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
            let behind = &rest[blanks..];
            let comment =
                if behind.starts_with('#') { behind.find('\n').unwrap_or(behind.len()) } else { 0 };
            self.at += blanks + comment;
            if comment == 0 {
                return;
            }
        }
    }
}

/// A text in quotes, with what it takes: `\"`, `\\` and octets in octal.
fn text(rest: &str) -> Result<(usize, Token<'static>), NoToken> {
    let octets = rest.as_bytes();
    let (mut text, mut at) = (Vec::new(), 1);
    loop {
        match octets.get(at..).unwrap_or_default() {
            [b'"', ..] => return Ok((at + 1, Token::Text(text))),
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                text.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                at += 4;
            }
            [b'\\', escaped @ (b'"' | b'\\' | b'\'' | b'`' | b'$' | b'|' | b'&'), ..] => {
                text.push(*escaped);
                at += 2;
            }
            [] | [b'\\' | b'\n', ..] => return Err(NoToken),
            [octet, ..] => {
                text.push(*octet);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against dates whose seconds are known.
    #[test]
    fn dates() {
        for (date, time, seconds) in [
            ("1970/01/01", "00:00:00", 0),
            ("2000/02/29", "12:00:00", 951_825_600),
            ("2026/12/01", "00:36:57", 1_796_085_417),
            ("2038/01/19", "03:14:08", 1 << 31),
        ] {
            assert_eq!(seconds_since_1970(date, time), Some(seconds), "{date}");
        }
        for (date, time) in [
            ("1969/12/31", "00:00:00"),
            ("2026/13/01", "00:00:00"),
            ("2026/12", "00:00:00"),
            ("2026/12/01", "24:00:00"),
            ("20260000/12/01", "00:00:00"),
            ("2026/-1/01", "00:00:00"),
        ] {
            assert_eq!(seconds_since_1970(date, time), None, "{date} {time}");
        }
    }
}
