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
///
/// What is sent is told before it is written, so that whoever has received it was told of already.
pub(crate) struct Tapped<S> {
    stream: S,
    client: SocketAddr,
    tap: Tap,
    /// How many octets were told and are still to be written.
    ahead: usize,
}

impl<S> Tapped<S> {
    pub(crate) fn new(stream: S, client: SocketAddr, tap: Tap) -> Self {
        Self { stream, client, tap, ahead: 0 }
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
        // Whoever could not write all of it comes again with the rest.
        if let Some(untold @ [_, ..]) = octets.get(self.ahead..) {
            (self.tap.0)(self.client, Said::Sent(untold));
        }
        self.ahead = self.ahead.max(octets.len());
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, octets))?;
        self.ahead -= written;
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Everything is heard once and in order, also what is written in several goes.
    #[tokio::test]
    async fn all_is_heard_once() {
        let heard: Arc<Mutex<[Vec<u8>; 2]>> = Arc::default();
        let hearing = Arc::clone(&heard);
        let client = SocketAddr::from(([192, 0, 2, 1], 7));
        let tap = Tap::new(move |from, said| {
            assert_eq!(from, client);
            let (way, octets) = match said {
                Said::Received(octets) => (0, octets),
                Said::Sent(octets) => (1, octets),
            };
            hearing.lock().unwrap()[way].extend_from_slice(octets);
        });
        let (near, mut far) = tokio::io::duplex(64); // so that a write takes many goes
        let mut tapped = Tapped::new(near, client, tap);
        let (question, reply) =
            (vec![1; 1_000], (0..=255).cycle().take(5_000).collect::<Vec<u8>>());
        let server = async {
            let mut read = vec![0; question.len()];
            tapped.read_exact(&mut read).await.unwrap();
            tapped.write_all(&reply).await.unwrap();
            read
        };
        let client = async {
            far.write_all(&question).await.unwrap();
            let mut read = vec![0; reply.len()];
            far.read_exact(&mut read).await.unwrap();
            read
        };
        let (at_server, at_client) = tokio::join!(server, client);
        assert_eq!((&at_server, &at_client), (&question, &reply));
        assert_eq!(*heard.lock().unwrap(), [question, reply]);
    }
}
