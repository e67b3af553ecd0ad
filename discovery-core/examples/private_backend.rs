//! A backend of a site's own, a table of prefixes and their servers, and the laws it keeps.

use std::{cmp::Reverse, process::ExitCode, sync::Arc, time::Duration};

use alto_discovery_core::conformance::{self, Facts, Network, NoUpstream, Report, Scene, Stage};
use alto_discovery_core::{Answer, Backend, BoxFuture, Call, Error, Guide, NoServer, Peer};
use alto_discovery_core::{Scope, ServerList, Trust, Validity};
use ipnet::IpNet;

#[derive(Debug)]
struct Table(Vec<(IpNet, ServerList)>); // longest prefixes first

type Outcome = Result<Arc<Answer>, Error>;

impl Backend for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn discover<'a>(&'a self, peer: &'a Peer<'a>, _: &'a Call) -> BoxFuture<'a, Outcome> {
        let scope = Scope::net(peer.net()); // beside it, a longer prefix may say something else
        let validity = Validity::new(tokio::time::Instant::now(), Duration::from_secs(3_600));
        let row = self.0.iter().find(|(net, _)| net.contains(&peer.net()));
        let outcome = match row.map(|(_, servers)| Guide::Servers(servers.clone())) {
            Some(guide) => Ok(Arc::new(Answer::new(self.name(), 1, guide, scope, validity))),
            None => Err(Error::NoServer(Arc::new(NoServer::new(self.name(), scope, validity)))),
        };
        Box::pin(async { outcome })
    }
}

/// The world of the laws, as a table.
struct TableStage(Facts);

impl Stage for TableStage {
    fn name(&self) -> &'static str {
        "table"
    }

    fn facts(&self) -> &Facts {
        &self.0
    }

    fn open(&self) -> BoxFuture<'_, Scene> {
        let row = |n: &Network| Some((n.scope.net, n.server_list(Trust::Configured)?));
        let mut rows: Vec<_> = self.0.networks().iter().filter_map(row).collect();
        rows.sort_by_key(|(net, _)| Reverse(net.prefix_len()));
        Box::pin(async { Scene::new(Arc::new(Table(rows)), Arc::new(NoUpstream)) })
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> ExitCode {
    let facts = Facts::standard()
        .without("a table knows addresses only", |n| n.needs_id() || n.is_troubled());
    let report = conformance::run_all(&TableStage(facts)).await;
    println!("{}\n{report}", Report::heading());
    if report.is_lawful() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
