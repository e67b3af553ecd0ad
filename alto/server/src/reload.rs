//! What is served at the moment, and its replacement when files change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

use crate::catalogue::Catalogue;
use crate::csv::LoadFault;
use crate::server::{Notice, ServerConfig};
use crate::source::{Stamps, stamps};
use crate::tls::acceptor;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is served, and how hands are shaken.
pub(crate) struct State {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// The state that the files give, and their stamps from before they were read: what changes while
/// they are read is seen the next time.
pub(crate) async fn load(config: &Arc<ServerConfig>) -> (Stamps, Result<State, LoadFault>) {
    let config = Arc::clone(config);
    let work = move || (stamps(&config.source, &config.transport), build(&config));
    let stopped = |_| (Stamps::new(), Err(LoadFault::of_file("maps", &"reading was stopped")));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(stopped)
}

fn build(config: &ServerConfig) -> Result<State, LoadFault> {
    let maps = config.source.load()?;
    for sentence in maps.shortcomings() {
        (config.notice)(Notice::Shortcoming(sentence));
    }
    let catalogue = Catalogue::new(maps, config.max_age)
        .map_err(|fault| LoadFault::of_file("directory", &fault))?;
    Ok(State { catalogue: Arc::new(catalogue), tls: acceptor(&config.transport)? })
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
                state.send_replace(Arc::new(new));
                (config.notice)(Notice::Reloaded);
            }
            Err(fault) => (config.notice)(Notice::Kept(fault)),
        }
    }
}

async fn look(config: &Arc<ServerConfig>) -> Stamps {
    let config = Arc::clone(config);
    let look = move || stamps(&config.source, &config.transport);
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}
