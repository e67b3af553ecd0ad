//! A DNS client of a few lines, to look at servers with.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::wire::Question;

/// A socket that asks and shows what comes, whoever sends it.
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
}

impl Client {
    /// A client that waits this long for a datagram.
    pub fn new(patience: Duration) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP port on 127.0.0.1");
        socket.set_read_timeout(Some(patience)).expect("a patience above zero");
        Self { socket }
    }

    /// Sends a question over UDP.
    pub fn send(&self, server: SocketAddr, question: &Question) {
        self.socket.send_to(&question.write(), server).expect("loopback takes datagrams");
    }

    /// The next datagram and its sender; `None` if none comes in time.
    pub fn next(&self) -> Option<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; 65_536];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        buffer.truncate(length);
        Some((buffer, from))
    }

    /// Asks over UDP and waits for one datagram.
    pub fn ask(&self, server: SocketAddr, question: &Question) -> Option<Vec<u8>> {
        self.send(server, question);
        self.next().map(|(octets, _)| octets)
    }

    /// Asks over TCP, waiting no longer than the same patience.
    ///
    /// # Errors
    /// If the server refuses or closes the connection, or says nothing in time.
    pub fn ask_tcp(&self, server: SocketAddr, question: &Question) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(self.socket.read_timeout()?)?;
        stream.write_all(&crate::scripted::framed(&question.write()))?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut message)?;
        Ok(message)
    }
}
