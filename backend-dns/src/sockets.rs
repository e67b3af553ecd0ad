//! Sockets for hickory-net: UDP sockets are connected.
//!
//! The kernel then tells at once when the resolver's port is closed, and never shows us a datagram
//! from anybody else.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hickory_net::runtime::{DnsUdpSocket, RuntimeProvider, TokioRuntimeProvider, TokioTime};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

type Receiving<'f> = Pin<Box<dyn Send + Future<Output = io::Result<(usize, SocketAddr)>> + 'f>>;
type Opening<S> = Pin<Box<dyn Send + Future<Output = Result<S, io::Error>>>>;

/// tokio's sockets and timers, with UDP sockets connected.
#[derive(Clone, Default)]
pub(crate) struct Sockets(TokioRuntimeProvider);

impl RuntimeProvider for Sockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = TokioTime;
    type Udp = Connected;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        wait: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        self.0.connect_tcp(server, local, wait)
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Opening<Connected> {
        Box::pin(async move {
            let socket = UdpSocket::bind(local).await?;
            socket.connect(server).await?;
            Ok(Connected { socket, server })
        })
    }
}

/// A UDP socket that talks to one server.
pub(crate) struct Connected {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Connected {
    /// The error that the kernel noted, if any; it is noted no more.
    fn check(&self) -> io::Result<()> {
        let noted = self.socket.try_io(Interest::ERROR, || {
            let error = self.socket.take_error()?;
            Err::<(), _>(error.unwrap_or_else(|| io::ErrorKind::WouldBlock.into()))
        });
        match noted {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl DnsUdpSocket for Connected {
    type Time = TokioTime;

    /// Beside datagrams this notices errors: what the kernel learns of a closed port makes a socket
    /// erroneous without making it readable.
    fn recv_from<'s, 'o, 'f>(&'s self, octets: &'o mut [u8]) -> Receiving<'f>
    where
        's: 'f,
        'o: 'f,
    {
        Box::pin(async move {
            loop {
                let ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
                if ready.is_error() {
                    self.check()?;
                }
                match self.socket.try_recv(octets) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    received => return Ok((received?, self.server)),
                }
            }
        })
    }

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut octets = ReadBuf::new(octets);
        ready!(self.socket.poll_recv(cx, &mut octets))?;
        Poll::Ready(Ok((octets.filled().len(), self.server)))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        octets: &[u8],
        _: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send(cx, octets)
    }
}
