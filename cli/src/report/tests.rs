use super::*;
use alto_discovery::{Cause, Dnssec, NoServer, ServerList, Step, Trust};

fn answer(now: Instant) -> Answer {
    let server = Server {
        uri: "https://a.example/ird".parse().unwrap(),
        order: 100,
        preference: 10,
        found_at: Some("113.0.203.in-addr.arpa.".into()),
        trust: Trust::Network,
    };
    let step = |name: &str, finding: &str, holds| Step {
        backend: "dns",
        subject: name.into(),
        origin: Origin::Wire,
        finding: finding.into(),
        holds: Some(Duration::from_secs(holds)),
    };
    Answer {
        backend: "dns",
        approach: 1,
        guide: Guide::Servers(ServerList::new([server]).unwrap()),
        scope: Scope::net("203.0.113.5/32".parse().unwrap()),
        validity: Validity::new(now, Duration::from_secs(600)),
        incomplete: false,
        dnssec: Dnssec::Unknown,
        trace: Trace::from_iter([
            step("5.113.0.203.in-addr.arpa.", "the name does not exist", 300),
            step("113.0.203.in-addr.arpa.", "one record\ntaken: https://a.example/ird", 600),
        ]),
    }
}

fn report(result: Result<Answer, Error>, at: Instant) -> Report {
    Report { peer: "203.0.113.5".into(), result: result.map(Arc::new), at }
}

/// The line is the example of the discover command's documentation.
#[test]
fn a_found_server_in_json() {
    let now = Instant::now();
    let report = report(Ok(answer(now)), now + Duration::from_millis(3));
    let expected = concat!(
        r#"{"peer":"203.0.113.5","outcome":"found","backend":"dns","approach":1,"servers":["#,
        r#"{"uri":"https://a.example/ird","order":100,"preference":10,"#,
        r#""name":"113.0.203.in-addr.arpa.","trust":"network"}],"dnssec":"unknown","#,
        r#""scope":{"net":"203.0.113.5/32","id":"any"},"ttl":600,"incomplete":false,"#,
        r#""queries":["5.113.0.203.in-addr.arpa.","113.0.203.in-addr.arpa."],"error":null}"#
    );
    assert_eq!(report.json(), expected);
    assert_eq!(report.text(), "203.0.113.5  https://a.example/ird\n");
}

#[test]
fn the_walk_is_told() {
    let now = Instant::now();
    let told = report(Ok(answer(now)), now).explanation();
    for part in [
        "asked  5.113.0.203.in-addr.arpa.: the name does not exist; holds for 5m",
        "taken: https://a.example/ird",
        "found  https://a.example/ird (order 100, preference 10, at 113.0.203.in-addr.arpa.)",
        "for 203.0.113.5/32, for 10m",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

/// Outcome, code and exit status of each ending.
#[test]
fn endings() {
    let now = Instant::now();
    let none = NoServer {
        backend: "dns",
        scope: Scope::net("203.0.113.5/32".parse().unwrap()),
        validity: Validity::new(now, Duration::from_secs(60)),
        dnssec: Dnssec::Unknown,
        trace: Trace::default(),
    };
    let rejected = |code| Error::Rejected {
        backend: "dns",
        cause: Cause::new(code, "x"),
        trace: Trace::default(),
    };
    let unavailable = Error::Unavailable {
        backend: "dns",
        retry_after: None,
        cause: Cause::new(code::TIMEOUT, "x"),
        trace: Trace::default(),
    };
    let not_global =
        Error::NotApplicable { backend: "dns", needs: Cause::new(code::NOT_GLOBAL, "x") };
    for (error, outcome, error_code, status) in [
        (Error::NoServer(Arc::new(none)), "none", None, Status::None),
        (unavailable, "unavailable", Some("timeout"), Status::Unavailable),
        (rejected(code::BOGUS), "rejected", Some("bogus"), Status::Bogus),
        (rejected(code::POLICY), "rejected", Some("refused-by-policy"), Status::Refused),
        (not_global, "not-applicable", Some("not-global"), Status::Refused),
        (Error::invalid(code::INVALID_INPUT, "x"), "invalid", Some("invalid-input"), Status::Usage),
    ] {
        let report = report(Err(error), now);
        let record: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(record["outcome"], outcome);
        assert_eq!(record["error"]["code"].as_str(), error_code);
        assert_eq!(record["servers"], serde_json::json!([]));
        assert_eq!(report.status(), status);
    }
    assert!(Status::Usage > Status::Bogus && Status::Bogus > Status::Refused);
    assert!(Status::Refused > Status::Unavailable && Status::Unavailable > Status::None);
}
