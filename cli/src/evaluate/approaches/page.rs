//! One page with everything in it: the slides' table with figures, and plots. Nothing is fetched from
//! anywhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::html::{document, escaped};
use super::books::{Party, Secret};
use super::report::{self, COUNTED, figures};
use super::svg::{Bars, Curve, Piece, circles, curves};
use super::trial::{Right, Trial};
use super::verdict::{Cell, Column, Word, row};
use super::{Findings, Grown, ratio};

const STYLE: &str = include_str!("style.css");
/// The classes of series, whose colours the style sheet has.
const SERIES: [&str; 4] = ["p1", "p2", "p3", "p4"];

/// The page; `configurations` is what trackers were configured with.
pub(super) fn page(findings: &Findings<'_>) -> String {
    let rows: Vec<[Cell; 4]> = findings.trials.iter().map(row).collect();
    let cells = rows.iter().flatten();
    let agreeing = cells.clone().filter(|cell| cell.agrees()).count();
    let sections = [
        answers(findings, &rows),
        rights(findings),
        costs(findings),
        growth(findings),
        exposures(findings),
        outages(findings),
        mixtures(findings),
    ]
    .concat();
    let main = format!(
        "<h1>Six ways to find a peer’s ALTO server, measured</h1>\n\
         <p class=\"lead\">{} users announced once each by every approach, in one world: {} access networks, {} \
         regions behind one carrier-grade NAT, a network that publishes nothing. Of the {} answers on the slides \
         of <i>draft-kiesel-alto-3pdisc-02</i> {agreeing} hold.</p>\n{sections}\
         <details><summary>All tables as text</summary><pre>{}</pre></details>\n\
         <details><summary>What the trackers were configured with</summary><pre>{}</pre></details>\n",
        findings.params.announces,
        findings.params.networks,
        findings.params.regions,
        cells.count(),
        escaped(report::text(findings).trim_end()),
        escaped(&configurations(findings)),
    );
    document("alto evaluate approaches", STYLE, &main)
}

fn configurations(findings: &Findings<'_>) -> String {
    let all = findings.trials.iter().chain(&findings.mixtures);
    let one = |trial: &Trial| format!("# {}\n{}\n", report::titled(trial), trial.toml);
    all.map(one).collect()
}

/// A section with a plot, what it shows, and a key to its colours.
fn section(title: &str, says: &str, key: &[(&str, &str)], plot: &str) -> String {
    let entry = |(class, name): &(&str, &str)| format!("<li><i class=\"{class}\"></i>{name}</li>");
    let key: String = key.iter().map(entry).collect();
    let key = if key.is_empty() { key } else { format!("<ul class=\"key\">{key}</ul>") };
    format!("<h2>{title}</h2>\n<p>{says}</p>\n{key}<figure>{plot}</figure>\n")
}

/// The table of the slides.
fn answers(findings: &Findings<'_>, rows: &[[Cell; 4]]) -> String {
    let head: String = Column::ALL
        .iter()
        .map(|column| ["<th scope=\"col\">", column.name(), "</th>"].concat())
        .collect();
    let mut body = String::new();
    for (trial, cells) in findings.trials.iter().zip(rows) {
        let approach = &trial.approach;
        // Writing to strings does not fail, here and below.
        let _ = write!(
            body,
            "<tr><th scope=\"row\"><b>#{}</b>{}</th>",
            approach.number,
            escaped(approach.name)
        );
        for cell in cells {
            body += &answer(cell);
        }
        body += "</tr>\n";
    }
    format!(
        "<h2>The slides’ comparison</h2>\n<p>Each answer is made of figures. Green is what a tracker’s operator \
         would wish for; a red frame marks where the slides say something else.</p>\n\
         <div class=\"wide\"><table class=\"answers\"><thead><tr><td></td>{head}</tr></thead>\
         <tbody>\n{body}</tbody></table></div>\n"
    )
}

fn answer(cell: &Cell) -> String {
    let wished = if cell.column == Column::BehindNat { Word::Yes } else { Word::No };
    let colour = match cell.measured {
        Word::Partly => "part",
        word if word == wished => "good",
        _ => "bad",
    };
    let (differs, slides) = if cell.agrees() {
        ("", String::new())
    } else {
        (" differs", format!("<em>the slides say {}</em><br>", cell.slides.as_str()))
    };
    let (word, reason) = (cell.measured.as_str(), escaped(&cell.reason));
    format!("<td class=\"{colour}{differs}\"><strong>{word}</strong>{slides}{reason}</td>")
}

fn percent(share: f64) -> String {
    format!("{:.0}%", 100.0 * share)
}

/// Three shares of each trial.
fn shares(trials: &[Trial]) -> Bars {
    let piece = |class, name: &str, of: super::trial::Share| Piece {
        value: of.ratio(),
        class,
        says: format!("{name}: {} of {}", of.hits, of.all),
    };
    let pieces = |right: &Right| {
        vec![
            piece("p1", "all", right.all),
            piece("p2", "behind the NAT", right.behind_nat),
            piece("p4", "liars’ victims", right.victims),
        ]
    };
    let rows = trials.iter().map(|trial| (report::titled(trial), pieces(&trial.right)));
    Bars { rows: rows.collect(), most: 1.0, is_stacked: false, written: percent }
}

const SHARES: [(&str, &str); 3] =
    [("p1", "all users"), ("p2", "behind the NAT"), ("p4", "honest users beside a liar")];

fn rights(findings: &Findings<'_>) -> String {
    section(
        "Who is guided rightly",
        "By costs that put first whom the user’s own network puts first. By the address alone all who share it get \
         one answer; what only the port or the user itself can tell needs approaches 3 to 6. The third bar is of \
         honest users who share an address or a /24 with a liar: a lie that reached others would show there.",
        &SHARES,
        &shares(&findings.trials).svg("Shares of users who are guided rightly"),
    )
}

fn costs(findings: &Findings<'_>) -> String {
    let rows: Vec<(String, Vec<Piece>)> = findings
        .trials
        .iter()
        .map(|trial| {
            let pieces = COUNTED.iter().zip(SERIES).zip(figures(trial));
            let piece =
                |(((_, name, _), class), (messages, octets)): ((&(_, &str, _), _), (f64, f64))| {
                    let says =
                        format!("{name}: {messages:.2} messages, {octets:.0} octets an announce");
                    Piece { value: messages, class, says }
                };
            (report::titled(trial), pieces.map(piece).collect())
        })
        .collect();
    let sum = |pieces: &Vec<Piece>| pieces.iter().map(|piece| piece.value).sum::<f64>();
    let most = rows.iter().map(|(_, pieces)| sum(pieces)).fold(1.0, f64::max).ceil();
    let key = [
        ("p1", "name servers"),
        ("p2", "ALTO servers"),
        ("p3", "tracker"),
        ("p4", "the user’s own program"),
    ];
    section(
        "What an announce costs",
        "Messages received and sent at each party, the announce itself included. Users come one at a time, so \
         nothing is asked together that could be.",
        &key,
        &Bars { rows, most, is_stacked: true, written: |value| format!("{value:.1}") }
            .svg("Messages an announce at each party"),
    )
}

fn growth(findings: &Findings<'_>) -> String {
    if findings.by_peers.is_empty() {
        return String::new();
    }
    let plot = |grown: &[Grown], what: &str| {
        let sizes = grown.first().map(|grown| &grown.sizes[..]).unwrap_or_default();
        let sizes: Vec<String> = sizes.iter().map(|(size, _)| format!("{size} {what}")).collect();
        let curve = |(grown, class): (&Grown, _)| Curve {
            name: grown.trial.clone(),
            class,
            values: grown.sizes.iter().map(|(_, figures)| figures[0].0 + figures[1].0).collect(),
        };
        let all: Vec<Curve> = grown.iter().zip(CLASSES).map(curve).collect();
        curves(
            &format!("Messages an announce at name servers and ALTO servers, by {what}"),
            &sizes,
            &all,
        )
    };
    let peers = section(
        "As there are more users",
        "Messages an announce at name servers and ALTO servers together. Maps and shared names are fetched once, so \
         their part falls; what must be asked for each user stays.",
        &[],
        &plot(&findings.by_peers, "users"),
    );
    let networks = section(
        "As there are more networks",
        "The same users in more networks: each has maps to be fetched, and for DNS a zone to be asked.",
        &[],
        &plot(&findings.by_networks, "networks"),
    );
    peers + &networks
}

/// The classes of the six approaches.
const CLASSES: [&str; 6] = ["a1", "a2", "a3", "a4", "a5", "a6"];

fn exposures(findings: &Findings<'_>) -> String {
    let seen: BTreeSet<(Party, Secret)> =
        findings.trials.iter().flat_map(|trial| trial.account.exposed.keys().copied()).collect();
    let columns: Vec<(Party, Secret)> = seen.into_iter().collect();
    let rows: Vec<(String, &str, Vec<f64>)> = findings
        .trials
        .iter()
        .zip(CLASSES)
        .map(|(trial, class)| {
            let share = |what| {
                let users = trial.account.exposed.get(what).copied().unwrap_or(0);
                ratio(users as u64, trial.announces as u64)
            };
            (report::titled(trial), class, columns.iter().map(share).collect())
        })
        .collect();
    let names: Vec<(String, String)> = columns
        .iter()
        .map(|(party, secret)| (party.name().to_owned(), secret.name().to_owned()))
        .collect();
    section(
        "Who learns what",
        "Found in what each party really received: packets’ sources, questions, bodies, announces. The area of a \
         circle is the share of users. A port counts where it tells a user from others behind its address.",
        &[],
        &circles("Which party learned what of how many users", &names, &rows),
    )
}

fn outages(findings: &Findings<'_>) -> String {
    let piece = |class, name: &str, right: &Right| Piece {
        value: right.all.ratio(),
        class,
        says: format!("{name}: {} of {}", right.all.hits, right.all.all),
    };
    let rows: Vec<(String, Vec<Piece>)> = findings
        .trials
        .iter()
        .filter_map(|trial| {
            let outage = trial.outage.as_ref()?;
            let recovery = outage.recovery.map_or_else(
                || "not back".to_owned(),
                |time| format!("back in {:.2} s", time.as_secs_f64()),
            );
            let name = format!("#{} no {}; {recovery}", trial.approach.number, outage.stopped);
            let pieces = vec![
                piece("p1", "announced before", &outage.known),
                piece("p2", "had not announced before", &outage.new),
                piece("p3", "tracker was started meanwhile", &outage.cold),
            ];
            Some((name, pieces))
        })
        .collect();
    let key = [
        ("p1", "users who had announced before"),
        ("p2", "users who had not"),
        ("p3", "users of a tracker started meanwhile"),
    ];
    section(
        "When what it stands on is down",
        &format!(
            "Replies went on to have {} peers at least on average, guided or drawn at random. Shares of those who are \
             still guided rightly, and the time until a tracker that knew nothing guides its first user after the \
             restart.",
            least_in_outage(findings)
        ),
        &key,
        &Bars { rows, most: 1.0, is_stacked: false, written: percent }
            .svg("Shares guided rightly while infrastructure is down"),
    )
}

/// The mean number of peers in a reply during an outage, of the approach where it is least.
fn least_in_outage(findings: &Findings<'_>) -> usize {
    let outages = findings.trials.iter().filter_map(|trial| trial.outage.as_ref());
    let rights = outages.flat_map(|outage| [outage.known, outage.new, outage.cold]);
    rights.map(|right| right.good.all / right.all.all.max(1)).min().unwrap_or(0)
}

fn mixtures(findings: &Findings<'_>) -> String {
    let Some(best) = findings.best_mixture() else { return String::new() };
    section(
        "Together",
        &format!(
            "Backends in the order of the configuration; the first answer wins. Users send the URI of their server, \
             and the tracker passes on ports. The best here: <b>{}</b>, right for {}.",
            best.approach.name,
            percent(best.right.all.ratio())
        ),
        &SHARES,
        &shares(&findings.mixtures).svg("Shares of users who are guided rightly by mixtures"),
    )
}
