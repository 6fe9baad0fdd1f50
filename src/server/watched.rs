//! A stream that gives up on peers who keep a connection and do nothing with it.
//!
//! ```text
//! accept ──▶ first byte ──▶ head ──▶ requests in flight ──▶ idle ──▶ head …
//!   header_timeout   header_timeout     (no limit here)    idle_timeout
//! ```
//!
//! hyper-util waits for the first byte for ever, and hyper's own limit for a head also runs while a
//! connection is idle. HTTP/2 frames arrive while nothing is asked for (pings), so there the head
//! has no limit of its own and the idle one stands for it. Time in flight is the request's: its
//! deadline is set where requests are known. Once it is answered, what counts is that the peer takes
//! something of the answer now and then.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::Params;
use super::framing::Framing;
use super::peers::{Peers, Refusal};

/// A write of so many bytes is part of an answer. What keeps an HTTP/2 connection alive is shorter,
/// and must not pass for a client that takes its answer.
const OF_AN_ANSWER: usize = 256;

/// How HTTP/2 begins; no HTTP/1 method does.
const PREFACE: &[u8] = b"PRI";

/// Requests of one connection, as its stream needs to know them.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    in_flight: AtomicUsize,
    begun: AtomicU64,
    /// When the last request was answered, or something of an answer was taken; in milliseconds
    /// after `since`.
    ended: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            in_flight: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }
}

impl Activity {
    fn last_ended(&self) -> Instant {
        self.since + Duration::from_millis(self.ended.load(Ordering::Relaxed))
    }

    fn note(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ended.store(now, Ordering::Relaxed);
    }

    /// A request begins; it ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.note();
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was read yet, or a part of a head.
    Head,
    /// Between two requests.
    Idle,
    /// A request is in flight.
    Busy,
}

/// The stream.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    activity: Arc<Activity>,
    header_timeout: Duration,
    idle_timeout: Duration,
    phase: Phase,
    /// `begun` when it was last looked at: a request may begin and end between two reads.
    seen: u64,
    /// Bytes of [`PREFACE`] seen; `None` once it cannot be one.
    preface: Option<usize>,
    http2: bool,
    framing: Framing,
    peers: Arc<Peers>,
    read_limit: Pin<Box<Sleep>>,
    write_limit: Option<Pin<Box<Sleep>>>,
}

impl<T> Watched<T> {
    pub(super) fn new(
        inner: T,
        activity: Arc<Activity>,
        params: &Params,
        peers: Arc<Peers>,
    ) -> Self {
        Self {
            inner,
            activity,
            header_timeout: params.header_timeout,
            idle_timeout: params.idle_timeout,
            phase: Phase::Head,
            seen: 0,
            preface: Some(0),
            http2: false,
            framing: Framing::new(),
            peers,
            read_limit: Box::pin(sleep(params.header_timeout)),
            write_limit: None,
        }
    }

    fn enter(&mut self, phase: Phase, since: Instant, limit: Duration) {
        self.phase = phase;
        self.read_limit.as_mut().reset(since + limit);
    }

    /// Follows what the service did since the last read.
    fn follow(&mut self) {
        let begun = self.activity.begun.load(Ordering::Relaxed);
        if self.activity.in_flight.load(Ordering::Relaxed) > 0 {
            self.phase = Phase::Busy;
        } else if self.phase == Phase::Busy || begun != self.seen {
            self.enter(Phase::Idle, self.activity.last_ended(), self.idle_timeout);
        }
        self.seen = begun;
    }

    /// Follows what the peer sent.
    fn arrived(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match self.preface {
                Some(n) if PREFACE.get(n) == Some(byte) => {
                    self.http2 = n + 1 == PREFACE.len();
                    self.preface = (!self.http2).then_some(n + 1);
                    if self.http2 {
                        self.enter(Phase::Idle, Instant::now(), self.idle_timeout);
                    }
                }
                Some(_) => self.preface = None,
                None => break,
            }
        }
        if self.phase == Phase::Idle && !self.http2 {
            self.enter(Phase::Head, Instant::now(), self.header_timeout);
        }
    }

    /// Lets a write be waited for only so long.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = poll {
            self.write_limit = None;
            if result.as_ref().is_ok_and(|n| !self.http2 || *n >= OF_AN_ANSWER) {
                self.activity.note();
            }
            return Poll::Ready(result);
        }
        let limit = self.idle_timeout;
        let waiting = self.write_limit.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        self.peers.refuse(Refusal::Stalled);
        Poll::Ready(Err(timed_out("the peer takes nothing")))
    }
}

fn timed_out(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.follow();
        let before = buffer.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                let bytes = buffer.filled_mut().get_mut(before..).unwrap_or_default();
                this.arrived(bytes);
                if !this.framing.read(bytes) {
                    this.peers.refuse(Refusal::Framing);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(this.read_limit.as_mut().poll(cx));
                if this.phase == Phase::Busy {
                    // Nobody wakes a connection when its request ends, so the clock keeps running
                    // and is looked at again later.
                    this.read_limit.as_mut().reset(Instant::now() + this.idle_timeout);
                    ready!(this.read_limit.as_mut().poll(cx));
                }
                if this.phase == Phase::Idle {
                    let limit = this.activity.last_ended() + this.idle_timeout;
                    if limit > Instant::now() {
                        this.read_limit.as_mut().reset(limit);
                        ready!(this.read_limit.as_mut().poll(cx));
                    }
                }
                if this.write_limit.is_some() {
                    // Idle, as far as the request is concerned: its whole answer is in the buffer.
                    this.peers.refuse(Refusal::Stalled);
                } else if this.phase == Phase::Head {
                    let silent = this.preface == Some(0);
                    this.peers.refuse(if silent { Refusal::Silent } else { Refusal::SlowHead });
                }
                Poll::Ready(Err(timed_out("the peer sends nothing")))
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.written(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.written(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
