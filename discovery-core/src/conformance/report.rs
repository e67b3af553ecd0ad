//! What came of trying the laws.

use std::collections::BTreeMap;
use std::fmt;

use super::Skip;
use super::laws::{LAWS, Law};

/// What came of trying one law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It held in every case tried.
    Held {
        /// How many; never zero.
        cases: usize,
        /// Checks that belong to the law and could not be made.
        left_out: Vec<Skip>,
    },
    /// There was nothing to try it on.
    Skipped(Vec<Skip>),
    /// It did not hold: in which case, what was expected, what came.
    Broken(String),
}

impl Verdict {
    /// Whether the law was broken.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    fn sign(&self) -> &'static str {
        match self {
            Self::Held { left_out, .. } if left_out.is_empty() => "+",
            Self::Held { .. } => "(+)",
            Self::Skipped(_) => "-",
            Self::Broken(_) => "X",
        }
    }

    fn left_out(&self) -> &[Skip] {
        match self {
            Self::Held { left_out, .. } | Self::Skipped(left_out) => left_out,
            Self::Broken(_) => &[],
        }
    }
}

/// What came of trying all laws on one stage. Displayed as a row of signs, then a line for each
/// broken law and for everything left out.
#[derive(Clone, Debug)]
#[must_use = "a report may tell of broken laws"]
pub struct Report {
    stage: String,
    verdicts: Vec<(Law, Verdict)>,
    left_out: Vec<Skip>,
}

const NAME_WIDTH: usize = 28;
const SIGN_WIDTH: usize = 4;

impl Report {
    pub(crate) fn new(stage: &str, verdicts: Vec<(Law, Verdict)>, left_out: Vec<Skip>) -> Self {
        Self { stage: stage.into(), verdicts, left_out }
    }

    /// The row of a stage on which no law can be tried (a backend that makes no sense inside a
    /// layer), so that it has its place in the matrix and its reason below.
    pub fn skipped(stage: &str, reason: &'static str) -> Self {
        let skip = |law: Law| (law, Verdict::Skipped(Vec::new()));
        Self::new(stage, LAWS.map(skip).into(), vec![Skip::new("all laws", reason)])
    }

    /// The line above the rows: the laws' numbers, and what the signs mean.
    pub fn heading() -> String {
        let numbers = LAWS.iter().map(|law| law.number);
        format!("{}   + held, (+) held in part, - skipped, X broken", line("law", numbers))
    }

    /// The row alone.
    pub fn row(&self) -> String {
        line(&self.stage, self.verdicts.iter().map(|(_, verdict)| verdict.sign()))
    }

    /// The verdicts, in the order of the laws.
    pub fn verdicts(&self) -> &[(Law, Verdict)] {
        &self.verdicts
    }

    /// The laws that were broken.
    pub fn broken(&self) -> impl Iterator<Item = &Law> {
        self.verdicts.iter().filter(|(_, verdict)| verdict.is_broken()).map(|(law, _)| law)
    }

    /// Whether no law was broken.
    pub fn is_lawful(&self) -> bool {
        self.broken().next().is_none()
    }

    /// For tests.
    ///
    /// # Panics
    /// With the whole report if a law was broken.
    #[track_caller]
    pub fn assert_lawful(&self) {
        assert!(self.is_lawful(), "laws are broken\n{}\n{self}", Self::heading());
    }
}

/// A line of the matrix.
fn line(name: &str, cells: impl Iterator<Item = impl fmt::Display>) -> String {
    cells.fold(format!("{name:NAME_WIDTH$}"), |line, cell| format!("{line}{cell:>SIGN_WIDTH$}"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.row())?;
        for (law, verdict) in &self.verdicts {
            if let Verdict::Broken(explanation) = verdict {
                write!(f, "\n  {law} is broken: {explanation}")?;
            }
            for skip in verdict.left_out() {
                write!(f, "\n  law {}: left out {skip}", law.number)?;
            }
        }
        for (reason, what) in by_reason(&self.left_out) {
            write!(f, "\n  left out because {reason}: {}", what.join(", "))?;
        }
        Ok(())
    }
}

fn by_reason(skips: &[Skip]) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for skip in skips {
        reasons.entry(&skip.reason).or_default().push(&skip.what);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is skipped or broken is told with its reason.
    #[test]
    fn a_row_and_its_reasons() {
        let skip = Skip::new("upstream off", "no switch");
        let verdicts = vec![
            (LAWS[0], Verdict::Held { cases: 3, left_out: Vec::new() }),
            (LAWS[1], Verdict::Held { cases: 3, left_out: vec![skip.clone()] }),
            (LAWS[2], Verdict::Skipped(vec![skip])),
            (LAWS[3], Verdict::Broken("reversed".into())),
        ];
        let report = Report::new("mine", verdicts, vec![Skip::new("silent6", "no IPv6")]);
        let signs: Vec<_> = report.row().split_whitespace().map(str::to_owned).collect();
        assert_eq!(signs, ["mine", "+", "(+)", "-", "X"]);
        let text = report.to_string();
        for part in [
            "reversed",
            "law 2: left out upstream off: no switch",
            "law 3: left out",
            "left out because no IPv6: silent6",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!report.is_lawful() && Report::skipped("none", "why").is_lawful());
    }
}
