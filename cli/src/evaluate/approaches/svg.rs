//! Plots as SVG, in colours that the page's style sheet defines.

use std::fmt::Write as _;

use super::super::html::escaped;

const WIDTH: f64 = 860.0;
/// Room for the names of rows.
const NAMES: f64 = 286.0;
/// Room for the numbers behind bars.
const NUMBERS: f64 = 60.0;
const BAR: f64 = 11.0;
const GAP: f64 = 12.0;
const LINE: f64 = 16.0;

/// A part of a bar, or one of a group: its value, class, and what it says when pointed at.
pub(super) struct Piece {
    pub(super) value: f64,
    pub(super) class: &'static str,
    pub(super) says: String,
}

/// Rows of bars.
pub(super) struct Bars {
    /// Each row's name, and its pieces.
    pub(super) rows: Vec<(String, Vec<Piece>)>,
    /// The value at the right end.
    pub(super) most: f64,
    /// Whether a row's pieces stand one behind the other in one bar, or each in its own.
    pub(super) is_stacked: bool,
    /// How values are written.
    pub(super) written: fn(f64) -> String,
}

fn count(count: usize) -> f64 {
    super::ratio(count as u64, 1)
}

// Writing to strings does not fail, in all of what follows.

impl Bars {
    /// The plot.
    pub(super) fn svg(&self, label: &str) -> String {
        let scale = (WIDTH - NAMES - NUMBERS) / self.most.max(f64::MIN_POSITIVE);
        let (mut body, mut y) = (String::new(), 6.0);
        for (name, pieces) in &self.rows {
            let height = if self.is_stacked { 18.0 } else { (BAR + 2.0) * count(pieces.len()) };
            text(&mut body, NAMES - 12.0, y + height / 2.0 + 4.0, "end", "name", name);
            let mut x = NAMES;
            for (number, piece) in pieces.iter().enumerate() {
                let width = (piece.value * scale).max(0.0);
                let (left, top, thick) = if self.is_stacked {
                    (x, y, height)
                } else {
                    (NAMES, y + (BAR + 2.0) * count(number), BAR)
                };
                let _ = write!(
                    body,
                    "<rect class=\"{}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                     height=\"{thick:.1}\" rx=\"2\"><title>{}</title></rect>",
                    piece.class,
                    escaped(&piece.says)
                );
                if !self.is_stacked {
                    let end = NAMES + width + 6.0;
                    text(
                        &mut body,
                        end,
                        top + BAR - 1.5,
                        "start",
                        "number",
                        &(self.written)(piece.value),
                    );
                }
                x += width;
            }
            if self.is_stacked {
                let sum = pieces.iter().map(|piece| piece.value).sum();
                text(&mut body, x + 6.0, y + 13.0, "start", "number", &(self.written)(sum));
            }
            y += height + GAP;
        }
        let mut grid = String::new();
        for quarter in 0..=4_u8 {
            let x = NAMES + scale * self.most * f64::from(quarter) / 4.0;
            let _ = write!(grid, "<path class=\"grid\" d=\"M{x:.1} 0V{y:.1}\"/>");
            let value = (self.written)(self.most * f64::from(quarter) / 4.0);
            text(&mut grid, x, y + 12.0, "middle", "axis", &value);
        }
        frame(label, y + 20.0, &(grid + &body))
    }
}

/// A curve: its name, its class, and a value for each place on the horizontal axis.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) values: Vec<f64>,
}

/// Curves over a few sizes, which stand at even distances.
pub(super) fn curves(label: &str, sizes: &[String], curves: &[Curve]) -> String {
    const HEIGHT: f64 = 300.0;
    const LEFT: f64 = 46.0;
    const RIGHT: f64 = WIDTH - 336.0;
    let all = curves.iter().flat_map(|curve| &curve.values);
    let most = all.copied().fold(1.0, f64::max).ceil();
    let x = |place: usize| {
        LEFT + (RIGHT - LEFT) * count(place) / count(sizes.len().saturating_sub(1).max(1))
    };
    let y = |value: f64| HEIGHT - 30.0 - value / most * (HEIGHT - 46.0);
    let mut body = String::new();
    for quarter in 0..=4_u8 {
        let value = most * f64::from(quarter) / 4.0;
        let _ = write!(body, "<path class=\"grid\" d=\"M{LEFT} {:.1}H{RIGHT}\"/>", y(value));
        text(&mut body, LEFT - 6.0, y(value) + 4.0, "end", "axis", &format!("{value:.1}"));
    }
    for (place, size) in sizes.iter().enumerate() {
        text(&mut body, x(place), HEIGHT - 8.0, "middle", "axis", size);
    }
    let mut ends: Vec<(f64, &Curve)> = Vec::new();
    for curve in curves {
        let points: Vec<String> = curve
            .values
            .iter()
            .enumerate()
            .map(|(place, value)| format!("{:.1},{:.1}", x(place), y(*value)))
            .collect();
        let _ = write!(
            body,
            "<polyline class=\"line {}\" points=\"{}\"/>",
            curve.class,
            points.join(" ")
        );
        for (place, value) in curve.values.iter().enumerate() {
            let _ = write!(
                body,
                "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {value:.2} at {}</title></circle>",
                curve.class,
                x(place),
                y(*value),
                escaped(&curve.name),
                sizes[place]
            );
        }
        ends.push((y(curve.values.last().copied().unwrap_or(0.0)), curve));
    }
    // Names at the ends of curves, one below the other where curves meet: from the lowest one up.
    ends.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let mut below = HEIGHT;
    for (end, curve) in ends {
        let at = end.min(below - LINE);
        below = at;
        let value = curve.values.last().copied().unwrap_or(0.0);
        let name = format!("{value:.2}  {}", curve.name);
        let _ = write!(
            body,
            "<path class=\"lead {0}\" d=\"M{1:.1} {end:.1}L{2:.1} {at:.1}\"/>",
            curve.class,
            RIGHT + 5.0,
            RIGHT + 16.0
        );
        text(&mut body, RIGHT + 20.0, at + 4.0, "start", curve.class, &name);
    }
    frame(label, HEIGHT, &body)
}

/// A table of circles, whose areas are shares.
pub(super) fn circles(
    label: &str,
    columns: &[(String, String)],
    rows: &[(String, &'static str, Vec<f64>)],
) -> String {
    const ROW: f64 = 34.0;
    const HEAD: f64 = 190.0;
    let step = (WIDTH - NAMES - 130.0) / count(columns.len().max(1));
    let mut body = String::new();
    for (place, (party, secret)) in columns.iter().enumerate() {
        let x = NAMES + step * (count(place) + 0.5);
        let _ = write!(
            body,
            "<text class=\"axis\" transform=\"translate({:.1} {}) rotate(-48)\">{}: <tspan class=\"name\">{}</tspan></text>",
            x - 4.0,
            HEAD - 12.0,
            escaped(party),
            escaped(secret)
        );
    }
    let mut y = HEAD;
    for (name, class, shares) in rows {
        let _ = write!(body, "<path class=\"grid\" d=\"M{NAMES} {:.1}H{WIDTH}\"/>", y + ROW / 2.0);
        text(&mut body, NAMES - 12.0, y + ROW / 2.0 + 4.0, "end", "name", name);
        for (place, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let x = NAMES + step * (count(place) + 0.5);
            let (party, secret) = &columns[place];
            let _ = write!(
                body,
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{:.1}\"><title>{}: {} learns the {} of {:.1}% of the users</title></circle>",
                y + ROW / 2.0,
                (15.0 * share.sqrt()).max(2.0),
                escaped(name),
                escaped(party),
                escaped(secret),
                100.0 * share
            );
        }
        y += ROW;
    }
    frame(label, y + 6.0, &body)
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, class: &str, words: &str) {
    let _ = write!(
        body,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(words)
    );
}

fn frame(label: &str, height: f64, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">{body}</svg>\n",
        escaped(label)
    )
}
