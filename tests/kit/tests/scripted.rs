//! What a plain client sees of the scripted server.

use std::time::Duration;

use alto_testkit::client::Client;
use alto_testkit::scripted::{Act, Query, Scripted};
use alto_testkit::vectors;
use alto_testkit::wire::{Message, Question, Seen, flag, kind, rcode};
use alto_testkit::{NameServer, Record, Zone};
use tokio::time::Instant;

const NAME: &str = "a.example.";
/// For what must come. Far longer than it takes.
const PATIENT: Duration = Duration::from_secs(10);
/// For what must not come.
const BRIEF: Duration = Duration::from_millis(100);

fn server() -> Scripted {
    Scripted::start(
        Zone::parse(["a.example. 600 CNAME b.example.", "b.example. 600 TXT \"x\""]).unwrap(),
    )
}

fn question() -> Question {
    Question { kind: kind::TXT, ..Question::naptr(4711, NAME) }
}

/// Asks over UDP and reads the reply.
fn see(server: &Scripted, question: &Question) -> Seen {
    let octets = Client::new(PATIENT).ask(server.address(), question).expect("a reply");
    Seen::read(&octets).expect("a message")
}

fn changed(change: impl Fn(&mut Message) + Send + Sync + 'static) -> Scripted {
    let server = server();
    server.on(NAME, move |query: &Query| {
        let mut message = query.from_zone();
        change(&mut message);
        vec![message.into()]
    });
    server
}

/// Without a script it is an honest server: aliases, records, dated denials, over both transports.
#[test]
fn answers_from_its_zone() {
    let server = server();
    let seen = see(&server, &question());
    assert_eq!((seen.id, seen.rcode, seen.name.as_str()), (4711, rcode::NOERROR, NAME));
    let kinds: Vec<u16> = seen.sections[0].iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [kind::CNAME, kind::TXT]);
    let absent = see(&server, &Question::naptr(1, "absent.example."));
    assert_eq!((absent.rcode, absent.sections[1][0].kind), (rcode::NXDOMAIN, kind::SOA));
    let no_data = see(&server, &Question::naptr(1, "example."));
    assert_eq!((no_data.rcode, no_data.sections[1][0].kind), (rcode::NOERROR, kind::SOA));
    let tcp = Client::new(PATIENT).ask_tcp(server.address(), &question()).unwrap();
    assert_eq!(Seen::read(&tcp), Some(seen));
}

#[test]
fn counts_queries_by_name() {
    let server = server();
    for name in ["a.example.", "A.Example.", "b.example."] {
        see(&server, &Question::naptr(1, name));
    }
    assert_eq!(server.log().names(), ["a.example.", "a.example.", "b.example."]);
    assert_eq!((server.log().count(NAME), server.log().total()), (2, 3));
    server.log().clear();
    assert_eq!(server.log().total(), 0);
}

#[test]
fn says_any_code_and_any_lifetime() {
    for code in [rcode::FORMERR, rcode::SERVFAIL, rcode::NOTIMP, rcode::REFUSED] {
        assert_eq!(see(&changed(move |message| message.rcode = code), &question()).rcode, code);
    }
    for ttl in [0, 1 << 31, u32::MAX] {
        let server = changed(move |message| message.answers[0].ttl = ttl);
        assert_eq!(see(&server, &question()).sections[0][0].ttl, ttl);
    }
}

#[test]
fn lies_about_id_and_question_and_adds_what_nobody_asked() {
    assert_eq!(see(&changed(|message| message.id ^= 1), &question()).id, 4710);
    let server = changed(|message| message.question.0 = "b.example.".into());
    assert_eq!(see(&server, &question()).name, "b.example.");
    let server = changed(|message| {
        let extra: Record = "victim.example. 60 A 192.0.2.1".parse().unwrap();
        message.answers.push(extra.clone());
        message.authorities.push(extra.clone());
        message.additionals.push(extra);
    });
    for section in see(&server, &question()).sections {
        assert!(section.iter().any(|record| record.owner == "victim.example."));
    }
}

#[test]
fn is_silent_late_or_garbled_as_told() {
    let server = server();
    server.on("silent.example.", |_| vec![]);
    assert_eq!(
        Client::new(BRIEF).ask(server.address(), &Question::naptr(1, "silent.example.")),
        None
    );
    server.on("empty.example.", |_| vec![Act::raw(""), Act::raw("garbage")]);
    let client = Client::new(PATIENT);
    let empty = client.ask(server.address(), &Question::naptr(1, "empty.example."));
    assert_eq!(empty, Some(vec![]));
    assert_eq!(client.next().map(|(octets, _)| octets), Some(b"garbage".to_vec()));
    server.on(NAME, |query| vec![Act::from(query.from_zone()).after(2 * BRIEF)]);
    let asked = Instant::now();
    see(&server, &question());
    assert!(asked.elapsed() >= 2 * BRIEF);
}

#[test]
fn replies_from_another_port_and_then_its_own() {
    let server = server();
    server.on(NAME, |query| {
        let honest = Act::from(query.from_zone());
        vec![honest.clone().from_another_port(), honest]
    });
    let client = Client::new(PATIENT);
    client.send(server.address(), &question());
    let (other, own) = (client.next().unwrap(), client.next().unwrap());
    assert_eq!(other.0, own.0);
    assert_ne!(other.1, server.address());
    assert_eq!(own.1, server.address());
}

/// Vector 64, and the same with TCP that hangs up or is closed.
#[test]
fn truncates_over_udp() {
    let vector = vectors::all().into_iter().find(|vector| vector.id == 64).unwrap();
    let server = Scripted::for_vector(&vector);
    let name = vector.faults.keys().next().unwrap();
    let cut = see(&server, &Question::naptr(1, name));
    assert_eq!((cut.flags & flag::TC, cut.sections[0].len()), (flag::TC, 0));
    let client = Client::new(PATIENT);
    let whole = client.ask_tcp(server.address(), &Question::naptr(1, name)).unwrap();
    assert_eq!(Seen::read(&whole).unwrap().sections[0].len(), 1);
    server.on(name, |_| vec![Act::hang_up()]);
    assert!(client.ask_tcp(server.address(), &Question::naptr(1, name)).is_err());
    let closed = Scripted::start_udp_only(vector.zone());
    assert!(client.ask_tcp(closed.address(), &Question::naptr(1, name)).is_err());
}

/// What does not fit is cut, as an honest server does.
#[test]
fn truncates_what_does_not_fit() {
    let lines: Vec<String> = (0..40).map(|n| format!("a.example. 60 TXT \"{n:0>40}\"")).collect();
    let server = Scripted::start(Zone::parse(lines.iter().map(String::as_str)).unwrap());
    assert_eq!(see(&server, &question()).flags & flag::TC, flag::TC);
}

/// Vector 38: failure with the reason, unless the client checks by itself.
#[test]
fn plays_a_validating_resolver() {
    let vector = vectors::all().into_iter().find(|vector| vector.id == 38).unwrap();
    let server = Scripted::for_vector(&vector);
    let question = Question::naptr(1, vector.faults.keys().next().unwrap());
    let bogus = see(&server, &question);
    assert_eq!((bogus.rcode, &*bogus.sections[2][0].data), (2, &[0, 15, 0, 2, 0, 6][..]));
    let checking = Question { flags: flag::RD | flag::CD, ..question };
    assert_eq!(see(&server, &checking).rcode, rcode::NOERROR);
}

/// A server that knows no EDNS, and one that recovers.
#[test]
fn tells_attempts_and_edns_apart() {
    let server = server();
    server.on(NAME, |query| match (query.question.edns, query.nth) {
        (true, _) => vec![query.message(rcode::FORMERR).into()],
        (false, 1) => vec![query.message(rcode::SERVFAIL).into()],
        (false, _) => vec![query.from_zone().into()],
    });
    assert_eq!(see(&server, &question()).rcode, rcode::FORMERR);
    let plain = Question { edns: false, ..question() };
    assert_eq!(see(&server, &plain).rcode, rcode::SERVFAIL);
    assert_eq!(see(&server, &plain).rcode, rcode::NOERROR);
}

#[test]
fn stops_and_comes_back_where_it_was() {
    let mut server = server();
    server.on_any(|query| vec![query.message(rcode::REFUSED).into()]);
    server.stop();
    let client = Client::new(PATIENT);
    assert!(client.ask_tcp(server.address(), &question()).is_err());
    server.restart();
    assert_eq!(see(&server, &question()).rcode, rcode::REFUSED);
    assert_eq!(server.log().total(), 1);
}
