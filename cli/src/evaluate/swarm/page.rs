//! One page with everything in it: tables, plots as SVG, nothing fetched from anywhere. It is made from
//! the JSON, so both say the same.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::html::{document, escaped};

/// The page of an evaluation with its overlay study.
pub(super) fn page(value: &Value) -> String {
    let param = |name: &str| text(&value["params"][name]);
    let main = format!(
        "<h1>What guidance is worth</h1>\n\
         <p>A tracker knows {} peers, {} of them are good for the one that asks, and it returns {}. \
         {} lists of each kind, random share {}, seed {}; in brackets what the true value is with 95% \
         confidence.</p>\n{}{}\
         <h2>How much must be random?</h2>\n{}\n\
         <h3>The overlay over the random share</h3>\n{}\n\
         <h3>When the largest network is cut off, when half of the peers leave</h3>\n{}\n\
         <h3>All figures</h3>\n{}",
        param("peers"),
        param("good"),
        param("list"),
        param("trials"),
        param("random_share"),
        param("seed"),
        bars(value),
        lists(value),
        verdict(&value["overlay"]),
        plot(&value["overlay"], &CONNECTED),
        plot(&value["overlay"], &RESILIENT),
        overlay(&value["overlay"]),
    );
    document("alto evaluate swarm", STYLE, &main)
}

const STYLE: &str = include_str!("style.css");

/// The kinds of lists: their names, where they are in the JSON, and their tones.
const KINDS: [(&str, &str, &str); 6] = [
    ("exact (hypergeometric)", "/exact", "a"),
    ("a random list", "/random", "a"),
    ("possibility 1: the peer ranks that list", "/ranked", "b"),
    ("possibility 2: the tracker asks ALTO", "/tracker", "c"),
    ("… for peers where the good ones are", "/tracker/at_home", "c"),
    ("… for peers whose best are in a far network", "/tracker/far", "c"),
];

const WIDTH: f64 = 720.0;

/// How many good peers a list has on average, a bar for each kind of lists that was seen.
fn bars(value: &Value) -> String {
    const LEFT: f64 = 300.0;
    const STEP: f64 = 28.0;
    let most = number(&value["params"]["list"]).max(1.0);
    let seen: Vec<_> = KINDS.iter().filter(|(_, path, _)| at(value, path).is_object()).collect();
    let height = STEP * f64::from(u8::try_from(seen.len()).unwrap_or(u8::MAX));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Good peers in a list\">\n"
    );
    for ((name, path, tone), line) in seen.into_iter().zip(0_u8..) {
        let mean = number(&at(value, path)["good_mean"]);
        let (top, length) = (STEP * f64::from(line), (mean / most) * (WIDTH - LEFT - 60.0));
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<g class=\"{tone}\"><text x=\"0\" y=\"{:.1}\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"16\" rx=\"2\" data-of=\"{path}\" data-value=\"{mean}\"/>\
             <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{mean:.2}</text></g>",
            top + 17.0,
            top + 5.0,
            length.max(1.0),
            LEFT + length.max(1.0) + 6.0,
            top + 17.0,
        );
    }
    format!("<h3>Good peers in a list, on average</h3>\n{svg}</svg>\n")
}

/// The same with chances, as a table.
fn lists(value: &Value) -> String {
    let chance = |kind: &Value, name: &str| {
        let share = number(&kind[name]);
        match kind[format!("{name}_ci")].as_array().map(Vec::as_slice) {
            Some([low, high]) => format!("{share:.4} [{:.4}, {:.4}]", number(low), number(high)),
            _ => format!("{share:.4}"),
        }
    };
    let row = |(name, path, _): &(&str, &str, &str)| {
        let kind = at(value, path);
        if !kind.is_object() {
            return format!("<tr><td>{name}<td colspan=\"4\">no list of this kind\n");
        }
        let least = kind["good_min"].as_u64().map_or_else(String::new, |least| least.to_string());
        format!(
            "<tr><td>{name}<td>{}<td>{}<td>{:.2}<td>{least}\n",
            chance(kind, "p0"),
            chance(kind, "p_le4"),
            number(&kind["good_mean"])
        )
    };
    let rows: String = KINDS.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table>\n<tr><th><th>no good peer<th>at most 4<th>mean<th>least\n{rows}</table></div>\n"
    )
}

/// A curve: what it is, its key in the JSON, and its tone.
type Curve = (&'static str, &'static str, &'static str);

const CONNECTED: [Curve; 3] = [
    ("peers in the largest part", "largest", "a"),
    ("reached by a seeder in the smallest network", "seeder_reach", "b"),
    ("connections inside a network", "inside", "c"),
];
const RESILIENT: [Curve; 2] = [
    ("largest part without the largest network", "cut_off", "a"),
    ("largest part after half have left", "churned", "b"),
];

/// Shares of a whole over the random shares, which stand side by side whatever lies between them.
fn plot(overlay: &Value, curves: &[Curve]) -> String {
    const HEIGHT: f64 = 220.0;
    const MARGIN: f64 = 48.0;
    let rows = overlay["shares"].as_array().map_or(&[][..], Vec::as_slice);
    let steps = f64::from(u16::try_from(rows.len().max(2) - 1).unwrap_or(u16::MAX));
    let x = |place: u16| MARGIN + f64::from(place) / steps * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| 12.0 + (1.0 - value) * (HEIGHT - 24.0);
    let legend = 20.0 * f64::from(u8::try_from(curves.len()).unwrap_or(u8::MAX));
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">\n", HEIGHT + 44.0 + legend);
    // Writing to a string does not fail.
    for tenth in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (at, right) = (y(tenth), WIDTH - MARGIN);
        let _ = writeln!(
            svg,
            "<path class=\"rule\" d=\"M{MARGIN} {at:.1}H{right}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            MARGIN - 8.0,
            at + 4.0,
            percent(tenth),
        );
    }
    for (row, place) in rows.iter().zip(0_u16..) {
        let (at, share) = (x(place), percent(number(&row["random_share"])));
        let low = HEIGHT + 8.0;
        let _ =
            writeln!(svg, "<text x=\"{at:.1}\" y=\"{low}\" text-anchor=\"middle\">{share}</text>");
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">random share of a reply</text>",
        WIDTH / 2.0,
        HEIGHT + 26.0
    );
    for ((name, key, tone), line) in curves.iter().zip(0_u8..) {
        let points =
            || rows.iter().zip(0_u16..).map(|(row, place)| (row, x(place), y(number(&row[*key]))));
        let path: Vec<String> = points().map(|(_, x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(svg, "<g class=\"{tone}\"><polyline points=\"{}\"/>", path.join(" "));
        for (row, x, y) in points() {
            let (share, value) = (number(&row["random_share"]), number(&row[*key]));
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" data-of=\"{key}\" data-share=\"{share}\" data-value=\"{value}\">\
                 <title>{name}: {} at {}</title></circle>",
                percent(value),
                percent(share)
            );
        }
        let at = HEIGHT + 48.0 + 20.0 * f64::from(line);
        let _ = writeln!(svg, "<text class=\"name\" x=\"{MARGIN}\" y=\"{at}\">{name}</text></g>");
    }
    svg + "</svg>"
}

/// What the overlay study found, in words.
fn verdict(overlay: &Value) -> String {
    let sizes = overlay["networks"].as_array().map_or(&[][..], Vec::as_slice);
    let (most, least) = (sizes.first().map_or(0.0, number), sizes.last().map_or(0.0, number));
    let splits = match overlay["smallest_share"].as_f64() {
        Some(share) => format!("The swarm never splits from {} on.", percent(share)),
        None => "There is no share from which on it never splits.".into(),
    };
    let alone = overlay["shares"]
        .as_array()
        .and_then(|rows| rows.first())
        .map_or(1.0, |row| number(&row["seeder_reach"]));
    let hurts = if alone < 1.0 {
        format!(
            " Where locality hurts: without a random share the content of a seeder in the smallest \
             network reaches {} of the peers.",
            percent(alone)
        )
    } else {
        String::new()
    };
    format!(
        "<p>{} networks of {least} to {most} peers, each preferring its own; each peer is connected with all \
         of its reply; the worst of {} rounds. {splits}{hurts}</p>",
        sizes.len(),
        text(&overlay["rounds"])
    )
}

/// All figures of the study, as a table.
fn overlay(overlay: &Value) -> String {
    const SHARES: [&str; 5] = ["largest", "inside", "cut_off", "churned", "seeder_reach"];
    let row = |row: &Value| {
        let shares = SHARES.map(|key| format!("<td>{}", percent(number(&row[key])))).concat();
        let (random, parts) = (percent(number(&row["random_share"])), text(&row["components"]));
        format!("<tr><td>{random}<td>{parts}<td>{}{shares}\n", text(&row["diameter"]))
    };
    let rows: String = overlay["shares"].as_array().into_iter().flatten().map(row).collect();
    format!(
        "<div class=\"wide\"><table>\n<tr><th>random<th>parts<th>diameter<th>largest part<th>inside a network\
         <th>largest cut off<th>half left<th>seeder reaches\n{rows}</table></div>\n"
    )
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// Two digits behind the point, and none where they say nothing.
fn percent(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A value for the eye; what a user gave may hold anything.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    escaped(&text)
}
