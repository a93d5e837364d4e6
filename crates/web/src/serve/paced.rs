//! Stalled readers: a stream whose writes fail when the peer takes next to nothing for too long, and response bodies that are
//! handed over in slices, so that the number of unsent bytes is known and few of them are buffered.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::connections::{Busy, Connection};

/// Bytes that a reader must take within the stall timeout, or all that there are: 16 KiB in 30 s is a tenth of a modem's rate.
const LEAST: usize = 16 * 1024;
/// Answers are handed over in slices of so many bytes.
const SLICE: usize = 64 * 1024;

/// A stream whose other end must read.
pub(super) struct Paced<S> {
    inner: S,
    connection: Arc<Connection>,
    stall_timeout: Duration,
    /// Runs while a write waits.
    alarm: Pin<Box<Sleep>>,
    waits: bool,
    /// Taken since the alarm runs.
    taken: usize,
}

impl<S: Unpin> Paced<S> {
    pub fn new(inner: S, connection: Arc<Connection>, stall_timeout: Duration) -> Self {
        let alarm = Box::pin(tokio::time::sleep(stall_timeout));
        Self { inner, connection, stall_timeout, alarm, waits: false, taken: 0 }
    }

    /// The other end takes something, nothing for now, or nothing for too long.
    fn pace(&mut self, written: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.connection.touch();
                self.taken += bytes;
                if self.taken >= LEAST {
                    self.waits = false;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => {
                if !self.waits {
                    (self.waits, self.taken) = (true, 0);
                    self.alarm.as_mut().reset(Instant::now() + self.stall_timeout);
                }
                ready!(self.alarm.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader does not read")))
            }
            failed => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.pace(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.pace(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Asked when everything has been written: nothing waits any more.
        self.waits = false;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// An answer's body in slices. The connection is busy until it ends.
pub(super) struct Sliced {
    inner: Body,
    rest: Bytes,
    busy: Busy,
}

impl Sliced {
    pub fn new(inner: Body, busy: Busy) -> Self {
        let sliced = Self { inner, rest: Bytes::new(), busy };
        sliced.busy.waits(sliced.len());
        sliced
    }

    /// How many bytes are known to wait.
    pub fn len(&self) -> usize {
        let ahead = usize::try_from(self.inner.size_hint().lower()).unwrap_or(usize::MAX);
        ahead.saturating_add(self.rest.len())
    }
}

impl HttpBody for Sliced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let slice = self.rest.len().min(SLICE);
        let slice = self.rest.split_to(slice);
        self.busy.waits(self.len());
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
