//! Finds what a peer sent about its ALTO server, in HTTP queries and UDP options, and writes it. Pure.

mod write;

use std::borrow::Cow;
use std::fmt;

use alto_discovery_core::Hints;
use data_encoding::BASE64URL_NOPAD;

pub use write::{as_options, guidance_parameter, uri_parameter};

/// What stands in a query before the URI of a directory, and before guidance.
const URI_KEY: &str = "alto=";
const GUIDANCE_KEY: &str = "altog=";
/// The option that carries the URI of a directory.
pub const OPTION_URI: u8 = 0xA5;
/// The option that carries guidance, or a part of it.
pub const OPTION_GUIDANCE: u8 = 0xA6;
/// So many octets of options are looked at: what a datagram of 1,232 octets, which crosses every IPv6
/// path unfragmented (RFC 8200 §5), holds behind the 98 of an announce (BEP 15).
pub const MOST_OPTIONS: usize = 1_232 - 98;
/// So many octets of a query are looked at.
pub const MOST_QUERY: usize = 8_192;
/// The longest URI, in octets; a NAPTR record holds no longer one either.
pub const MOST_URI: usize = 250;
/// The most guidance, in octets.
pub const MOST_GUIDANCE: usize = 1_024;

/// BEP 41: one octet each, without a length.
const END_OF_OPTIONS: u8 = 0;
const NOP: u8 = 1;
/// BEP 41: path and query of the tracker's URL, maybe in parts.
const URL_DATA: u8 = 2;

/// What a peer sent: for each approach nothing, or octets that are still to be vetted, or what is wrong
/// with them already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Approach 5: the URI of a directory.
    pub uri: Option<Result<Cow<'a, [u8]>, Fault>>,
    /// Approach 6: guidance.
    pub guidance: Option<Result<Cow<'a, [u8]>, Fault>>,
}

/// Why what a peer sent cannot even be taken out of its announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is there more than once: readers would disagree which one counts.
    Twice,
    /// It is longer than allowed.
    TooLong,
    /// Its percent-encoding is broken (RFC 3986 §2.1).
    PercentEncoding,
    /// It is not base64url without padding (RFC 4648 §5).
    Base64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Twice => "it is there more than once",
            Self::TooLong => "it is too long",
            Self::PercentEncoding => "its percent-encoding is broken",
            Self::Base64 => "it is not base64url without padding",
        })
    }
}

impl std::error::Error for Fault {}

/// What stands in an announce. Allocates only if there is anything, and takes time in proportion to
/// the announce.
pub fn find<'a>(hints: &'a Hints<'_>) -> Sent<'a> {
    match hints {
        Hints::HttpQuery(raw) => in_query(&raw[..raw.len().min(MOST_QUERY)]),
        Hints::UdpOptions(raw) => in_options(&raw[..raw.len().min(MOST_OPTIONS)]),
        _ => Sent::default(),
    }
}

/// In the query of a URL; what stands before a `?` of a path is left out.
fn in_query(text: &[u8]) -> Sent<'_> {
    let path = matches!(text.first(), Some(b'/' | b'?'));
    let query = match text.iter().position(|octet| *octet == b'?') {
        Some(at) if path => &text[at + 1..],
        _ => text,
    };
    let mut sent = Sent::default();
    for pair in query.split(|octet| *octet == b'&') {
        if let Some(value) = pair.strip_prefix(URI_KEY.as_bytes()) {
            once(&mut sent.uri, || percent_decoded(value, MOST_URI));
        } else if let Some(value) = pair.strip_prefix(GUIDANCE_KEY.as_bytes()) {
            once(&mut sent.guidance, || base64_decoded(value));
        }
    }
    sent
}

/// In the options of a UDP announce. One that is cut off is as if it were not there.
fn in_options(mut octets: &[u8]) -> Sent<'_> {
    let (mut sent, mut url, mut guidance) = (Sent::default(), Vec::new(), None::<Vec<u8>>);
    while let [kind, rest @ ..] = octets {
        octets = match (*kind, rest) {
            (END_OF_OPTIONS, _) => break,
            (NOP, _) => rest,
            (kind, [length, behind @ ..]) if behind.len() >= usize::from(*length) => {
                let (data, behind) = behind.split_at(usize::from(*length));
                match kind {
                    URL_DATA => url.extend_from_slice(data),
                    OPTION_URI => once(&mut sent.uri, || bounded(data, MOST_URI)),
                    OPTION_GUIDANCE => guidance.get_or_insert_default().extend_from_slice(data),
                    _ => {}
                }
                behind
            }
            _ => break,
        };
    }
    if let Some(octets) = guidance {
        let fits = octets.len() <= MOST_GUIDANCE;
        sent.guidance = Some(fits.then_some(octets.into()).ok_or(Fault::TooLong));
    }
    also(sent, in_query(&url))
}

/// What stands in the options and in the URL among them.
fn also<'a>(own: Sent<'a>, url: Sent<'_>) -> Sent<'a> {
    let either = |own: Option<_>, other: Option<Result<Cow<'_, [u8]>, Fault>>| match (own, other) {
        (Some(_), Some(_)) => Some(Err(Fault::Twice)),
        (own, None) => own,
        (None, other) => other.map(|octets| octets.map(|octets| octets.into_owned().into())),
    };
    Sent { uri: either(own.uri, url.uri), guidance: either(own.guidance, url.guidance) }
}

type Found<'a> = Result<Cow<'a, [u8]>, Fault>;

fn once<'a>(place: &mut Option<Found<'a>>, value: impl FnOnce() -> Found<'a>) {
    *place = Some(if place.is_some() { Err(Fault::Twice) } else { value() });
}

fn bounded(data: &[u8], most: usize) -> Found<'_> {
    if data.len() > most { Err(Fault::TooLong) } else { Ok(data.into()) }
}

fn percent_decoded(text: &[u8], most: usize) -> Found<'_> {
    if text.len() > 3 * most {
        return Err(Fault::TooLong);
    }
    if !text.contains(&b'%') {
        return bounded(text, most);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [octet, behind @ ..] = rest {
        let (octet, behind) = match (octet, behind) {
            (b'%', [high, low, behind @ ..]) => (coded(*high, *low)?, behind),
            (b'%', _) => return Err(Fault::PercentEncoding),
            (octet, behind) => (*octet, behind),
        };
        decoded.push(octet);
        rest = behind;
    }
    if decoded.len() > most { Err(Fault::TooLong) } else { Ok(decoded.into()) }
}

fn coded(high: u8, low: u8) -> Result<u8, Fault> {
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Ok(high << 4 | low),
        _ => Err(Fault::PercentEncoding),
    }
}

/// Some clients percent-encode each octet that is no letter or digit.
fn base64_decoded(text: &[u8]) -> Found<'_> {
    const MOST_TEXT: usize = MOST_GUIDANCE.div_ceil(3) * 4;
    let text = percent_decoded(text, MOST_TEXT)?;
    let octets = BASE64URL_NOPAD.decode(&text).map_err(|_| Fault::Base64)?;
    if octets.len() > MOST_GUIDANCE { Err(Fault::TooLong) } else { Ok(octets.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URI: &[u8] = b"https://alto.example/directory";

    fn query(text: &[u8]) -> Sent<'static> {
        owned(find(&Hints::HttpQuery(text.into())))
    }

    fn options(octets: &[u8]) -> Sent<'static> {
        owned(find(&Hints::UdpOptions(octets.into())))
    }

    fn owned(sent: Sent<'_>) -> Sent<'static> {
        let own = |found: Option<Found<'_>>| found.map(|f| f.map(|o| o.into_owned().into()));
        Sent { uri: own(sent.uri), guidance: own(sent.guidance) }
    }

    fn option(kind: u8, data: &[u8]) -> Vec<u8> {
        [&[kind, u8::try_from(data.len()).unwrap()], data].concat()
    }

    fn uri(sent: Sent<'_>) -> Option<Result<Vec<u8>, Fault>> {
        sent.uri.map(|uri| uri.map(Cow::into_owned))
    }

    /// Keys are whole and literal; values are percent-encoded or not.
    #[test]
    fn in_queries() {
        let encoded = b"https%3a%2F%2Falto.example%2fdirectory";
        for text in [
            [b"alto=", URI].concat(),
            [b"?alto=", &encoded[..], b"&altog"].concat(),
            [b"/announce?info_hash=%00?&alto=", URI, b"&port=1"].concat(),
            [b"xalto=1&altogether=2&alto=", &encoded[..]].concat(),
        ] {
            assert_eq!(uri(query(&text)), Some(Ok(URI.into())));
        }
        for (text, fault) in [
            (&b"alto=a&alto=a"[..], Fault::Twice),
            (b"alto=%", Fault::PercentEncoding),
            (b"alto=%4", Fault::PercentEncoding),
            (b"alto=%+1", Fault::PercentEncoding),
            (b"altog=YQ==", Fault::Base64),
            (b"altog=YR", Fault::Base64),
        ] {
            let sent = query(text);
            assert_eq!(sent.uri.or(sent.guidance), Some(Err(fault)));
        }
        assert_eq!(query(b"info_hash=1&xalto=2&Alto=3&alto"), Sent::default());
        assert_eq!(query(b"altog=YWI").guidance, Some(Ok(b"ab"[..].into())));
        assert_eq!(query(b"altog=%59WI").guidance, Some(Ok(b"ab"[..].into())));
    }

    /// BEP 41: unknown options are skipped by their length, those behind the end are not there.
    #[test]
    fn in_udp_options() {
        let own = option(OPTION_URI, URI);
        for octets in [
            own.clone(),
            [&[NOP, NOP][..], &option(77, b"xx"), &own, &[END_OF_OPTIONS, OPTION_URI, 9]].concat(),
            [option(URL_DATA, b"/ann?x=1&al"), option(URL_DATA, &[b"to=", URI].concat())].concat(),
            [&own[..], &[OPTION_GUIDANCE, 5, 1]].concat(),
        ] {
            assert_eq!(uri(options(&octets)), Some(Ok(URI.into())));
        }
        for octets in [
            [own.clone(), own.clone()].concat(),
            [option(URL_DATA, b"?alto=x"), own.clone()].concat(),
        ] {
            assert_eq!(uri(options(&octets)), Some(Err(Fault::Twice)));
        }
        for octets in [&[][..], &[OPTION_URI], &[OPTION_URI, 3, b'a'], &[END_OF_OPTIONS]] {
            assert_eq!(options(octets), Sent::default());
        }
        let parts = [option(OPTION_GUIDANCE, b"ab"), option(OPTION_GUIDANCE, b"c")].concat();
        assert_eq!(options(&parts).guidance, Some(Ok(b"abc"[..].into())));
    }

    /// At each limit, and one beyond.
    #[test]
    fn limits() {
        for (length, fine) in [(MOST_URI, true), (MOST_URI + 1, false)] {
            let text = vec![b'a'; length];
            assert_eq!(query(&[b"alto=", &text[..]].concat()).uri.unwrap().is_ok(), fine);
            let coded = b"%61".repeat(length);
            assert_eq!(query(&[b"alto=", &coded[..]].concat()).uri.unwrap().is_ok(), fine);
            if length < 256 {
                assert_eq!(options(&option(OPTION_URI, &text)).uri.unwrap().is_ok(), fine);
            }
        }
        for (length, fine) in [(MOST_GUIDANCE, true), (MOST_GUIDANCE + 1, false)] {
            let octets = vec![7; length];
            let text = format!("altog={}", BASE64URL_NOPAD.encode(&octets));
            assert_eq!(query(text.as_bytes()).guidance.unwrap().is_ok(), fine);
            let parts: Vec<u8> =
                octets.chunks(255).flat_map(|part| option(OPTION_GUIDANCE, part)).collect();
            assert_eq!(options(&parts).guidance.unwrap().is_ok(), fine);
        }
        let late = [vec![NOP; MOST_OPTIONS], option(OPTION_URI, URI)].concat();
        assert_eq!(options(&late), Sent::default());
    }

    proptest! {
        /// Whatever comes is found, refused or passed over, within the limits.
        #[test]
        fn never_more_than_the_limits(octets in prop::collection::vec(any::<u8>(), 0..1_500)) {
            let keyed = [b"alto=", &octets[..], b"&altog=", &octets].concat();
            for sent in [query(&octets), query(&keyed), options(&octets)] {
                prop_assert!(sent.uri.and_then(Result::ok).is_none_or(|uri| uri.len() <= MOST_URI));
                let guidance = sent.guidance.and_then(Result::ok);
                prop_assert!(guidance.is_none_or(|octets| octets.len() <= MOST_GUIDANCE));
            }
        }
    }
}
