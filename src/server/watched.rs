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
//! something of the answer now and then, and not too little of it ([`Taking`]).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Params;
use super::activity::Activity;
use super::framing::{Framing, Protocol};
use super::peers::{Peers, Refusal};
use super::taking::Taking;
use crate::alarm::Alarm;
use crate::turn::Turn;

/// A write of so many bytes is part of an answer. What keeps an HTTP/2 connection alive is shorter,
/// and must not pass for a client that takes its answer.
const OF_AN_ANSWER: usize = 256;

/// How HTTP/2 begins; no HTTP/1 method does.
const PREFACE: &[u8] = b"PRI";

/// So long a connection of HTTP/1.1 is idle before it rests. Long enough that a busy one does not,
/// short beside the time that most idle ones stay so.
const REST: Duration = Duration::from_millis(500);

/// As much is read of a request before there is somebody to read it.
const AHEAD: usize = 2048;

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
    /// What was read and not yet taken.
    ahead: Vec<u8>,
    /// Nothing waits to be written.
    flushed: bool,
    turn: Turn,
    /// Bytes of [`PREFACE`] seen; `None` once it cannot be one.
    preface: Option<usize>,
    http2: bool,
    framing: Framing,
    peers: Arc<Peers>,
    read_limit: Alarm,
    taking: Taking,
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
            ahead: Vec::new(),
            flushed: true,
            turn: Turn::default(),
            preface: Some(0),
            http2: false,
            framing: Framing::new(),
            peers,
            read_limit: Alarm::new(params.header_timeout),
            taking: Taking::new(params.idle_timeout),
        }
    }

    fn enter(&mut self, phase: Phase, since: Instant, limit: Duration) {
        self.phase = phase;
        self.read_limit.set(since + limit);
    }

    /// Is idle since the last request ended.
    fn idle(&mut self) {
        let limit = if self.http2 { self.idle_timeout } else { self.idle_timeout.min(REST) };
        self.enter(Phase::Idle, self.activity.last_ended(), limit);
    }

    /// Follows what the service did since it was looked at last.
    fn follow(&mut self) {
        let begun = self.activity.begun();
        if self.activity.is_in_flight() {
            self.phase = Phase::Busy;
        } else if self.phase == Phase::Busy || begun != self.seen {
            self.idle();
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
            if self.framing.is_in_head() {
                self.enter(Phase::Head, Instant::now(), self.header_timeout);
            } else {
                // A whole head, as nearly always: the service has it next, and no clock is set.
                self.phase = Phase::Busy;
            }
        }
    }

    /// Whether nothing of any request is left with whoever reads and writes here: all that came was
    /// whole requests, the service has had and answered each, and all of the answers is sent.
    fn may_rest(&self) -> bool {
        !self.http2
            && self.phase == Phase::Idle
            && self.framing.is_between_requests()
            && self.framing.heads() == self.activity.begun()
            && self.activity.is_over()
            && self.flushed
    }

    /// Whether to write now. What was at hand is written where it was asked for: it was no work.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        let begins = std::mem::replace(&mut self.flushed, false);
        if begins && !self.activity.has_waited() {
            self.turn.at_once();
        }
        self.turn.poll(cx)
    }

    /// Lets a write be waited for only so long.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match poll {
            Poll::Ready(Ok(n)) if !self.http2 || n >= OF_AN_ANSWER => self.activity.note(),
            _ => self.activity.note_answered(),
        }
        if let Poll::Ready(result) = poll {
            self.taking.took(*result.as_ref().unwrap_or(&0));
            return Poll::Ready(result);
        }
        ready!(self.taking.poll_over(cx));
        self.peers.refuse(Refusal::Stalled);
        Poll::Ready(Err(timed_out("the peer takes too little")))
    }
}

fn timed_out(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl<T: AsyncRead + Unpin> Watched<T> {
    /// Waits for the first bytes of a request, and keeps them for who reads next. Takes no memory
    /// for a peer that sends none. `None`: it left.
    pub(super) fn poll_begin(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Protocol>>> {
        loop {
            let mut space = [MaybeUninit::uninit(); AHEAD];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(self.poll_fresh(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(None));
            }
            self.ahead.extend_from_slice(buffer.filled());
            if let Some(protocol) = self.framing.protocol() {
                return Poll::Ready(Ok(Some(protocol)));
            }
        }
    }

    /// Gives what was read ahead.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let given = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(self.ahead.get(..given).unwrap_or_default());
        self.ahead.drain(..given);
        if self.ahead.is_empty() {
            self.ahead = Vec::new();
        }
    }

    /// Reads from the peer.
    fn poll_fresh(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.follow();
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                let bytes = buffer.filled_mut().get_mut(before..).unwrap_or_default();
                if !self.framing.read(bytes) {
                    self.peers.refuse(Refusal::Framing);
                }
                self.arrived(bytes);
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.read_limit.poll(cx));
                if self.phase == Phase::Busy {
                    // The clock keeps running, and is looked at again later.
                    self.read_limit.set(Instant::now() + self.idle_timeout);
                    ready!(self.read_limit.poll(cx));
                }
                if self.phase == Phase::Idle {
                    let limit = self.activity.last_ended() + self.idle_timeout;
                    if limit > Instant::now() {
                        if self.may_rest() {
                            self.activity.rest();
                        }
                        self.read_limit.set(limit);
                        ready!(self.read_limit.poll(cx));
                    }
                }
                if self.taking.is_waiting() {
                    // Idle, as far as the request is concerned: its whole answer is in the buffer.
                    self.peers.refuse(Refusal::Stalled);
                } else if self.phase == Phase::Head {
                    let silent = self.preface == Some(0);
                    self.peers.refuse(if silent { Refusal::Silent } else { Refusal::SlowHead });
                }
                Poll::Ready(Err(timed_out("the peer sends nothing")))
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            return this.poll_fresh(cx, buffer);
        }
        this.give(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_turn(cx));
        let poll = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.written(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_turn(cx));
        let poll = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.written(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        // hyper flushes what is under it once it has nothing left to write itself.
        let wrote = !std::mem::replace(&mut this.flushed, true);
        if wrote {
            this.activity.forget_waits();
            this.turn.done();
        }
        this.taking.done();
        // An idle time begins here: nobody reads again before the peer sends something, or the clock
        // strikes that was set for what was there before.
        if wrote && this.phase == Phase::Idle && !this.http2 {
            this.idle();
        }
        this.follow();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
