//! One page with everything in it: tables as text, plots as SVG, nothing fetched from anywhere.

use std::fmt::Write as _;

use super::overlay::{Row, Study};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const MARGIN: f64 = 44.0;

/// A curve: what it is, its colour, and its value at each random share.
type Curve = (&'static str, &'static str, fn(&Row) -> f64);

/// The page.
pub(super) fn page(text: &str, study: &Study) -> String {
    let shares: [Curve; 3] = [
        ("peers in the largest part", "#1b6ca8", |row| row.largest),
        ("reached by a seeder in the smallest network", "#b3541e", |row| row.seeder),
        ("connections inside a network", "#4f772d", |row| row.inside),
    ];
    let resilience: [Curve; 2] = [
        ("largest part without the largest network", "#1b6ca8", |row| row.cut_off),
        ("largest part after half have left", "#b3541e", |row| row.churned),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>alto evaluate swarm</title>\n\
         <style>body{{font:16px/1.5 sans-serif;max-width:72em;margin:2em auto;padding:0 1em}}\
         pre{{overflow-x:auto;background:#f4f4f4;padding:1em}}svg{{max-width:100%}}</style>\n\
         <h1>What guidance is worth</h1>\n<pre>{}</pre>\n\
         <h2>The overlay over the random share</h2>\n{}\n\
         <h2>When a network is cut off, when peers leave</h2>\n{}\n</html>\n",
        escaped(text),
        plot(&study.rows, &shares),
        plot(&study.rows, &resilience),
    )
}

fn plot(rows: &[Row], curves: &[Curve]) -> String {
    let most = rows.iter().map(|row| row.share).fold(0.001, f64::max);
    let x = |share: f64| MARGIN + share / most * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| HEIGHT - MARGIN - value * (HEIGHT - 2.0 * MARGIN);
    let legend = 18.0 * f64::from(u8::try_from(curves.len()).unwrap_or(u8::MAX));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" width=\"{WIDTH}\" font-size=\"12\">\n",
        HEIGHT + legend
    );
    // Writing to a string does not fail.
    for tenth in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (left, right, at) = (x(0.0), x(most), y(tenth));
        let _ = writeln!(
            svg,
            "<path d=\"M{left:.1} {at:.1}H{right:.1}\" stroke=\"#ccc\"/>\
             <text x=\"4\" y=\"{:.1}\">{:.0}%</text>",
            at + 4.0,
            100.0 * tenth
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.1}%</text>",
            x(tenth * most),
            HEIGHT - MARGIN + 18.0,
            100.0 * tenth * most
        );
    }
    for ((name, colour, value), line) in curves.iter().zip(0_u8..) {
        let points: Vec<String> =
            rows.iter().map(|row| format!("{:.1},{:.1}", x(row.share), y(value(row)))).collect();
        let at = HEIGHT + 18.0 * f64::from(line);
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{MARGIN}\" y=\"{at:.1}\" fill=\"{colour}\">{name}</text>",
            points.join(" ")
        );
    }
    svg + "</svg>"
}

/// Text that means itself in a page.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
