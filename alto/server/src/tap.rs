//! Listening in: what is said on a server's connections, inside of TLS.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of HTTP, as they pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// By the client.
    Received(&'a [u8]),
    /// By the server.
    Sent(&'a [u8]),
}

/// Hears what is said on all connections, with the client's address, for evaluations and tests.
///
/// It is called while a connection is served, so it should be quick. What clients ask for is their
/// secret: whoever listens in should not keep it for long.
#[derive(Clone)]
pub struct Tap(Arc<dyn Fn(SocketAddr, Said<'_>) + Send + Sync>);

impl Tap {
    /// One that tells `hear`.
    pub fn new(hear: impl Fn(SocketAddr, Said<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

/// A connection that is listened in on.
pub(crate) struct Tapped<S> {
    stream: S,
    client: SocketAddr,
    tap: Tap,
}

impl<S> Tapped<S> {
    pub(crate) fn new(stream: S, client: SocketAddr, tap: Tap) -> Self {
        Self { stream, client, tap }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            (self.tap.0)(self.client, Said::Received(read));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, octets))?;
        (self.tap.0)(self.client, Said::Sent(&octets[..written]));
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[][..], |slice| slice))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
