//! How long a resource is fresh: HTTP alone says (RFC 7285 §8.3.6, RFC 9111 §4.2).

use std::time::{Duration, SystemTime};

use alto_discovery_core::Validity;
use reqwest::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER,
    VARY,
};
use tokio::time::Instant;
use url::Url;

/// How long a resource is fresh, and how to ask whether it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// From when its headers came until it must be asked for again. Its span is zero if the server
    /// wants to be asked each time.
    pub validity: Validity,
    /// Whether the server let us choose: it said nothing of freshness, and a default was taken.
    pub by_default: bool,
    /// Whether the server forbids to keep the reply at all (`no-store`).
    pub no_store: bool,
    /// Whether the server lets a reply be used beyond its time if it cannot be asked (RFC 9111 §4.2.4):
    /// not with `no-store`, `no-cache` or `must-revalidate`.
    pub may_be_stale: bool,
    /// What to send with the next request; `None` if the server gave nothing to go by.
    pub validators: Option<Validators>,
}

/// What a server gave to recognise a version of a resource by (RFC 9110 §8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// Where the version came from: they mean nothing to other resources and are sent to no other.
    pub uri: Url,
    /// The entity tag as it stood in `ETag`.
    pub etag: Option<Box<str>>,
    /// The date as it stood in `Last-Modified`.
    pub last_modified: Option<Box<str>>,
}

/// Longer entity tags and dates are not kept; a conditional request must not become a burden.
const MAX_VALIDATOR_OCTETS: usize = 256;

/// The longest wait that a `Retry-After` can ask of us.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// The bounds of our own, beside what the headers say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// If the headers say nothing.
    pub(crate) default: Duration,
    /// Whatever the headers say.
    pub(crate) longest: Duration,
}

/// When a reply came, by both clocks. The wall clock serves only to read dates for which the reply
/// itself has no `Date` to compare with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When it was asked for.
    pub(crate) asked: Instant,
    /// When its headers were in.
    pub(crate) came: Instant,
    /// The same moment by the wall clock.
    pub(crate) wall: SystemTime,
}

/// Judges the headers of the reply that came from `uri`.
pub(crate) fn judge(headers: &HeaderMap, uri: &Url, arrival: Arrival, bounds: Bounds) -> Freshness {
    let control = CacheControl::read(headers);
    let stated = stated_lifetime(headers, &control, arrival.wall);
    let whole = stated.unwrap_or(bounds.default).min(bounds.longest);
    // RFC 9111 §4.2.3, without the part that compares wall clocks: ours or theirs may be wrong.
    let age = age(headers).saturating_add(arrival.came.saturating_duration_since(arrival.asked));
    let left = if stated.is_some() { whole.saturating_sub(age) } else { whole };
    Freshness {
        validity: Validity::new(arrival.came, left),
        by_default: stated.is_none(),
        no_store: control.no_store,
        may_be_stale: !(control.no_store || control.no_cache || control.must_revalidate),
        validators: validators(headers, uri),
    }
}

/// How long to wait before asking again, at most an hour; `None` if the server does not say.
pub(crate) fn retry_after(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    let wait = seconds(text).or_else(|| {
        let until = httpdate::parse_http_date(text).ok()?;
        Some(until.duration_since(date(headers, &DATE).unwrap_or(wall)).unwrap_or_default())
    });
    wait.map(|wait| wait.min(MAX_RETRY_AFTER))
}

/// RFC 9111 §4.2.1. `None` if the server does not say; what it says unreadably counts as stale.
fn stated_lifetime(
    headers: &HeaderMap,
    control: &CacheControl,
    wall: SystemTime,
) -> Option<Duration> {
    let varies = headers.get_all(VARY).iter().any(|value| value.as_bytes().contains(&b'*'));
    if control.no_store || control.no_cache || varies {
        return Some(Duration::ZERO);
    }
    control.max_age.or_else(|| {
        headers.contains_key(EXPIRES).then(|| {
            let from = date(headers, &DATE).unwrap_or(wall);
            let expires = date(headers, &EXPIRES);
            expires.and_then(|until| until.duration_since(from).ok()).unwrap_or_default()
        })
    })
}

/// The directives that matter to a cache which is nobody else's (RFC 9111 §5.2.2).
#[derive(Debug, Default, PartialEq, Eq)]
struct CacheControl {
    max_age: Option<Duration>,
    no_cache: bool,
    no_store: bool,
    must_revalidate: bool,
}

impl CacheControl {
    fn read(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        for value in headers.get_all(CACHE_CONTROL) {
            // A list that is no text forbids to rely on it.
            let text = value.to_str().unwrap_or("no-cache");
            text.split(',').for_each(|directive| control.add(directive));
        }
        control
    }

    fn add(&mut self, directive: &str) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "must-revalidate" => self.must_revalidate = true,
            "max-age" => {
                let stated = seconds(value.trim().trim_matches('"')).unwrap_or_default();
                self.max_age = Some(self.max_age.map_or(stated, |other| other.min(stated)));
            }
            _ => {}
        }
    }
}

/// RFC 9111 §5.1; an unreadable age is taken as none.
fn age(headers: &HeaderMap) -> Duration {
    text(headers, &AGE).and_then(seconds).unwrap_or_default()
}

fn validators(headers: &HeaderMap, uri: &Url) -> Option<Validators> {
    let kept = |name| {
        let value = text(headers, name).filter(|value| value.len() <= MAX_VALIDATOR_OCTETS);
        value.map(Box::from)
    };
    let (etag, last_modified) = (kept(&ETAG), kept(&LAST_MODIFIED));
    let any = etag.is_some() || last_modified.is_some();
    any.then(|| Validators { uri: uri.clone(), etag, last_modified })
}

/// `delta-seconds` (RFC 9111 §1.2.2): digits, however many.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600;
    const DATED: (&str, &str) = ("date", "Tue, 15 Nov 1994 08:12:31 GMT");

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        headers.iter().map(pair).collect::<Vec<(HeaderName, _)>>().into_iter().collect()
    }

    fn appended(headers: &[(&str, &str)]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        all
    }

    /// Judged as a map, asked for and come at the same moment, ten minutes after `DATED`.
    fn judged(headers: &HeaderMap) -> Freshness {
        let now = Instant::now();
        let wall = httpdate::parse_http_date("Tue, 15 Nov 1994 08:22:31 GMT").unwrap();
        let bounds =
            Bounds { default: Duration::from_secs(HOUR), longest: Duration::from_secs(24 * HOUR) };
        let uri = "https://a.example/".parse().unwrap();
        judge(headers, &uri, Arrival { asked: now, came: now, wall }, bounds)
    }

    fn lifetime(headers: &[(&str, &str)]) -> u64 {
        judged(&appended(headers)).validity.lifetime().as_secs()
    }

    /// RFC 9111 §4.2 and §5.2.2, one rule a line.
    #[test]
    fn lifetimes() {
        for (headers, seconds) in [
            // Nothing said: the default, whatever the age.
            (&[][..], HOUR),
            (&[("age", "60")], HOUR),
            (&[("cache-control", "public")], HOUR),
            // max-age, less the age; it wins over Expires; s-maxage is for shared caches.
            (&[("cache-control", "max-age=60")], 60),
            (&[("cache-control", "Public , MAX-AGE = 60")], 60),
            (&[("cache-control", "max-age=\"60\"")], 60),
            (&[("cache-control", "max-age=60"), ("age", "45")], 15),
            (&[("cache-control", "max-age=60"), ("age", "61")], 0),
            (&[("cache-control", "max-age=60"), ("age", "soon")], 60),
            (&[("cache-control", "s-maxage=60")], HOUR),
            (&[("cache-control", "max-age=60"), ("expires", "0")], 60),
            // Said twice: the shorter. Unreadable: stale. Beyond the clock: the cap.
            (&[("cache-control", "max-age=60, max-age=30")], 30),
            (&[("cache-control", "max-age=60"), ("cache-control", "max-age=30")], 30),
            (&[("cache-control", "max-age=-1")], 0),
            (&[("cache-control", "max-age=1.5")], 0),
            (&[("cache-control", "max-age=")], 0),
            (&[("cache-control", "max-age")], 0),
            (&[("cache-control", "max-age=99999999999999999999999")], 24 * HOUR),
            (&[("cache-control", "max-age=86401")], 24 * HOUR),
            // Ask each time.
            (&[("cache-control", "no-cache, max-age=60")], 0),
            (&[("cache-control", "no-cache=\"x\", max-age=60")], 0),
            (&[("cache-control", "max-age=60, no-store")], 0),
            (&[("vary", "*"), ("cache-control", "max-age=60")], 0),
            (&[("vary", "accept"), ("cache-control", "max-age=60")], 60),
            // Expires counts from Date, or else from our own clock.
            (&[DATED, ("expires", "Tue, 15 Nov 1994 08:13:31 GMT")], 60),
            (&[("expires", "Tue, 15 Nov 1994 08:23:31 GMT")], 60),
            (&[DATED, ("expires", "Tue, 15 Nov 1994 08:12:30 GMT")], 0),
            (&[DATED, ("expires", "0")], 0),
            (&[DATED, ("expires", "Tuesday, 15-Nov-94 08:13:31 GMT")], 60),
            (&[DATED, ("expires", "Tue Nov 15 08:13:31 1994")], 60),
            (&[DATED, ("expires", "Mon, 15 Nov 9999 08:13:31 GMT")], 24 * HOUR),
        ] {
            assert_eq!(lifetime(headers), seconds, "{headers:?}");
        }
    }

    /// The time that the reply took counts as age.
    #[test]
    fn a_slow_reply_is_older() {
        let asked = Instant::now();
        let came = asked + Duration::from_secs(4);
        let bounds = Bounds { default: Duration::from_secs(9), longest: Duration::from_secs(HOUR) };
        let headers = map(&[("cache-control", "max-age=10")]);
        let uri = "https://a.example/".parse().unwrap();
        let arrival = Arrival { asked, came, wall: SystemTime::UNIX_EPOCH };
        let freshness = judge(&headers, &uri, arrival, bounds);
        assert_eq!(freshness.validity, Validity::new(came, Duration::from_secs(6)));
        assert!(!freshness.by_default);
    }

    #[test]
    fn no_store_is_told() {
        assert!(judged(&map(&[("cache-control", "no-store")])).no_store);
        assert!(!judged(&map(&[("cache-control", "no-cache")])).no_store);
        assert!(judged(&map(&[])).by_default);
    }

    /// RFC 9111 §4.2.4: three directives forbid to go by what has expired.
    #[test]
    fn some_may_be_stale() {
        for (control, fine) in [
            ("max-age=60", true),
            ("public", true),
            ("proxy-revalidate, max-age=60", true),
            ("max-age=60, Must-Revalidate", false),
            ("no-cache", false),
            ("no-store", false),
        ] {
            assert_eq!(judged(&map(&[("cache-control", control)])).may_be_stale, fine, "{control}");
        }
        assert!(judged(&map(&[])).may_be_stale);
    }

    /// Validators are kept as they are, weak ones too, if they are short.
    #[test]
    fn validators_are_kept() {
        let long = format!("\"{}\"", "x".repeat(MAX_VALIDATOR_OCTETS));
        let both = judged(&map(&[("etag", "W/\"1\""), ("last-modified", DATED.1)])).validators;
        let both = both.unwrap();
        assert_eq!(both.etag.as_deref(), Some("W/\"1\""));
        assert_eq!(both.last_modified.as_deref(), Some(DATED.1));
        assert_eq!(both.uri.as_str(), "https://a.example/");
        assert_eq!(judged(&map(&[("etag", &long)])).validators, None);
        assert_eq!(judged(&map(&[])).validators, None);
    }

    /// Seconds or a date; the far future is an hour, the past is now, nonsense is nothing.
    #[test]
    fn retry_after_is_clamped() {
        let wall = httpdate::parse_http_date(DATED.1).unwrap();
        for (headers, seconds) in [
            (&[("retry-after", "120")][..], Some(120)),
            (&[("retry-after", "4294967296")], Some(HOUR)),
            (&[("retry-after", "99999999999999999999999")], Some(HOUR)),
            (&[("retry-after", "Tue, 15 Nov 1994 08:13:31 GMT")], Some(60)),
            (&[("retry-after", "Tue, 15 Nov 1994 08:14:31 GMT"), DATED], Some(120)),
            (&[("retry-after", "Sun, 15 Nov 1970 08:13:31 GMT")], Some(0)),
            (&[("retry-after", "Mon, 15 Nov 9999 08:13:31 GMT")], Some(HOUR)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            let wait = retry_after(&map(headers), wall);
            assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{headers:?}");
        }
    }

    proptest! {
        /// Whatever the headers, nothing is fresh for longer than the cap, and nothing panics.
        #[test]
        fn the_cap_holds(
            control in "(max-age|no-store|[a-z-]{1,9})(=[0-9\" -]{0,30})?(,[ -~]{0,20})?",
            expires in "[ -~]{0,40}",
            age in "[0-9]{0,25}",
        ) {
            let headers =
                [("cache-control", &*control), ("expires", &*expires), ("age", &*age)];
            prop_assert!(lifetime(&headers) <= 24 * HOUR);
        }
    }
}
