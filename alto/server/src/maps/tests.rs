use super::*;

const NETWORK: &str = "prefix,pid\n0.0.0.0/0,PID1\n::/0,PID0\n192.0.2.0/24,PID2\n\
    192.0.2.0/25,PID3\n198.51.100.0/24,PID2\n192.0.2.128/25,PID3\n";
const COSTS: &str = "src,dst,cost\nPID2,PID3,5\nPID2,PID2,1\nPID1,PID2,7.5\n";

fn maps(network: &str, costs: &str) -> Result<Maps, LoadFault> {
    let network = Text { name: "net.csv", csv: network };
    let costs = Text { name: "costs.csv", csv: costs };
    Maps::parse(network, &[(CostMetric::routingcost(), costs)])
}

fn shuffled(csv: &str) -> String {
    let mut lines: Vec<_> = csv.lines().collect();
    lines[1..].reverse();
    lines.join("\r\n")
}

/// RFC 7285 §6.3: the tag changes with the content, and here only with it.
#[test]
fn the_tag_changes_only_with_the_content() {
    let first = maps(NETWORK, COSTS).unwrap();
    let same = maps(&shuffled(NETWORK), &shuffled(COSTS)).unwrap();
    assert_eq!(first.network().to_json(), same.network().to_json());
    assert_eq!(first.costs()[0].to_json(), same.costs()[0].to_json());
    let other_costs = maps(NETWORK, &COSTS.replace("7.5", "8")).unwrap();
    assert_eq!(first.vtag(), other_costs.vtag());
    for (from, to) in [("192.0.2.0/25,PID3", "192.0.2.0/25,PID4"), ("198.51.100.0", "203.0.113.0")]
    {
        let csv = NETWORK.replace(from, to);
        let costs = COSTS;
        assert_ne!(first.vtag(), maps(&csv, costs).unwrap().vtag(), "{to}");
    }
}

/// RFC 7285 §11.2.2: the longest prefix wins.
#[test]
fn the_longest_prefix_wins() {
    let maps = maps(NETWORK, COSTS).unwrap();
    for (address, pid) in [
        ("192.0.2.1", "PID3"),
        ("198.51.100.9", "PID2"),
        ("8.8.8.8", "PID1"),
        ("2001:db8::1", "PID0"),
        ("::ffff:192.0.2.1", "PID3"),
    ] {
        let found = maps.pid(address.parse().unwrap()).unwrap();
        assert_eq!(maps.network().pids().name(found).as_str(), pid, "{address}");
    }
    assert_eq!(maps.shortcomings(), [""; 0]);
}

/// Nothing is lost in silence: what is there twice or belongs nowhere is a fault.
#[test]
fn contradictions_are_faults_with_file_and_line() {
    let fault = |network: &str, costs: &str| maps(network, costs).unwrap_err().to_string();
    let twice = "prefix,pid\n10.0.0.0/8,a\n\n10.0.0.0/8,b\n";
    assert_eq!(fault(twice, COSTS), "net.csv:4: 10.0.0.0/8 is in a already (line 2), here in b");
    let unknown = "src,dst,cost\nPID1,PID2,1\nPID1,PID9,1\n";
    assert_eq!(fault(NETWORK, unknown), "costs.csv:3: the network map has no PID `PID9`");
    let pair = "src,dst,cost\nPID1,PID2,1\nPID2,PID1,1\nPID1,PID2,1\n";
    let expected = "costs.csv:4: the cost of this pair is known already (line 2)";
    assert_eq!(fault(NETWORK, pair), expected);
}

/// RFC 7285 §6.1: one cost map per cost type and network map.
#[test]
fn one_cost_map_per_metric() {
    let network = Text { name: "net.csv", csv: NETWORK };
    let costs = Text { name: "costs.csv", csv: COSTS };
    let metric = CostMetric::routingcost();
    let fault = Maps::parse(network, &[(metric.clone(), costs), (metric, costs)]).unwrap_err();
    assert_eq!(fault.to_string(), "costs.csv: there is a cost map for `routingcost` already");
    let dots = Maps::parse(network, &[("..".parse().unwrap(), costs)]).unwrap_err();
    assert_eq!(dots.to_string(), "costs.csv: `..` cannot be a metric here");
}

/// What RFC 7285 wants and is not there is named.
#[test]
fn shortcomings_are_named() {
    let network = Text { name: "net.csv", csv: "prefix,pid\n0.0.0.0/1,a\n::/0,a\n" };
    let sentences = Maps::parse(network, &[]).unwrap().shortcomings();
    assert_eq!(sentences.len(), 2);
    assert!(sentences[0].starts_with("some ipv4 addresses have no PID"));
    assert!(sentences[1].starts_with("there is no cost map for routingcost"));
}
