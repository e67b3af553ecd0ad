//! What was measured, as tables for people and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::books::{Account, Party};
use super::peer::LIST;
use super::ratio;
use super::trial::{Outage, Right, Trial};
use super::verdict::{Cell, Column, row};
use super::{Findings, Grown};

/// Parties as the figures have them: those whose messages are told together.
pub(super) const COUNTED: [(&str, &str, &[Party]); 4] = [
    ("name_servers", "name servers", &[Party::NameServers, Party::AccessNameServer]),
    ("alto_servers", "ALTO servers", &[Party::OwnAltoServer, Party::OtherAltoServer]),
    ("tracker", "tracker", &[Party::Tracker]),
    ("peer", "peer", &[Party::Peer]),
];

/// Messages and octets an announce at some parties.
pub(super) fn per_announce(account: &Account, parties: &[Party], announces: usize) -> (f64, f64) {
    let traffic = parties.iter().map(|party| account.traffic(*party));
    let sum = traffic.fold((0, 0), |sum, one| (sum.0 + one.messages, sum.1 + one.octets));
    (ratio(sum.0, announces as u64), ratio(sum.1, announces as u64))
}

/// All tables.
pub(super) fn text(findings: &Findings<'_>) -> String {
    let mut text = head(findings);
    text += &comparison(findings);
    text += &rights(&findings.trials, "the approaches");
    let at_random = percent(findings.params.size().best_at_random());
    let _ = writeln!(text, "A reply drawn at random would hold {at_random} of the best.\n");
    text += &traffic(&findings.trials);
    text += &outages(&findings.trials);
    text += &growth(findings);
    if !findings.mixtures.is_empty() {
        text += &rights(&findings.mixtures, "mixtures, in the order of `backends`");
        if let Some(best) = findings.best_mixture() {
            let _ = writeln!(text, "The best mixture: {}.\n", best.approach.name);
        }
    }
    text
}

fn head(findings: &Findings<'_>) -> String {
    let options = &findings.params;
    format!(
        "{} users announce once each, by each approach: in {} access networks, in {} regions behind one \
         carrier-grade NAT\n(16 addresses), and in a network that publishes nothing. {:.1}% of them lie, {:.1}% \
         have programs that send nothing new.\n\n",
        options.announces,
        options.networks,
        options.regions,
        per_cent_of_thousand(options.liars),
        per_cent_of_thousand(options.silent),
    )
}

fn per_cent_of_thousand(thousandths: u64) -> f64 {
    100.0 * ratio(thousandths, 1_000)
}

/// The slides' table with the figures' answers.
fn comparison(findings: &Findings<'_>) -> String {
    let mut text = format!("{:<4}", "");
    // Writing to strings does not fail, here and below.
    for column in Column::ALL {
        let _ = write!(text, "{:<30}", column.name());
    }
    text.push('\n');
    let rows: Vec<[Cell; 4]> = findings.trials.iter().map(row).collect();
    for (trial, cells) in findings.trials.iter().zip(&rows) {
        let _ = write!(text, "#{:<3}", trial.approach.number);
        for cell in cells {
            let word = cell.measured.as_str();
            let beside = if cell.agrees() {
                word.to_owned()
            } else {
                format!("{word} (slides: {})", cell.slides.as_str())
            };
            let _ = write!(text, "{beside:<30}");
        }
        text.push('\n');
    }
    text.push('\n');
    for (trial, cells) in findings.trials.iter().zip(&rows) {
        let _ = writeln!(text, "#{} {}", trial.approach.number, trial.approach.name);
        for cell in cells {
            let word = if cell.agrees() { "as the slides say" } else { "NOT as the slides say" };
            let _ = writeln!(
                text,
                "   {:<28} {:<13} {word}: {}",
                cell.column.name(),
                cell.measured.as_str(),
                cell.reason
            );
        }
    }
    text + "\n"
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

fn rights(trials: &[Trial], title: &str) -> String {
    let mut text = format!(
        "Guided rightly, {title}:\n{:<44}{:>8}{:>12}{:>10}{:>8}{:>8}{:>8}{:>14}\n",
        "", "all", "behind NAT", "victims", "liars", "honest", "quiet", "best in reply"
    );
    for trial in trials {
        let name = titled(trial);
        let right = &trial.right;
        let [all, nat, victims, liars, honest, quiet, good] = [
            right.all,
            right.behind_nat,
            right.victims,
            right.liars,
            right.honest,
            right.quiet,
            right.good,
        ]
        .map(|share| percent(share.ratio()));
        let _ = writeln!(
            text,
            "{name:<44}{all:>8}{nat:>12}{victims:>10}{liars:>8}{honest:>8}{quiet:>8}{good:>14}"
        );
    }
    text + "\n"
}

/// What a trial is called.
pub(super) fn titled(trial: &Trial) -> String {
    match trial.approach.number {
        0 => trial.approach.name.into(),
        number => format!("#{number} {}", trial.approach.name),
    }
}

fn traffic(trials: &[Trial]) -> String {
    let mut text = format!("Messages (octets) an announce, received and sent, at the\n{:<44}", "");
    for (_, name, _) in COUNTED {
        let _ = write!(text, "{name:>20}");
    }
    text.push('\n');
    for trial in trials {
        let _ = write!(text, "{:<44}", titled(trial));
        for (_, _, parties) in COUNTED {
            let (messages, octets) = per_announce(&trial.account, parties, trial.announces);
            let _ = write!(text, "{:>20}", format!("{messages:.2} ({octets:.0})"));
        }
        text.push('\n');
    }
    text + "\n"
}

fn outages(trials: &[Trial]) -> String {
    let mut text = format!(
        "While its infrastructure is down, guided rightly, and the time it takes to recover:\n{:<44}{:<20}{:>8}{:>8}{:>14}{:>12}\n",
        "", "stopped", "known", "new", "new tracker", "recovery"
    );
    for (trial, outage) in trials.iter().filter_map(|trial| Some((trial, trial.outage.as_ref()?))) {
        let [known, new, cold] =
            [&outage.known, &outage.new, &outage.cold].map(|right| percent(right.all.ratio()));
        let recovery = outage.recovery.map_or_else(
            || "too long".into(),
            |recovery| format!("{:.2} s", recovery.as_secs_f64()),
        );
        let _ = writeln!(
            text,
            "{:<44}{:<20}{known:>8}{new:>8}{cold:>14}{recovery:>12}",
            titled(trial),
            outage.stopped
        );
    }
    text + "\n"
}

fn growth(findings: &Findings<'_>) -> String {
    let mut text = String::new();
    for (grown, what) in [(&findings.by_peers, "peers"), (&findings.by_networks, "networks")] {
        let Some(first) = grown.first() else { continue };
        let _ = write!(
            text,
            "Messages an announce at name servers + ALTO servers, by {what}:\n{:<44}",
            ""
        );
        for (size, _) in &first.sizes {
            let _ = write!(text, "{size:>12}");
        }
        text.push('\n');
        for Grown { trial, sizes } in grown {
            let _ = write!(text, "{trial:<44}");
            for (_, figures) in sizes {
                let _ = write!(text, "{:>12.2}", figures[0].0 + figures[1].0);
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// One object with everything; times stand apart, since they differ from run to run.
pub(super) fn json(findings: &Findings<'_>) -> Value {
    let params = &findings.params;
    json!({
        "approaches": findings.trials.iter().map(|trial| with_growth(trial, findings)).collect::<Vec<_>>(),
        "mixtures": findings.mixtures.iter().map(trial_json).collect::<Vec<_>>(),
        "best_mixture": findings.best_mixture().map_or("", |best| best.approach.name),
        "params": {
            "announces": params.announces, "networks": params.networks, "regions": params.regions,
            "liars": ratio(params.liars, 1_000), "silent": ratio(params.silent, 1_000),
            "seed": params.seed, "without": params.without, "list": LIST,
            "best_at_random": params.size().best_at_random(),
        },
    })
}

fn with_growth(trial: &Trial, findings: &Findings<'_>) -> Value {
    let mut value = trial_json(trial);
    let cells = row(trial);
    let each = |of: &dyn Fn(&Cell) -> Value| -> Value {
        cells.iter().map(|cell| (cell.column.key().to_owned(), of(cell))).collect()
    };
    value["verdict"] = each(&|cell| cell.measured.as_str().into());
    value["slides"] = each(&|cell| cell.slides.as_str().into());
    value["agrees"] = each(&|cell| cell.agrees().into());
    value["reasons"] = each(&|cell| cell.reason.clone().into());
    let grown = |all: &[Grown]| -> Value {
        let name = titled(trial);
        let own = all.iter().filter(|grown| grown.trial == name).flat_map(|grown| &grown.sizes);
        own.map(|(size, figures)| {
            let [messages, octets] = figures_json(figures);
            json!({"size": size, "messages_per_announce": messages, "bytes_per_announce": octets})
        })
        .collect()
    };
    value["growth"] =
        json!({"peers": grown(&findings.by_peers), "networks": grown(&findings.by_networks)});
    value
}

/// Messages and octets at each of [`COUNTED`].
pub(super) type Figures = [(f64, f64); 4];

pub(super) fn figures(trial: &Trial) -> Figures {
    COUNTED.map(|(_, _, parties)| per_announce(&trial.account, parties, trial.announces))
}

fn figures_json(figures: &Figures) -> [Value; 2] {
    let each = |of: fn(&(f64, f64)) -> f64| -> Value {
        COUNTED
            .iter()
            .zip(figures)
            .map(|((key, ..), both)| ((*key).to_owned(), json!(of(both))))
            .collect()
    };
    [each(|both| both.0), each(|both| both.1)]
}

fn trial_json(trial: &Trial) -> Value {
    let Trial { approach, announces, right, account, .. } = trial;
    let [messages, octets] = figures_json(&figures(trial));
    let exposures: Vec<Value> = account
        .exposed
        .iter()
        .map(|((party, secret), users)| {
            json!({
                "party": party.name(), "learns": secret.name(), "peers": users,
                "share": ratio(*users as u64, *announces as u64), "third_party": party.is_third(),
            })
        })
        .collect();
    let mut value = json!({
        "approach": approach.number, "name": approach.name, "backends": approach.backends,
        "changes_p2p": account.in_announces.len(), "changes_alto": account.in_alto.len(),
        "changes": {"p2p": account.in_announces, "alto": account.in_alto},
        "messages_per_announce": messages, "bytes_per_announce": octets, "exposures": exposures,
        "messages_for_others": ratio(account.for_others, *announces as u64),
    });
    let mut times = json!({"elapsed_s": trial.elapsed.as_secs_f64()});
    if let Some(outage) = &trial.outage {
        value["outage"] = outage_json(outage);
        times["outage_reply_ms"] = json!(1e3 * outage.reply.as_secs_f64());
        if let Some(time) = outage.recovery {
            times["recovery_ms"] = json!(1e3 * time.as_secs_f64());
        }
    }
    value["times"] = times;
    for (key, share) in shares(right) {
        value[key] = json!(share);
    }
    value
}

/// Shares by their members.
fn shares(right: &Right) -> [(&'static str, f64); 8] {
    [
        ("right_all", right.all),
        ("right_behind_nat", right.behind_nat),
        ("right_victims", right.victims),
        ("right_liars", right.liars),
        ("right_honest", right.honest),
        ("right_quiet", right.quiet),
        ("guided", right.guided),
        ("best_in_reply", right.good),
    ]
    .map(|(key, share)| (key, share.ratio()))
}

fn outage_json(outage: &Outage) -> Value {
    let rights = [("known", &outage.known), ("new", &outage.new), ("new_tracker", &outage.cold)];
    let mut value = json!({"stopped": outage.stopped, "recovers": outage.recovery.is_some()});
    for (key, right) in rights {
        value[key] = json!({
            "right_all": right.all.ratio(), "guided": right.guided.ratio(),
            "best_in_reply": right.good.ratio(),
        });
    }
    value
}
