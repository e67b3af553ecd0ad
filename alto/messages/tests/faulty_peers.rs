//! The faults seen in other ALTO servers, and those a hostile one would try: each is used, used with
//! a named warning when lenient, or refused with a message that names the fault and its place.

use alto_messages::{
    AddressType, CostMap, Directory, EndpointCostRequest, EndpointCosts, EndpointProperties,
    ErrorBody, ErrorCode, Fault, NetworkMap, Parsed, ReadOptions, Service, Warning, code,
};

/// What becomes of a body: how strict and lenient reading end.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Used without a word.
    Used,
    /// Used with that warning, in either mode.
    Warned(&'static str),
    /// Refused when strict, used with that warning when lenient.
    Forgiven(&'static str),
    /// Refused in either mode, with that code and a message that contains that text.
    Refused(&'static str, &'static str),
}
use AddressType::{Ipv4, Ipv6};
use Fate::{Forgiven, Refused, Used, Warned};

fn check<T>(
    body: &str,
    fate: Fate,
    parse: impl Fn(&[u8], &ReadOptions) -> Result<Parsed<T>, Fault>,
) {
    let end = |options: ReadOptions| match parse(body.as_bytes(), &options) {
        Ok(read) => Ok(read.warnings.iter().map(Warning::code).collect::<Vec<_>>()),
        Err(fault) => Err(fault),
    };
    let refused = |code: &str, end: &Result<_, Fault>| match end {
        Err(fault) => assert_eq!(fault.code(), code, "{fault} in {body}"),
        Ok(warnings) => panic!("used with {warnings:?}: {body}"),
    };
    let (strict, lenient) = (end(ReadOptions::default()), end(ReadOptions::lenient()));
    match fate {
        Used => assert_eq!((strict, lenient), (Ok(vec![]), Ok(vec![])), "{body}"),
        Warned(code) => assert_eq!((strict, lenient), (Ok(vec![code]), Ok(vec![code])), "{body}"),
        Forgiven(code) => {
            refused(code, &strict);
            assert_eq!(lenient, Ok(vec![code]), "{body}");
        }
        Refused(code, text) => {
            for end in [strict, lenient] {
                refused(code, &end);
                let message = end.unwrap_err().to_string();
                assert!(message.contains(text), "`{message}` does not say `{text}`");
            }
        }
    }
}

const VTAG: &str = r#""vtag":{"resource-id":"m","tag":"1"}"#;
const COSTS: &str = r#""cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"},
    "dependent-vtags":[{"resource-id":"m","tag":"1"}]"#;

fn network_map(pids: &str, fate: Fate) {
    let body = format!(r#"{{"meta":{{{VTAG}}},"network-map":{{{pids}}}}}"#);
    check(&body, fate, NetworkMap::parse);
}

fn cost_map(rows: &str, fate: Fate) {
    for (meta, rest) in [(format!(r#""meta":{{{COSTS}}},"#), ""), (String::new(), "meta")] {
        let last = if rest.is_empty() { String::new() } else { format!(r#","meta":{{{COSTS}}}"#) };
        check(&format!(r#"{{{meta}"cost-map":{{{rows}}}{last}}}"#), fate, CostMap::parse);
    }
}

/// RFC 7285 §11.2.1: tags.
#[test]
fn tags_of_network_maps() {
    for (meta, fate) in [
        (r#""meta":{},"#, Forgiven(code::MISSING_VTAG)),
        ("", Forgiven(code::MISSING_VTAG)),
        (
            r#""meta":{"vtag":{"resource-id":"m"}},"#,
            Refused(code::MISSING_FIELD, "meta/vtag/tag: is missing"),
        ),
        (r#""meta":{"vtag":{"resource-id":"m","tag":""}},"#, Refused(code::BAD_NAME, "no tag")),
        (
            r#""meta":{"vtag":{"resource-id":"m","tag":7}},"#,
            Refused(code::FIELD_TYPE, "meta/vtag/tag: is a number where a string is due"),
        ),
        (r#""meta":{"vtag":null},"#, Refused(code::FIELD_TYPE, "meta/vtag")),
        (r#""meta":[],"#, Refused(code::FIELD_TYPE, "meta")),
    ] {
        check(&format!(r#"{{{meta}"network-map":{{}}}}"#), fate, NetworkMap::parse);
    }
}

/// RFC 7285 §8.3.7, §11.2.1.7: what is unknown is ignored, and a PID stays valid.
#[test]
fn unknown_members_are_ignored() {
    network_map(r#""priv:x":{"ipv4":[]}"#, Used);
    network_map(
        r#""a":{"mac":["00-11",1,{"b":[]}],"ipv4":["10.0.0.0/8"]}"#,
        Warned(code::UNKNOWN_ADDRESS_TYPE),
    );
    let body = format!(
        r#"{{"meta":{{{VTAG},"x":1}},"priv:y":[[]],"network-map":{{"a":{{"mac":[]}}}},"z":null}}"#
    );
    let map = NetworkMap::parse(body.as_bytes(), &ReadOptions::default()).unwrap().message;
    assert!(map.pids().id("a").is_some());
    check(&body, Warned(code::UNKNOWN_ADDRESS_TYPE), NetworkMap::parse);
}

/// RFC 7285 §10.4, RFC 4632 §3.1: prefixes.
#[test]
fn prefixes() {
    for (prefix, fate) in [
        ("10.0.0.0/8", Used),
        (r"10.0.0.0\/8", Used),
        ("10.1.2.3/8", Warned(code::HOST_BITS)),
        ("10.1.2.3", Forgiven(code::BARE_ADDRESS)),
        (
            "10.0.0.0/33",
            Refused(code::BAD_PREFIX, "network-map/a/ipv4: `10.0.0.0/33` is no ipv4 prefix"),
        ),
        ("010.0.0.0/8", Refused(code::BAD_PREFIX, "010")),
        ("10/8", Refused(code::BAD_PREFIX, "10/8")),
        ("ipv4:10.0.0.0/8", Refused(code::BAD_PREFIX, "ipv4:")),
        ("2001:db8::/32", Refused(code::BAD_PREFIX, "no ipv4 prefix")),
        (r"\u0000", Refused(code::BAD_PREFIX, "\u{fffd}")),
    ] {
        network_map(&format!(r#""a":{{"ipv4":["{prefix}"]}}"#), fate);
    }
    network_map(r#""a":{"ipv6":["2001:DB8:0::/32","::ffff:1.2.3.0/120"]}"#, Used);
    network_map(
        r#""a":{"ipv4":"10.0.0.0/8"}"#,
        Refused(code::FIELD_TYPE, "a/ipv4: is a string where an array"),
    );
    network_map(r#""a":{"ipv4":[10]}"#, Refused(code::FIELD_TYPE, "is a number"));
    network_map(r#""a":["10.0.0.0/8"]"#, Refused(code::FIELD_TYPE, "network-map/a"));
}

/// RFC 7285 §11.2.2: one prefix in two PIDs, however written, wherever in the map.
#[test]
fn a_prefix_has_one_pid() {
    let in_two = |text| Refused(code::PREFIX_IN_TWO_PIDS, text);
    network_map(
        r#""a":{"ipv4":["10.0.0.0/8"]},"b":{"ipv4":["10.0.0.0/8"]}"#,
        in_two("10.0.0.0/8 is in two PIDs, a and b"),
    );
    network_map(
        r#""a":{"ipv6":["2001:db8:0:0::/32"]},"b":{"ipv6":["2001:DB8::/32"]}"#,
        in_two("2001:db8::/32"),
    );
    network_map(r#""a":{"ipv4":["10.0.0.0/8"]},"b":{"ipv4":["10.0.0.0/9"]}"#, Used);
    network_map(r#""a":{"ipv4":["10.0.0.0/8","10.0.0.0/8"]}"#, Warned(code::REPEATED_PREFIX));
    let body = format!(
        r#"{{"meta":{{{VTAG}}},"network-map":{{"a":{{"ipv4":["10.0.0.0/8"]}},"b":{{"ipv4":["10.1.0.0/8"]}}}}}}"#
    );
    let fault = NetworkMap::parse(body.as_bytes(), &ReadOptions::default()).unwrap_err();
    assert_eq!(fault.code(), code::PREFIX_IN_TWO_PIDS);
}

/// A bad cost spoils the map, and the message says which.
#[test]
fn costs() {
    let bad = |text| Refused(code::BAD_COST, text);
    for (cost, fate) in [
        ("0", Used),
        ("-0", Used),
        ("-0.0e5", Used),
        ("1e308", Used),
        ("9223372036854775808", Used),
        ("1e-400", Used),
        ("NaN", Refused(code::SYNTAX, "no JSON")),
        ("Infinity", Refused(code::SYNTAX, "no JSON")),
        ("1e999", bad("cost-map/a/b: 1e999 is no finite number")),
        ("-1e999", bad("-1e999")),
        ("\"1\"", bad("cost-map/a/b: is a string where a cost")),
        ("null", bad("is null")),
        ("true", bad("is a boolean")),
        ("[1]", bad("is an array")),
        ("{\"c\":1}", bad("is an object")),
        ("-1", Refused(code::NEGATIVE_COST, "cost-map/a/b: -1 is no routingcost: it is negative")),
        ("-1e-9", Refused(code::NEGATIVE_COST, "a/b")),
        ("01", Refused(code::SYNTAX, "number")),
        ("1.", Refused(code::SYNTAX, "number")),
        (".5", Refused(code::SYNTAX, "no JSON")),
        ("+1", Refused(code::SYNTAX, "no JSON")),
        ("0x1", Refused(code::SYNTAX, "no JSON")),
    ] {
        cost_map(&format!(r#""a":{{"a":3,"b":{cost},"c":4}}"#), fate);
        cost_map(&format!(r#""a":{{"a":3,"b":{cost}}}"#), fate);
    }
    cost_map(r#""a":[1]"#, Refused(code::FIELD_TYPE, "cost-map/a: is an array"));
    cost_map(r#""a":1"#, Refused(code::FIELD_TYPE, "cost-map/a: is a number"));
    cost_map(r#""a b":{}"#, Refused(code::BAD_NAME, "`a b` is no PID name"));
}

/// RFC 7285 §6.1.2.2: ranks are whole numbers from zero on; other metrics may be negative.
#[test]
fn costs_by_mode_and_metric() {
    let fate = |mode: &str, metric: &str, cost: &str, fate| {
        let meta = format!(
            r#"{{"cost-type":{{"cost-mode":"{mode}","cost-metric":"{metric}"}},"dependent-vtags":[{{"resource-id":"m","tag":"1"}}]}}"#
        );
        for body in [
            format!(r#"{{"meta":{meta},"cost-map":{{"a":{{"b":1,"c":{cost},"d":2}}}}}}"#),
            format!(r#"{{"cost-map":{{"a":{{"b":1,"c":{cost}}}}},"meta":{meta}}}"#),
        ] {
            check(&body, fate, CostMap::parse);
        }
    };
    fate("ordinal", "routingcost", "7", Used);
    fate(
        "ordinal",
        "routingcost",
        "1.5",
        Refused(code::FRACTIONAL_RANK, "cost-map/a/c: 1.5 is no rank"),
    );
    fate("ordinal", "hopcount", "15e-1", Refused(code::FRACTIONAL_RANK, "1.5"));
    fate("ordinal", "hopcount", "-1", Refused(code::NEGATIVE_COST, "-1 is no rank"));
    fate("numerical", "routingcost", "1.5", Used);
    fate("numerical", "priv:gain", "-1", Used);
    fate("array", "routingcost", "1", Refused(code::UNSUPPORTED_MODE, "array"));
    fate("num erical", "routingcost", "1", Refused(code::BAD_NAME, "cost-mode"));
}

/// RFC 7285 §11.2.3: what a cost map's `meta` must say.
#[test]
fn meta_of_cost_maps() {
    let cost_type = r#""cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"}"#;
    let vtag = r#"{"resource-id":"m","tag":"1"}"#;
    for (meta, fate) in [
        (cost_type.to_owned(), Forgiven(code::MISSING_DEPENDENT_VTAGS)),
        (format!(r#""dependent-vtags":[{vtag}]"#), Refused(code::MISSING_FIELD, "meta/cost-type")),
        (
            format!(r#"{cost_type},"dependent-vtags":[{vtag},{vtag}]"#),
            Refused(code::WRONG_COUNT, "one network map"),
        ),
        (format!(r#"{cost_type},"dependent-vtags":[]"#), Forgiven(code::MISSING_DEPENDENT_VTAGS)),
        (
            r#""cost-type":{"cost-mode":"numerical"}"#.to_owned(),
            Refused(code::MISSING_FIELD, "meta/cost-type/cost-metric"),
        ),
    ] {
        check(&format!(r#"{{"meta":{{{meta}}},"cost-map":{{}}}}"#), fate, CostMap::parse);
    }
}

/// A key that occurs twice is refused wherever it stands, also by another spelling.
#[test]
fn no_key_twice() {
    let twice = |text| Refused(code::DUPLICATE_KEY, text);
    cost_map(r#""a":{"b":1},"a":{"c":2}"#, twice("cost-map: the key `a` occurs twice"));
    cost_map(r#""a":{"b":1,"c":2,"b":1}"#, twice("cost-map/a: the key `b` occurs twice"));
    cost_map(r#""a":{"b":1,"c":2},"d":{"b":1,"c":2,"\u0062":1}"#, twice("cost-map/d"));
    network_map(r#""a":{},"b":{},"a":{}"#, twice("`a`"));
    network_map(r#""a":{"ipv4":[],"ipv4":[]}"#, twice("`ipv4`"));
    network_map(r#""a":{"x":[],"x":[]}"#, twice("`x`"));
    network_map(r#""a":{"x":{"y":1,"y":1}}"#, twice("`y`"));
    for body in [
        format!(r#"{{"meta":{{{VTAG}}},"meta":{{{VTAG}}},"network-map":{{}}}}"#),
        format!(r#"{{"meta":{{{VTAG}}},"network-map":{{}},"network-map":{{}}}}"#),
        format!(r#"{{"meta":{{{VTAG}}},"network-map":{{}},"x":{{"a":[{{"b":1,"b":2}}]}}}}"#),
        format!(r#"{{"meta":{{{VTAG},{VTAG}}},"network-map":{{}}}}"#),
        format!(r#"{{"meta":{{{VTAG},"x":{{"a":1,"a":2}}}},"network-map":{{}}}}"#),
    ] {
        check(&body, twice("occurs twice"), NetworkMap::parse);
    }
    let body = r#"{"meta":{},"resources":{"a":{"uri":"x","media-type":"y","uri":"z"}}}"#;
    check(body, twice("resources/a: the key `uri`"), Directory::parse);
    let body = r#"{"meta":{"code":"E_SYNTAX","x":1,"x":2}}"#;
    check(body, twice("meta: the key `x`"), ErrorBody::parse);
    // One address in two spellings.
    let body = format!(
        r#"{{"meta":{{{COSTS}}},"endpoint-cost-map":{{"ipv6:::1":{{}},"ipv6:0::1":{{}}}}}}"#
    );
    check(&body, twice("ipv6:0::1"), EndpointCosts::parse);
}

/// Drafts before RFC 7285, pages of HTML, half bodies, and other things that are no message.
#[test]
fn other_bodies() {
    let draft =
        r#"{"meta":{},"data":{"map-vtag":"1266506139","map":{"PID1":{"ipv4":["192.0.2.0/24"]}}}}"#;
    check(draft, Refused(code::DRAFT_ERA, "`data` in place of `network-map`"), NetworkMap::parse);
    check(draft, Refused(code::DRAFT_ERA, "`cost-map`"), CostMap::parse);
    check(draft, Refused(code::DRAFT_ERA, "`endpoint-cost-map`"), EndpointCosts::parse);
    let draft =
        r#"{"resources":[{"uri":"http://a/","media-types":["application/alto-costmap+json"]}]}"#;
    check(draft, Refused(code::DRAFT_ERA, "`resources` is an array"), Directory::parse);
    for (body, fate) in [
        ("<html><body>404</body></html>", Refused(code::SYNTAX, "at byte 0")),
        ("", Refused(code::SYNTAX, "ends too soon")),
        ("[]", Refused(code::FIELD_TYPE, "is an array where an object is due")),
        ("{}", Refused(code::MISSING_FIELD, "network-map: is missing")),
        (
            "{\"network-map\":{\"a\":{\"ipv4\":[\"10.0.0.0/8\"",
            Refused(code::SYNTAX, "ends too soon"),
        ),
        ("{\"network-map\":{},}", Refused(code::SYNTAX, "no key")),
        ("{\"network-map\":{}} {}", Refused(code::SYNTAX, "something follows")),
        (
            "{\"network-map\":{\"a\":{\"ipv4\":[\"10.0.0.0/8\",]}}}",
            Refused(code::SYNTAX, "no JSON"),
        ),
        ("{\"network-map\":{\"a\u{1}\":{}}}", Refused(code::SYNTAX, "control character")),
        ("{\"network-map\":{\"\\ud800\":{}}}", Refused(code::SYNTAX, "escape")),
        ("{\"network-map\":null}", Refused(code::FIELD_TYPE, "network-map: is null")),
    ] {
        check(body, fate, NetworkMap::parse);
    }
    let marked = format!("\u{feff}{{\"meta\":{{{VTAG}}},\"network-map\":{{}}}}");
    check(&marked, Forgiven(code::BYTE_ORDER_MARK), NetworkMap::parse);
    check(
        "\u{feff}{\"meta\":{\"code\":\"E_SYNTAX\"}}",
        Forgiven(code::BYTE_ORDER_MARK),
        ErrorBody::parse,
    );
    let latin = b"{\"meta\":{\"code\":\"E_SYNTAX\",\"field\":\"\xe9\"}}";
    assert_eq!(ErrorBody::parse(latin, &ReadOptions::lenient()).unwrap_err().code(), code::SYNTAX);
}

/// RFC 7285 §9.2.2: directories as other servers send them.
#[test]
fn directories() {
    let map = r#""m":{"uri":"/m","media-type":"application/alto-networkmap+json"}"#;
    let costs = |rest: &str| {
        format!(r#""c":{{"uri":"/c","media-type":"application/alto-costmap+json"{rest}}}"#)
    };
    let types = r#""cost-types":{"num":{"cost-mode":"numerical","cost-metric":"routingcost","description":"x"},"cal":{"cost-mode":"array","cost-metric":"tput"}}"#;
    let directory = |meta: &str, resources: &str, fate| {
        let body = format!(r#"{{"meta":{{{meta}}},"resources":{{{resources}}}}}"#);
        check(&body, fate, Directory::parse);
    };
    directory(
        types,
        &format!("{map},{}", costs(r#","capabilities":{"cost-type-names":["num"]},"uses":["m"]"#)),
        Used,
    );
    directory(
        types,
        &costs(r#","capabilities":{"cost-type-names":["num"]},"uses":"m""#),
        Forgiven(code::NOT_A_LIST),
    );
    directory(
        types,
        &costs(r#","capabilities":{"cost-type-names":["num","num"]}"#),
        Forgiven(code::WRONG_COUNT),
    );
    directory(types, &costs(""), Forgiven(code::WRONG_COUNT));
    directory(
        types,
        &costs(r#","capabilities":{"cost-type-names":["gone"]}"#),
        Forgiven(code::DANGLING_NAME),
    );
    directory(
        "",
        r#""m":{"media-type":"application/alto-networkmap+json"}"#,
        Forgiven(code::ENTRY_SKIPPED),
    );
    directory(
        r#""default-alto-network-map":"gone""#,
        map,
        Refused(code::DANGLING_NAME, "default-alto-network-map: `gone` refers to nothing"),
    );
    directory(
        "",
        r#""a b":{"uri":"/m","media-type":"x/y"}"#,
        Refused(code::BAD_NAME, "resource ID"),
    );
    directory(
        "",
        r#""m":{"uri":["/m"],"media-type":"x/y"}"#,
        Refused(code::FIELD_TYPE, "resources/m/uri"),
    );
    directory(
        "",
        r#""m":{"uri":"/m","media-type":"text/event-stream","accepts":"x/y","priv:z":{}}"#,
        Used,
    );
    check("{\"meta\":{}}", Refused(code::MISSING_FIELD, "resources"), Directory::parse);
    // The RFC's own example has a trailing comma.
    check("{\"resources\":{},}", Refused(code::SYNTAX, "no key"), Directory::parse);
}

/// Without a default network map the only one is taken.
#[test]
fn the_only_network_map_is_the_default() {
    let map = |id: &str| {
        format!(r#""{id}":{{"uri":"/{id}","media-type":"application/alto-networkmap+json"}}"#)
    };
    let read =
        |text: &str| Directory::parse(text.as_bytes(), &ReadOptions::default()).unwrap().message;
    let named = read(&format!(
        r#"{{"meta":{{"default-alto-network-map":"b"}},"resources":{{{},{}}}}}"#,
        map("a"),
        map("b")
    ));
    assert_eq!(named.network_map().map(|(id, warning)| (id.as_str(), warning)), Ok(("b", None)));
    let single = read(&format!(r#"{{"resources":{{{}}}}}"#, map("a")));
    let (id, warning) = single.network_map().unwrap();
    assert_eq!((id.as_str(), warning.unwrap().code()), ("a", code::NO_DEFAULT_NETWORK_MAP));
    for resources in [String::new(), format!("{},{}", map("a"), map("b"))] {
        let fault = read(&format!(r#"{{"resources":{{{resources}}}}}"#)).network_map().unwrap_err();
        assert_eq!(fault.code(), code::NO_NETWORK_MAP);
    }
}

/// RFC 7285 §9.2.2: relative URIs are resolved against the directory's; services are known by their
/// media types.
#[test]
fn resources_of_a_directory() {
    let body = r#"{"resources":{
        "map":{"uri":"../m?x=1","media-type":"application/alto-networkmap+json"},
        "part":{"uri":"/p","media-type":"application/alto-networkmap+json","accepts":"application/alto-networkmapfilter+json"},
        "eps":{"uri":"//other.example/e","media-type":"application/alto-endpointprop+json","accepts":"application/alto-endpointpropparams+json"},
        "ird":{"uri":"sub/","media-type":"application/alto-directory+json"},
        "odd":{"uri":"https://[","media-type":"application/alto-networkmap+json","accepts":"application/other"}}}"#;
    let directory = Directory::parse(body.as_bytes(), &ReadOptions::default()).unwrap().message;
    let base = "https://a.example/alto/ird/".parse().unwrap();
    for (id, service, uri) in [
        ("map", Some(Service::NetworkMap), Some("https://a.example/alto/m?x=1")),
        ("part", Some(Service::FilteredNetworkMap), Some("https://a.example/p")),
        ("eps", Some(Service::EndpointProperty), Some("https://other.example/e")),
        ("ird", Some(Service::Directory), Some("https://a.example/alto/ird/sub/")),
        ("odd", None, None),
    ] {
        let resource = &directory.resources[id];
        assert_eq!(resource.service(), service, "{id}");
        assert_eq!(resource.resolve(&base).ok().map(String::from).as_deref(), uri, "{id}");
    }
    let found: Vec<_> =
        directory.offering(Service::NetworkMap).map(|(id, _)| id.as_str()).collect();
    assert_eq!(found, ["map"]);
}

/// RFC 7285 §10.4, §11.5: endpoints without a type, of unknown types, and malformed ones.
#[test]
fn endpoints() {
    let untyped = Forgiven(code::UNTYPED_ADDRESS);
    for (endpoint, fate) in [
        ("ipv4:192.0.2.2", Used),
        ("ipv6:2001:DB8::0:1", Used),
        ("192.0.2.2", untyped),
        ("2001:db8::1", untyped),
        ("mac:00-11", Warned(code::UNKNOWN_ADDRESS_TYPE)),
        ("ipv4:192.0.2", Refused(code::BAD_ADDRESS, "`ipv4:192.0.2` is no typed endpoint address")),
        ("IPV4 192.0.2.2", Refused(code::BAD_ADDRESS, "IPV4")),
    ] {
        let costs = format!(
            r#"{{"meta":{{{COSTS}}},"endpoint-cost-map":{{"{endpoint}":{{"ipv4:192.0.2.9":1}}}}}}"#
        );
        check(&costs, fate, EndpointCosts::parse);
        let properties = format!(
            r#"{{"meta":{{"dependent-vtags":[]}},"endpoint-properties":{{"{endpoint}":{{"x":"y"}}}}}}"#
        );
        check(&properties, fate, EndpointProperties::parse);
        // A server cannot ignore an endpoint that it is asked about.
        let asked = match fate {
            Warned(_) => Refused(code::BAD_ADDRESS, "endpoints/srcs"),
            other => other,
        };
        let request = format!(
            r#"{{"cost-type":{{"cost-mode":"numerical","cost-metric":"routingcost"}},"endpoints":{{"srcs":["{endpoint}"]}}}}"#
        );
        check(&request, asked, EndpointCostRequest::parse);
    }
    let neither = r#"{"cost-type":{"cost-mode":"numerical","cost-metric":"routingcost"},"endpoints":{"srcs":[],"dsts":[]}}"#;
    check(
        neither,
        Refused(code::FIELD_VALUE, "neither sources nor destinations"),
        EndpointCostRequest::parse,
    );
}

/// RFC 7285 §11.4.1.6: values should be strings, and the tags should be there.
#[test]
fn properties() {
    let answer = |meta: &str, values: &str, fate| {
        let body = format!(
            r#"{{"meta":{{{meta}}},"endpoint-properties":{{"ipv4:192.0.2.2":{{{values}}}}}}}"#
        );
        check(&body, fate, EndpointProperties::parse);
    };
    answer(r#""dependent-vtags":[]"#, r#""m.pid":"a""#, Used);
    answer("", r#""m.pid":"a""#, Forgiven(code::MISSING_DEPENDENT_VTAGS));
    for value in ["1", "true", "null", "[]", "{\"a\":1}"] {
        answer(
            r#""dependent-vtags":[]"#,
            &format!(r#""x":{value}"#),
            Warned(code::PROPERTY_NOT_A_STRING),
        );
    }
    answer(r#""dependent-vtags":[]"#, r#""a b":"c""#, Refused(code::BAD_NAME, "property name"));
}

/// RFC 7285 §8.5.2: codes of extensions and inventions are errors all the same.
#[test]
fn error_codes() {
    check(r#"{"meta":{"code":"E_MISSING_FIELD","field":"a"}}"#, Used, ErrorBody::parse);
    for code in ["E_OVERLOAD", "not found", ""] {
        let body = format!(r#"{{"meta":{{"code":"{code}","reason":1}}}}"#);
        check(&body, Warned(code::UNKNOWN_ERROR_CODE), ErrorBody::parse);
        let error = ErrorBody::parse(body.as_bytes(), &ReadOptions::default()).unwrap().message;
        assert_eq!(error.code, ErrorCode::Other(code.into()));
    }
    check(r#"{"meta":{"code":404}}"#, Refused(code::FIELD_TYPE, "meta/code"), ErrorBody::parse);
    check(r#"{"code":"E_SYNTAX"}"#, Refused(code::MISSING_FIELD, "meta"), ErrorBody::parse);
}

/// One warning per code, with its first occurrence and how many there were.
#[test]
fn warnings_are_counted() {
    let body = r#"{"network-map":{"a":{"ipv4":["10.0.0.1/8","11.0.0.1/8","12.0.0.1/8"]}}}"#;
    let read = NetworkMap::parse(body.as_bytes(), &ReadOptions::lenient()).unwrap();
    let texts: Vec<_> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "network-map/a/ipv4: `10.0.0.1/8` has bits set beyond its length; they are cleared (and 2 more)",
            "meta/vtag: is missing",
        ]
    );
}

/// RFC 7285 §11.2.2: a whole map leaves no address without a PID.
#[test]
fn completeness() {
    let is_complete = |ipv4: &str, kind| {
        let body =
            format!(r#"{{"network-map":{{"a":{{"ipv4":[{ipv4}],"ipv6":["::/1","8000::/1"]}}}}}}"#);
        let map = NetworkMap::parse(body.as_bytes(), &ReadOptions::lenient()).unwrap().message;
        map.is_complete(kind)
    };
    assert!(is_complete(r#""0.0.0.0/0""#, Ipv4) && is_complete("", Ipv6));
    assert!(is_complete(r#""0.0.0.0/1","10.0.0.0/8","128.0.0.0/2","192.0.0.0/2""#, Ipv4));
    assert!(!is_complete("", Ipv4));
    assert!(!is_complete(r#""0.0.0.0/1","128.0.0.0/2""#, Ipv4));
    assert!(!is_complete(r#""0.0.0.0/1","192.0.0.0/2""#, Ipv4));
}
