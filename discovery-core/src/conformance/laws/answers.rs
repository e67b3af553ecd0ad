//! Laws 1 to 6: what an answer, or an absence, must look like.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};
use tokio::time::Instant;

use crate::conformance::hearing::{Broken, Case, Hearing, Ruling, ensure};
use crate::conformance::outcome::{Gist, scope_of, uris};
use crate::conformance::sequence::Sequence;
use crate::conformance::{Network, Truth};
use crate::{Answer, Error, Guide, IdScope, Peer, PeerId, Scope};

/// No absence holds longer (spec: negative answers are kept an hour at most).
const LONGEST_ABSENCE: Duration = Duration::from_secs(3_600);

fn speaks(network: &Network) -> bool {
    matches!(network.truth, Truth::Speaks(_))
}

fn is_settled(network: &Network) -> bool {
    speaks(network) || network.truth == Truth::Nobody
}

pub(super) async fn answer_names_the_servers(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.cases(speaks) {
        match hearing.ask(&scene, &case).await? {
            Ok(answer) => names_the_servers(hearing, &case, &answer)?,
            Err(error) => return Err(Broken(format!("servers speak for {case}, but: {error}"))),
        }
    }
    Ok(())
}

fn names_the_servers(hearing: &Hearing<'_>, case: &Case<'_>, answer: &Answer) -> Ruling {
    if let Guide::Costs(costs) = &answer.guide {
        let fine = answer.approach == 6 && !costs.entries.is_empty();
        return ensure(fine, || format!("{case}: guidance without entries, or not by approach 6"));
    }
    for server in answer.servers() {
        ensure(hearing.stage.admits(&server.uri), || {
            format!("{case}: {} is no URI that the service allows", server.uri)
        })?;
    }
    let (found, distinct) = (uris(answer), uris(answer).into_iter().collect::<BTreeSet<_>>());
    ensure(found.len() == distinct.len(), || format!("{case}: a server twice in {found:?}"))?;
    let truth: BTreeSet<_> = hearing.servers_of(case.network).into_iter().collect();
    ensure(distinct == truth, || format!("{truth:?} speak for {case}, found {found:?}"))
}

pub(super) async fn scope_contains_the_peer(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.cases(|network| network.truth != Truth::Silent) {
        let outcome = hearing.ask(&scene, &case).await?;
        if let Some(scope) = scope_of(&outcome) {
            ensure(scope.contains(&case.peer), || {
                format!("{case} is outside its scope {scope:?}")
            })?;
        }
    }
    Ok(())
}

/// Compares backends that remember nothing, so that no cache hides the difference.
pub(super) async fn scope_is_sound(hearing: &mut Hearing<'_>) -> Ruling {
    for case in hearing.cases(|network| network.truth != Truth::Silent) {
        let outcome = hearing.ask_fresh(&case).await?;
        let Some(scope) = scope_of(&outcome) else { continue };
        for (seen, id) in others_in(scope, &case.peer, hearing) {
            let Ok(peer) = hearing.stage.peer(seen, id) else { continue };
            let other = Case { peer, ..case.clone() };
            let (here, there) = (Gist::of(&outcome), Gist::of(&hearing.ask_fresh(&other).await?));
            ensure(here == there, || {
                format!(
                    "{case} gives {here} for scope {scope:?}, but {} gives {there}",
                    other.peer.net()
                )
            })?;
        }
    }
    Ok(())
}

/// Other peers in `scope`: its ends, wherever the facts know something in it, and at random.
///
/// They are as `peer` is: a prefix of its length, with a peer ID only if it has one. Who speaks for
/// a prefix as a whole is another question than who speaks for an address in it, and the answer may
/// be another (RFC 8686 §3.4 starts at other names).
fn others_in(
    scope: &Scope,
    peer: &Peer<'_>,
    hearing: &Hearing<'_>,
) -> Vec<(IpNet, Option<PeerId>)> {
    let facts = hearing.stage.facts();
    let mut random = Sequence::new(3);
    let mut addresses = vec![scope.net.network(), scope.net.broadcast()];
    addresses.extend(facts.networks().iter().map(|network| network.scope.net.network()));
    addresses.extend((0..3).map(|_| random.address(scope.net)));
    let nets: BTreeSet<IpNet> = addresses
        .into_iter()
        .filter(|address| scope.net.contains(address))
        .filter_map(|address| IpNet::new(address, peer.net().prefix_len()).ok())
        .map(|net| net.trunc())
        .collect();
    let ids = ids_in(scope, peer, hearing);
    let pairs = nets.into_iter().flat_map(|net| ids.iter().map(move |id| (net, *id)));
    let myself = (peer.net(), peer.id().copied());
    pairs.filter(|pair| *pair != myself && scope.contains(&plain(*pair))).collect()
}

fn plain((seen, id): (IpNet, Option<PeerId>)) -> Peer<'static> {
    let peer = Peer::network(seen);
    id.map_or(peer.clone(), |id| peer.with_id(id))
}

fn ids_in(scope: &Scope, peer: &Peer<'_>, hearing: &Hearing<'_>) -> Vec<Option<PeerId>> {
    let own = peer.id().copied();
    let ports: Vec<u16> = match (&scope.id, own) {
        (IdScope::Ports { low, high }, _) => vec![*low, *high, Sequence::new(9).port(*low, *high)],
        (IdScope::Any, Some(PeerId::Port(_))) => hearing
            .stage
            .facts()
            .networks()
            .iter()
            .filter_map(|network| match network.scope.id {
                IdScope::Ports { low, .. } => Some(low),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    [own].into_iter().chain(ports.into_iter().map(|port| Some(PeerId::Port(port)))).collect()
}

pub(super) async fn order_is_stable(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.cases(speaks) {
        let mut orders = Vec::new();
        for round in 0..3 {
            let outcome = match round {
                0 | 1 => hearing.ask(&scene, &case).await?,
                _ => hearing.ask_fresh(&case).await?,
            };
            let Ok(answer) = outcome else { continue };
            best_first(hearing, &case, &answer)?;
            orders.push(uris(&answer));
        }
        let same = orders.windows(2).all(|pair| pair[0] == pair[1]);
        ensure(same, || format!("{case}: the order changes between calls: {orders:?}"))?;
    }
    Ok(())
}

fn best_first(hearing: &Hearing<'_>, case: &Case<'_>, answer: &Answer) -> Ruling {
    let ranks: Vec<_> = answer.servers().iter().map(|s| (s.order, s.preference)).collect();
    ensure(ranks.is_sorted(), || {
        format!("{case}: not best first by (order, preference): {ranks:?}")
    })?;
    let truth = hearing.servers_of(case.network);
    let found = uris(answer);
    let known = found.iter().all(|uri| truth.contains(uri)) && !found.is_empty();
    let kept: Vec<_> = truth.iter().filter(|uri| found.contains(uri)).cloned().collect();
    ensure(!known || kept == found, || format!("{case}: {found:?} should come as {truth:?}"))
}

/// [`Peer`] folds mapped addresses, so a backend that goes by the peer's address alone keeps this
/// law by itself; one that reads what the peer sent must not undo it.
pub(super) async fn mapped_equals_v4(hearing: &mut Hearing<'_>) -> Ruling {
    let is_ipv4 = |network: &Network| network.scope.net.addr().is_ipv4();
    for case in hearing.cases(|network| is_settled(network) && is_ipv4(network)) {
        let Some(mapped) = mapped(case.peer.net()) else { continue };
        let peer = match hearing.stage.peer(mapped, case.peer.id().copied()) {
            Ok(peer) => peer,
            Err(skip) => {
                hearing.leave_out(skip);
                continue;
            }
        };
        let plain = Gist::of(&hearing.ask_fresh(&case).await?);
        let folded = Gist::of(&hearing.ask_fresh(&Case { peer, ..case.clone() }).await?);
        ensure(plain == folded, || format!("{case} gives {plain}, seen as {mapped} {folded}"))?;
    }
    Ok(())
}

/// The form in which a dual-stack socket shows an IPv4 address (RFC 4291 §2.5.5.2).
fn mapped(net: IpNet) -> Option<IpNet> {
    let IpAddr::V4(v4) = net.network() else { return None };
    Ipv6Net::new(v4.to_ipv6_mapped(), net.prefix_len() + 96).ok().map(IpNet::V6)
}

pub(super) async fn absence_is_dated(hearing: &mut Hearing<'_>) -> Ruling {
    let scene = hearing.open().await;
    for case in hearing.cases(|network| network.truth == Truth::Nobody) {
        let outcome = hearing.ask(&scene, &case).await?;
        let Err(Error::NoServer(none)) = outcome else {
            let gist = Gist::of(&outcome);
            return Err(Broken(format!("surely nobody speaks for {case}, but it gives {gist}")));
        };
        let (now, validity) = (Instant::now(), none.validity);
        ensure(validity.since() <= now && validity.holds(now), || {
            format!("{case}: the absence does not hold when it is told")
        })?;
        let lifetime = validity.lifetime();
        ensure(lifetime <= LONGEST_ABSENCE, || format!("{case}: absent for {lifetime:?}"))?;
    }
    Ok(())
}
