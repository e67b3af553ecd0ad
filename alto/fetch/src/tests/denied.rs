//! No packet to a denied address, however it is spelled and wherever it
//! is found. Canaries count connections; the same canaries are contacted when that is allowed.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alto_discovery_core::{Policy, code};
use alto_testkit::spellings::DENIED;
use url::Url;

use super::authority::Authority;
use super::server::{Act, Asked, Server, redirect, reply};
use super::world::{
    Names, OPEN, PRIVATE, config, fetcher, get, guarded_fetcher, loopback, open_fetcher, read,
    strict_but_for_one,
};
use crate::address::Guard;
use crate::{Error, Fault, FetchConfig};

/// What names resolve to: denied addresses, alone, after and before a public one.
const RESOLUTIONS: &[&[&str]] = &[
    &["127.0.0.2"],
    &["::1"],
    &["192.0.2.1", "127.0.0.2"],
    &["127.0.0.2", "192.0.2.1"],
    &["2001:db8::1", "::1"],
    &["10.1.2.3"],
    &["169.254.169.254"],
    &["fe80::1"],
    &["::ffff:127.0.0.2"],
    &["64:ff9b::7f00:2"],
    &["2002:7f00:2::1"],
    &["0.0.0.0"],
    &["224.0.0.1"],
    &[],
];

/// Listeners on all of this machine's addresses that the spellings lead to, at one port.
struct Canaries(Vec<Server>);

impl Canaries {
    async fn start() -> Self {
        loop {
            let first = Server::canary("127.0.0.1:0").await.unwrap();
            let port = first.port();
            let second = Server::canary(&format!("127.0.0.2:{port}")).await;
            let sixth = Server::canary(&format!("[::1]:{port}")).await;
            // Without IPv6 there is nothing to be contacted there.
            let no_ipv6 = std::net::TcpListener::bind("[::1]:0").is_err();
            if second.is_ok() && (sixth.is_ok() || no_ipv6) {
                return Self([Ok(first), second, sixth].into_iter().flatten().collect());
            }
        }
    }

    fn contacts(&self) -> usize {
        self.0.iter().map(Server::accepted).sum()
    }

    fn spell(&self, text: &str) -> String {
        text.replace("PORT", &self.0[0].port().to_string())
    }
}

/// The name of resolution `at`, and back.
fn resolution_name(at: usize) -> String {
    format!("r{at}.test")
}

fn resolutions() -> Arc<Names<impl Fn(&str) -> Vec<&'static str> + Send + Sync>> {
    Arc::new(Names(|host: &str| {
        let at = host.strip_prefix('r').and_then(|rest| rest.strip_suffix(".test"));
        match at.and_then(|at| at.parse::<usize>().ok()) {
            Some(at) => RESOLUTIONS[at].to_vec(),
            None => vec!["127.0.0.1"],
        }
    }))
}

fn assert_refused(error: &Error, spelling: &str) {
    let fine = ["bad-uri", code::POLICY, "redirect-downgrade", "no-address"];
    assert!(fine.contains(&error.code()), "{spelling}: {error} ({})", error.code());
}

/// Entry point one: the URI that the caller was given. Even the caller's own `Url`s are checked.
#[tokio::test]
async fn denied_uris_are_not_contacted() {
    let canaries = Canaries::start().await;
    let fetcher = fetcher(&FetchConfig::default(), Policy::default(), resolutions());
    let mut tried = 0;
    for text in DENIED {
        let text = canaries.spell(text);
        let Ok(uri) = text.parse::<Url>() else { continue };
        tried += 1;
        assert_refused(&read(&fetcher, get(uri.as_str())).await.unwrap_err(), &text);
    }
    for at in 0..RESOLUTIONS.len() {
        let text = canaries.spell(&format!("https://{}:PORT/", resolution_name(at)));
        tried += 1;
        assert_refused(&read(&fetcher, get(&text)).await.unwrap_err(), &text);
    }
    assert!(tried >= 60, "{tried}");
    assert_eq!(canaries.contacts(), 0);
}

/// Entry point two: a redirect by a server that may be contacted.
#[tokio::test]
async fn denied_redirects_are_not_followed() {
    let canaries = Canaries::start().await;
    let locations: Vec<String> = DENIED
        .iter()
        .map(|text| canaries.spell(text))
        .chain(
            (0..RESOLUTIONS.len())
                .map(|at| canaries.spell(&format!("//{}:PORT/", resolution_name(at)))),
        )
        .collect();
    assert!(locations.len() >= 60);

    let authority = Authority::new();
    let shown = locations.clone();
    let server = Server::start(Some(authority.server(&["start.test"])), move |asked| {
        let at: usize = asked.target()[1..].parse().unwrap();
        redirect(307, &shown[at])
    })
    .await;
    let fetcher = strict_but_for_one(&authority, resolutions());
    for (at, location) in locations.iter().enumerate() {
        let uri = format!("https://start.test:{}/{at}", server.port());
        let error = read(&fetcher, get(&uri)).await.unwrap_err();
        let unreadable = error.code() == "redirect-location" && !location.is_ascii();
        assert!(unreadable || error.code() != "redirect-location", "{location}");
        if !unreadable {
            assert_refused(&error, location);
        }
    }
    assert_eq!(server.asked().len(), locations.len(), "each redirect was really seen");
    assert_eq!(canaries.contacts(), 0);
}

/// The canaries sing: the same spellings reach them if private servers are allowed, except those
/// that are refused as text.
#[tokio::test]
async fn allowed_canaries_are_contacted() {
    let canaries = Canaries::start().await;
    let fetcher = fetcher(&FetchConfig::default(), PRIVATE, resolutions());
    let reach = ["https://127.0.0.1:PORT/", "https://127.0.0.2:PORT/", "https://0x7f.1:PORT/"];
    for text in reach.into_iter().chain(["https://r0.test:PORT/"]) {
        let before = canaries.contacts();
        let error = read(&fetcher, get(&canaries.spell(text))).await.unwrap_err();
        assert_eq!(error.code(), code::UNREACHABLE, "{text}: {error}");
        assert!(canaries.contacts() > before, "{text}");
    }
}

/// Private servers allowed opens neither link-local nor multicast addresses: nothing is sent there.
#[tokio::test]
async fn metadata_services_stay_closed() {
    let fetcher = fetcher(&FetchConfig::default(), OPEN, resolutions());
    for text in [
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://224.0.0.1/",
        "http://r6.test/",
        "http://r7.test/",
        "http://r12.test/",
    ] {
        let error = read(&fetcher, get(text)).await.unwrap_err();
        assert_eq!(error.code(), code::POLICY, "{text}");
    }
}

/// Ports below 1024 other than the scheme's own and 443 are not contacted.
#[tokio::test]
async fn low_ports_are_refused() {
    let fetcher = open_fetcher(&[]);
    for uri in ["http://127.0.0.1:22/", "http://127.0.0.1:25/", "http://127.0.0.1:1023/"] {
        assert_eq!(read(&fetcher, get(uri)).await.unwrap_err().code(), code::POLICY, "{uri}");
    }
}

/// A name whose address flips between an allowed and a denied one with each question. Each
/// connection asks once and goes where the answer was checked; none goes to the denied address.
#[tokio::test]
async fn rebinding_never_reaches_the_denied_address() {
    const ROUNDS: usize = 10_000;
    let closing = |_: &Asked| {
        let mut acts = reply(200, &[("connection", "close")], b"{}");
        acts.push(Act::Close);
        acts
    };
    let (allowed, denied) = loop {
        let allowed = Server::start(None, closing).await;
        let twin = Server::canary(&format!("127.0.0.2:{}", allowed.port())).await;
        if let Ok(denied) = twin {
            break (allowed, denied);
        }
    };
    let questions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&questions);
    let flips = Names(move |_: &str| {
        let even = count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        vec![if even { "127.0.0.1" } else { "127.0.0.2" }]
    });
    let inner: IpAddr = "127.0.0.2".parse().unwrap();
    let guard = Guard::from_check(move |addresses| {
        let mine = addresses.iter().find(|address| **address == inner);
        mine.map_or(Ok(()), |address| Err(Fault::OwnAddress(*address)))
    });
    let fetcher = guarded_fetcher(&FetchConfig::default(), OPEN, Arc::new(flips), guard);
    let uri = format!("http://flip.test:{}/", allowed.port());
    let mut codes = HashSet::new();
    let mut read_in_full = 0;
    for _ in 0..ROUNDS {
        match read(&fetcher, get(&uri)).await {
            Ok(_) => read_in_full += 1,
            Err(error) => {
                codes.insert(error.code());
            }
        }
    }
    assert_eq!(denied.accepted(), 0);
    assert_eq!(codes, HashSet::from([code::POLICY]));
    assert_eq!((read_in_full, allowed.accepted()), (ROUNDS / 2, ROUNDS / 2));
    assert_eq!(questions.load(Ordering::SeqCst), ROUNDS, "one question for each connection");
}

/// The peer is checked once more when it answers: here the check changes its mind in between.
#[tokio::test]
async fn the_connected_peer_is_checked() {
    let server = Server::start(None, |_| reply(200, &[], b"{}")).await;
    let checks = AtomicUsize::new(0);
    let guard = Guard::from_check(move |addresses| {
        let first = checks.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Ok(()) } else { Err(Fault::OwnAddress(addresses[0])) }
    });
    let fetcher = guarded_fetcher(&config(&[]), OPEN, loopback(), guard);
    let uri = format!("http://a.test:{}/", server.port());
    let error = read(&fetcher, get(&uri)).await.unwrap_err();
    assert!(matches!(error.fault, Fault::OwnAddress(_)), "{error}");
}

/// Own addresses are denied through the whole client too.
#[tokio::test]
async fn own_addresses_are_denied_in_names_and_literals() {
    let canary = Server::canary("127.0.0.1:0").await.unwrap();
    let guard = Guard::from_check(|addresses| Err(Fault::OwnAddress(addresses[0])));
    let fetcher = guarded_fetcher(&config(&[]), OPEN, loopback(), guard);
    for host in ["a.test", "127.0.0.1"] {
        let uri = format!("http://{host}:{}/", canary.port());
        let error = read(&fetcher, get(&uri)).await.unwrap_err();
        assert!(matches!(error.fault, Fault::OwnAddress(_)), "{error}");
    }
    assert_eq!(canary.accepted(), 0);
}
