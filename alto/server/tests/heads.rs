//! What is decided by the head of a request: methods, media types, conditions.
#![forbid(unsafe_code)]

mod support;

use alto_messages::MediaType;
use alto_server::{Answer, Head, Plan, Target};
use support::{catalogue, valid};

const MAP: &str = "/network-map";

fn plan(head: Head<'_>) -> Plan {
    catalogue().plan(&head)
}

fn sent(head: Head<'_>) -> Answer {
    match plan(head) {
        Plan::Send(answer) => answer,
        Plan::Read(target) => panic!("{head:?} is read for {target:?}"),
    }
}

/// The status of a refusal, whose body is a valid error with this field.
fn refusal(head: Head<'_>, field: &str) -> (u16, Option<&'static str>) {
    let answer = sent(head);
    assert_eq!(answer.media_type, Some(MediaType::Error));
    assert_eq!(valid(MediaType::Error, &answer.body)["meta"]["field"], field);
    assert_eq!((&answer.etag, answer.max_age), (&None, None));
    (answer.status, answer.allow)
}

/// RFC 9110 §15.5.5, §15.5.6: unknown paths and methods; GET and POST are not interchangeable
/// (RFC 7285 §8.3).
#[test]
fn paths_and_methods() {
    for path in ["/", "/cost-map/hopcount", "/cost-map", "/network-map/", "*"] {
        let head = Head { method: "GET", path, ..Head::default() };
        assert_eq!(refusal(head, "path").0, 404, "{path}");
    }
    for method in ["POST", "PUT", "get"] {
        let head = Head { method, path: MAP, ..Head::default() };
        assert_eq!(refusal(head, "method"), (405, Some("GET, HEAD")));
    }
    for target in Target::ALL {
        for method in ["GET", "HEAD", "DELETE"] {
            let head = Head { method, path: target.path(), ..Head::default() };
            assert_eq!(refusal(head, "method"), (405, Some("POST")));
        }
    }
    let head = Head { method: "HEAD", path: MAP, ..Head::default() };
    assert_eq!(sent(head), sent(Head { method: "GET", ..head }));
}

/// 406: nothing is sent that the client does not accept, but for the error itself.
#[test]
fn only_what_is_accepted_is_sent() {
    let other = Some("application/alto-costmap+json, application/alto-error+json");
    let head = Head { method: "GET", path: MAP, accept: other, ..Head::default() };
    assert_eq!(refusal(head, "Accept").0, 406);
    let own = Some("application/alto-networkmap+json;q=0.5, application/alto-error+json");
    assert_eq!(sent(Head { accept: own, ..head }).status, 200);
    let path = Target::FilteredNetworkMap.path();
    let content_type = Some(MediaType::NetworkMapFilter.as_str());
    let head = Head { method: "POST", path, accept: other, content_type, if_none_match: None };
    assert_eq!(refusal(head, "Accept").0, 406);
    assert_eq!(plan(Head { accept: own, ..head }), Plan::Read(Target::FilteredNetworkMap));
}

/// 415: input parameters have their media type; parameters of the type itself mean nothing.
#[test]
fn input_has_its_media_type() {
    for target in Target::ALL {
        let head = Head { method: "POST", path: target.path(), ..Head::default() };
        assert_eq!(refusal(head, "Content-Type").0, 415);
        for wrong in ["application/json", "", target.media_type().as_str()] {
            let head = Head { content_type: Some(wrong), ..head };
            assert_eq!(refusal(head, "Content-Type").0, 415, "{wrong}");
        }
        let own = format!("{}; charset=utf-8", target.accepts());
        assert_eq!(plan(Head { content_type: Some(&own), ..head }), Plan::Read(target));
    }
}

/// RFC 9110 §13.1.2: what the client holds is not sent again, but its lifetime is.
#[test]
fn what_the_client_holds_is_not_sent_again() {
    let head = Head { method: "GET", path: MAP, ..Head::default() };
    let whole = sent(head);
    let tag = whole.etag.clone().unwrap();
    let again = sent(Head { if_none_match: Some(&tag), ..head });
    assert_eq!((again.status, again.body.len(), again.media_type), (304, 0, None));
    assert_eq!((&again.etag, again.max_age), (&whole.etag, whole.max_age));
    let other = sent(Head { if_none_match: Some("\"other\""), ..head });
    assert_eq!(other, whole);
    let costs = sent(Head { path: "/cost-map/routingcost", if_none_match: Some(&tag), ..head });
    assert_eq!(costs.status, 200, "each resource has tags of its own");
}
