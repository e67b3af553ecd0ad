//! Looks at what discovery by DNS stands on: the resolvers, what they can do, and the clock.
//!
//! Every question is one that a walk or its resolver would ask anyway; none names a peer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alto_discovery_core::{Finding, Policy, duration_text};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};
use tokio::time::Instant;

use crate::config::DnsConfig;
use crate::domain;
use crate::exchange::{Exchange, Fault, Question, Way, Wish};
use crate::reply;
use crate::resolvers::{Server, servers};
use crate::rules::DnssecMode;

/// Where all walks lead (RFC 3172, RFC 3596 §2.5).
const REVERSE_TREES: [&str; 2] = ["in-addr.arpa.", "ip6.arpa."];

/// Zones of private and loopback addresses that resolvers may answer themselves (RFC 6303 §4), one
/// for each block.
const PRIVATE: [&str; 6] = [
    "127.in-addr.arpa.",
    "10.in-addr.arpa.",
    "16.172.in-addr.arpa.",
    "168.192.in-addr.arpa.",
    "64.100.in-addr.arpa.",
    "d.f.ip6.arpa.",
];
/// The same for documentation addresses.
const DOCUMENTATION: [&str; 4] = [
    "2.0.192.in-addr.arpa.",
    "100.51.198.in-addr.arpa.",
    "113.0.203.in-addr.arpa.",
    "8.b.d.0.1.0.0.2.ip6.arpa.",
];

/// Asks each resolver what a discovery needs of it.
pub(crate) async fn examine(config: &DnsConfig, policy: Policy) -> Vec<Finding> {
    let servers = match servers(config) {
        Ok(servers) => servers,
        Err(fault) => {
            let finding = Finding::fault("resolver", "dns.resolver", fault.to_string());
            return vec![finding.fix("name a resolver: dns.resolver = \"127.0.0.1\"")];
        }
    };
    let mut findings = Vec::new();
    for server in &servers {
        let patient = Patient { server, config, exchange: Exchange::new() };
        findings.extend(patient.examine(policy).await);
    }
    findings
}

/// One resolver under examination.
struct Patient<'p> {
    server: &'p Server,
    config: &'p DnsConfig,
    exchange: Exchange,
}

impl Patient<'_> {
    async fn examine(&self, policy: Policy) -> Vec<Finding> {
        let began = Instant::now();
        let root = match self.ask(".", RecordType::SOA, Wish::Signatures).await {
            Ok(root) => root,
            Err(fault) => return vec![self.unreachable(&fault)],
        };
        let reason = format!("replies, the first time within {:.0?}", began.elapsed());
        let mut findings = vec![Finding::fine("resolver", &self.server.address, reason)];
        let unchecked = self.refused_by_validation(&root).await;
        if unchecked.is_none() && root.metadata.response_code != ResponseCode::NoError {
            findings.push(self.no_root(&root));
            return findings;
        }
        findings.push(self.recursion(&root));
        for tree in REVERSE_TREES {
            findings.push(self.reverse_tree(tree).await);
        }
        findings.extend(self.tcp().await);
        findings.push(match &unchecked {
            Some(_) => self.validation_fails(&root),
            None => self.dnssec(&root),
        });
        #[allow(clippy::disallowed_methods)] // it is what is examined
        findings.push(clock(unchecked.as_ref().unwrap_or(&root), SystemTime::now()));
        findings.extend(self.zones_under_test(policy).await);
        findings
    }

    async fn ask(&self, name: &str, kind: RecordType, wish: Wish) -> Result<Message, Fault> {
        let name = written(name);
        let question = Question::new(&name, kind).wishing(wish);
        self.exchange.ask(&self.server.way, question, self.until()).await
    }

    fn until(&self) -> Instant {
        Instant::now() + self.config.timeout
    }

    fn unreachable(&self, fault: &Fault) -> Finding {
        let fix = match self.server.way {
            Way::Plain(_) => "start it, let UDP through to it, or name another one in dns.resolver",
            Way::Tls(_) => {
                "check address, name and port in dns.resolver, and dns.ca_file if its certificate \
                 is not signed by a public authority"
            }
        };
        Finding::fault("resolver", &self.server.address, fault.to_string()).fix(fix)
    }

    /// Who cannot resolve the root says nothing of what else it could do.
    fn no_root(&self, root: &Message) -> Finding {
        let code = reply::word(root.metadata.response_code);
        let reason = format!("does not resolve the root zone: {code}");
        Finding::fault("recursion", &self.server.address, reason)
            .fix("look at its log: it may not serve this address, or not reach the root's servers")
    }

    fn recursion(&self, root: &Message) -> Finding {
        let address = &self.server.address;
        if root.metadata.recursion_available {
            return Finding::fine("recursion", address, "resolves names for us");
        }
        Finding::note("recursion", address, "answers from its own zones only: no recursion for us")
            .fix("that is right for a test; otherwise name a recursive resolver in dns.resolver")
    }

    async fn reverse_tree(&self, tree: &'static str) -> Finding {
        let fix = "the resolver must reach the name servers of the reverse tree: look at its log, \
                   its forwarders and its local zones";
        let wrong = match self.ask(tree, RecordType::NS, Wish::Nothing).await {
            Ok(reply) => match reply.metadata.response_code {
                ResponseCode::NoError if says_something(&reply) => {
                    return Finding::fine("reverse-tree", tree, "resolves");
                }
                ResponseCode::NoError => "the reply neither answers nor denies".into(),
                ResponseCode::NXDomain => {
                    "does not exist, it is said: no server will be found".into()
                }
                code => format!("not resolved: {code}"),
            },
            Err(fault) => fault.to_string(),
        };
        Finding::fault("reverse-tree", tree, wrong).fix(fix)
    }

    async fn tcp(&self) -> Option<Finding> {
        let Way::Plain(socket) = self.server.way else { return None };
        let root = Name::root();
        let question = Question::new(&root, RecordType::SOA);
        let reply = self.exchange.over_tcp(socket, question, self.until()).await;
        Some(match reply.map_err(Fault::from) {
            Ok(_) => Finding::fine("tcp", &self.server.address, "replies over TCP too"),
            Err(fault) => {
                let reason =
                    format!("no answer that is longer than 1,232 octets: over TCP, {fault}");
                Finding::fault("tcp", &self.server.address, reason)
                    .fix("let TCP through to the resolver (RFC 7766)")
            }
        })
    }

    /// The root zone as long as nobody checks it, where whoever checks it refuses it.
    async fn refused_by_validation(&self, root: &Message) -> Option<Message> {
        if root.metadata.response_code != ResponseCode::ServFail {
            return None;
        }
        let unchecked = self.ask(".", RecordType::SOA, Wish::SignaturesUnchecked).await.ok()?;
        (unchecked.metadata.response_code == ResponseCode::NoError).then_some(unchecked)
    }

    fn validation_fails(&self, root: &Message) -> Finding {
        let told = reply::validation_error(root).map(|told| format!(": {told}"));
        let reason = format!(
            "validates, and finds the root zone itself not authentic{}, so that nothing resolves",
            told.unwrap_or_default()
        );
        Finding::fault("dnssec", &self.server.address, reason).fix(
            "set the clock, if that is wrong; otherwise give it the root's trust anchor \
             (unbound-anchor, RFC 5011)",
        )
    }

    fn dnssec(&self, root: &Message) -> Finding {
        let address = &self.server.address;
        let validates = root.metadata.authentic_data;
        let believed = address.is_authentic();
        let local = "run a validating resolver on this machine, or ask one over TLS: \
                     dns.resolver = \"tls://IP#NAME\"";
        match (self.config.dnssec, validates, believed) {
            (DnssecMode::Off, ..) => {
                Finding::fine("dnssec", "dns.dnssec", "off: nothing is expected")
            }
            (_, true, true) => Finding::fine("dnssec", address, "validates, and its word counts"),
            (_, true, false) => {
                let reason = "says that it validates, but anybody on the way to it could say so: not believed";
                Finding::note("dnssec", address, reason).fix(local)
            }
            (DnssecMode::Require, false, _) => {
                let reason = "does not validate the root zone, so that nothing can be found";
                Finding::fault("dnssec", address, reason).fix(local)
            }
            (DnssecMode::Prefer, false, _) => {
                let reason = "does not validate the root zone: forged answers are not noticed";
                Finding::note("dnssec", address, reason)
                    .fix("give it the root's trust anchor (RFC 5011), or name a validating one")
            }
        }
    }

    /// Resolvers answer some zones themselves; where peers of them are to be asked for, that hides
    /// what is published.
    async fn zones_under_test(&self, policy: Policy) -> Vec<Finding> {
        let mut zones: Vec<&'static str> = Vec::new();
        zones.extend(policy.allow_private_peers.then_some(PRIVATE).iter().flatten());
        zones.extend(policy.allow_documentation.then_some(DOCUMENTATION).iter().flatten());
        let mut findings = Vec::new();
        for zone in zones {
            findings.push(match self.ask(zone, RecordType::NAPTR, Wish::Nothing).await {
                Ok(reply) => zone_under_test(zone, &reply),
                Err(fault) => Finding::fault("zone", zone, fault.to_string()),
            });
        }
        findings
    }
}

/// An answer, or a denial that can be dated (RFC 2308 §2.2).
fn says_something(reply: &Message) -> bool {
    let dated = reply.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
    let answered = |record: &Record| record.record_type() != RecordType::CNAME;
    dated || reply.answers.iter().any(answered)
}

fn zone_under_test(zone: &str, reply: &Message) -> Finding {
    if is_built_in(reply) {
        let reason = "the resolver answers this zone itself: what is published there is never seen";
        let fix = format!(
            "tell it not to; in Unbound: local-zone: \"{zone}\" nodefault; in BIND: disable-empty-zone \"{zone}\";"
        );
        return Finding::fault("zone", zone, reason).fix(fix);
    }
    match reply.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain if says_something(reply) => {
            Finding::fine("zone", zone, "questions about it are really sent")
        }
        ResponseCode::NoError | ResponseCode::NXDomain => {
            Finding::note("zone", zone, "the reply neither answers nor denies")
                .fix("look at the name server of the zone: its denials need an SOA (RFC 2308)")
        }
        code => Finding::note("zone", zone, format!("not resolved: {code}"))
            .fix("a zone that nobody serves leads to failures instead of sure answers"),
    }
}

/// RFC 6303 §3: an empty zone whose SOA names the zone itself, or nobody, as its server.
fn is_built_in(reply: &Message) -> bool {
    reply.metadata.authoritative
        && reply.metadata.recursion_available
        && reply.authorities.iter().any(|record| match &record.data {
            RData::SOA(soa) => soa.mname == record.name || soa.mname == written("localhost."),
            _ => false,
        })
}

/// What is signed now is valid now (RFC 4034 §3.1.5), unless our clock is wrong.
fn clock(root: &Message, now: SystemTime) -> Finding {
    let Some((inception, expiration)) = root.answers.iter().find_map(|record| {
        (record.record_type() == RecordType::RRSIG).then(|| span(&record.data)).flatten()
    }) else {
        let reason = "cannot be checked: the root zone came without signatures";
        return Finding::note("clock", "system clock", reason);
    };
    // Serial arithmetic (RFC 1982) on the seconds since 1970, as signatures count them.
    #[allow(clippy::cast_possible_truncation)] // which is what they do
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as u32;
    let since = now.wrapping_sub(inception).cast_signed();
    let left = expiration.wrapping_sub(now).cast_signed();
    if since >= 0 && left >= 0 {
        let reason = "agrees with the signatures of the root zone";
        return Finding::fine("clock", "system clock", reason);
    }
    let wrong = if since < 0 {
        format!("{} too slow at least", seconds(since))
    } else {
        format!("{} too fast at least", seconds(left))
    };
    let reason = format!(
        "{wrong}, as the root zone's signatures say: certificates and validation will fail"
    );
    Finding::fault("clock", "system clock", reason).fix("set the clock; run an NTP client")
}

fn seconds(difference: i32) -> String {
    duration_text(Duration::from_secs(difference.unsigned_abs().into()))
}

/// When a signature begins and ceases to be valid.
fn span(rrsig: &RData) -> Option<(u32, u32)> {
    let mut octets = Vec::new();
    rrsig.emit(&mut BinEncoder::new(&mut octets)).ok()?;
    let at = |i: usize| octets.get(i..i + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((at(12)?, at(8)?))
}

fn written(name: &str) -> Name {
    domain::name_of(name).expect("a name written here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alto_discovery_core::Severity;
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::rdata::NULL;

    const INCEPTION: u32 = 1_700_000_000;
    const EXPIRATION: u32 = INCEPTION + 1_000_000;

    /// A reply with a signature over the root's SOA that holds between these times.
    fn signed(inception: u32, expiration: u32) -> Message {
        let mut data = vec![0, 6, 8, 0, 0, 1, 0x51, 0x80];
        data.extend(expiration.to_be_bytes());
        data.extend(inception.to_be_bytes());
        data.extend([0, 1, 0, 1, 2, 3]);
        let data = RData::Unknown { code: RecordType::RRSIG, rdata: NULL::with(data) };
        let mut message = Message::response(1, OpCode::Query);
        message.add_answer(Record::from_rdata(Name::root(), 60, data));
        message
    }

    fn clock_at(seconds: u64, root: &Message) -> Finding {
        clock(root, UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// RFC 4034 §3.1.5: from inception to expiration, both included, a signature holds; outside of
    /// that it is the clock that is wrong, and by how much at least.
    #[test]
    fn a_clock_is_held_against_signatures() {
        let root = signed(INCEPTION, EXPIRATION);
        for (offset, severity, says) in [
            (-1, Severity::Fault, "1s too slow"),
            (0, Severity::Fine, "agrees"),
            (1_000_000, Severity::Fine, "agrees"),
            (1_000_060, Severity::Fault, "1m too fast"),
        ] {
            let finding = clock_at(u64::from(INCEPTION).strict_add_signed(offset), &root);
            assert_eq!(finding.severity, severity, "{finding:?}");
            assert!(finding.reason.contains(says), "{finding:?}");
        }
    }

    /// RFC 1982: signatures that span the wrap-around of 2106 hold as well.
    #[test]
    fn signatures_wrap_around() {
        let root = signed(u32::MAX - 10, 10);
        let wrap = 1 << 32;
        assert_eq!(clock_at(wrap - 5, &root).severity, Severity::Fine);
        assert_eq!(clock_at(wrap + 5, &root).severity, Severity::Fine);
        assert_eq!(clock_at(wrap + 11, &root).severity, Severity::Fault);
    }

    #[test]
    fn without_signatures_nothing_is_said_of_the_clock() {
        let finding = clock(&Message::response(1, OpCode::Query), UNIX_EPOCH);
        assert_eq!(finding.severity, Severity::Note);
    }
}
