//! What of a publication is no fault, but hardly what was meant.

use alto_backend_dns::config::{TTL_MAX, TTL_MIN};
use alto_discovery_core::Policy;

use crate::publication::{Entry, Publication};

impl Publication {
    /// What to tell whoever publishes this, one sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for remark in self.entries.iter().filter_map(|entry| self.remark(entry)) {
            if !remarks.contains(&remark) {
                remarks.push(remark); // blocks of ports have one in common
            }
        }
        let (least, most) = (TTL_MIN.default.as_secs(), TTL_MAX.default.as_secs());
        if !(least..=most).contains(&self.ttl.into()) {
            remarks.push(format!(
                "a TTL of {} s: trackers remember nothing for less than {least} s or more than {most} s",
                self.ttl
            ));
        }
        let servers = self.entries.iter().flat_map(|entry| &entry.servers);
        if servers.into_iter().any(|server| server.uri.starts_with("http:")) {
            remarks.push("http: trackers contact no server without TLS unless told to".into());
        }
        remarks
    }

    fn remark(&self, entry: &Entry) -> Option<String> {
        let net = entry.net;
        if let Err(refusal) = Policy::default().check_peer(net) {
            return Some(format!("{refusal}: trackers do not ask for it unless told to"));
        }
        let around = self.around(entry);
        match (entry.servers.is_empty(), around) {
            (true, None) => {
                Some(format!("no prefix is around {net}, so there is nothing to except"))
            }
            (false, Some(outer)) if outer.servers == entry.servers => {
                Some(format!("{net} has the same servers as {} around it", outer.net))
            }
            _ => None,
        }
    }

    /// The nearest prefix around that of an entry.
    fn around(&self, entry: &Entry) -> Option<&Entry> {
        let whole = self.entries.iter().filter(|other| other.ports.is_none());
        let around = whole.filter(|other| other.net != entry.net && other.net.contains(&entry.net));
        around.max_by_key(|other| other.net.prefix_len())
    }
}
