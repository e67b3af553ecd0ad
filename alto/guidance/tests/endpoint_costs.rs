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
    let server = server();
    says(&server, "/ird", MediaType::Directory, directory(resources));
    server.on(ECS, |request| {
        let question = question(request);
        let cost = |address: &TypedAddress| match address.0 {
            std::net::IpAddr::V4(v4) => f64::from(v4.octets()[3]),
            std::net::IpAddr::V6(_) => 0.0,
        };
        let row: BTreeMap<_, _> = question.destinations.iter().map(|to| (*to, cost(to))).collect();
        let costs = question.sources.iter().map(|from| (*from, row.clone())).collect();
        let answer = EndpointCosts { cost_type: question.cost_type, costs };
        HttpReply::ok(MediaType::EndpointCosts.as_str(), answer.to_json())
    });
    server
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
