//! A name server that does as it is told, on loopback.
#![allow(unreachable_pub)] // shared as a module, not as a crate
#![allow(dead_code)] // each file of tests uses a part of it

pub mod asking;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{NAPTR, SOA};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// What to send back, in order.
pub enum Send {
    Octets(Vec<u8>),
    /// From a port that nobody asked.
    FromElsewhere(Vec<u8>),
}

/// What the server makes of a question.
pub type Script = dyn Fn(&Message, Over) -> Vec<Send> + std::marker::Send + Sync;

/// Ends with the value.
pub struct Server {
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<(Message, Over)>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    pub async fn start(
        script: impl Fn(&Message, Over) -> Vec<Send> + std::marker::Send + Sync + 'static,
    ) -> Self {
        let (udp, tcp) = ports().await;
        Self::on(udp, Some(tcp), Arc::new(script))
    }

    /// Without TCP.
    pub async fn start_udp(
        address: SocketAddr,
        script: impl Fn(&Message, Over) -> Vec<Send> + std::marker::Send + Sync + 'static,
    ) -> Self {
        Self::on(UdpSocket::bind(address).await.unwrap(), None, Arc::new(script))
    }

    fn on(udp: UdpSocket, tcp: Option<TcpListener>, script: Arc<Script>) -> Self {
        let address = udp.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = vec![tokio::spawn(serve_udp(udp, script.clone(), log.clone()))];
        tasks.extend(tcp.map(|tcp| tokio::spawn(serve_tcp(tcp, script, log.clone()))));
        Self { address, log, tasks }
    }

    /// Closes the port; gives its address.
    pub async fn stop(mut self) -> SocketAddr {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await; // it was told to end
        }
        self.address
    }

    /// The questions so far.
    pub fn questions(&self) -> Vec<(Message, Over)> {
        self.log.lock().unwrap().clone()
    }

    /// Their names, in lower case.
    pub fn names(&self) -> Vec<String> {
        self.questions().iter().map(|(question, _)| name_of(question)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The same port for both.
async fn ports() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, script: Arc<Script>, log: Arc<Mutex<Vec<(Message, Over)>>>) {
    let mut octets = [0; 4_096];
    while let Ok((length, from)) = socket.recv_from(&mut octets).await {
        let question = Message::from_vec(&octets[..length]).unwrap();
        log.lock().unwrap().push((question.clone(), Over::Udp));
        for send in script(&question, Over::Udp) {
            match send {
                Send::Octets(octets) => socket.send_to(&octets, from).await.unwrap(),
                Send::FromElsewhere(octets) => {
                    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    other.send_to(&octets, from).await.unwrap()
                }
            };
        }
    }
}

async fn serve_tcp(
    listener: TcpListener,
    script: Arc<Script>,
    log: Arc<Mutex<Vec<(Message, Over)>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = serve_stream(stream, &script, &log).await; // the other side may hang up at any time
    }
}

async fn serve_stream(
    mut stream: TcpStream,
    script: &Arc<Script>,
    log: &Mutex<Vec<(Message, Over)>>,
) -> std::io::Result<()> {
    let length = stream.read_u16().await?;
    let mut octets = vec![0; length.into()];
    stream.read_exact(&mut octets).await?;
    let question = Message::from_vec(&octets).unwrap();
    log.lock().unwrap().push((question.clone(), Over::Tcp));
    for send in script(&question, Over::Tcp) {
        if let Send::Octets(octets) = send {
            stream.write_u16(octets.len().try_into().unwrap()).await?;
            stream.write_all(&octets).await?;
        }
    }
    Ok(())
}

/// The name asked for, in lower case.
pub fn name_of(question: &Message) -> String {
    question.queries[0].name.to_ascii().to_ascii_lowercase()
}

/// A reply to it with this code and nothing else.
pub fn reply(question: &Message, code: ResponseCode) -> Message {
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.response_code = code;
    reply.queries.clone_from(&question.queries);
    reply.edns.clone_from(&question.edns);
    reply
}

pub fn octets(message: &Message) -> Vec<Send> {
    vec![Send::Octets(message.to_vec().unwrap())]
}

/// "No such name", from the zone `.`.
pub fn nxdomain(question: &Message) -> Message {
    let mut reply = reply(question, ResponseCode::NXDomain);
    reply.authorities.push(soa("."));
    reply
}

pub fn soa(zone: &str) -> Record {
    let data = SOA::new(Name::root(), Name::root(), 1, 3_600, 600, 86_400, 300);
    Record::from_rdata(name(zone), 300, RData::SOA(data))
}

pub fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// A record that names a server for `ALTO:https`.
pub fn server_at(owner: &str, ttl: u32, uri: &str) -> Record {
    let text = |text: &str| text.as_bytes().into();
    let regexp = format!("!.*!{uri}!");
    let data = NAPTR::new(100, 10, text("u"), text("ALTO:https"), text(&regexp), Name::root());
    Record::from_rdata(name(owner), ttl, RData::NAPTR(data))
}

/// `records` where they are owned by the name asked for, else "no such name".
pub fn zone(question: &Message, records: &[Record]) -> Message {
    let asked = name(&name_of(question));
    let own: Vec<_> = records.iter().filter(|record| record.name == asked).cloned().collect();
    if own.is_empty() {
        return nxdomain(question);
    }
    let mut reply = reply(question, ResponseCode::NoError);
    reply.answers = own;
    reply
}
