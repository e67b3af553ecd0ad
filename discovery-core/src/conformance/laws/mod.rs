//! The thirteen laws. Each is a public function for a backend's own tests; [`LAWS`] has them as data.

mod answers;
mod calls;
mod failures;

use std::fmt;

use super::hearing::{Hearing, Ruling};
use super::{Report, Stage, Verdict};
use crate::BoxFuture;

/// A law: its number, its name and what it says.
#[derive(Clone, Copy)]
pub struct Law {
    /// 1 to 13.
    pub number: u8,
    /// The name of the function that tries it.
    pub name: &'static str,
    /// What it says.
    pub sentence: &'static str,
    rule: for<'h, 's> fn(&'h mut Hearing<'s>) -> BoxFuture<'h, Ruling>,
}

impl Law {
    /// Tries it on `stage`.
    pub async fn check(&self, stage: &dyn Stage) -> Verdict {
        let mut hearing = Hearing::new(stage);
        let ruling = (self.rule)(&mut hearing).await;
        hearing.close(ruling)
    }
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Law({}, {})", self.number, self.name)
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "law {} ({})", self.number, self.sentence)
    }
}

/// Tries all laws on `stage`, one after the other.
pub async fn run_all(stage: &dyn Stage) -> Report {
    let mut verdicts = Vec::new();
    for law in LAWS {
        verdicts.push((law, law.check(stage).await));
    }
    Report::new(stage.name(), verdicts, stage.facts().left_out().to_vec())
}

macro_rules! laws {
    ($($number:literal $room:ident::$name:ident: $sentence:literal;)*) => {
        /// All laws, in order.
        pub const LAWS: [Law; 13] = [$(Law {
            number: $number,
            name: stringify!($name),
            sentence: $sentence,
            rule: |hearing| Box::pin($room::$name(hearing)),
        }),*];

        $(
            #[doc = concat!("Law ", $number, ": ", $sentence, ".")]
            pub async fn $name(stage: &dyn Stage) -> Verdict {
                LAWS[$number - 1].check(stage).await
            }
        )*
    };
}

laws! {
    1 answers::answer_names_the_servers:
        "where servers speak, the answer names them: URIs the service allows, none twice";
    2 answers::scope_contains_the_peer:
        "scope contains the peer and its ID";
    3 answers::scope_is_sound:
        "what was found for one peer is found for every peer in scope";
    4 answers::order_is_stable:
        "servers come best first, and in the same order each time";
    5 answers::mapped_equals_v4:
        "a peer seen at an IPv4-mapped address is the peer at the IPv4 address";
    6 answers::absence_is_dated:
        "where surely nobody speaks, the backend says so and for how long";
    7 failures::failure_is_not_absence:
        "an upstream that fails, is silent or off never becomes `surely none`";
    8 failures::hostile_input_is_refused:
        "hostile input is refused, in bounded time and size";
    9 calls::dropping_leaves_the_backend_usable:
        "a call dropped midway harms no later and no other call";
    10 calls::concurrent_calls_agree:
        "a hundred concurrent calls agree";
    11 calls::deadline_is_met:
        "a call is back by its deadline, whatever the upstream does";
    12 calls::errors_and_traces_name_the_backend:
        "answers, errors and traces name the backend they come from";
    13 calls::known_says_what_discover_would:
        "`known` asks nobody and never says what `discover` would not";
}
