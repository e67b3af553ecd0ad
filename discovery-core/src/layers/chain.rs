//! Several backends, one after the other.

use std::sync::Arc;

use tokio::time::Instant;

use super::verdict;
use crate::{Answer, Backend, BoxFuture, Call, Cause, Error, Known, Peer, code};

/// Asks its members in order; the first answer wins.
///
/// It never says "none" while a member doesn't know. Without an answer the heaviest word counts:
/// rejected before unavailable before none before not applicable. A fault of the caller's
/// ([`Error::Invalid`], [`Error::Config`]) ends the walk at once.
///
/// An answer behind an earlier member's absence is told with the narrower scope and the shorter
/// life of the two, and one behind a failure is marked incomplete. In `known`, which must not
/// allocate, an answer or an absence is told as its member tells it.
#[derive(Debug)]
pub struct Chain {
    members: Vec<Arc<dyn Backend>>,
}

impl Chain {
    /// A chain of these members. An empty chain is applicable to no peer.
    pub fn new(members: Vec<Arc<dyn Backend>>) -> Self {
        Self { members }
    }

    async fn walk(&self, peer: &Peer<'_>, call: &Call) -> Result<Arc<Answer>, Error> {
        let mut earlier = Vec::new();
        for member in &self.members {
            match member.discover(peer, call).await {
                Ok(answer) => return Ok(verdict::reached_past(&earlier, answer, peer)),
                Err(fault) if verdict::is_callers_fault(&fault) => return Err(fault),
                Err(error) => earlier.push(error),
            }
        }
        Err(verdict::combined(&earlier).unwrap_or_else(|| no_members(self.name())))
    }
}

impl Backend for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn discover<'a>(
        &'a self,
        peer: &'a Peer<'a>,
        call: &'a Call,
    ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
        Box::pin(self.walk(peer, call))
    }

    /// Stops at the first member that has to be asked: it might win.
    fn known(&self, peer: &Peer<'_>, now: Instant) -> Known {
        let mut absence = Known::NotApplicable;
        for member in &self.members {
            match member.known(peer, now) {
                silent @ (Known::None(_) | Known::NotApplicable) => {
                    absence = verdict::known_absence([absence, silent].into_iter());
                }
                word => return word,
            }
        }
        absence
    }
}

pub(super) fn no_members(name: &'static str) -> Error {
    let needs = Cause::new(code::NOTHING_TO_GO_BY, "there is no backend to ask");
    Error::NotApplicable { backend: name, needs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::*;
    use crate::{NoServer, Validity};
    use proptest::prelude::*;
    use std::time::Duration;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn chain(replies: impl IntoIterator<Item = Reply>) -> Chain {
        let members = NAMES.into_iter().zip(replies);
        Chain::new(members.map(|(name, reply)| Arc::new(Fake::saying(name, reply)) as _).collect())
    }

    async fn ask(chain: &Chain) -> Reply {
        chain.discover(&peer("192.0.2.7"), &Call::default()).await
    }

    /// The first answer wins, nobody behind it is asked, and the walk is told from its start.
    #[tokio::test(start_paused = true)]
    async fn the_first_answer_ends_the_walk() {
        let last = Arc::new(Fake::saying("d", Err(rejected("d"))));
        let chain = Chain::new(vec![
            Arc::new(Fake::saying("a", Err(none("a", "192.0.2.0/25", 60)))),
            Arc::new(Fake::saying("b", Err(not_applicable("b")))),
            Arc::new(Fake::saying(
                "c",
                Ok(Arc::new(answer("c", "c.example", "192.0.2.0/24", 600))),
            )),
            last.clone(),
        ]);
        let answer = ask(&chain).await.unwrap();
        assert_eq!(answer.backend, "c");
        assert_eq!(walked(&answer.trace), ["a", "c"]);
        assert_eq!(last.asked(), 0);
    }

    /// An answer past an absence holds only where, and as long as, the absence holds.
    #[tokio::test(start_paused = true)]
    async fn an_absence_narrows_a_later_answer() {
        let reply = Ok(Arc::new(answer("b", "b.example", "192.0.2.0/24", 600)));
        let answer = ask(&chain([Err(none("a", "192.0.2.0/25", 60)), reply])).await.unwrap();
        assert_eq!(answer.scope, scope("192.0.2.0/25"));
        assert_eq!(answer.validity.lifetime(), seconds(60));
        assert!(!answer.incomplete);
    }

    /// A failure proves nothing about other peers, and a later try may find something better.
    #[tokio::test(start_paused = true)]
    async fn a_failure_before_an_answer_makes_it_incomplete() {
        let reply = Ok(Arc::new(answer("b", "b.example", "192.0.2.0/24", 600)));
        let failed = Err(unavailable("a", code::TIMEOUT));
        let answer = ask(&chain([failed, reply])).await.unwrap();
        assert!(answer.incomplete);
        assert_eq!(answer.scope, scope("192.0.2.7/32"));
    }

    /// What is not applicable leaves a later answer as it is, without a copy.
    #[tokio::test(start_paused = true)]
    async fn passing_over_costs_nothing() {
        let found = Arc::new(answer("b", "b.example", "192.0.2.0/24", 600));
        let reply = ask(&chain([Err(not_applicable("a")), Ok(found.clone())])).await.unwrap();
        assert!(Arc::ptr_eq(&reply, &found));
    }

    /// "None" is what all say that can say anything, where and as long as all of them do.
    #[tokio::test(start_paused = true)]
    async fn absences_join() {
        let replies = [
            Err(none("a", "192.0.2.0/24", 60)),
            Err(none("b", "192.0.2.0/28", 600)),
            Err(not_applicable("c")),
        ];
        let Err(Error::NoServer(none)) = ask(&chain(replies)).await else { panic!("no absence") };
        assert_eq!((none.backend, &none.scope), ("a", &scope("192.0.2.0/28")));
        assert_eq!(none.validity.lifetime(), seconds(60));
        assert_eq!(walked(&none.trace), ["a", "b"]);
    }

    /// A question that makes no sense is not asked again.
    #[tokio::test(start_paused = true)]
    async fn a_callers_fault_ends_the_walk() {
        let second = Arc::new(Fake::saying("b", Kind::Answer.reply("b")));
        let first = Arc::new(Fake::saying("a", Kind::Invalid.reply("a")));
        assert_eq!(Kind::of(&ask(&Chain::new(vec![first, second.clone()])).await), Kind::Invalid);
        assert_eq!(second.asked(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_chain_is_applicable_to_nobody() {
        let empty = Chain::new(Vec::new());
        assert_eq!(Kind::of(&ask(&empty).await), Kind::NotApplicable);
        assert!(matches!(empty.known(&peer("192.0.2.7"), Instant::now()), Known::NotApplicable));
    }

    fn verdict_of(kinds: &[Kind]) -> Kind {
        let ends = kinds.iter().position(|k| matches!(k, Kind::Answer | Kind::Invalid));
        let heavy = [Kind::Rejected, Kind::Unavailable, Kind::None];
        let heaviest = || heavy.into_iter().find(|kind| kinds.contains(kind));
        ends.map(|at| kinds[at]).or_else(heaviest).unwrap_or(Kind::NotApplicable)
    }

    fn kind() -> impl Strategy<Value = Kind> {
        proptest::sample::select(&Kind::ALL[..])
    }

    proptest! {
        /// The verdict depends on what the members say, not on how long they take; in particular
        /// no failure turns into an absence.
        #[test]
        fn the_verdict_is_independent_of_timing(
            members in proptest::collection::vec((kind(), 0_u64..5_000), 0..5),
        ) {
            let kinds: Vec<Kind> = members.iter().map(|(kind, _)| *kind).collect();
            let verdict = run(async {
                let members = members.into_iter().zip(NAMES.into_iter().cycle());
                let backends = members.map(|((kind, ms), name)| {
                    let reply = kind.reply(name);
                    let delay = Duration::from_millis(ms);
                    Arc::new(Fake::new(name, move |_, _, _| (delay, reply.clone()))) as _
                });
                ask(&Chain::new(backends.collect())).await
            });
            prop_assert_eq!(Kind::of(&verdict), verdict_of(&kinds));
        }

        /// Law 13: what is known is what asking would say, if every member keeps that law.
        #[test]
        fn known_never_says_what_discover_would_not(
            members in proptest::collection::vec((kind(), any::<bool>()), 0..5),
        ) {
            let (known, reply) = run(async {
                let members = members.into_iter().zip(NAMES.into_iter().cycle());
                let backends = members.map(|((kind, tells), name)| {
                    let reply = kind.reply(name);
                    let word = if tells { known_as(&reply) } else { Known::Ask };
                    Arc::new(Fake::saying(name, reply).knowing(move |_, _| word.clone())) as _
                });
                let chain = Chain::new(backends.collect());
                (chain.known(&peer("192.0.2.7"), Instant::now()), ask(&chain).await)
            });
            match (known, reply) {
                (Known::Fresh(known), Ok(found)) => prop_assert_eq!(known.backend, found.backend),
                (Known::Ask, _)
                | (Known::None(_), Err(Error::NoServer(_)))
                | (Known::NotApplicable, Err(Error::NotApplicable { .. })) => {}
                (known, reply) => prop_assert!(false, "{known:?} but {reply:?}"),
            }
        }
    }

    /// Of absences the one that ends first is told, so that nobody relies on it for too long.
    #[tokio::test(start_paused = true)]
    async fn of_known_absences_the_shortest_is_told() {
        let words = [60, 30, 90].map(|life| {
            let validity = Validity::new(Instant::now(), seconds(life));
            let none = NoServer { validity, ..absence("a", "192.0.2.0/24", life) };
            Known::None(Arc::new(none))
        });
        let Known::None(none) = verdict::known_absence(words.into_iter()) else { panic!() };
        assert_eq!(none.validity.lifetime(), seconds(30));
    }
}
