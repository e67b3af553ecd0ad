//! The world of the scripted backend, and what the reference shows: the laws can be kept.

use std::sync::Arc;

use super::{Clock, Facts, Scene, Scripted, Stage};
use crate::BoxFuture;

/// The stage of [`Scripted`].
#[derive(Clone, Debug)]
pub struct ScriptedStage {
    facts: Arc<Facts>,
    clock: Clock,
}

impl ScriptedStage {
    /// The world of these facts. [`Clock::Paused`] only inside a runtime whose clock is paused.
    pub fn new(facts: Facts, clock: Clock) -> Self {
        Self { facts: Arc::new(facts), clock }
    }
}

impl Stage for ScriptedStage {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        Box::pin(async {
            let backend = Scripted::new(self.facts.clone());
            let upstream = backend.upstream();
            Scene::new(Arc::new(backend), upstream)
        })
    }

    fn clock(&self) -> Clock {
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;
    use crate::conformance::laws::{self, LAWS};
    use crate::conformance::{Hostile, Network, Speaker, Truth, run_all};
    use crate::{IdScope, PeerId, Scope};

    /// The reference keeps every law, in every part, on a paused clock.
    #[tokio::test(start_paused = true)]
    async fn keeps_every_law() {
        let report = run_all(&ScriptedStage::new(Facts::standard(), Clock::Paused)).await;
        report.assert_lawful();
        let text = report.to_string();
        assert!(!text.contains("left out") && !text.contains(" -"), "{text}");
    }

    /// The same on a clock that runs: laws need no paused one, and may be tried at the same time.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_every_law_on_a_running_clock() {
        let stage = Arc::new(ScriptedStage::new(Facts::standard(), Clock::Running));
        let tried = LAWS.map(|law| {
            let stage = stage.clone();
            tokio::spawn(async move { law.check(&*stage).await })
        });
        for verdict in tried {
            let verdict = verdict.await.unwrap();
            assert!(!verdict.is_broken(), "{verdict:?}");
        }
    }

    fn any_network() -> impl Strategy<Value = Network> {
        let id = prop_oneof![
            3 => Just(IdScope::Any),
            1 => (any::<u16>(), 0_u16..300).prop_map(|(low, more)| IdScope::Ports {
                low,
                high: low.saturating_add(more)
            }),
            1 => any::<u16>().prop_map(|port| IdScope::Exactly(PeerId::Port(port))),
        ];
        let truth = prop_oneof![
            4 => "[a-z]{3}".prop_map(|host| {
                Truth::Speaks(vec![Speaker::new(&format!("https://{host}.example/ird"), 1, 1)])
            }),
            1 => Just(Truth::Failing),
            1 => Just(Truth::Hostile(Hostile::Loop)),
        ];
        (any::<u8>(), 24_u8..=32, id, truth).prop_map(|(host, length, id, truth)| {
            let net = IpNet::new([198, 51, 100, host].into(), length).unwrap().trunc();
            Network::new(format!("{net}"), Scope { net, id }, truth)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However networks are nested and port blocks lie, what is said to be proven is.
        #[test]
        fn scopes_are_sound_in_any_world(networks in prop::collection::vec(any_network(), 1..12)) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let stage = ScriptedStage::new(Facts::new(networks), Clock::Paused);
            let (contains, sound) = runtime.block_on(async {
                (laws::scope_contains_the_peer(&stage).await, laws::scope_is_sound(&stage).await)
            });
            prop_assert!(!contains.is_broken() && !sound.is_broken(), "{contains:?} {sound:?}");
        }
    }
}
