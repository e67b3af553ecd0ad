//! Whether a connection has a reply under way, which a stop waits for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Nothing has been asked in full that has not been answered.
const NONE: u8 = 0;
/// All of a request is here, and its reply is made or being handed over.
const MADE: u8 = 1;
/// The reply has been handed over, and not all of it has been sent.
const SENT: u8 = 2;

/// The reply of a connection, from when all of its request is here to when all of it has been sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replying(Arc<AtomicU8>);

impl Replying {
    /// All of a request is here.
    pub(crate) fn begin(&self) {
        self.0.store(MADE, Ordering::Relaxed);
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NONE
    }

    /// A reply's body: once it is dropped, all of it has been handed over.
    pub(crate) fn body(&self, octets: Bytes) -> ReplyBody {
        ReplyBody { octets: Full::new(octets), replying: self.clone() }
    }

    /// The stream that replies are sent by: once it is flushed, what was handed over has been sent.
    pub(crate) fn stream<S>(&self, stream: S) -> ReplyStream<S> {
        ReplyStream { stream, replying: self.clone() }
    }
}

/// See [`Replying::body`].
pub(crate) struct ReplyBody {
    octets: Full<Bytes>,
    replying: Replying,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.octets).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.octets.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.octets.size_hint()
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        self.replying.0.store(SENT, Ordering::Relaxed);
    }
}

/// See [`Replying::stream`].
pub(crate) struct ReplyStream<S> {
    stream: S,
    replying: Replying,
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            let (sent, none) = (SENT, NONE);
            let order = Ordering::Relaxed;
            let _made_meanwhile = self.replying.0.compare_exchange(sent, none, order, order);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
