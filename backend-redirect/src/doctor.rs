//! Whether the starting servers are fit to start at.

use std::sync::Arc;

use alto_discovery_core::{Finding, Policy};
use alto_fetch::Fetcher;
use url::Url;

use crate::config::RedirectConfig;
use crate::exchange::Exchange;
use crate::flights::Place;
use crate::verdict::Offer;

const CODE: &str = "starting-server";

/// Asks each starting server for its directory, one after the other.
pub(crate) async fn examine(config: &RedirectConfig, policy: Policy) -> Vec<Finding> {
    let fetcher = config.check(policy).and_then(|()| Fetcher::new(&config.fetch, policy));
    let fetcher = match fetcher {
        Ok(fetcher) => Arc::new(fetcher),
        Err(error) => return vec![Finding::fault("config", "redirect", error.to_string())],
    };
    let exchange = Exchange { fetcher, patience: config.timeout };
    let mut findings = Vec::new();
    for server in &config.servers {
        findings.push(finding(&exchange, server).await);
    }
    findings
}

async fn finding(exchange: &Exchange, server: &Url) -> Finding {
    let place = Place { uri: server.clone(), hops: exchange.fetcher.hops() };
    match exchange.directory(&place).await.map(|page| page.says) {
        Ok(Offer::Properties(uri)) => {
            Finding::fine(CODE, server, format!("it tells at {uri} who speaks for a peer"))
        }
        Ok(Offer::Directories(_)) => Finding::note(
            CODE,
            server,
            "its directory leaves it to others to tell who speaks for a peer",
        )
        .fix("name the directory that offers the property priv:3pdisc-ird"),
        Ok(Offer::Nothing) => {
            Finding::fault(CODE, server, "its directory offers no property priv:3pdisc-ird")
                .fix("name a server that redirects (such as `alto serve --neighbours`)")
        }
        Err(failure) => Finding::fault(CODE, server, failure.to_string())
            .fix("look at it with `alto map URI`; --ca names an authority of your own"),
    }
}
