//! Servers that send the asker in circles, ever further, out of TLS, or say too much too slowly.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use alto_discovery_core::Error;
use alto_testkit::acts::{Act, Asked, redirect};
use support::{
    DIRECTORY, PROPERTIES, World, directory, directory_at, directory_of, find, port, properties,
    uri,
};
use tokio::time::Instant;

const PEER: &str = "198.51.100.3";

/// The ways in which a server can send the asker on.
const FORMS: [&str; 5] = ["property", "directory", "service", "status 307", "directory by 307"];

/// How late a call may be: the machine may be busy.
const SLACK: Duration = Duration::from_secs(2);

/// Sends whoever asks at place `at` on to the place at which `ird` and `eps` are.
fn send_on(form: &str, asked: &Asked, own_eps: &str, (ird, eps): (&str, &str)) -> Vec<Act> {
    match (form, asked.target().ends_with("ird")) {
        ("directory by 307", true) => redirect(307, ird),
        (_, true) => directory_at(own_eps, &[]),
        ("property", _) => properties(asked, &[], |_, _| Some(ird.to_owned())),
        ("directory", _) => directory_of(ird),
        ("service", _) => directory_at(eps, &[]),
        _ => redirect(307, eps),
    }
}

/// Places 0, 1, 2, ... on one server, each of which leads to the next, `next` says which.
async fn walk(form: &'static str, next: fn(usize) -> usize) -> (Error, World) {
    let world = World::new(move |host, asked| {
        let place = asked.target().trim_start_matches('/').split('/').next().unwrap_or_default();
        let at = place.parse().unwrap_or(0);
        let to = |what: &str| uri(host, port(asked), &format!("/{}/{what}", next(at)));
        send_on(form, asked, &format!("/{at}/eps"), (&to("ird"), &to("eps")))
    });
    let world = world.await;
    let start = Instant::now();
    let error = find(&world.backend(&["s0.test"]), PEER).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5) + SLACK);
    (error, world)
}

/// No more than five hops, whatever the form; a chain of a thousand is left there.
#[tokio::test(flavor = "multi_thread")]
async fn long_chains_are_left() {
    for form in FORMS {
        let (error, world) = walk(form, |at| (at + 1).min(1_000)).await;
        assert!(matches!(error, Error::Rejected { .. }), "{form}: {error}");
        assert_eq!(error.code(), "too-many-redirects", "{form}: {error}");
        assert!(world.log().len() <= 12, "{form}: {:?}", world.log());
    }
}

/// Circles of one, two and five are left where they close.
#[tokio::test(flavor = "multi_thread")]
async fn circles_are_left() {
    for form in FORMS {
        for (length, next) in
            [(1, (|_| 0) as fn(usize) -> usize), (2, |at| (at + 1) % 2), (5, |at| (at + 1) % 5)]
        {
            if (form, length) == ("property", 1) {
                continue; // it names itself: an answer
            }
            let (error, world) = walk(form, next).await;
            assert!(matches!(error, Error::Rejected { .. }), "{form}, {length}: {error}");
            assert_eq!(error.code(), "redirect-loop", "{form}, {length}: {error}");
            assert!(world.log().len() <= 2 * length + 2, "{form}, {length}: {:?}", world.log());
        }
    }
}

/// Two servers that name each other are told apart from one that answers, in whatever forms. (A
/// directory that is to be had elsewhere goes by both URIs, so that naming the first is an answer.)
#[tokio::test(flavor = "multi_thread")]
async fn two_that_point_at_each_other() {
    let pairs = FORMS.iter().flat_map(|one| FORMS.map(|other| (*one, other)));
    for (there, back) in pairs.filter(|pair| *pair != ("directory by 307", "property")) {
        let world = World::new(move |host, asked| {
            let (form, other) =
                if host == "s0.test" { (there, "s1.test") } else { (back, "s0.test") };
            let to = |path| uri(other, port(asked), path);
            send_on(form, asked, "/eps", (&to("/ird"), &to("/eps")))
        });
        let error = find(&world.await.backend(&["s0.test"]), PEER).await.unwrap_err();
        assert_eq!(error.code(), "redirect-loop", "{there}, {back}: {error}");
    }
}

/// No way out of TLS, no credentials, no fragment, no odd port and no odd scheme, in any form. Nothing
/// is sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_place_to_go() {
    for form in FORMS {
        for (to, codes) in [
            ("http://s1.test:PORT/ird", &["redirect-downgrade"][..]),
            ("https://user:secret@s1.test:PORT/ird", &["bad-uri"]),
            ("https://user@s1.test:PORT/ird", &["bad-uri"]),
            ("https://s1.test:PORT/ird#part", &["bad-uri"]),
            ("https://s1.test:22/ird", &["refused-by-policy"]),
            ("file:///etc/hostname", &["redirect-downgrade"]),
            ("https://s1.test:PORT/%zz", &["bad-uri"]),
        ] {
            let world = World::new(move |_, asked| {
                let to = to.replace("PORT", &port(asked).to_string());
                send_on(form, asked, "/eps", (&to, &to))
            });
            let world = world.await;
            let error = find(&world.backend(&["s0.test"]), PEER).await.unwrap_err();
            assert!(matches!(error, Error::Rejected { .. }), "{form}, {to}: {error}");
            assert!(codes.contains(&error.code()), "{form}, {to}: {error} ({})", error.code());
            assert!(world.log().iter().all(|line| !line.contains("s1.test")), "{form}, {to}");
            let shown = format!("{error} {:?}", error.trace());
            assert!(!shown.contains("secret"), "{form}: {shown}");
        }
    }
}

/// What a server may be asked for, with a head of that type and the hostile part of its reply.
async fn said(acts: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static, at: &'static str) -> Error {
    let world = World::new(move |_, asked| match asked.target() {
        "/ird" if at == "/eps" => directory(&[]),
        "/ird" => acts(DIRECTORY),
        _ => acts(PROPERTIES),
    });
    let world = world.await;
    let backend = world.backend_with(&["s0.test"], &[("redirect.timeout", "600ms")]);
    let start = Instant::now();
    let error = find(&backend, PEER).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(600) + SLACK, "{error}");
    error
}

fn head(content_type: &str, more: &str) -> Act {
    Act::Send(format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{more}").into_bytes())
}

/// Bombs, heads and bodies without end are refused; a byte a second ends with the time.
#[tokio::test(flavor = "multi_thread")]
async fn replies_are_bounded() {
    use std::io::Write as _;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 32 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let second = Duration::from_secs(1);
    for at in ["/ird", "/eps"] {
        let own = bomb.clone();
        let gzip = move |kind: &str| {
            let more = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", own.len());
            vec![head(kind, &more), Act::Send(own.clone())]
        };
        let error = said(gzip, at).await;
        assert!(["inflated", "too-large"].contains(&error.code()), "{at}: {error}");

        let headers = |kind: &str| {
            let line = format!("x-filling: {}\r\n", "x".repeat(1_000));
            vec![head(kind, &line.repeat(10 << 10))]
        };
        assert_eq!(said(headers, at).await.code(), "headers-too-large", "{at}");
        let endless = |kind: &str| vec![head(kind, "\r\n"), Act::Repeat(vec![b' '; 64 << 10])];
        assert_eq!(said(endless, at).await.code(), "too-large", "{at}");

        let slow_head = move |kind: &str| vec![head(kind, ""), Act::Drip(vec![b'x'; 99], second)];
        let slow_body =
            move |kind: &str| vec![head(kind, "\r\n"), Act::Drip(vec![b'{'; 99], second)];
        for slow in [
            Box::new(slow_head) as Box<dyn Fn(&str) -> Vec<Act> + Send + Sync>,
            Box::new(slow_body),
        ] {
            let error = said(slow, at).await;
            assert!(matches!(error, Error::Unavailable { .. }), "{at}: {error}");
            assert_eq!(error.code(), "timeout", "{at}: {error}");
        }
    }
}

/// What cannot be read is refused, and is never taken for an absence.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused() {
    for body in ["", "{", "[]", "null", "{}", "<html>", r#"{"resources": {}, "resources": {}}"#] {
        for at in ["/ird", "/eps"] {
            let garbage = move |kind: &str| {
                let more = format!("content-length: {}\r\n\r\n", body.len());
                vec![head(kind, &more), Act::Send(body.into())]
            };
            let error = said(garbage, at).await;
            assert!(matches!(error, Error::Rejected { .. }), "{at}, {body}: {error}");
        }
    }
}
