//! Records as lines of a master file (RFC 1035 §5.1), read and written.

use std::fmt;
use std::str::FromStr;

use crate::record::{Data, Naptr, Record, Soa};

impl FromStr for Record {
    type Err = String;

    /// Reads a line of a master file: absolute owner, TTL, optional `IN`, type, data.
    ///
    /// An empty replacement may be written `.` or, as RFC 8686 §3.4 prints it, `""`.
    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = Words::of(line)?;
        let (owner, ttl) = (words.name()?, words.number()?);
        let mut kind = words.plain()?;
        if kind == "IN" {
            kind = words.plain()?;
        }
        let data = words.data(&kind)?;
        words.end().map(|()| Self { owner, ttl, data }).map_err(|fault| format!("{line}: {fault}"))
    }
}

/// The words of a line, quotes and escapes undone.
struct Words(std::vec::IntoIter<Vec<u8>>);

impl Words {
    fn of(line: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut rest = line.trim_start().as_bytes();
        while !rest.is_empty() {
            let (word, behind) = split_word(rest).ok_or_else(|| format!("{line}: broken word"))?;
            words.push(word);
            rest = behind.trim_ascii_start();
        }
        Ok(Self(words.into_iter()))
    }

    fn next(&mut self) -> Result<Vec<u8>, String> {
        self.0.next().ok_or_else(|| "too short".into())
    }

    fn plain(&mut self) -> Result<String, String> {
        String::from_utf8(self.next()?).map_err(|fault| fault.to_string())
    }

    fn number<T: FromStr<Err: fmt::Display>>(&mut self) -> Result<T, String> {
        let word = self.plain()?;
        word.parse().map_err(|fault| format!("{word}: {fault}"))
    }

    fn name(&mut self) -> Result<String, String> {
        let word = self.plain()?;
        let absolute = word.ends_with('.') && word.is_ascii() && !word.contains('\\');
        absolute.then_some(()).ok_or_else(|| format!("`{word}` is no plain absolute name"))?;
        Ok(word)
    }

    fn replacement(&mut self) -> Result<String, String> {
        if self.0.as_slice().first().is_some_and(Vec::is_empty) {
            return self.next().map(|_| ".".into());
        }
        self.name()
    }

    fn data(&mut self, kind: &str) -> Result<Data, String> {
        Ok(match kind {
            "A" => Data::A(self.number()?),
            "AAAA" => Data::Aaaa(self.number()?),
            "CNAME" => Data::Cname(self.name()?),
            "DNAME" => Data::Dname(self.name()?),
            "NAPTR" => Data::Naptr(self.naptr()?),
            "NS" => Data::Ns(self.name()?),
            "PTR" => Data::Ptr(self.name()?),
            "SOA" => Data::Soa(self.soa()?),
            "TXT" => Data::Txt(self.0.by_ref().collect()),
            _ => return Err(format!("the kit knows no type {kind}")),
        })
    }

    fn naptr(&mut self) -> Result<Naptr, String> {
        Ok(Naptr {
            order: self.number()?,
            preference: self.number()?,
            flags: self.next()?,
            services: self.next()?,
            regexp: self.next()?,
            replacement: self.replacement()?,
        })
    }

    fn soa(&mut self) -> Result<Soa, String> {
        let (primary, mailbox) = (self.name()?, self.name()?);
        let mut numbers = [0; 5];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(Soa { primary, mailbox, numbers })
    }

    fn end(&mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(format!("{} too much", word.escape_ascii())))
    }
}

/// The first word and what follows it; `None` if a quote or an escape does not end.
fn split_word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let quoted = line.first() == Some(&b'"');
    let mut rest = if quoted { &line[1..] } else { line };
    let mut word = Vec::new();
    loop {
        match *rest {
            [] => return (!quoted).then_some((word, rest)),
            [b'"', ..] if quoted => return Some((word, &rest[1..])),
            [octet, ..] if !quoted && octet.is_ascii_whitespace() => return Some((word, rest)),
            [b'\\', a, b, c, ..] if a.is_ascii_digit() => {
                word.push(std::str::from_utf8(&[a, b, c]).ok()?.parse().ok()?);
                rest = &rest[4..];
            }
            [b'\\', octet, ..] => {
                word.push(octet);
                rest = &rest[2..];
            }
            [b'\\'] => return None,
            [octet, ..] => {
                word.push(octet);
                rest = &rest[1..];
            }
        }
    }
}

impl fmt::Display for Record {
    /// Writes it as a line of a master file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {}", self.owner, self.ttl, self.data)
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => write!(f, "A {address}"),
            Self::Aaaa(address) => write!(f, "AAAA {address}"),
            Self::Cname(name) => write!(f, "CNAME {name}"),
            Self::Dname(name) => write!(f, "DNAME {name}"),
            Self::Ns(name) => write!(f, "NS {name}"),
            Self::Ptr(name) => write!(f, "PTR {name}"),
            Self::Naptr(n) => {
                let [flags, services, regexp] = [&n.flags, &n.services, &n.regexp].map(quote);
                let (order, preference, replacement) = (n.order, n.preference, &n.replacement);
                write!(f, "NAPTR {order} {preference} {flags} {services} {regexp} {replacement}")
            }
            Self::Soa(soa) => {
                write!(f, "SOA {} {}", soa.primary, soa.mailbox)?;
                soa.numbers.iter().try_for_each(|number| write!(f, " {number}"))
            }
            Self::Txt(strings) => {
                f.write_str("TXT")?;
                strings.iter().try_for_each(|string| write!(f, " {}", quote(string)))
            }
            // RFC 3597 §5
            Self::Raw { kind, octets } => {
                write!(f, "TYPE{kind} \\# {} ", octets.len())?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}

fn quote(octets: impl AsRef<[u8]>) -> String {
    let escape = |octet: &u8| match *octet {
        b'"' | b'\\' => format!("\\{}", char::from(*octet)),
        b' '..=b'~' => char::from(*octet).into(),
        _ => format!("\\{octet:03}"),
    };
    format!("\"{}\"", octets.as_ref().iter().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 8686 §3.4 prints an empty replacement as `""`, appendix C.4 as `.`.
    #[test]
    fn both_spellings_of_an_empty_replacement_are_read() {
        let line = |end| format!(r#"a. 60 IN NAPTR 1 2 "u" "ALTO:https" "!.*!https://a/!" {end}"#);
        let [dot, quotes] = [".", "\"\""].map(|end| line(end).parse::<Record>().unwrap());
        assert_eq!(dot, quotes);
        assert_eq!(quotes.to_string(), line("."));
    }

    /// RFC 1035 §5.1: `\X` and `\DDD`; RFC 3403 §7 wants backslashes doubled.
    #[test]
    fn escapes_are_undone() {
        let record: Record = r#"a. 60 TXT "\\1 \"\065" plain"#.parse().unwrap();
        assert_eq!(record.data, Data::Txt(vec![b"\\1 \"A".to_vec(), b"plain".to_vec()]));
    }

    #[test]
    fn broken_lines_are_refused() {
        for line in [
            "",
            "a 60 A 192.0.2.1",
            "a. sixty A 192.0.2.1",
            "a. 60 A",
            "a. 60 A 192.0.2.1 192.0.2.2",
            "a. 60 CNAME b",
            "a. 60 TXT \"open",
            "a. 60 TXT open\\",
            "a. 60 TXT \\999",
            "a. 60 NAPTR 1 2 \"u\" \"s\" \"r\" relative",
            "a. 60 HINFO x y",
        ] {
            assert!(line.parse::<Record>().is_err(), "{line}");
        }
    }

    proptest! {
        /// What is written is read again.
        #[test]
        fn text_survives(
            numbers: (u32, u16, u16),
            [flags, services, regexp] in proptest::array::uniform3(prop::collection::vec(any::<u8>(), 0..255)),
        ) {
            let (ttl, order, preference) = numbers;
            let replacement = "x.example.".into();
            let naptr = Naptr { order, preference, flags, services, regexp, replacement };
            let record = Record::new("a.example.", ttl, Data::Naptr(naptr));
            prop_assert_eq!(record.to_string().parse(), Ok(record));
        }
    }
}
