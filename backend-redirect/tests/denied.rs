//! No packet to a denied address, however it is spelled and by whatever form a server leads there:
//! the kernel counts what is sent, in a network of the test's own.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alto_backend_redirect::{FetchConfig, Fetcher, RedirectBackend, RedirectConfig};
use alto_discovery_core::{
    Backend as _, BackendConfig as _, BoxFuture, Call, Error, Freshness, Peer, Policy,
};
use alto_fetch::Lookup;
use alto_testkit::namespace::{self, OUTSIDE};
use alto_testkit::nginx::Nginx;
use alto_testkit::pki::Authority;
use alto_testkit::spellings;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

const PORT: u16 = 8_443;
const PEER: &str = "203.0.113.5";
const DIRECTORY: &str = "application/alto-directory+json";
const PROPERTIES: &str = "application/alto-endpointprop+json";
const STRICT: Policy = Policy {
    allow_private_peers: false,
    allow_private_servers: false,
    allow_link_local: false,
    allow_documentation: true,
    allow_http: false,
};

/// The ways to lead somewhere: property, directory in place of an answer, service in such a
/// directory, status 307, status 307 for the directory, service on another host.
const FORMS: [&str; 6] = ["f1", "f2", "f2s", "f3", "d3", "link"];

fn directory(service: &str) -> String {
    let service = json!({"uri": service, "media-type": PROPERTIES,
        "accepts": "application/alto-endpointpropparams+json",
        "capabilities": {"prop-types": ["priv:3pdisc-ird"]}});
    json!({"meta": {}, "resources": {"eps": service}}).to_string()
}

fn directory_of(uri: &str) -> String {
    json!({"meta": {}, "resources": {"more": {"uri": uri, "media-type": DIRECTORY}}}).to_string()
}

fn named(uri: &str) -> String {
    let endpoint = format!("ipv4:{PEER}");
    let properties = json!({endpoint: {"priv:3pdisc-ird": uri}});
    json!({"meta": {"dependent-vtags": []}, "endpoint-properties": properties}).to_string()
}

/// A server on the outside that leads to each spelling in each form, and one place that is right.
fn world(authority: &Authority, spellings: &[String]) -> Nginx {
    let own = format!("https://{OUTSIDE}:{PORT}/good/ird");
    let mut files = vec![
        ("/good/ird".into(), directory("eps")),
        ("/good/eps".into(), named(&own)),
        ("/to-good/ird".into(), directory("eps")),
        ("/to-good/eps".into(), named(&own)),
    ];
    // A file is what nginx gives to a POST, too, this way.
    let mut locations = format!(
        "location ~ /ird$ {{ default_type {DIRECTORY}; }}\n\
         location ~ ^/f2 {{ default_type {DIRECTORY}; error_page 405 =200 $uri; }}\n\
         location / {{ default_type {PROPERTIES}; error_page 405 =200 $uri; }}\n"
    );
    for (at, to) in spellings.iter().enumerate() {
        for form in FORMS {
            let service = if form == "link" { to } else { "eps" };
            files.push((format!("/{form}/{at}/ird"), directory(service)));
        }
        files.push((format!("/f1/{at}/eps"), named(to)));
        files.push((format!("/f2/{at}/eps"), directory_of(to)));
        files.push((format!("/f2s/{at}/eps"), directory(to)));
        let to = to.replace('\\', "\\\\");
        for place in [format!("/f3/{at}/eps"), format!("/d3/{at}/ird")] {
            let _ = writeln!(locations, "location = {place} {{ return 307 \"{to}\"; }}");
        }
    }
    let address = format!("{OUTSIDE}:{PORT}").parse().unwrap();
    Nginx::outside(address, &authority.sign(&[OUTSIDE]), &locations, &files)
}

fn config(ca: &NamedTempFile, start: &str) -> Result<RedirectConfig, Error> {
    let fetch = FetchConfig { ca_file: Some(ca.path().into()), ..FetchConfig::default() };
    let mut config = RedirectConfig { fetch, ..RedirectConfig::default() };
    config.set("redirect.servers", start)?;
    Ok(config)
}

async fn found(config: &RedirectConfig) -> Result<String, Error> {
    let backend = RedirectBackend::new(config, STRICT)?;
    let peer: Peer<'_> = PEER.parse().unwrap();
    let answer = backend.discover(&peer, &Call::default()).await?;
    Ok(answer.servers()[0].uri.to_string())
}

fn authority() -> (Authority, NamedTempFile) {
    let (authority, file) = (Authority::new(), NamedTempFile::new().unwrap());
    std::fs::write(file.path(), authority.pem()).unwrap();
    (authority, file)
}

/// At least 60 spellings in each form, and in the configuration.
#[test]
fn the_kernel_counts_no_packet_to_denied_addresses() {
    if !namespace::is_inside("the_kernel_counts_no_packet_to_denied_addresses", &spellings::hosts())
    {
        return;
    }
    let spellings = spellings::denied(PORT);
    assert!(spellings.len() >= 60);
    let (authority, ca) = authority();
    let nginx = world(&authority, &spellings);
    let mut refusals: BTreeMap<&str, usize> = BTreeMap::new();
    Runtime::new().unwrap().block_on(async {
        for form in FORMS {
            for (at, text) in spellings.iter().enumerate() {
                let start = nginx.uri(&format!("/{form}/{at}/ird"));
                let error = found(&config(&ca, &start).unwrap()).await.unwrap_err();
                let fine = [
                    "bad-uri",
                    "refused-by-policy",
                    "redirect-downgrade",
                    "redirect-location",
                    "no-address",
                    "http-status", // it was read as a path on the outside server
                ];
                assert!(fine.contains(&error.code()), "{form}: {text}: {error} ({})", error.code());
                *refusals.entry(error.code()).or_default() += 1;
            }
        }
        for text in &spellings {
            if let Ok(config) = config(&ca, text) {
                found(&config).await.unwrap_err();
            }
        }
    });
    let (outside, elsewhere) = namespace::packets();
    println!("{} spellings in {} forms refused by: {refusals:?}", spellings.len(), FORMS.len());
    println!("packets: {outside} to the allowed server, {elsewhere} elsewhere");
    assert_eq!(elsewhere, 0);
    assert!(outside > 0);
    // The same server is an answer when it leads to nothing denied, and the counters do count.
    Runtime::new().unwrap().block_on(async {
        let good = nginx.uri("/good/ird");
        for start in [good.clone(), nginx.uri("/to-good/ird")] {
            assert_eq!(found(&config(&ca, &start).unwrap()).await.unwrap(), good);
        }
        let loopback = config(&ca, &format!("https://127.0.0.1:{PORT}/ird")).unwrap();
        let policy = Policy { allow_private_servers: true, ..STRICT };
        let backend = RedirectBackend::new(&loopback, policy).unwrap();
        let asked = backend.discover(&PEER.parse().unwrap(), &Call::default()).await;
        assert_eq!(asked.unwrap_err().code(), "unreachable");
    });
    assert!(namespace::packets().1 > 0);
}

/// One name, public at one look-up and private at the next.
struct Flipping(Arc<AtomicUsize>);

impl Lookup for Flipping {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        let private = ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"][count / 2 % 4];
        let address = if count.is_multiple_of(2) { OUTSIDE } else { private };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

const ROUNDS: usize = 10_000;

/// Ten thousand rounds of rebinding: what was checked is what is connected to.
#[test]
fn rebinding_leads_nowhere() {
    if !namespace::is_inside("rebinding_leads_nowhere", &[]) {
        return;
    }
    let (_authority, ca) = authority();
    let lookups = Arc::new(AtomicUsize::new(0));
    // Nobody listens at the public address: that the attempt was made shows in the counter.
    let config = config(&ca, "https://a.test:8444/ird").unwrap();
    let lookup = Arc::new(Flipping(Arc::clone(&lookups)));
    let fetcher = Fetcher::with_lookup(&config.fetch, STRICT, lookup).unwrap();
    let backend = RedirectBackend::with_fetcher(&config, STRICT, Arc::new(fetcher)).unwrap();
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    Runtime::new().unwrap().block_on(async {
        let peer: Peer<'_> = PEER.parse().unwrap();
        for _ in 0..ROUNDS {
            let call = Call { freshness: Freshness::Refresh, ..Call::default() };
            let error = backend.discover(&peer, &call).await.unwrap_err();
            *codes.entry(error.code()).or_default() += 1;
        }
    });
    let (outside, elsewhere) = namespace::packets();
    println!(
        "{ROUNDS} rounds: {codes:?}; packets: {outside} to the public address, {elsewhere} elsewhere"
    );
    assert_eq!(lookups.load(Ordering::SeqCst), ROUNDS, "one look-up for each connection");
    assert_eq!(
        codes,
        BTreeMap::from([("refused-by-policy", ROUNDS / 2), ("unreachable", ROUNDS / 2)])
    );
    assert_eq!(elsewhere, 0);
    assert!(outside >= (ROUNDS / 2) as u64);
}
