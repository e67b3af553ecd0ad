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

/// The overlay study: without a random share uneven networks that prefer their own fall apart, and
/// from a small share on they don't; the page holds all of it and fetches nothing.
#[test]
fn the_overlay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let html = path.to_str().unwrap();
    let few = ["--peers", "600", "--good", "10", "--list", "20", "--trials", "20"];
    let value = json(&[&few[..], &["--html", html]].concat());
    let shares = value["overlay"]["shares"].as_array().unwrap();
    let (first, last) = (&shares[0], shares.last().unwrap());
    assert!(number(first, "/components") > 1.0 && number(first, "/seeder_reach") < 1.0, "{first}");
    assert!(number(last, "/components") <= 1.0 && number(last, "/largest") >= 1.0, "{last}");
    assert!(number(first, "/inside") > number(last, "/inside"), "{first} {last}");
    let smallest = number(&value, "/overlay/smallest_share");
    assert!(0.0 < smallest && smallest <= 0.5, "{smallest}");

    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains("The swarm never splits from"), "{page}");
    assert!(json(&few)["overlay"].is_null()); // only when asked for
    fetches_nothing(&page);
    has_the_figures(&page, &value);
}

/// Nothing in a page leads out of it.
fn fetches_nothing(page: &str) {
    let lower = page.to_lowercase();
    for reference in
        ["http:", "https:", "//", "src", "href", "@import", "url(", "<script", "<link", "<iframe"]
    {
        assert!(!lower.contains(reference), "{reference}");
    }
}

/// Each point and each bar of the plots is a figure of the JSON, and each figure to be shown is there.
fn has_the_figures(page: &str, value: &Value) {
    let marks = |element: &str| -> Vec<String> {
        page.split(&format!("<{element} "))
            .skip(1)
            .map(|rest| rest[..rest.find('>').unwrap()].into())
            .collect()
    };
    let data = |mark: &str, name: &str| {
        let (_, rest) = mark.split_once(&format!("data-{name}=\"")).unwrap();
        rest[..rest.find('"').unwrap()].to_owned()
    };
    let points = marks("circle");
    let shares = value["overlay"]["shares"].as_array().unwrap();
    assert_eq!(points.len(), 5 * shares.len());
    for curve in ["largest", "seeder_reach", "inside", "cut_off", "churned"] {
        let drawn = points.iter().filter(|mark| data(mark, "of") == curve);
        let drawn: Vec<[f64; 2]> = drawn
            .map(|mark| ["share", "value"].map(|name| data(mark, name).parse().unwrap()))
            .collect();
        let told: Vec<[f64; 2]> = shares
            .iter()
            .map(|row| ["random_share", curve].map(|key| row[key].as_f64().unwrap()))
            .collect();
        assert_eq!(drawn, told, "{curve}");
    }
    // Higher is larger, and what is all of it is at the top.
    let height = |mark: &String| -> f64 {
        let (_, rest) = mark.split_once("cy=\"").unwrap();
        rest[..rest.find('"').unwrap()].parse().unwrap()
    };
    for pair in points.windows(2) {
        let [one, other] =
            [&pair[0], &pair[1]].map(|mark| data(mark, "value").parse::<f64>().unwrap());
        let is_higher = height(&pair[0]) < height(&pair[1]) + 0.2;
        assert!(one < other || is_higher, "{pair:?}");
    }
    let bars = marks("rect");
    assert_eq!(bars.len(), 6);
    for bar in bars {
        let of = format!("{}/good_mean", data(&bar, "of"));
        assert_eq!(
            data(&bar, "value").parse::<f64>().unwrap().to_bits(),
            number(value, &of).to_bits()
        );
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

/// What is no value, or contradicts another, is refused by its name, before anything runs.
#[test]
fn wrong_numbers_are_refused() {
    for (wrong, named) in [
        (&["--good", "10001"][..], "--peers"),
        (&["--good", "2", "--peers", "1"], "--good 2"),
        (&["--good=-1"], "--good"),
        (&["--random-share", "1.5"], "random_share"),
        (&["--random-share", "some"], "random_share"),
        (&["--peers", "0"], "--peers"),
        (&["--list", "0"], "--list"),
        (&["--trials", "0"], "--trials"),
        (&["--trials", "many"], "--trials"),
        (&["--seed=-1"], "--seed"),
        (&["--overlay", "--peers", "10000000"], "--list"),
    ] {
        let output = alto(wrong);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {told}");
        assert!(told.contains(named), "{wrong:?}: {told}");
        assert!(output.stdout.is_empty());
    }
}

/// A page that can't be written is told of by its name, and before the work.
#[test]
fn no_place_for_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none").join("page.html");
    let output = alto(&["--html", path.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_ne!(output.status.code(), Some(0));
    assert!(told.contains(path.to_str().unwrap()) && output.stdout.is_empty(), "{told}");
}

/// The ends of what can be asked: chances that are certain, lists that hold everybody, a single peer.
#[test]
fn edges() {
    // One list: nothing was seen for peers of the other networks, which is not the same as zero.
    let one = json(&["--trials", "1"]);
    assert!(one["tracker"]["far"].is_null() && number(&one, "/tracker/at_home/good_min") >= 80.0);
    let [low, high] = [0, 1].map(|at| number(&one, &format!("/random/p0_ci/{at}")));
    assert!(0.0 <= low && low < high && high <= 1.0, "{low} {high}");
    let text = String::from_utf8(alto(&["--trials", "1"]).stdout).unwrap();
    assert!(text.contains("no list of this kind") && !text.contains("NaN"), "{text}");

    // All places at random: as good as chance, by the network's server all the same.
    let random = json(&["--trials", "300", "--random-share", "1"]);
    let mean = number(&random, "/tracker/good_mean");
    assert!((mean - 1.0).abs() < 0.4, "{mean}"); // six deviations of 0.057
    assert_eq!(random["tracker"]["guided"], 0);

    let none = json(&["--trials", "20", "--good", "0"]);
    for (path, expected) in [
        ("/exact/p0", 1.0),
        ("/random/p0", 1.0),
        ("/tracker/p0", 1.0),
        ("/tracker/good_mean", 0.0),
        ("/ranked/first_good", 0.0),
    ] {
        assert!((number(&none, path) - expected).abs() < 1e-12, "{path}: {none}");
    }
    let all = json(&["--trials", "20", "--good", "1000", "--peers", "1000"]);
    for path in ["/random/good_min", "/tracker/good_min", "/exact/good_mean"] {
        assert!((number(&all, path) - 100.0).abs() < 1e-9, "{path}: {all}");
    }
    // A list of everybody has all the good ones, and so says its head.
    let whole = ["--trials", "20", "--peers", "60", "--good", "7", "--list", "100"];
    let everybody = json(&whole);
    for path in ["/exact/good_mean", "/random/good_min", "/tracker/good_min"] {
        assert!((number(&everybody, path) - 7.0).abs() < 1e-9, "{path}: {everybody}");
    }
    assert!(String::from_utf8(alto(&whole).stdout).unwrap().contains("it returns 60."));
    for (good, p0) in [("0", 1.0), ("1", 0.0)] {
        let alone = json(&["--trials", "5", "--peers", "1", "--good", good, "--overlay"]);
        for path in ["/exact/p0", "/random/p0", "/tracker/p0"] {
            assert!((number(&alone, path) - p0).abs() < 1e-12, "{path}: {alone}");
        }
        assert_eq!(alone["overlay"]["smallest_share"].as_f64(), Some(0.0)); // nobody is apart
    }
}

/// The overlay is studied, too, where nobody says what is good: a random one, in one piece.
#[test]
fn an_overlay_without_guidance() {
    let few = ["--peers", "200", "--good", "5", "--list", "20", "--trials", "5", "--overlay"];
    let value = json(&[&few[..], &["--without-alto-servers"]].concat());
    assert_eq!(value["overlay"]["smallest_share"].as_f64(), Some(0.0), "{value}");
}

/// The figures hold for other seeds and uneven sizes, and each is within reach of what is exact.
#[test]
fn other_seeds_and_sizes() {
    for (seed, peers, good, list) in [(2, 3_000, 50, 40), (3, 777, 300, 33), (99, 5_000, 1, 200)] {
        let [seed, peers, good, list] =
            [seed, peers, good, list].map(|number: usize| number.to_string());
        let value = json(&[
            "--trials", "400", "--seed", &seed, "--peers", &peers, "--good", &good, "--list", &list,
        ]);
        // Six standard deviations of a share in 400 trials.
        let (found, exact) = (number(&value, "/random/p0"), number(&value, "/exact/p0"));
        let reach = 6.0 * (exact * (1.0 - exact) / 400.0).sqrt() + 1e-9;
        assert!((found - exact).abs() <= reach, "{seed}: {found}, not {exact}");
        let (good, list): (usize, usize) = (good.parse().unwrap(), list.parse().unwrap());
        let least = value.pointer("/tracker/good_min").and_then(Value::as_u64).unwrap();
        assert!(usize::try_from(least).unwrap() >= good.min(list * 4 / 5), "{seed}: {least}");
    }
}
