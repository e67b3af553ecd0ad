//! Where the links of a directory may lead, over real HTTP on loopback.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use alto_messages::MediaType;
use common::*;

/// What the endpoint cost service says.
const ENDPOINT_COSTS: &str = r#"{
  "meta": {"cost-type": {"cost-metric": "routingcost", "cost-mode": "numerical"}},
  "endpoint-cost-map": {"ipv4:203.0.113.5": {"ipv4:198.51.100.7": 9}}}"#;

/// Links lead to the server's own site, unless told otherwise; a refused one is named, and nobody is
/// asked there: neither for a map, nor for endpoint costs, nor for a further directory.
#[tokio::test]
async fn links_to_other_sites_are_refused() {
    let (own, other) = (server(), server());
    says(&other, ECS, MediaType::EndpointCosts, "{}");
    let elsewhere = other.uri("").replace("127.0.0.1", "localhost");
    let (cost, ecs) = (cost_entry("num"), ecs_entry("num"));
    let more = r#", "more": {"uri": "/ird", "media-type": "application/alto-directory+json"}"#;
    for resources in [
        cost.replace(r#""uri": "cost""#, &format!(r#""uri": "{elsewhere}/cost""#)),
        ecs.replace(r#""uri": "/ecs""#, &format!(r#""uri": "{elsewhere}/ecs""#)),
        more.replace(r#""uri": "/ird""#, &format!(r#""uri": "{elsewhere}/ird""#)),
    ] {
        says(&own, "/ird", MediaType::Directory, directory(&resources));
        let error = refused(&guidance(&[]), &own).await;
        assert_eq!((error.code(), error.is_refusal()), ("other-site", true), "{error}");
        assert!(error.to_string().contains(&elsewhere), "{error}");
        assert!(error.to_string().contains("guidance.links"), "{error}");
    }
    assert!(other.log().is_empty());

    // What is there beside it is used, and the link is named in a warning.
    let resources = cost + &ecs.replace(r#""/ecs""#, &format!(r#""{elsewhere}/ecs""#));
    says(&own, "/ird", MediaType::Directory, directory(&resources));
    let judgement = ask(&guidance(&[]), &[ird(&own)]).await.unwrap();
    assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)));
    let codes: Vec<&str> = judgement.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!((codes, other.log().len()), (vec!["other-site"], 0));
}

/// `guidance.links = any`: a network map and its costs may be on another host.
#[tokio::test]
async fn links_anywhere_on_demand() {
    let (own, other) = (server(), server());
    let elsewhere = other.uri("/cost").replace("127.0.0.1", "localhost");
    let entry = cost_entry("num").replace(r#""uri": "cost""#, &format!(r#""uri": "{elsewhere}""#));
    says(&own, "/ird", MediaType::Directory, directory(&entry));
    let judgement = ask(&guidance(&[("guidance.links", "any")]), &[ird(&own)]).await.unwrap();
    assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)));
    assert_eq!((own.count(COST), other.count(COST)), (0, 1));
}

/// RFC 7285 §9.2: links of a directory are checked like any URI from the network, also where they
/// may lead to other sites.
#[tokio::test]
async fn links_are_checked() {
    for (link, code) in [
        ("ftp://127.0.0.1/cost", "refused-by-policy"),
        ("http://127.0.0.1:22/cost", "refused-by-policy"),
        ("http://169.254.169.254/cost", "refused-by-policy"),
        ("http://user@127.0.0.1/cost", "bad-uri"),
    ] {
        let server = server();
        let entry = cost_entry("num").replace(r#""uri": "cost""#, &format!(r#""uri": "{link}""#));
        says(&server, "/ird", MediaType::Directory, directory(&entry));
        let error = refused(&guidance(&[("guidance.links", "any")]), &server).await;
        assert_eq!((error.code(), error.is_refusal()), (code, true), "{error}");
        assert!(refused(&guidance(&[]), &server).await.is_refusal());
    }
}

/// A link that is refused does not stand before one that can be used: neither among the cost maps of a
/// directory, nor between the modes of costs, nor before a further directory, nor among the places of
/// the network map. It is named all the same.
#[tokio::test]
async fn a_refused_link_hides_nothing() {
    let more = r#", "more": {"uri": "/more", "media-type": "application/alto-directory+json"}"#;
    for (link, code) in [
        ("http://maps.example/cost", "other-site"),
        ("http://169.254.169.254/cost", "refused-by-policy"),
        ("http://127.0.0.1:22/cost", "refused-by-policy"),
        ("http://user@127.0.0.1/cost", "bad-uri"),
    ] {
        let refused = |entry: &str, good: &str| {
            entry.replace(&format!(r#""uri": "{good}""#), &format!(r#""uri": "{link}""#))
        };
        let links = if code == "refused-by-policy" { "any" } else { "same-site" };
        let settings = [("guidance.links", links)];
        let bad = refused(&cost_entry("num"), "cost");
        let again = bad.replace("cost-num", "a-cost");
        for (first, second) in [
            (again + &cost_entry("num"), String::new()),
            (bad.clone() + &cost_entry("ord"), String::new()),
            (bad.clone() + more, cost_entry("num")),
        ] {
            let server = server();
            let kind = if first.contains("cost-ord") { "ordinal" } else { "numerical" };
            says(&server, COST, MediaType::CostMap, cost_map("1", kind).to_json());
            says(&server, "/ird", MediaType::Directory, directory(&first));
            says(&server, "/more", MediaType::Directory, directory(&second));
            let judgement = ask(&guidance(&settings), &[ird(&server)]).await.unwrap();
            assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)), "{first}");
            let codes: Vec<&str> = judgement.warnings.iter().map(|warning| warning.code).collect();
            assert_eq!(codes, [code], "{first}");
        }

        // The root's own place of the network map is refused; a further directory has another.
        let server = server();
        let root = String::from_utf8(directory(more)).unwrap();
        says(&server, "/ird", MediaType::Directory, refused(&root, "network"));
        says(&server, "/more", MediaType::Directory, directory(&cost_entry("num")));
        let judgement = ask(&guidance(&settings), &[ird(&server)]).await.unwrap();
        assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)), "{link}");

        // The same for endpoint costs.
        let bad = refused(&ecs_entry("num"), "/ecs").replace("\"ecs\"", "\"a-ecs\"");
        says(&server, "/ird", MediaType::Directory, directory(&(bad + &ecs_entry("num"))));
        says(&server, ECS, MediaType::EndpointCosts, ENDPOINT_COSTS);
        let judgement = ask(&guidance(&settings), &[ird(&server)]).await.unwrap();
        assert_eq!(told(&judgement)[1], (Some("mid"), Some(9.0)), "{link}");
    }
}

/// A directory may have hundreds of links that are refused: not all are told of.
#[tokio::test]
async fn what_is_told_of_refused_links_is_bounded() {
    let server = server();
    let bad = |at| {
        let entry = cost_entry("num").replace("cost-num", &format!("a{at}"));
        entry.replace(r#""uri": "cost""#, &format!(r#""uri": "http://{at}.example/""#))
    };
    let entries: String = (0..400).map(bad).collect();
    says(&server, "/ird", MediaType::Directory, directory(&(entries + &cost_entry("num"))));
    let judgement = ask(&guidance(&[]), &[ird(&server)]).await.unwrap();
    assert_eq!(told(&judgement)[1], (Some("mid"), Some(5.0)));
    assert!((1..=8).contains(&judgement.warnings.len()), "{}", judgement.warnings.len());
}
