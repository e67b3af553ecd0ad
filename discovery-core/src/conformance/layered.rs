//! A stage whose backend stands inside a layer.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use url::Url;

use super::{Clock, Facts, Scene, Skip, Stage};
use crate::{Backend, BoxFuture, Peer, PeerId};

/// What puts a layer around a backend.
type Layer<'s> = Box<dyn Fn(Arc<dyn Backend>) -> Arc<dyn Backend> + Send + Sync + 's>;

/// The world of another stage, with a layer around each backend that it opens.
pub struct Layered<'s> {
    stage: &'s dyn Stage,
    name: String,
    layer: Layer<'s>,
}

impl<'s> Layered<'s> {
    /// The world of `stage`; the row is called `BACKEND in NAME`.
    pub fn new(
        stage: &'s dyn Stage,
        name: &str,
        layer: impl Fn(Arc<dyn Backend>) -> Arc<dyn Backend> + Send + Sync + 's,
    ) -> Self {
        let name = format!("{} in {name}", stage.name());
        Self { stage, name, layer: Box::new(layer) }
    }
}

impl fmt::Debug for Layered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stage for Layered<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn facts(&self) -> &Facts {
        self.stage.facts()
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        Box::pin(async {
            let Scene { backend, mut names, upstream } = self.stage.open().await;
            let backend = (self.layer)(backend);
            names.push(backend.name());
            Scene { backend, names, upstream }
        })
    }

    fn peer(&self, seen: IpNet, id: Option<PeerId>) -> Result<Peer<'static>, Skip> {
        self.stage.peer(seen, id)
    }

    fn admits(&self, uri: &Url) -> bool {
        self.stage.admits(uri)
    }

    fn place(&self, uri: &Url) -> Url {
        self.stage.place(uri)
    }

    fn clock(&self) -> Clock {
        self.stage.clock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{ScriptedStage, run_all};
    use crate::{Answer, Call, Error};

    /// A layer that waits for nothing and forgets the deadline.
    #[derive(Debug)]
    struct Patient(Arc<dyn Backend>);

    impl Backend for Patient {
        fn name(&self) -> &'static str {
            "patient"
        }

        fn discover<'a>(
            &'a self,
            peer: &'a Peer<'a>,
            call: &'a Call,
        ) -> BoxFuture<'a, Result<Arc<Answer>, Error>> {
            Box::pin(async move {
                let call = Call { deadline: None, ..*call };
                self.0.discover(peer, &call).await
            })
        }
    }

    /// A layer's fault is the row's fault: laws see through to what the layer does.
    #[tokio::test(start_paused = true)]
    async fn a_layer_is_tried_with_its_backend() {
        let stage = ScriptedStage::new(Facts::standard(), Clock::Paused);
        let same = run_all(&Layered::new(&stage, "nothing", |backend| backend)).await;
        same.assert_lawful();
        assert!(same.row().starts_with("scripted in nothing "));

        let patient = run_all(&Layered::new(&stage, "patient", |b| Arc::new(Patient(b)))).await;
        let broken: Vec<_> = patient.broken().map(|law| law.number).collect();
        assert_eq!(broken, [8, 11], "{patient}");
    }
}
