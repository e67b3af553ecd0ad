//! What is served at the moment, and its replacement when files change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

use crate::catalogue::Catalogue;
use crate::csv::LoadFault;
use crate::maps::Maps;
use crate::neighbours::Neighbours;
use crate::neighbours::file::NeighbourFile;
use crate::neighbours::learn::NeighbourSource;
use crate::server::{Notice, ServerConfig};
use crate::source::{File, Stamps, stamps};
use crate::tls::acceptor;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is served, and how hands are shaken.
pub(crate) struct State {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl State {
    /// What was learnt before is still known.
    fn take_over(&self, before: &Self) {
        let both = (self.catalogue.neighbours(), before.catalogue.neighbours());
        if let (Some(neighbours), Some(before)) = both {
            neighbours.take_over(before);
        }
    }
}

/// The state that the files give, and their stamps from before they were read: what changes while
/// they are read is seen the next time.
pub(crate) async fn load(config: &Arc<ServerConfig>) -> (Stamps, Result<State, LoadFault>) {
    let config = Arc::clone(config);
    let work = move || (stamps(&config), build(&config));
    let stopped = |_| (Stamps::new(), Err(LoadFault::of_file("maps", &"reading was stopped")));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(stopped)
}

fn build(config: &ServerConfig) -> Result<State, LoadFault> {
    let maps = config.source.load()?;
    for sentence in maps.shortcomings() {
        (config.notice)(Notice::Shortcoming(sentence));
    }
    let neighbours = config.neighbours.as_ref().map(|source| neighbours(source, &maps));
    let neighbours = neighbours.transpose()?;
    let catalogue = Catalogue::with_neighbours(maps, neighbours, config.max_age)
        .map_err(|fault| LoadFault::of_file("directory", &fault))?;
    Ok(State { catalogue: Arc::new(catalogue), tls: acceptor(&config.transport)? })
}

fn neighbours(source: &NeighbourSource, maps: &Maps) -> Result<Arc<Neighbours>, LoadFault> {
    let File { name, content } = File::read(&source.path)?;
    let file = NeighbourFile::parse(&name, &content, source.policy)?;
    Neighbours::new(file, maps).map(Arc::new)
}

/// Looks at the files again and again, and reads them once they have changed and then stayed the
/// same from one look to the next: a file that is being written is not half served. Those that are
/// broken change nothing; what was served before still is.
pub(crate) async fn follow(
    config: Arc<ServerConfig>,
    mut seen: Stamps,
    state: watch::Sender<Arc<State>>,
) {
    if seen.is_empty() {
        std::future::pending::<()>().await; // nothing can change
    }
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut latest = seen.clone();
    loop {
        ticks.tick().await;
        let before = std::mem::replace(&mut latest, look(&config).await);
        if latest == seen || latest != before {
            continue;
        }
        let (stamps, loaded) = load(&config).await;
        seen = stamps;
        match loaded {
            Ok(new) => {
                new.take_over(&state.borrow());
                state.send_replace(Arc::new(new));
                (config.notice)(Notice::Reloaded);
            }
            Err(fault) => (config.notice)(Notice::Kept(fault)),
        }
    }
}

async fn look(config: &Arc<ServerConfig>) -> Stamps {
    let config = Arc::clone(config);
    let look = move || stamps(&config);
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}
