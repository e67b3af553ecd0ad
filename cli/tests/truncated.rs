//! The exit status of `alto map` and `alto rank` where a body is cut: 3 if HTTP shows the cut, since a
//! later try may bring all of it; 4 if the transfer is complete and the JSON is cut.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use alto_testkit::alto;
use alto_testkit::http::{HttpReply, HttpServer};

const NETS: [(&str, &str); 2] = [("near", "203.0.113.0/24"), ("far", "0.0.0.0/0")];
const COSTS: [(&str, &str, f64); 2] = [("near", "near", 1.0), ("near", "far", 20.0)];

/// A body, how it is sent, and the status that this leads to.
fn cases(body: &str) -> Vec<(&'static str, HttpReply, i32)> {
    let half = &body[..body.len() / 2];
    let sent = |body: &str, header, value: &str| {
        HttpReply { status: 200, headers: Vec::new(), body: body.into() }.with(header, value)
    };
    let length = |body: &str, length: usize| sent(body, "content-length", &length.to_string());
    let chunks = |body: String| sent(&body, "transfer-encoding", "chunked");
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n", body.len());
    vec![
        ("whole, with a length", length(body, body.len()), 0),
        ("whole, in chunks", chunks(chunk(body) + "0\r\n\r\n"), 0),
        ("less than its length", length(half, body.len()), 3),
        ("all but an octet of its length", length(&body[..body.len() - 1], body.len()), 3),
        ("nothing of its length", length("", body.len()), 3),
        ("no last chunk", chunks(chunk(body)), 3),
        ("half a chunk", chunks(chunk(body)[..20].into()), 3),
        ("half the JSON, with its length", length(half, half.len()), 4),
        ("half the JSON, in chunks", chunks(chunk(half) + "0\r\n\r\n"), 4),
        ("all but a brace", length(&body[..body.len() - 1], body.len() - 1), 4),
        ("no JSON", length("", 0), 4),
    ]
}

fn status(server: &HttpServer, command: &[&str]) -> (Option<i32>, String) {
    let own = ["--allow-private", "--allow-http", "--json"];
    let output = common::alto(&[command, &own].concat()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(0) || said.contains(&server.uri("/")), "{said}");
    (output.status.code(), said)
}

/// Each resource, cut in each way, by both commands; standard error names the URI.
#[test]
fn a_cut_shows_in_the_status() {
    let (network, cost) = (alto::network_map(&NETS), alto::cost_map(&COSTS));
    for (path, kind, body) in [
        ("/ird", "application/alto-directory+json", alto::DIRECTORY),
        ("/network", "application/alto-networkmap+json", &network),
        ("/cost", "application/alto-costmap+json", &cost),
    ] {
        for (how, reply, expected) in cases(body) {
            let server = alto::serve(&network, &cost);
            server.says(path, reply.with("content-type", kind));
            let ird = server.uri("/ird");
            let rank = ["rank", "--for", "203.0.113.5", "--ird", &ird, "192.0.2.1"];
            for command in [&["map", &*server.uri(path)][..], &["map", &ird], &rank] {
                let (found, said) = status(&server, command);
                assert_eq!(found, Some(expected), "{path}, {how}, {command:?}: {said}");
            }
        }
    }
}
