//! Puts a network map together, prefix by prefix.

use ipnet::IpNet;

use super::NetworkMap;
use super::entry::{Entry, Entry4, Entry6};
use crate::fault::{Fault, Parsed, code};
use crate::meta::VersionTag;
use crate::options::{Limits, Report, too_large};
use crate::pid_table::{PidId, PidTable};

/// A network map in the making.
#[derive(Debug, Default)]
pub struct NetworkMapBuilder {
    limits: Limits,
    pids: PidTable,
    pub(super) ipv4: Vec<Entry4>,
    pub(super) ipv6: Vec<Entry6>,
    report: Report,
}

impl NetworkMapBuilder {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The PID of that name, which is added if need be.
    ///
    /// # Errors
    /// If that is no PID name, or there are too many.
    pub fn pid(&mut self, name: &str) -> Result<PidId, Fault> {
        self.pids.number(name, self.limits.pids, "network-map", &mut self.report)
    }

    /// The same, with warnings to a report of the caller.
    pub(super) fn pid_noting(&mut self, name: &str, report: &mut Report) -> Result<PidId, Fault> {
        self.pids.number(name, self.limits.pids, "network-map", report)
    }

    /// Adds a prefix to a PID; bits beyond the prefix's length are cleared.
    ///
    /// # Errors
    /// If there are too many.
    pub fn prefix(&mut self, pid: PidId, net: IpNet) -> Result<(), Fault> {
        if self.room() == 0 {
            return Err(too_large("network-map", "prefixes", self.limits.prefixes));
        }
        match net.trunc() {
            IpNet::V4(net) => self.ipv4.push(Entry4::new(net, pid)),
            IpNet::V6(net) => self.ipv6.push(Entry6::new(net, pid)),
        }
        Ok(())
    }

    /// How many prefixes may still be added.
    pub(super) fn room(&self) -> usize {
        self.limits.prefixes.saturating_sub(self.ipv4.len() + self.ipv6.len())
    }

    pub(super) fn pids(&self) -> &PidTable {
        &self.pids
    }

    /// The map.
    ///
    /// # Errors
    /// If a prefix is in two PIDs (RFC 7285 §11.2.2).
    pub fn finish(mut self, vtag: Option<VersionTag>) -> Result<Parsed<NetworkMap>, Fault> {
        let mut report = std::mem::take(&mut self.report);
        let message = self.finish_into(vtag, &mut report)?;
        Ok(Parsed { message, warnings: report.into_warnings() })
    }

    pub(super) fn finish_into(
        mut self,
        vtag: Option<VersionTag>,
        report: &mut Report,
    ) -> Result<NetworkMap, Fault> {
        self.ipv4.sort_unstable();
        self.ipv6.sort_unstable();
        let Self { pids, mut ipv4, mut ipv6, .. } = self;
        remove_repeated(&mut ipv4, &pids, report)?;
        remove_repeated(&mut ipv6, &pids, report)?;
        ipv4.shrink_to_fit();
        ipv6.shrink_to_fit();
        Ok(NetworkMap { vtag, pids, ipv4, ipv6 })
    }
}

/// Removes from a sorted list what it holds twice.
fn remove_repeated<E: Entry>(
    sorted: &mut Vec<E>,
    pids: &PidTable,
    report: &mut Report,
) -> Result<(), Fault> {
    for pair in sorted.windows(2).filter(|pair| pair[0].is_same_net(pair[1])) {
        let net = pair[0].net();
        let (one, other) = (pids.name(pair[0].pid()), pids.name(pair[1].pid()));
        let field = format!("network-map/{other}");
        if one != other {
            let sentence = format!("the prefix {net} is in two PIDs, {one} and {other}");
            return Err(Fault::value(code::PREFIX_IN_TWO_PIDS, field, &net.to_string(), sentence));
        }
        report.note(code::REPEATED_PREFIX, || {
            let sentence = format!("the prefix {net} is there twice");
            Fault::value(code::REPEATED_PREFIX, field, &net.to_string(), sentence)
        });
    }
    sorted.dedup();
    Ok(())
}
