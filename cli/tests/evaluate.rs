//! `alto evaluate swarm` as a user runs it.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use std::process::{Command, Output};

use serde_json::Value;

fn alto(more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto"));
    command.args(["evaluate", "swarm"]).args(more).output().unwrap()
}

fn json(more: &[&str]) -> Value {
    let output = alto(&[&["--json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} in {value}"))
}

/// The numbers of the example: exact ones to the last digits, random ones within their intervals, and
/// of the tracker's list the best there are in all places but the random share.
#[test]
fn the_example() {
    let value = json(&["--trials", "2000"]);
    let exact = [("/exact/p0", 0.364_194_515_239_592), ("/exact/p_le4", 0.996_783_355_494_894)];
    for (path, expected) in exact {
        assert!((number(&value, path) - expected).abs() < 1e-12);
    }
    for (interval, exact) in [("p0_ci", exact[0].1), ("p_le4_ci", exact[1].1)] {
        let low = number(&value, &format!("/random/{interval}/0"));
        let high = number(&value, &format!("/random/{interval}/1"));
        assert!(low <= exact && exact <= high && high - low < 0.05, "{interval}: {low} {high}");
    }
    // A list that holds no good peer has none to put first.
    let (p0, first) = (number(&value, "/random/p0"), number(&value, "/ranked/first_good"));
    assert!((p0 + first - 1.0).abs() < 1e-9, "{p0} {first}");
    for of in ["", "/at_home", "/far"] {
        assert!(number(&value, &format!("/tracker{of}/good_min")) >= 80.0, "{value}");
        assert!(number(&value, &format!("/tracker{of}/good_mean")) < 81.0, "{value}");
    }
    assert_eq!(value["tracker"]["guided"], 2_000);
}

/// The same seed gives the same output, another one other numbers.
#[test]
fn a_seed_fixes_the_numbers() {
    let seven = ["--trials", "200", "--seed", "7"];
    assert_eq!(json(&seven), json(&seven));
    assert_ne!(json(&seven)["random"], json(&["--trials", "200", "--seed", "8"])["random"]);
}

/// Without a random share each list is as good as the swarm allows, and the first peers all good.
#[test]
fn without_a_random_share() {
    let value = json(&["--trials", "100", "--random-share", "0"]);
    assert!(number(&value, "/tracker/good_min") >= 100.0, "{value}");
    let few = json(&["--trials", "50", "--random-share", "0%", "--peers", "1000", "--good", "30"]);
    assert!(number(&few, "/tracker/good_min") >= 30.0, "{few}");
}

/// It is the name server and the ALTO servers that make the difference.
#[test]
fn switched_off_it_falls_to_random() {
    for switch in ["--without-name-server", "--without-alto-servers"] {
        let value = json(&["--trials", "500", switch]);
        let mean = number(&value, "/tracker/good_mean");
        // The mean of 500 lists has a standard deviation of 0.044.
        assert!((mean - 1.0).abs() < 0.25, "{switch}: {mean}");
        assert_eq!(value["tracker"]["guided"], 0, "{switch}");
    }
}

/// The table for people says the same as the JSON.
#[test]
fn the_table() {
    let output = alto(&["--trials", "100", "--peers", "50", "--good", "50", "--list", "60"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    let rows = text.lines().filter(|line| line.trim_end().ends_with(" 50.00     50"));
    assert_eq!(rows.count(), 5, "{text}");
}

#[test]
fn wrong_numbers_are_refused() {
    for wrong in [
        ["--good", "10001"],
        ["--random-share", "1.5"],
        ["--random-share", "some"],
        ["--peers", "0"],
        ["--trials", "many"],
    ] {
        assert_eq!(alto(&wrong).status.code(), Some(2), "{wrong:?}");
    }
}
