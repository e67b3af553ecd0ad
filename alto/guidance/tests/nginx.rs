//! Guidance over https through a real proxy that compresses and keeps answers.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod common;

use std::fs;

use alto_discovery_core::Policy;
use alto_guidance::{FetchConfig, Guidance, GuidanceConfig};
use alto_messages::MediaType;
use alto_testkit::nginx::Nginx;
use alto_testkit::pki::Authority;
use common::*;
use tempfile::NamedTempFile;

/// A client that trusts this authority alone.
fn trusting(authority: &Authority) -> Guidance {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), authority.pem()).unwrap();
    let fetch = FetchConfig { ca_file: Some(file.path().into()), ..FetchConfig::default() };
    let policy = Policy { allow_private_servers: true, ..Policy::default() };
    Guidance::new(&GuidanceConfig::default(), &fetch, policy).unwrap()
}

/// RFC 7285 §6.3, RFC 9111: a cache that still has the network map from before a change, and takes
/// the cost map from after it, is out of step; the second request goes past it.
#[tokio::test]
async fn a_cache_out_of_step_is_passed_by() {
    let (authority, server) = (Authority::new(), server());
    let nginx = Nginx::before(server.address(), &authority.sign(&["127.0.0.1"]));
    let uri = nginx.uri("/ird").parse().unwrap();
    let (first, second) = (trusting(&authority), trusting(&authority));
    let before = first.table(&uri).await.unwrap();
    let tag =
        |table: &alto_guidance::ServerTable| table.maps().unwrap().vtag().unwrap().tag.to_string();
    assert_eq!((tag(&before), before.warnings().len()), ("1".into(), 0));

    // The cost map is new to the cache; the network map is not, for up to a second.
    let moved = String::from_utf8(directory(&cost_entry("num"))).unwrap();
    let moved = moved.replace(r#""uri": "cost""#, r#""uri": "cost-2""#);
    says(&server, "/ird-2", MediaType::Directory, moved);
    says(&server, NETWORK, MediaType::NetworkMap, network_map("2").to_json());
    says(&server, "/cost-2", MediaType::CostMap, cost_map("2", "numerical").to_json());
    let after = second.table(&nginx.uri("/ird-2").parse().unwrap()).await.unwrap();
    assert_eq!(tag(&after), "2");
    // If the machine was so busy that the second had passed, there was nothing to pass by.
    let of_map = |kept: &str| {
        let kept = kept.to_owned();
        move |passed: &alto_testkit::nginx::Passed| {
            passed.request == "GET /network" && passed.cache == kept
        }
    };
    assert!(nginx.wait_for(of_map("BYPASS")) || nginx.passed().iter().any(of_map("EXPIRED")));
}
