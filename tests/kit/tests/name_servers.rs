//! The real name servers hold every zone of the vectors and say of it what the zone in memory says.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use alto_testkit::client::Client;
use alto_testkit::process::{self, wait_until};
use alto_testkit::tap::TapProxy;
use alto_testkit::vectors::{self, Vector};
use alto_testkit::wire::{Message, Question, Seen, SeenRecord, flag, kind, rcode};
use alto_testkit::{
    Daemon, Found, NameServer, Record, Zone, ZoneFile, bind, knot, nsd, pdns, unbound,
};

const PATIENCE: Duration = Duration::from_secs(10);

fn ask(server: &impl NameServer, question: &Question) -> Seen {
    let reply = Client::new(PATIENCE).ask(server.address(), question).expect("a reply");
    Seen::read(&reply).expect("a message")
}

fn vector(wanted: &str) -> Vector {
    vectors::all().into_iter().find(|vector| vector.to_string() == wanted).expect("it exists")
}

/// Asks for each name of a vector and compares with the zone in memory.
fn compare(server: &impl NameServer, vector: &Vector) {
    let owners = vector.zone().owners();
    for name in vector.queries.iter().chain(&owners) {
        let seen = ask(server, &Question::naptr(7, name));
        let lookup = vector.zone().lookup(name, kind::NAPTR);
        let expected = match &lookup.found {
            Found::Records(records) => (rcode::NOERROR, lookup.aliases.iter().chain(records)),
            Found::NoData(_) => (rcode::NOERROR, lookup.aliases.iter().chain(&[])),
            Found::NxDomain(_) => (rcode::NXDOMAIN, lookup.aliases.iter().chain(&[])),
            Found::Loop => continue, // programs differ; see `a_loop_of_aliases_gives_no_record`
        };
        assert_eq!(seen.rcode, expected.0, "vector {vector}: {name}");
        assert_eq!(plain(&seen.sections[0]), on_the_wire(expected.1), "vector {vector}: {name}");
    }
}

/// Records as they arrived, in an order and a letter case that don't depend on the server: NSD and
/// Knot DNS hand out names in lower case, also those in the data.
fn plain(records: &[SeenRecord]) -> Vec<(String, u16, u32, Vec<u8>)> {
    let part = |record: &SeenRecord| {
        (record.owner.to_lowercase(), record.kind, record.ttl, record.data.to_ascii_lowercase())
    };
    let mut records: Vec<_> = records.iter().map(part).collect();
    records.sort();
    records
}

/// The same of records that have not travelled.
fn on_the_wire<'r>(records: impl Iterator<Item = &'r Record>) -> Vec<(String, u16, u32, Vec<u8>)> {
    let message = Message {
        id: 0,
        flags: flag::QR,
        rcode: 0,
        question: (".".into(), kind::NAPTR),
        answers: records.cloned().collect(),
        authorities: vec![],
        additionals: vec![],
        edns: None,
    };
    plain(&Seen::read(&message.write()).expect("a message").sections[0])
}

fn holds_all_vectors(launch: fn(&[ZoneFile]) -> Daemon) {
    let start = |zone: &Zone| launch(&[zone.into()]);
    vectors::check_each(vectors::for_real_servers(), start, compare);
}

/// The server has no zone for this vector and says so.
fn servfail(server: &impl NameServer, vector: &Vector) {
    let seen = ask(server, &Question::naptr(7, &vector.queries[0]));
    assert_eq!(seen.rcode, rcode::SERVFAIL, "vector {vector}");
}

#[test]
fn nsd_holds_all_vectors() {
    holds_all_vectors(nsd::launch);
}

#[test]
fn knot_holds_all_vectors() {
    holds_all_vectors(knot::launch);
}

#[test]
fn pdns_holds_all_vectors() {
    holds_all_vectors(pdns::launch);
}

/// The list of those it refuses is true, no more and no less.
#[test]
fn bind_holds_all_vectors_but_a_few() {
    let start = |zone: &Zone| bind::launch(&[zone.into()]);
    let (refused, held) = vectors::for_real_servers()
        .into_iter()
        .partition(|vector| bind::CANNOT_HOLD.contains(&vector.id));
    vectors::check_each(held, start, compare);
    vectors::check_each(refused, start, servfail);
}

/// A resolver passes on what its authority says, test zones of RFC 6303 included.
#[test]
fn unbound_passes_all_vectors_on() {
    let start = |zone: &Zone| Behind::new(zone);
    vectors::check_each(vectors::for_real_servers(), start, compare);
}

/// Unbound before NSD.
struct Behind {
    resolver: Daemon,
    authority: Daemon,
}

impl Behind {
    fn new(zone: &Zone) -> Self {
        let authority = nsd::launch(&[zone.into()]);
        Self { resolver: unbound::launch(authority.address()), authority }
    }
}

impl NameServer for Behind {
    fn address(&self) -> std::net::SocketAddr {
        self.resolver.address()
    }

    fn stop(&mut self) {
        self.resolver.stop();
        self.authority.stop();
    }

    fn restart(&mut self) {
        self.authority.restart();
        self.resolver.restart();
    }
}

/// Vector 35: whatever the code, no server makes up a record of the wanted type.
#[test]
fn a_loop_of_aliases_gives_no_record() {
    let vector = vector("35");
    let zone = [(&vector.zone()).into()];
    for server in [nsd::launch(&zone), knot::launch(&zone), bind::launch(&zone)] {
        let seen = ask(&server, &Question::naptr(1, &vector.queries[0]));
        assert!(seen.sections[0].iter().all(|record| record.kind == kind::CNAME), "{server:?}");
        assert!([rcode::NOERROR, rcode::SERVFAIL].contains(&seen.rcode), "{server:?}");
    }
    let behind = Behind::new(&vector.zone());
    let seen = ask(&behind, &Question::naptr(1, &vector.queries[0]));
    assert_eq!((seen.rcode, seen.sections[0].len()), (rcode::SERVFAIL, 0));
}

/// A stopped server's port is closed; restarted, it answers on the same one. No process is left.
#[test]
fn servers_stop_and_come_back_where_they_were() {
    let zone = [(&vector("1").zone()).into()];
    for mut server in [nsd::launch(&zone), knot::launch(&zone), bind::launch(&zone)] {
        let (before, question) = (server.address(), Question::naptr(1, &vector("1").queries[0]));
        let id = server.process_id().unwrap();
        server.stop();
        assert!(!Path::new(&format!("/proc/{id}")).exists(), "{server:?}");
        assert!(Client::new(PATIENCE).ask_tcp(before, &question).is_err(), "{server:?}");
        server.restart();
        assert_eq!(server.address(), before);
        assert_eq!(ask(&server, &question).sections[0].len(), 1, "{server:?}");
    }
}

/// More than the 200 replies a second that Debian's NSD would give by default.
#[test]
fn nsd_does_not_limit_the_rate() {
    let server = nsd::launch(&[(&Zone::new([])).into()]);
    let client = Client::new(PATIENCE);
    for id in 0..1_000 {
        assert!(client.ask(server.address(), &Question::naptr(id, "absent.example.")).is_some());
    }
}

/// The tap passes both transports on, under the client's own ids, and counts.
#[test]
fn the_tap_counts_what_passes() {
    let vector = vector("2");
    let server = nsd::launch(&[(&vector.zone()).into()]);
    let tap = TapProxy::before(server.address());
    let client = Client::new(PATIENCE);
    let question = |id| Question::naptr(id, "100.51.198.In-Addr.Arpa.");
    for id in [7, 7, 9] {
        let seen = Seen::read(&client.ask(tap.address(), &question(id)).unwrap()).unwrap();
        assert_eq!((seen.id, seen.sections[0].len()), (id, 2));
    }
    let whole = client.ask_tcp(tap.address(), &question(11)).unwrap();
    assert_eq!(Seen::read(&whole).unwrap().id, 11);
    assert_eq!(tap.log().count("100.51.198.in-addr.arpa."), 4);
    let over_tcp: Vec<bool> = tap.log().all().iter().map(|asked| asked.tcp).collect();
    assert_eq!(over_tcp, [false, false, false, true]);
}

/// A tap before a closed port loses queries and goes on once the server is back.
#[test]
fn the_tap_survives_its_server() {
    let mut server = nsd::launch(&[(&vector("1").zone()).into()]);
    let tap = TapProxy::before(server.address());
    server.stop();
    let (client, question) = (Client::new(PATIENCE), Question::naptr(1, "absent.example."));
    client.send(tap.address(), &question);
    assert!(wait_until(PATIENCE, || tap.log().total() == 1));
    server.restart();
    assert!(client.ask(tap.address(), &question).is_some());
}

/// The kit's own program, and the proof that a server ends with whoever started it, however that
/// one ends.
#[test]
fn a_server_ends_when_its_test_is_killed() {
    let program = process::workspace_program("alto-testkit", "serve-vector");
    let folder = tempfile::tempdir().unwrap(); // a killed program leaves its files
    let mut serving = Command::new(program)
        .arg("33")
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let told = serving.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(told), &mut line).unwrap();
    let (address, peer) = line.trim().split_once(' ').unwrap();
    assert_eq!(peer, "198.51.100.3");
    let address = address.parse().unwrap();
    let question = Question::naptr(1, "3.100.51.198.in-addr.arpa.");
    assert!(Client::new(PATIENCE).ask(address, &question).is_some());
    serving.kill().unwrap();
    serving.wait().unwrap();
    let closed = || Client::new(PATIENCE).ask_tcp(address, &question).is_err();
    assert!(wait_until(PATIENCE, closed));
}

#[test]
#[should_panic(
    expected = "no-such-server is not installed: run `make check` (or `apt-get install p`)"
)]
fn a_missing_program_is_told_of() {
    process::installed("no-such-server", "p");
}
