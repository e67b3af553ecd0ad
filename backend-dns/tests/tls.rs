//! DNS over TLS (RFC 7858): whom we trust, and how each failure is told.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alto_backend_dns::{DnsBackend, DnsConfig, ResolverAddress};
use alto_discovery_core::{Answer, Backend, Call, Dnssec, Error, Peer, Policy, code};
use alto_testkit::{NameServer as _, Zone, nsd, unbound};
use hickory_proto::op::Message;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use support::{server_at, zone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const PEER: &str = "198.51.100.3";
const R24: &str = "100.51.198.in-addr.arpa.";
const A: &str = "https://a.example/ird";
const NAME: &str = "dns.example";

/// An authority, its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem())
            .unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn vouch(&self, name: &str, last_year: i32) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn acceptor(&self, name: &str, last_year: i32) -> TlsAcceptor {
        let (certificate, key) = self.vouch(name, last_year);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

type Stream = TlsStream<TcpStream>;

/// A resolver over TLS that treats each connection so; counts them.
async fn serve<W: Future<Output = ()> + Send>(
    acceptor: TlsAcceptor,
    treat: impl Fn(usize, Stream) -> W + Clone + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let nth = counter.fetch_add(1, Ordering::Relaxed);
            let (acceptor, treat) = (acceptor.clone(), treat.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    treat(nth, stream).await;
                }
            });
        }
    });
    (address, count)
}

async fn question(stream: &mut Stream) -> Option<Message> {
    let mut octets = vec![0; stream.read_u16().await.ok()?.into()];
    stream.read_exact(&mut octets).await.ok()?;
    assert_eq!(octets.len() % 128, 0, "padded (RFC 8467 §4.1)");
    Some(Message::from_vec(&octets).unwrap())
}

fn reply(question: &Message) -> Vec<u8> {
    let mut message = zone(question, &[server_at(R24, 600, A)]);
    message.metadata.authentic_data = true;
    message.metadata.recursion_available = true;
    let octets = message.to_vec().unwrap();
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    [&length[..], &octets].concat()
}

async fn honest(_: usize, mut stream: Stream) {
    while let Some(question) = question(&mut stream).await {
        stream.write_all(&reply(&question)).await.unwrap();
        stream.flush().await.unwrap();
    }
}

fn backend(address: SocketAddr, authority: &Authority) -> DnsBackend {
    let resolver = vec![ResolverAddress::Tls { address, name: NAME.into() }];
    let timeout = Duration::from_millis(500);
    let ca_file = Some(authority.file());
    let config = DnsConfig {
        resolver,
        ca_file,
        timeout,
        zone_qps: 10_000,
        total_qps: 10_000,
        ..DnsConfig::default()
    };
    let policy = Policy { allow_documentation: true, ..Policy::default() };
    DnsBackend::new(&config, policy).unwrap()
}

async fn discover(backend: &DnsBackend, peer: &str) -> Result<Arc<Answer>, Error> {
    let peer: Peer<'static> = peer.parse().unwrap();
    backend.discover(&peer, &Call::until(Instant::now() + Duration::from_secs(2))).await
}

async fn outcome(address: SocketAddr, authority: &Authority) -> Result<Arc<Answer>, Error> {
    discover(&backend(address, authority), PEER).await
}

/// The failure is "unavailable", never "none", and says what is wrong.
#[track_caller]
fn fails(result: Result<Arc<Answer>, Error>, wanted: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(format!("{error:?}").contains(wanted), "{error:?}");
}

/// One connection carries the questions of all walks, 50 at once, and AD is believed.
#[tokio::test]
async fn one_connection_for_all() {
    let authority = Authority::new();
    let (address, count) = serve(authority.acceptor(NAME, 2100), honest).await;
    let backend = Arc::new(backend(address, &authority));
    let mut walks = tokio::task::JoinSet::new();
    for host in 0..50 {
        let backend = Arc::clone(&backend);
        walks.spawn(async move { discover(&backend, &format!("198.51.100.{host}")).await });
    }
    for answer in walks.join_all().await {
        let answer = answer.unwrap();
        assert_eq!(answer.servers()[0].uri.as_str(), A);
        assert_eq!(answer.dnssec, Dnssec::Secure);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

/// Replies may come in another order than the questions (RFC 7766 §7).
#[tokio::test]
async fn replies_in_another_order() {
    let authority = Authority::new();
    let (address, _) = serve(authority.acceptor(NAME, 2100), |_, mut stream| async move {
        let (first, second) = (question(&mut stream).await, question(&mut stream).await);
        for question in [second.unwrap(), first.unwrap()] {
            stream.write_all(&reply(&question)).await.unwrap();
        }
        stream.flush().await.unwrap();
        honest(0, stream).await;
    })
    .await;
    let backend = backend(address, &authority);
    let both = tokio::join!(discover(&backend, PEER), discover(&backend, "198.51.100.4"));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
}

/// A server may close a connection it finds idle: the question is asked once more on a new one.
#[tokio::test]
async fn closed_between_questions() {
    let authority = Authority::new();
    let (address, count) = serve(authority.acceptor(NAME, 2100), |_, mut stream| async move {
        let question = question(&mut stream).await.unwrap();
        stream.write_all(&reply(&question)).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    assert!(outcome(address, &authority).await.is_ok());
    assert_eq!(count.load(Ordering::Relaxed), 2, "one for each of the two names");
}

/// RFC 8310 §8.1: a certificate for somebody else is none.
#[tokio::test]
async fn wrong_name() {
    let authority = Authority::new();
    let (address, _) = serve(authority.acceptor("other.example", 2100), honest).await;
    fails(outcome(address, &authority).await, "for another name");
}

#[tokio::test]
async fn unknown_authority() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (address, _) = serve(theirs.acceptor(NAME, 2100), honest).await;
    let error = outcome(address, &ours).await;
    // Two authorities of one name: the key, not the name, tells them apart.
    fails(error, "its certificate");
}

#[tokio::test]
async fn expired() {
    let authority = Authority::new();
    let (address, _) = serve(authority.acceptor(NAME, 2001), honest).await;
    fails(outcome(address, &authority).await, "has expired");
}

#[tokio::test]
async fn not_tls() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 mail.example ready\r\n").await;
            let _ = stream.read_u64().await;
        }
    });
    fails(outcome(address, &Authority::new()).await, "no TLS");
}

/// A closed port, and a port that closes each connection before the handshake.
#[tokio::test]
async fn closed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let closing = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    fails(outcome(address, &Authority::new()).await, "cannot be reached");
    closing.abort();
    let _ = closing.await; // it was told to end
    fails(outcome(address, &Authority::new()).await, "cannot be reached");
}

/// A connection that fell silent is left: the next question goes over a new one.
#[tokio::test]
async fn silent_after_the_handshake() {
    let authority = Authority::new();
    let (address, count) = serve(authority.acceptor(NAME, 2100), |nth, mut stream| async move {
        if nth > 0 {
            return honest(nth, stream).await;
        }
        while question(&mut stream).await.is_some() {}
    })
    .await;
    let backend = backend(address, &authority);
    let answer = discover(&backend, PEER).await.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), A);
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn silent_for_good() {
    let authority = Authority::new();
    let (address, _) = serve(authority.acceptor(NAME, 2100), |_, mut stream| async move {
        while question(&mut stream).await.is_some() {}
    })
    .await;
    let error = outcome(address, &authority).await.unwrap_err();
    assert_eq!(error.code(), code::TIMEOUT);
}

#[tokio::test]
async fn closed_within_a_reply() {
    let authority = Authority::new();
    let (address, _) = serve(authority.acceptor(NAME, 2100), |_, mut stream| async move {
        let reply = reply(&question(&mut stream).await.unwrap());
        stream.write_all(&reply[..reply.len() / 2]).await.unwrap();
        stream.shutdown().await.unwrap();
    })
    .await;
    fails(outcome(address, &authority).await, "within a reply");
}

/// A file that vouches for nobody is a fault of the configuration.
#[test]
fn authorities_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let config = || DnsConfig {
        resolver: vec!["tls://127.0.0.1#dns.example".parse().unwrap()],
        ca_file: Some(file.clone()),
        ..DnsConfig::default()
    };
    let fault = || DnsBackend::new(&config(), Policy::default()).unwrap_err();
    assert_eq!(fault().code(), code::CONFIG);
    std::fs::write(&file, "nothing\n").unwrap();
    assert!(fault().to_string().contains("no certificate"), "{}", fault());
}

/// The real thing: Unbound's tls-port with a certificate by our own authority.
#[tokio::test(flavor = "multi_thread")]
async fn unbound_over_tls() {
    let record = format!("{R24} 600 NAPTR 100 10 \"u\" \"ALTO:https\" \"!.*!{A}!\" .");
    let zone = Zone::parse([record.as_str()]).unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.vouch(NAME, 2100);
    let names = nsd::launch(&[(&zone).into()]);
    let resolver = unbound::launch_tls(names.address(), &certificate.pem(), &key.serialize_pem());
    let answer = outcome(resolver.address(), &authority).await.unwrap();
    assert_eq!(answer.servers()[0].uri.as_str(), A);
    let stranger = Authority::new();
    fails(outcome(resolver.address(), &stranger).await, "its certificate");
}
