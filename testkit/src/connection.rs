//! Connections that can be reset, or closed or half closed when everything is sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Ends the connection that a request came on.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) id: u64,
    reset: AtomicBool,
    close_when_flushed: AtomicBool,
    half_closed: AtomicBool,
    end: Notify,
}

impl Control {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    /// Drops the connection so that the peer sees a reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
        self.end.notify_one();
    }

    /// Drops the connection as soon as all bytes handed to it so far are sent.
    pub(crate) fn close_when_flushed(&self) {
        self.close_when_flushed.store(true, Ordering::Release);
    }

    /// Resets the connection as soon as all bytes handed to it so far are with the kernel.
    pub(crate) fn reset_when_flushed(&self) {
        self.reset.store(true, Ordering::Release);
        self.close_when_flushed();
    }

    /// Closes only the sending half of the connection, now.
    pub(crate) fn half_close(&self) {
        self.half_closed.store(true, Ordering::Release);
        self.end.notify_one();
    }

    /// Closes only the sending half of the connection, as soon as all bytes handed to it so far are sent.
    pub(crate) fn half_close_when_flushed(&self) {
        self.half_closed.store(true, Ordering::Release);
        self.close_when_flushed();
    }

    /// Whether what is to end is only the sending half.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.half_closed.load(Ordering::Acquire)
    }

    /// Returns when the connection is to be dropped, or its sending half to be closed.
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }
}

/// A TCP stream under a [`Control`].
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    control: Arc<Control>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, control: Arc<Control>) -> Self {
        Self { stream, control }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Acquire) {
            // Closing discards what is queued and sends RST; should it fail, the peer sees an early end instead.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // The HTTP layer calls this when its own buffer is empty.
        if flushed.is_ready() && self.control.close_when_flushed.load(Ordering::Acquire) {
            self.control.end.notify_one();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
