//! Redirects by hand: each hop is a new URI from the network.

use alto_discovery_core::{MAX_URI_OCTETS, Policy, UriFault, resolve_uri};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::error::{Fault, RedirectFault};

/// Where a search has been, and how many hops it may still make. One search may span several
/// requests and other forms of redirection than HTTP's: hand it from one to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hops {
    limit: u16,
    taken: u16,
    visited: Vec<String>,
}

impl Hops {
    /// A search that may hop `limit` times.
    pub fn new(limit: u16) -> Self {
        Self { limit, taken: 0, visited: Vec::new() }
    }

    /// Remembers `uri` as visited, without counting a hop: a search starts somewhere, and a server
    /// has several resources.
    pub fn visit(&mut self, uri: &Url) {
        let uri = normal_form(uri);
        if !self.visited.contains(&uri) {
            self.visited.push(uri);
        }
    }

    /// Counts a hop to `uri`.
    ///
    /// # Errors
    /// If it was visited before, or the hops are used up.
    pub fn follow(&mut self, uri: &Url) -> Result<(), RedirectFault> {
        if self.visited.contains(&normal_form(uri)) {
            return Err(RedirectFault::Loop);
        }
        if self.taken >= self.limit {
            return Err(RedirectFault::TooMany(self.limit));
        }
        self.taken += 1;
        self.visit(uri);
        Ok(())
    }

    /// How many hops were made.
    pub fn taken(&self) -> u16 {
        self.taken
    }
}

/// One form for all spellings of a URI that RFC 3986 §6.2.2 calls equivalent. The `url` crate sees
/// to case, default ports and dot segments; left are percent-encodings and the host's final dot.
pub fn normal_form(uri: &Url) -> String {
    let mut uri = uri.clone();
    if let Some(host) = uri.host_str().and_then(|host| host.strip_suffix('.')).map(str::to_owned) {
        let _kept_if_it_is_no_host_without_dot = uri.set_host(Some(&host));
    }
    normal_encoding(uri.as_str())
}

/// Decodes what need not be encoded (RFC 3986 §2.3) and writes the rest in upper case.
fn normal_encoding(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut normal = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let octet = piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match octet {
            Some(octet) if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) => {
                normal.push(char::from(octet));
                normal.push_str(&piece[2..]);
            }
            Some(_) => {
                normal.push('%');
                normal.push_str(&piece[..2].to_ascii_uppercase());
                normal.push_str(&piece[2..]);
            }
            None => {
                normal.push('%');
                normal.push_str(piece);
            }
        }
    }
    normal
}

/// One request of a fetch: the first, or one after a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) method: Method,
    pub(crate) uri: Url,
}

/// What a reply's head says to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask there.
    Follow(Leg),
    /// Read the resource.
    Body,
    /// What we hold is still right.
    NotModified,
    /// No success: read what the server says about it.
    Failure,
}

/// Judges the head of the reply to `leg`. `conditional` says whether we asked for a change only.
///
/// # Errors
/// If it redirects where we do not follow.
pub(crate) fn judge(
    leg: &Leg,
    status: StatusCode,
    headers: &HeaderMap,
    conditional: bool,
    hops: &mut Hops,
    policy: Policy,
) -> Result<Next, Fault> {
    let method = match status.as_u16() {
        200 | 203 => return Ok(Next::Body),
        304 if conditional => return Ok(Next::NotModified),
        307 | 308 => leg.method.clone(),
        303 => Method::GET,
        301 | 302 if leg.method == Method::GET => Method::GET,
        301 | 302 => return Err(Fault::Redirect(RedirectFault::Method)),
        _ => return Ok(Next::Failure),
    };
    let uri = location(&leg.uri, headers)?;
    if leg.uri.scheme() == "https" && uri.scheme() != "https" {
        return Err(Fault::Redirect(RedirectFault::Downgrade));
    }
    policy.check_uri(&uri).map_err(Fault::Policy)?;
    hops.follow(&uri).map_err(Fault::Redirect)?;
    Ok(Next::Follow(Leg { method, uri }))
}

/// Where `Location` leads from `base` (RFC 9110 §10.2.2).
fn location(base: &Url, headers: &HeaderMap) -> Result<Url, Fault> {
    let mut values = headers.get_all(LOCATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Fault::Redirect(RedirectFault::Location));
    };
    if value.len() > MAX_URI_OCTETS {
        return Err(Fault::Uri(UriFault::TooLong));
    }
    let text = value.to_str().map_err(|_| Fault::Redirect(RedirectFault::Location))?;
    resolve_uri(base, text).map_err(Fault::Uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uri(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn leg(method: Method, text: &str) -> Leg {
        Leg { method, uri: uri(text) }
    }

    fn head(locations: &[&str]) -> HeaderMap {
        let values = locations.iter().map(|text| (LOCATION, text.parse().unwrap()));
        values.collect()
    }

    fn from(leg: &Leg, status: u16, locations: &[&str]) -> Result<Next, Fault> {
        let mut hops = Hops::new(5);
        hops.visit(&leg.uri);
        let status = StatusCode::from_u16(status).unwrap();
        judge(leg, status, &head(locations), false, &mut hops, Policy::default())
    }

    /// RFC 9110 §15.4: 307 and 308 repeat the request, 303 becomes GET, 301 and 302 are for GET.
    #[test]
    fn the_status_decides_the_method() {
        let get = leg(Method::GET, "https://a.example/x");
        let post = leg(Method::POST, "https://a.example/x");
        let there = |method| Next::Follow(leg(method, "https://b.example/y"));
        for status in [301, 302, 303, 307, 308] {
            let next = from(&get, status, &["https://b.example/y"]).unwrap();
            assert_eq!(next, there(Method::GET), "{status}");
        }
        for (status, method) in [(307, Method::POST), (308, Method::POST), (303, Method::GET)] {
            let next = from(&post, status, &["https://b.example/y"]).unwrap();
            assert_eq!(next, there(method), "{status}");
        }
        for status in [301, 302] {
            let fault = from(&post, status, &["https://b.example/y"]).unwrap_err();
            assert_eq!(fault.code(), "redirect-method");
        }
    }

    /// Only 200 and 203 carry the resource; a 304 counts only if we asked for it.
    #[test]
    fn other_statuses_are_no_success() {
        let get = leg(Method::GET, "https://a.example/x");
        for status in [201, 204, 205, 206, 300, 304, 305, 306, 399, 400, 404, 500, 503, 999] {
            assert_eq!(from(&get, status, &["/y"]).unwrap(), Next::Failure, "{status}");
        }
        let mut hops = Hops::new(5);
        let next =
            judge(&get, StatusCode::NOT_MODIFIED, &head(&[]), true, &mut hops, Policy::default());
        assert_eq!(next.unwrap(), Next::NotModified);
    }

    /// Each refusal has its own code; nothing is followed to where policy forbids.
    #[test]
    fn bad_locations_are_refused() {
        let get = leg(Method::GET, "https://a.example/x");
        let long = format!("/{}", "x".repeat(2_048));
        for (locations, code) in [
            (&[][..], "redirect-location"),
            (&["/y", "/z"], "redirect-location"),
            (&[&long], "bad-uri"),
            (&["https://u:p@b.example/"], "bad-uri"),
            (&["/y#fragment"], "bad-uri"),
            (&["http://a.example/y"], "redirect-downgrade"),
            (&["ftp://a.example/y"], "redirect-downgrade"),
            (&["file:///etc/passwd"], "redirect-downgrade"),
            (&["https://b.example:22/"], "refused-by-policy"),
            (&["//127.1/"], "refused-by-policy"),
            (&["https://a.example/x"], "redirect-loop"),
            (&["https://A.example:443/./%78"], "redirect-loop"),
            (&["https://a.example./x"], "redirect-loop"),
            (&[""], "redirect-loop"),
        ] {
            assert_eq!(from(&get, 307, locations).unwrap_err().code(), code, "{locations:?}");
        }
        let http = Policy { allow_http: true, ..Policy::default() };
        let mut hops = Hops::new(5);
        let down =
            judge(&get, StatusCode::FOUND, &head(&["http://b.example/"]), false, &mut hops, http);
        assert_eq!(down.unwrap_err().code(), "redirect-downgrade");
    }

    #[test]
    fn equivalent_uris_have_one_form() {
        for (one, other) in [
            ("https://a.example/%7Ex", "https://a.example/~x"),
            ("https://a.example/%2f", "https://a.example/%2F"),
            ("https://a.example./", "https://a.example"),
            ("https://a.example/?%41", "https://a.example/?A"),
        ] {
            assert_eq!(normal_form(&uri(one)), normal_form(&uri(other)));
        }
        for (one, other) in [
            ("https://a.example/a%2Fb", "https://a.example/a/b"),
            ("https://a.example/A", "https://a.example/a"),
            ("https://a.example/%2541", "https://a.example/A"),
            ("https://a.example/", "https://a.example:8443/"),
        ] {
            assert_ne!(normal_form(&uri(one)), normal_form(&uri(other)));
        }
    }

    proptest! {
        /// Whatever servers say, a walk ends after at most five hops and never returns.
        #[test]
        fn any_graph_is_left_after_five_hops(
            edges in prop::collection::vec(0_usize..12, 12),
            fresh in any::<bool>(),
        ) {
            let policy = Policy::default();
            let mut hops = Hops::new(5);
            let mut here = leg(Method::GET, "https://a.example/0");
            hops.visit(&here.uri);
            for step in 0_usize.. {
                prop_assert!(step <= 5);
                let at = here.uri.path()[1..].parse::<usize>().unwrap();
                // A graph of twelve places, or one without end.
                let next = if fresh { at + 1 } else { edges[at % edges.len()] };
                let headers = head(&[&format!("/{next}")]);
                match judge(&here, StatusCode::FOUND, &headers, false, &mut hops, policy) {
                    Ok(Next::Follow(leg)) => here = leg,
                    Ok(other) => prop_assert!(false, "{other:?}"),
                    Err(fault) => {
                        prop_assert!(matches!(fault, Fault::Redirect(_)));
                        break;
                    }
                }
            }
            prop_assert!(hops.taken() <= 5);
        }
    }
}
