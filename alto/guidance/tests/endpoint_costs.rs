//! Guidance by endpoint costs, over real HTTP on loopback.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;
#[path = "../../messages/tests/schemas/mod.rs"]
#[allow(dead_code)]
mod schemas;

use std::collections::BTreeMap;

use alto_messages::{EndpointCostRequest, EndpointCosts, MediaType, ReadOptions, TypedAddress};
use alto_testkit::http::{HttpReply, HttpRequest, HttpServer};
use common::*;

const CANDIDATES: [&str; 2] = ["192.0.2.1", "198.51.100.7"];

fn question(request: &HttpRequest) -> EndpointCostRequest {
    EndpointCostRequest::parse(&request.body, &ReadOptions::default()).unwrap().message
}

/// A server whose endpoint costs are the last octet of the destination.
fn with_ecs(resources: &str) -> HttpServer {
    with_ecs_that(resources, None)
}

/// The same with this `Cache-Control`.
fn with_ecs_that(resources: &str, control: Option<&'static str>) -> HttpServer {
    let server = server();
    says(&server, "/ird", MediaType::Directory, directory(resources));
    server.on(ECS, move |request| {
        let question = question(request);
        let cost = |address: &TypedAddress| match address.0 {
            std::net::IpAddr::V4(v4) => f64::from(v4.octets()[3]),
            std::net::IpAddr::V6(_) => 0.0,
        };
        let row: BTreeMap<_, _> = question.destinations.iter().map(|to| (*to, cost(to))).collect();
        let costs = question.sources.iter().map(|from| (*from, row.clone())).collect();
        let answer = EndpointCosts { cost_type: question.cost_type, costs };
        let reply = HttpReply::ok(MediaType::EndpointCosts.as_str(), answer.to_json());
        control.iter().fold(reply, |reply, control| reply.with("cache-control", control))
    });
    server
}

/// The last octets of the candidates in each question so far.
fn questions(server: &HttpServer) -> Vec<Vec<u8>> {
    let last = |address: &TypedAddress| match address.0 {
        std::net::IpAddr::V4(v4) => v4.octets()[3],
        std::net::IpAddr::V6(_) => 0,
    };
    let log = server.log();
    let asked = log.iter().filter(|request| request.path == ECS).map(question);
    asked.map(|question| question.destinations.iter().map(last).collect()).collect()
}

/// What HTTP says decides whether an answer is kept: nothing said is five minutes; `no-store`,
/// `no-cache` and `max-age=0` mean asking again. Only what is not known yet is asked for.
#[tokio::test]
async fn answers_are_kept_as_http_says() {
    for (control, again) in [
        (None, false),
        (Some("max-age=60"), false),
        (Some("max-age=0"), true),
        (Some("no-cache"), true),
        (Some("no-store"), true),
        (Some("no-store, max-age=60"), true),
    ] {
        let server = with_ecs_that(&ecs_entry("num"), control);
        let guidance = guidance(&[]);
        for _ in 0..2 {
            let candidates = CANDIDATES.map(address);
            let judgement = guidance.judge(&[ird(&server)], consumer(), &candidates).await.unwrap();
            assert_eq!(told(&judgement), [(Some("far"), Some(1.0)), (Some("mid"), Some(7.0))]);
        }
        assert_eq!(server.count(ECS), if again { 2 } else { 1 }, "{control:?}");
        let more = ["::ffff:198.51.100.7", "198.51.100.8"].map(address);
        guidance.judge(&[ird(&server)], consumer(), &more).await.unwrap();
        let last = questions(&server).pop().unwrap();
        assert_eq!(last, if again { vec![7, 8] } else { vec![8] }, "{control:?}");
    }
}

/// What was told for one consumer is not used for its neighbour, nor kept where that is not wanted.
#[tokio::test]
async fn answers_are_for_one_consumer() {
    let server = with_ecs(&ecs_entry("num"));
    let (keeps, keeps_none) = (guidance(&[]), guidance(&[("guidance.ecs_memory", "0")]));
    let candidates = CANDIDATES.map(address);
    for (guidance, count) in [(&keeps, 2), (&keeps_none, 6)] {
        for consumer in ["203.0.113.5", "203.0.113.6"].repeat(2) {
            let consumer = alto_guidance::Consumer::new(address(consumer));
            guidance.judge(&[ird(&server)], consumer, &candidates).await.unwrap();
        }
        assert_eq!(server.count(ECS), count);
    }
}

/// RFC 7285 §6.1.2.2: ranks of two answers are not mixed: one more candidate, and all are asked for.
#[tokio::test]
async fn ranks_are_asked_for_together() {
    let server = with_ecs(&ecs_entry("ord"));
    let guidance = guidance(&[]);
    for candidates in [&["192.0.2.1", "192.0.2.2"][..], &["192.0.2.2"], &["192.0.2.2", "192.0.2.3"]]
    {
        let candidates: Vec<_> = candidates.iter().map(|text| address(text)).collect();
        guidance.judge(&[ird(&server)], consumer(), &candidates).await.unwrap();
    }
    assert_eq!(questions(&server), [[1, 2], [2, 3]]);
}

async fn asked(
    server: &HttpServer,
    settings: &[(&str, &str)],
) -> Result<alto_guidance::Judgement, alto_guidance::Exhausted> {
    guidance(settings).judge(&[ird(server)], consumer(), &CANDIDATES.map(address)).await
}

/// RFC 7285 §11.5.1.3: both lists name somebody, in either direction; an empty one would mean us.
/// What is sent is valid by the schema.
fn has_both_lists(server: &HttpServer, consumer_is_source: bool) {
    let log = server.log();
    let mut questions = log.iter().filter(|request| request.path == ECS).peekable();
    assert!(questions.peek().is_some());
    for request in questions {
        schemas::valid(MediaType::EndpointCostParams, &request.body);
        let EndpointCostRequest { sources, destinations, .. } = question(request);
        let (consumers, candidates) =
            if consumer_is_source { (sources, destinations) } else { (destinations, sources) };
        assert_eq!(consumers, [TypedAddress(address(CONSUMER))]);
        assert_eq!(candidates, CANDIDATES.map(|one| TypedAddress(address(one))));
    }
}

/// `fallback`: no cost map for the metric; the network map still tells PIDs.
#[tokio::test]
async fn without_a_cost_map() {
    let server = with_ecs(&ecs_entry("num"));
    let judgement = asked(&server, &[]).await.unwrap();
    assert_eq!(told(&judgement), [(Some("far"), Some(1.0)), (Some("mid"), Some(7.0))]);
    has_both_lists(&server, true);
}

/// `fallback`: the cost map has nothing for the consumer's PID.
#[tokio::test]
async fn without_a_row() {
    let server = with_ecs(&(cost_entry("num") + &ecs_entry("num")));
    let consumer = alto_guidance::Consumer::new(address("192.0.2.77")); // in `far`: no row
    let candidates = CANDIDATES.map(address);
    let judgement = guidance(&[]).judge(&[ird(&server)], consumer, &candidates).await.unwrap();
    assert_eq!(told(&judgement), [(Some("far"), Some(1.0)), (Some("mid"), Some(7.0))]);
}

/// `fallback` leaves a server alone whose maps say enough; `always` does not.
#[tokio::test]
async fn maps_come_first_unless_told_otherwise() {
    let server = with_ecs(&(cost_entry("num") + &ecs_entry("num")));
    let judgement = asked(&server, &[]).await.unwrap();
    assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)));
    assert_eq!(server.count(ECS), 0);
    let judgement = asked(&server, &[("guidance.ecs", "always")]).await.unwrap();
    assert_eq!(told(&judgement)[1], (Some("mid"), Some(7.0)));
    has_both_lists(&server, true);
}

/// `off`: never, whatever is offered.
#[tokio::test]
async fn off_is_off() {
    let server = with_ecs(&ecs_entry("num"));
    let error = asked(&server, &[("guidance.ecs", "off")]).await.unwrap_err().failed.remove(0);
    assert_eq!((error.code(), server.count(ECS)), ("no-metric", 0));
}

/// `to-consumer` turns the question round.
#[tokio::test]
async fn the_other_direction() {
    let server = with_ecs(&ecs_entry("num"));
    let judgement = asked(&server, &[("guidance.direction", "to-consumer")]).await.unwrap();
    assert_eq!(told(&judgement), [(Some("far"), Some(5.0)), (Some("mid"), Some(5.0))]);
    has_both_lists(&server, false);
}

/// Nobody to ask about: nothing is asked.
#[tokio::test]
async fn no_candidates_no_question() {
    let server = with_ecs(&ecs_entry("num"));
    let judgement = guidance(&[]).judge(&[ird(&server)], consumer(), &[]).await.unwrap();
    assert!(judgement.candidates.is_empty());
    assert_eq!(server.count(ECS), 0);
}

/// A failing endpoint cost service is a failing server, and left alone for a while like any other.
#[tokio::test]
async fn a_failure_is_the_servers() {
    let server = with_ecs(&ecs_entry("num"));
    server.says(ECS, HttpReply::status(500));
    let guidance = guidance(&[]);
    for _ in 0..2 {
        let candidates = CANDIDATES.map(address);
        let asked = guidance.judge(&[ird(&server)], consumer(), &candidates).await;
        let error = asked.unwrap_err().failed.remove(0);
        assert_eq!((error.code(), error.is_refusal()), ("http-status", false));
    }
    assert_eq!(server.count(ECS), 1);
}
