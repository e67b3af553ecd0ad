//! Asks the DHCP servers of a link for the names of the network: nothing is leased, nothing is kept.

use std::fmt;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use if_addrs::Interface;
use socket2::{Domain as Kind, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::access::Access;
use super::lease::{Facts, Family};
use super::{dhcp4, dhcp6};

/// How long after the question it is asked again; RFC 2131 §4.1 and RFC 8415 §15 have a client double
/// its waiting.
const AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// One octet more, so that a message that is too long is seen to be.
const BUFFER: usize = dhcp4::MOST_MESSAGE + 1;

/// Asks by a DHCPINFORM (RFC 2131 §4.4.3) for options 213 and 15, as the first IPv4 address of this
/// interface, and waits no longer than `patience`. Everybody on the link hears the question. Must be
/// polled inside a tokio runtime with time and I/O; binds UDP port 68.
///
/// # Errors
/// If the interface has no IPv4 address, the port cannot be had, or nobody answers.
pub async fn ask_v4(interface: &str, patience: Duration) -> Result<Access, AskFault> {
    let (address, _) = own(interface, |ip| match ip {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    })?;
    let asker = dhcp4::Asker { id: random(), address, hardware: hardware(interface) };
    let from = SocketAddrV4::new(address, dhcp4::CLIENT_PORT);
    let socket = socket(interface, Kind::IPV4, from.into())?;
    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, dhcp4::SERVER_PORT);
    let question = dhcp4::inform(&asker);
    let answer = |message: &[u8]| {
        let answer = dhcp4::answer(message, &asker)?;
        Some(answer.map_err(|fault| fault.to_string()))
    };
    let (facts, server) = ask(&socket, to.into(), |_| question.clone(), answer, patience).await?;
    let facts = Facts { address: Some(address.into()), ..facts };
    Ok(access(&facts, Family::V4, interface, format!("DHCPINFORM, answered by {server}")))
}

/// Asks by an Information-Request (RFC 8415 §18.2.6) for option 57 on this interface, from its link-local
/// address, and waits no longer than `patience`. Must be polled inside a tokio runtime with time and
/// I/O; binds UDP port 546.
///
/// # Errors
/// If the interface has no link-local address, the port cannot be had, or nobody answers.
pub async fn ask_v6(interface: &str, patience: Duration) -> Result<Access, AskFault> {
    let (address, index) = own(interface, |ip| match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(v6),
        _ => None,
    })?;
    let from = SocketAddrV6::new(address, dhcp6::CLIENT_PORT, 0, index);
    let socket = socket(interface, Kind::IPV6, from.into())?;
    let to = SocketAddrV6::new(dhcp6::SERVERS, dhcp6::SERVER_PORT, 0, index);
    let id = random();
    let question = |elapsed: Duration| {
        let hundredths = u16::try_from(elapsed.as_millis() / 10).unwrap_or(u16::MAX);
        dhcp6::information_request(id, hundredths)
    };
    let answer = |message: &[u8]| {
        let answer = dhcp6::answer(message, id)?;
        Some(answer.map_err(|fault| fault.to_string()))
    };
    let (facts, server) = ask(&socket, to.into(), question, answer, patience).await?;
    let facts = Facts { address: global_v6(interface).map(Into::into), ..facts };
    Ok(access(&facts, Family::V6, interface, format!("Information-Request, answered by {server}")))
}

fn access(facts: &Facts, family: Family, interface: &str, source: String) -> Access {
    Access::of_facts(facts, family, Some(interface.to_owned()), source)
}

/// Sends the question, again and again, until the answer comes. A broken one is kept in mind: another
/// server may do better.
async fn ask(
    socket: &UdpSocket,
    to: SocketAddr,
    question: impl Fn(Duration) -> Vec<u8>,
    answer: impl Fn(&[u8]) -> Option<Result<Facts, String>>,
    patience: Duration,
) -> Result<(Facts, IpAddr), AskFault> {
    let start = Instant::now();
    let end = start + patience;
    let (mut buffer, mut broken) = (vec![0; BUFFER], None);
    for pause in AGAIN {
        socket.send_to(&question(start.elapsed()), to).await.map_err(AskFault::Send)?;
        let until = end.min(Instant::now() + pause);
        while let Ok(heard) = timeout_at(until, socket.recv_from(&mut buffer)).await {
            let (length, from) = heard.map_err(AskFault::Send)?;
            // RFC 2131 §4.1, RFC 8415 §7.2: servers speak from their port.
            match answer(&buffer[..length]).filter(|_| from.port() == to.port()) {
                Some(Ok(facts)) => return Ok((facts, from.ip())),
                Some(Err(fault)) => broken = Some((fault, from.ip())),
                None => {}
            }
        }
        if Instant::now() >= end {
            break;
        }
    }
    Err(match broken {
        Some((fault, server)) => AskFault::Broken { fault, server },
        None => AskFault::Silence,
    })
}

/// A socket at this port of this interface, beside a client that has it already, if that one allows it.
fn socket(interface: &str, kind: Kind, at: SocketAddr) -> Result<UdpSocket, AskFault> {
    let bind = || -> io::Result<UdpSocket> {
        let socket = Socket::new(kind, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        if at.is_ipv4() {
            socket.set_broadcast(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        UdpSocket::from_std(socket.into())
    };
    bind().map_err(|fault| AskFault::Port { port: at.port(), fault })
}

/// The first address of this kind, and the number of the interface.
fn own<A>(interface: &str, kind: impl Fn(IpAddr) -> Option<A>) -> Result<(A, u32), AskFault> {
    let all = if_addrs::get_if_addrs().map_err(AskFault::Send)?;
    let mut here = all.iter().filter(|known| known.name == interface).peekable();
    if here.peek().is_none() {
        return Err(AskFault::NoInterface);
    }
    let found = here.find_map(|known| Some((kind(known.ip())?, known.index.unwrap_or(0))));
    found.ok_or(AskFault::NoAddress)
}

/// An address that others know the host by, if it has one.
fn global_v6(interface: &str) -> Option<Ipv6Addr> {
    let is_global = |address: &Ipv6Addr| {
        !address.is_unicast_link_local() && !address.is_loopback() && !address.is_multicast()
    };
    let all = if_addrs::get_if_addrs().ok()?;
    let here = all.iter().filter(|known| known.name == interface).map(Interface::ip);
    here.filter_map(|ip| match ip {
        IpAddr::V6(v6) => Some(v6),
        IpAddr::V4(_) => None,
    })
    .find(is_global)
}

/// The hardware address, where the kernel tells it.
fn hardware(interface: &str) -> Option<[u8; 6]> {
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/address")).ok()?;
    let octets = text.trim().split(':').map(|octet| u8::from_str_radix(octet, 16).ok());
    octets.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// What others cannot guess: keys of hash tables are random.
fn random() -> u32 {
    let [_, _, _, _, id @ ..] = RandomState::new().hash_one(0).to_be_bytes();
    u32::from_be_bytes(id)
}

/// Why nothing is known from DHCP servers.
#[derive(Debug)]
pub enum AskFault {
    /// There is no interface of this name.
    NoInterface,
    /// The interface has no address to ask from.
    NoAddress,
    /// The port of clients cannot be had.
    Port {
        /// Which one.
        port: u16,
        /// Why.
        fault: io::Error,
    },
    /// The question could not be sent, or the answer not be taken.
    Send(io::Error),
    /// Nobody answered in time.
    Silence,
    /// What was answered is broken.
    Broken {
        /// How.
        fault: String,
        /// By whom.
        server: IpAddr,
    },
}

impl fmt::Display for AskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface => f.write_str("there is no interface of this name that is up"),
            Self::NoAddress => f.write_str("the interface has no address to ask from"),
            Self::Port { port, fault } if fault.kind() == io::ErrorKind::PermissionDenied => {
                write!(f, "UDP port {port}: {fault}; run it as root, or with CAP_NET_BIND_SERVICE")
            }
            Self::Port { port, fault } => write!(f, "UDP port {port}: {fault}"),
            Self::Send(fault) => fault.fmt(f),
            Self::Silence => f.write_str("no DHCP server answered"),
            Self::Broken { fault, server } => write!(f, "the answer of {server}: {fault}"),
        }
    }
}

impl std::error::Error for AskFault {}
