//! For whom a walk proved its outcome.
//!
//! Sound or nothing: whoever is inside the scope would have got the same.
//!
//! - A record found for one host at a shorter name proves nothing for its neighbours, who may have
//!   records at longer names of their own. So the scope is that host.
//! - With [`Granularity::Prefix`] each host of a /24 or /64, and each prefix inside it, is asked for
//!   as that block. So the scope is the block.
//! - A prefix asked for by itself is its own scope: what is proven, is proven for the prefix. A
//!   longer prefix inside it has longer names to ask first, so it is a question of its own; a
//!   prefix's answer is good for its members only as far as the caller treats them as one.
//! - A name that does not exist has nothing below it (RFC 8020 §2). Where that may be relied on,
//!   the denial of a shorter name settles the question for all of that name's addresses.
//! - A reply at the name of a peer ID proves nothing for other IDs: it does not say whether it comes
//!   from a wildcard, and a wildcard may have exceptions. So the scope is that one ID, unless the
//!   absence of the host's own name, or of a shorter one, settles it for all IDs.

use alto_discovery_core::{IdScope, PeerId, Scope};
use ipnet::IpNet;

use crate::plan::Granularity;

/// Whether "no such name" settles all names below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NxdomainCut {
    /// No: some servers deny by mistake that empty non-terminals exist.
    #[default]
    Off,
    /// Yes (RFC 8020 §2).
    On,
}

/// For whom a walk for `peer` proved its outcome, if no question failed.
///
/// `id` is the peer ID that was asked for, `absent` are the addresses of the names that were denied to
/// exist on the way to the outcome.
pub fn proven(
    peer: IpNet,
    id: Option<PeerId>,
    granularity: Granularity,
    cut: NxdomainCut,
    absent: impl IntoIterator<Item = IpNet>,
) -> Scope {
    let asked = granularity.asked(peer);
    // Of the names asked, so none is longer than what was asked for.
    let settled = absent.into_iter().filter(|_| cut == NxdomainCut::On);
    match (settled.min_by_key(IpNet::prefix_len), id) {
        (Some(settled), _) => Scope::net(settled),
        (_, Some(id)) => Scope { id: IdScope::Exactly(id), ..Scope::net(asked) },
        (_, None) => Scope::net(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(peer: &str, granularity: Granularity, cut: NxdomainCut, absent: &[&str]) -> String {
        let absent = absent.iter().map(|net| net.parse().unwrap());
        proven(peer.parse().unwrap(), None, granularity, cut, absent).net.to_string()
    }

    /// A result at R24 for one host is not reused for another host.
    #[test]
    fn a_host_proves_itself_only() {
        let denials = ["198.51.100.3/32", "198.51.100.0/24"];
        let host = scope("198.51.100.3/32", Granularity::Host, NxdomainCut::Off, &denials);
        assert_eq!(host, "198.51.100.3/32");
    }

    #[test]
    fn a_block_proves_itself() {
        let prefix = |peer| scope(peer, Granularity::Prefix, NxdomainCut::Off, &[]);
        assert_eq!(prefix("198.51.100.3/32"), "198.51.100.0/24");
        assert_eq!(prefix("198.51.100.64/26"), "198.51.100.0/24");
        assert_eq!(prefix("2001:db8:1:2::3/128"), "2001:db8:1:2::/64");
        assert_eq!(prefix("198.51.0.0/16"), "198.51.0.0/16");
    }

    /// RFC 8020 §2: the shortest absent name settles everything below it.
    #[test]
    fn an_absent_name_settles_what_lies_below() {
        let cut = |absent| scope("198.51.100.3/32", Granularity::Host, NxdomainCut::On, absent);
        assert_eq!(cut(&["198.51.100.3/32"]), "198.51.100.3/32");
        assert_eq!(cut(&["198.51.100.3/32", "198.51.0.0/16"]), "198.51.0.0/16");
        assert_eq!(cut(&[]), "198.51.100.3/32");
    }
    /// A reply for one ID is none for another, unless nothing exists below the host's name.
    #[test]
    fn an_id_proves_itself_only() {
        let (host, id) = ("198.51.100.3/32".parse().unwrap(), PeerId::Port(40_000));
        let ids = |cut, absent: &[&str]| {
            let absent = absent.iter().map(|net| net.parse().unwrap());
            proven(host, Some(id), Granularity::Host, cut, absent).id
        };
        assert_eq!(ids(NxdomainCut::Off, &["198.51.100.3/32"]), IdScope::Exactly(id));
        assert_eq!(ids(NxdomainCut::On, &[]), IdScope::Exactly(id));
        assert_eq!(ids(NxdomainCut::On, &["198.51.100.3/32"]), IdScope::Any);
        assert_eq!(ids(NxdomainCut::On, &["198.51.0.0/16"]), IdScope::Any);
    }
}
