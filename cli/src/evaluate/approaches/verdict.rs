//! The slides' answers, and those of the figures: pure.

use super::books::{Account, Party, Secret};
use super::ratio;
use super::trial::{Right, Share, Trial};

/// The columns of the slides' table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    ChangesP2p,
    ChangesAlto,
    BehindNat,
    ScalabilityPrivacy,
}

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Yes,
    Partly,
    No,
}

/// An answer, the slides' beside it, and why.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) column: Column,
    pub(super) slides: Word,
    pub(super) measured: Word,
    pub(super) reason: String,
}

/// Guided rightly behind the NAT: from this share on the approach suits it, and below that it does not.
const SUITS: f64 = 0.99;
const SUITS_PARTLY: f64 = 0.5;
/// From so many messages an announce on, a server works for others' users.
const WORKS_FOR_OTHERS: f64 = 0.1;
/// From this share of users on, what a third party learns of them is an issue.
const LEARNS: f64 = 0.01;

use Column::{BehindNat, ChangesAlto, ChangesP2p, ScalabilityPrivacy};
use Word::{No, Partly, Yes};

impl Column {
    pub(super) const ALL: [Self; 4] = [ChangesP2p, ChangesAlto, BehindNat, ScalabilityPrivacy];

    pub(super) fn name(self) -> &'static str {
        match self {
            ChangesP2p => "changes of P2P application",
            ChangesAlto => "changes of ALTO protocol",
            BehindNat => "suits large NATed domains",
            ScalabilityPrivacy => "scalability, privacy issues",
        }
    }

    /// The member of JSON objects.
    pub(super) fn key(self) -> &'static str {
        match self {
            ChangesP2p => "changes_p2p",
            ChangesAlto => "changes_alto",
            BehindNat => "behind_nat",
            ScalabilityPrivacy => "scalability_privacy",
        }
    }

    /// "Initial comparison", as draft-kiesel-alto-3pdisc-02 was presented.
    fn slides(self, approach: u8) -> Word {
        match (self, approach) {
            (ChangesP2p, 3..=6)
            | (ChangesAlto | ScalabilityPrivacy, 2 | 4)
            | (BehindNat, 3 | 4) => Yes,
            (BehindNat, 5 | 6) => Partly,
            _ => No,
        }
    }
}

impl Word {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Yes => "yes",
            Partly => "yes (partly)",
            No => "no",
        }
    }

    fn of(is_so: bool) -> Self {
        if is_so { Yes } else { No }
    }
}

impl Cell {
    pub(super) fn agrees(&self) -> bool {
        self.slides == self.measured
    }
}

/// All four cells of an approach's row.
pub(super) fn row(trial: &Trial) -> [Cell; 4] {
    Column::ALL.map(|column| {
        let (measured, reason) = match column {
            ChangesP2p => changes_p2p(trial),
            ChangesAlto => changes_alto(&trial.account),
            BehindNat => behind_nat(&trial.right),
            ScalabilityPrivacy => scalability_privacy(trial),
        };
        Cell { column, slides: column.slides(trial.approach.number), measured, reason }
    })
}

fn changes_p2p(trial: &Trial) -> (Word, String) {
    let new = &trial.account.in_announces;
    let seen = if trial.approach.by_port {
        ": users are told apart by the port that the tracker sees, which nobody has to send (a token would be)"
    } else {
        ""
    };
    let reason = match new.len() {
        0 => format!("nothing in {} captured announces that no BEP has{seen}", trial.announces),
        _ => format!("new in announces: {}", list(new)),
    };
    (Word::of(!new.is_empty()), reason)
}

fn changes_alto(account: &Account) -> (Word, String) {
    let new = &account.in_alto;
    let reason = match new.len() {
        0 => "nothing in captured messages that RFC 7285 has not".into(),
        _ => format!("not in RFC 7285: {}", list(new)),
    };
    (Word::of(!new.is_empty()), reason)
}

fn behind_nat(right: &Right) -> (Word, String) {
    let share = right.behind_nat.ratio();
    let word = if share >= SUITS {
        Yes
    } else if share >= SUITS_PARTLY {
        Partly
    } else {
        No
    };
    let Share { hits, all } = right.behind_nat;
    (word, format!("{hits} of {all} users behind the NAT are guided rightly"))
}

fn scalability_privacy(trial: &Trial) -> (Word, String) {
    let account = &trial.account;
    let load = ratio(account.for_others, trial.announces as u64);
    let exposed = third_parties(account);
    let most =
        exposed.iter().map(|(_, users)| share_of(*users, trial.announces)).fold(0.0, f64::max);
    let is_issue = load >= WORKS_FOR_OTHERS || most >= LEARNS;
    let work = format!("{load:.2} messages an announce at servers of other networks");
    let told: Vec<String> = exposed
        .iter()
        .filter(|(_, users)| share_of(*users, trial.announces) >= LEARNS)
        .map(|((party, secret), users)| {
            let percent = 100.0 * share_of(*users, trial.announces);
            format!("{} learns the {} of {percent:.0}%", party.name(), secret.name())
        })
        .collect();
    let told =
        if told.is_empty() { "no third party learns of a user".into() } else { told.join("; ") };
    (Word::of(is_issue), format!("{work}; {told}"))
}

/// What those learn who are neither of the user's network nor the tracker.
pub(super) fn third_parties(account: &Account) -> Vec<((Party, Secret), usize)> {
    let exposed = account.exposed.iter().map(|(what, users)| (*what, *users));
    exposed.filter(|((party, _), _)| party.is_third()).collect()
}

fn share_of(users: usize, all: usize) -> f64 {
    ratio(users as u64, all as u64)
}

fn list(names: &std::collections::BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the slides, row by row, in their order of columns.
    #[test]
    fn the_slides() {
        for (approach, expected) in [
            (1, [No, No, No, No]),
            (2, [No, Yes, No, Yes]),
            (3, [Yes, No, Yes, No]),
            (4, [Yes, Yes, Yes, Yes]),
            (5, [Yes, No, Partly, No]),
            (6, [Yes, No, Partly, No]),
        ] {
            assert_eq!(Column::ALL.map(|column| column.slides(approach)), expected, "{approach}");
        }
    }

    #[test]
    fn shares_become_words() {
        let word = |hits| {
            behind_nat(&Right { behind_nat: Share { hits, all: 100 }, ..Right::default() }).0
        };
        assert_eq!([0, 49, 50, 98, 99, 100].map(word), [No, No, Partly, Partly, Yes, Yes]);
    }
}
