//! Several backends at once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::chain::no_members;
use super::verdict;
use crate::{Answer, Backend, BoxFuture, Call, Error, Known, Peer};

/// Asks all its members at once; the first answer wins and the others' calls are dropped.
///
/// Of answers that are ready together the earlier member's wins. Without an answer it waits for
/// all and says what a [`Chain`](super::Chain) of the same members would, whoever was faster. An
/// answer keeps its member's scope: it is one member's word, not the best of all.
#[derive(Debug)]
pub struct Race {
    members: Vec<Arc<dyn Backend>>,
}

impl Race {
    /// A race of these members. An empty race is applicable to no peer.
    pub fn new(members: Vec<Arc<dyn Backend>>) -> Self {
        Self { members }
    }

    async fn run(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let mut runners: Vec<_> =
            self.members.iter().map(|m| Runner::Running(m.discover(peer, call))).collect();
        match poll_fn(|context| poll_all(&mut runners, context)).await {
            Some(answer) => Ok(answer),
            None => Err(combined(runners).unwrap_or_else(|| no_members(self.name()))),
        }
    }
}

impl Backend for Race {
    fn name(&self) -> &'static str {
        "race"
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.run(peer, call))
    }

    /// The first member's fresh answer; a stale one only if nobody has to be asked.
    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let words = || self.members.iter().map(|member| member.known(peer, now));
        if let Some(fresh) = words().find(|word| matches!(word, Known::Fresh(_))) {
            return fresh;
        }
        if words().any(|word| matches!(word, Known::Ask)) {
            return Known::Ask;
        }
        words()
            .find(|word| matches!(word, Known::Stale(_)))
            .unwrap_or_else(|| verdict::known_absence(words()))
    }
}

enum Runner<'a> {
    Running(BoxFuture<'a, Result<Arc<Answer>, Error>>),
    Failed(Error),
}

/// Ready with the first answer, or with `None` once all have failed.
fn poll_all(runners: &mut [Runner<'_>], context: &mut Context<'_>) -> Poll<Option<Arc<Answer>>> {
    let mut waiting = false;
    for runner in runners {
        let Runner::Running(future) = runner else { continue };
        match future.as_mut().poll(context) {
            Poll::Ready(Ok(answer)) => return Poll::Ready(Some(answer)),
            Poll::Ready(Err(error)) => *runner = Runner::Failed(error),
            Poll::Pending => waiting = true,
        }
    }
    if waiting { Poll::Pending } else { Poll::Ready(None) }
}

fn combined(runners: Vec<Runner<'_>>) -> Option<Error> {
    let errors = runners.into_iter().filter_map(|runner| match runner {
        Runner::Failed(error) => Some(error),
        Runner::Running(_) => None,
    });
    verdict::combined(&errors.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn slow(name: &'static str, ms: u64, kind: Kind) -> Arc<Fake> {
        let reply = kind.reply(name);
        Arc::new(Fake::new(name, move |_, _, _| (Duration::from_millis(ms), reply.clone())))
    }

    async fn ask(race: &Race) -> Reply {
        race.discover(&peer("192.0.2.7"), &Call::default()).await
    }

    /// All are asked at once, the first answer wins, and nobody waits for the losers.
    #[tokio::test(start_paused = true)]
    async fn the_fastest_answer_wins() {
        let (slow, quick) = (slow("a", 5_000, Kind::Answer), slow("b", 10, Kind::Answer));
        let failing = Arc::new(Fake::saying("c", Kind::Unavailable.reply("c")));
        let race = Race::new(vec![slow.clone(), failing, quick]);
        let started = Instant::now();
        assert_eq!(ask(&race).await.unwrap().backend, "b");
        assert_eq!(started.elapsed(), Duration::from_millis(10));
        assert_eq!((slow.asked(), slow.ended()), (1, 0));
    }

    #[tokio::test]
    async fn an_empty_race_is_applicable_to_nobody() {
        assert_eq!(Kind::of(&ask(&Race::new(Vec::new())).await), Kind::NotApplicable);
    }

    /// A fresh answer is told though another member has to be asked; a stale one is not, and an
    /// absence needs everybody.
    #[tokio::test]
    async fn known_is_what_the_race_might_say() {
        let found = Arc::new(answer("a", "a.example", "192.0.2.0/24", 60));
        let none = Arc::new(absence("a", "192.0.2.0/24", 60));
        let words =
            [Known::Ask, Known::Fresh(found.clone()), Known::Stale(found), Known::None(none)];
        let race = |picked: &[usize]| {
            let members = picked.iter().map(|at| {
                let word = words[*at].clone();
                let fake = Fake::saying("a", Kind::NotApplicable.reply("a"));
                Arc::new(fake.knowing(move |_, _| word.clone())) as _
            });
            Race::new(members.collect()).known(&peer("192.0.2.7"), Instant::now())
        };
        assert!(matches!(race(&[0, 2, 1]), Known::Fresh(_)));
        assert!(matches!(race(&[2, 0]), Known::Ask));
        assert!(matches!(race(&[3, 2]), Known::Stale(_)));
        assert!(matches!(race(&[3, 0]), Known::Ask));
        assert!(matches!(race(&[3, 3]), Known::None(_)));
    }

    proptest! {
        /// Without an answer the race says what a chain says, whoever is faster.
        #[test]
        fn without_an_answer_it_agrees_with_the_chain(
            members in proptest::collection::vec((1_usize..5, 0_u64..5_000), 0..5),
        ) {
            let (race, chain) = run(async {
                let backends: Vec<Arc<dyn Backend>> = members
                    .into_iter()
                    .zip(["a", "b", "c", "d", "e"])
                    .map(|((kind, ms), name)| slow(name, ms, Kind::ALL[kind]) as _)
                    .collect();
                let chain = crate::layers::Chain::new(backends.clone());
                let by_chain = chain.discover(&peer("192.0.2.7"), &Call::default()).await;
                (ask(&Race::new(backends)).await, by_chain)
            });
            prop_assert_eq!(Kind::of(&race), Kind::of(&chain));
            let (race, chain) = (race.unwrap_err(), chain.unwrap_err());
            let spoken = |e: &Error| (e.backend().filter(|n| *n != "race" && *n != "chain"),
                e.trace().map(walked));
            prop_assert_eq!(spoken(&race), spoken(&chain));
        }
    }
}
