//! A small authoritative name server on loopback, for machines that have none installed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::iter::successors;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use hickory_proto::serialize::txt::Parser;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// A running name server, over UDP; it ends when dropped.
pub(crate) struct NameServer {
    task: JoinHandle<()>,
    address: SocketAddr,
    queries: Arc<AtomicUsize>,
}

/// Who hears each query, with the address it came from, and the reply to it.
pub(crate) type Hear = dyn Fn(SocketAddr, &[u8], Option<&[u8]>) + Send + Sync;

impl NameServer {
    /// Serves a master file for the root zone on a free port of 127.0.0.1.
    pub(crate) async fn start(zone: &str) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), zone, Arc::new(|_, _, _| ())).await
    }

    /// The same at this address, with somebody who hears what is asked and replied.
    pub(crate) async fn start_at(
        address: SocketAddr,
        zone: &str,
        hear: Arc<Hear>,
    ) -> io::Result<Self> {
        let zone = Zone::read(zone)?;
        let queries = Arc::new(AtomicUsize::new(0));
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        let task = tokio::spawn(serve(socket, zone, Arc::clone(&queries), hear));
        Ok(Self { task, address, queries })
    }

    /// Switches it off: from now on its port is closed.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        // Its socket is closed once the task has ended, which here is by being aborted; maybe before.
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }

    /// Where it listens, or did.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queries received so far.
    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zone: Zone, queries: Arc<AtomicUsize>, hear: Arc<Hear>) {
    let mut datagram = [0; 1_232];
    loop {
        // An error here is about an earlier reply that met a closed port.
        let Ok((length, client)) = socket.recv_from(&mut datagram).await else { continue };
        queries.fetch_add(1, Ordering::Relaxed);
        let reply = zone.reply(&datagram[..length]);
        hear(client, &datagram[..length], reply.as_deref());
        if let Some(reply) = reply {
            let _ = socket.send_to(&reply, client).await;
        }
    }
}

/// The root zone: its records by name, and the names that exist (RFC 4592 §2.2: those of records
/// and all above them).
struct Zone {
    soa: Record,
    records: HashMap<String, Vec<Record>>,
    existing: HashSet<String>,
}

impl Zone {
    fn read(text: &str) -> io::Result<Self> {
        let parser = Parser::new(text, None, Some(Name::root()));
        let (_, sets) = parser.parse().map_err(io::Error::other)?;
        let all: Vec<Record> =
            sets.values().flat_map(|set| set.records_without_rrsigs().cloned()).collect();
        let soa = all.iter().find(|record| record.record_type() == RecordType::SOA);
        let soa = soa.cloned().ok_or_else(|| io::Error::other("a zone without SOA"))?;
        let mut zone = Self { soa, records: HashMap::new(), existing: HashSet::new() };
        for record in all {
            let name = record.name.to_lowercase().to_ascii();
            zone.existing.extend(above(&name).map(str::to_owned));
            zone.records.entry(name).or_default().push(record);
        }
        Ok(zone)
    }

    /// The reply to a query; none to what is no query.
    fn reply(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let query = Message::from_vec(datagram).ok()?;
        let question = query.queries.first()?;
        let name = question.name().to_lowercase().to_ascii();
        let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
        reply.metadata.authoritative = true;
        reply.add_query(question.clone());
        match self.holder(&name) {
            Some(records) => reply.add_answers(
                records
                    .iter()
                    .filter(|record| record.record_type() == question.query_type())
                    .map(|record| named(record, question.name())),
            ),
            None if self.existing.contains(&name) => &mut reply,
            None => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                &mut reply
            }
        };
        if reply.answers.is_empty() {
            reply.add_authority(self.soa.clone());
        }
        reply.to_vec().ok()
    }

    /// The records at a name, or else at the wildcard that stands for it (RFC 4592 §3.3.1).
    fn holder(&self, name: &str) -> Option<&Vec<Record>> {
        let wildcard = || {
            let encloser = above(name).find(|parent| self.existing.contains(*parent))?;
            (encloser != name).then(|| self.records.get(&format!("*.{encloser}")))?
        };
        self.records.get(name).or_else(wildcard)
    }
}

/// A name and all names above it.
fn above(name: &str) -> impl Iterator<Item = &str> {
    let parents = successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent));
    parents.filter(|name| !name.is_empty())
}

fn named(record: &Record, name: &Name) -> Record {
    let mut record = record.clone();
    record.name = name.clone();
    record
}
