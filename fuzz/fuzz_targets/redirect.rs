//! What redirecting servers say: directories and property replies, one after the other, and the walk
//! they lead on.
#![no_main]

use std::time::Duration;

use alto_backend_redirect::failure::Failure;
use alto_backend_redirect::request::Question;
use alto_backend_redirect::verdict::{self, Came};
use alto_backend_redirect::walk::{Lives, Next, Page, Walk};
use alto_discovery::{Origin, Policy, Validity};
use alto_fetch::Hops;
use libfuzzer_sys::fuzz_target;
use tokio::time::Instant;

const DIRECTORY: &str = "application/alto-directory+json";
const PROPERTIES: &str = "application/alto-endpointprop+json";

// Replies are apart by line ends; one that starts with `d` is a directory, whatever was asked for.
fuzz_target!(|octets: &[u8]| {
    let peer = "198.51.100.3".parse().expect("a peer");
    let question = Question::about(&peer).expect("an address");
    let start = "https://a.example/ird".parse().expect("a URI");
    let policy = Policy { allow_documentation: true, ..Policy::default() };
    let mut walk = Walk::new(question, &start, Hops::new(5), policy);
    let now = Instant::now();
    let mut replies = octets.split(|octet| *octet == b'\n');
    let mut asked = 0;
    while let Some(next) = walk.next().cloned() {
        assert!(policy.check_uri(next.uri()).is_ok() || next.uri().scheme() == "https");
        asked += 1;
        let Some(body) = replies.next() else {
            walk.fail(Failure::Slow, Origin::Wire);
            break;
        };
        let (is_directory, body) = match body.split_first() {
            Some((b'd', rest)) => (true, rest),
            _ => (matches!(next, Next::Directory(_)), body),
        };
        let content_type = Some(if is_directory { DIRECTORY } else { PROPERTIES });
        let uri = next.uri().clone();
        let came = Came { uri: &uri, content_type, body };
        let validity = Validity::new(now, Duration::from_secs(300));
        match next {
            Next::Directory(_) => match verdict::directory(came) {
                Err(refusal) => walk.fail(Failure::Refused(refusal), Origin::Wire),
                Ok(says) => {
                    let page = Page { uri, redirects: Vec::new(), validity, says };
                    walk.learn_directory(&page, Origin::Wire, now);
                }
            },
            Next::Property(_) => match verdict::properties(came) {
                Err(refusal) => walk.fail(Failure::Refused(refusal), Origin::Wire),
                Ok(says) => {
                    let page = Page { uri, redirects: Vec::new(), validity, says };
                    walk.learn_property(&page, Origin::Wire, now);
                }
            },
        }
    }
    assert!(asked <= 12 && walk.hops().taken() <= 5, "five hops");
    let lives = Lives { least: Duration::from_secs(60), most: Duration::from_secs(3_600) };
    if let Ok(answer) = walk.outcome(&peer, lives, now) {
        assert!(answer.scope.contains(&peer));
        let uri = &answer.servers()[0].uri;
        assert!(policy.check_uri(uri).is_ok() && uri.scheme() == "https");
    }
});
