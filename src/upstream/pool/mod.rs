//! Connections to one backend, and those of them that wait for the next request.
//!
//! Whoever asks moves its connection forward itself: the task that waits for an answer is the one
//! that the socket wakes, and no other task stands between them. A connection that waits for the next
//! request is moved by nobody; that the backend closed it is seen when the next one is to be sent, before
//! anything is written to it. The one that was used last is taken first, so that those that are not needed get old.
//!
//! A pool that comes with hyper has a task for each connection, and channels to it; what they cost is
//! in `docs/decisions/0007-connections-to-backends.md`.

mod bell;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper::rt::{Read, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::alarm::Alarm;
use crate::turn::InTurn;
use crate::upstream::client::Failure;
use crate::upstream::connect::Connector;
use crate::upstream::pool::bell::Bell;
use crate::upstream::resilience::attempt::Patience;
use crate::upstream::sent::Sent;

/// Most bytes of an answer's head.
const MOST_HEAD: usize = 64 << 10;
/// Most headers of an answer.
const MOST_HEADERS: usize = 100;
/// As much memory is taken at once for an answer that says how long it will be.
const TRUSTED: usize = 1 << 20;

/// The connections.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: Connector,
    origin: Uri,
    protocol: http1::Builder,
    /// So long one waits.
    patience: Duration,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Since when, the longest first.
    wires: Vec<(Instant, Wire)>,
    /// Somebody closes those that get old.
    watched: bool,
}

/// A connection with nobody else's request on it.
#[derive(Debug)]
pub(super) struct Wire<T: Read + Write = Stream> {
    sender: http1::SendRequest<Sent>,
    /// `None` once it is closed.
    connection: Option<Pin<Box<http1::Connection<T, Sent>>>>,
    alarm: Alarm,
    bell: Bell,
}

/// Why a request has no answer.
#[derive(Debug)]
enum Unanswered {
    /// The connection was closed before anything was written to it.
    Unsent(Box<Request<Sent>>, hyper::Error),
    /// Whatever else it is.
    Failed(Failure),
}
type Stream = InTurn<MaybeHttpsStream<TokioIo<TcpStream>>>;

impl Pool {
    /// Connections to `origin`, of which those that are not used are kept for `patience`.
    pub(super) fn new(connector: Connector, origin: Uri, patience: Duration) -> Self {
        let mut protocol = http1::Builder::new();
        protocol.max_buf_size(MOST_HEAD).max_headers(MOST_HEADERS);
        let waiting = Mutex::default();
        Self(Arc::new(Inner { connector, origin, protocol, patience, waiting }))
    }

    /// Sends a request and waits for the head of its answer. Where a connection that had waited turns
    /// out to be closed before anything was written to it, another one is taken.
    pub(super) async fn send(
        &self,
        request: &mut Request<Sent>,
        patience: &Patience,
    ) -> Result<(Wire, Response<Incoming>), Failure> {
        loop {
            let waited = self.0.take(patience.since);
            let is_new = waited.is_none();
            let mut wire = match waited {
                Some(wire) => wire,
                // Boxed: mostly one has waited.
                None => Box::pin(patience.with(self.0.connect())).await?,
            };
            match wire.ask(request, patience).await {
                Ok(answer) => return Ok((wire, answer)),
                Err(Unanswered::Unsent(unsent, _)) if !is_new => *request = *unsent,
                Err(Unanswered::Unsent(_, error)) => return Err(Failure::Broken(error.into())),
                Err(Unanswered::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// Lets a connection run by itself until whoever has its answer's body has read it, and keeps it
    /// then; where the body was dropped before its end, it is closed.
    pub(super) fn lend(&self, mut wire: Wire) {
        let pool = self.clone();
        tokio::spawn(async move {
            let over = poll_fn(|cx| {
                wire.bell.polled(cx, |cx| {
                    drive(&mut wire.connection, cx);
                    if wire.connection.is_none() {
                        Poll::Ready(())
                    } else {
                        wire.sender.poll_ready(cx).map(drop)
                    }
                })
            });
            over.await;
            pool.keep(wire, Instant::now()).await;
        });
    }

    /// Keeps a connection whose answer was read `now`, for the next request; unless one of its ends
    /// closed it.
    pub(super) async fn keep(&self, mut wire: Wire, now: Instant) {
        if !wire.sender.is_ready() {
            poll_fn(|cx| {
                wire.bell.polled(cx, |cx| {
                    drive(&mut wire.connection, cx);
                    // Nobody waits for what it waits for.
                    Poll::Ready(())
                })
            })
            .await;
        }
        if wire.connection.is_none() || !wire.sender.is_ready() {
            return;
        }
        let mut waiting = self.0.waiting();
        waiting.wires.push((now, wire));
        if !std::mem::replace(&mut waiting.watched, true) {
            tokio::spawn(close_the_old(Arc::downgrade(&self.0), self.0.patience));
        }
    }
}

impl Inner {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that waited. Whether the backend has closed it is seen when it is moved, which looks for
    /// something to read before it writes.
    fn take(&self, now: Instant) -> Option<Wire> {
        loop {
            let (since, wire) = self.waiting().wires.pop()?;
            if now.saturating_duration_since(since) < self.patience && wire.sender.is_ready() {
                return Some(wire);
            }
        }
    }

    async fn connect(&self) -> Result<Wire, Failure> {
        let stream = self.connector.clone().oneshot(self.origin.clone()).await;
        let stream = InTurn::new(stream.map_err(Failure::Connect)?);
        let made = self.protocol.handshake(stream).await;
        let (sender, connection) = made.map_err(|error| Failure::Broken(error.into()))?;
        let connection = Some(Box::pin(connection));
        // Each exchange sets it.
        let alarm = Alarm::new(self.patience);
        Ok(Wire { sender, connection, alarm, bell: Bell::default() })
    }
}

impl From<TrySendError<Request<Sent>>> for Unanswered {
    fn from(mut error: TrySendError<Request<Sent>>) -> Self {
        match error.take_message() {
            Some(unsent) => Self::Unsent(Box::new(unsent), error.into_error()),
            None => Self::Failed(Failure::Broken(error.into_error().into())),
        }
    }
}

/// Moves a connection as far forward as it goes.
fn drive<T: Read + Write + Unpin + Send>(
    connection: &mut Option<Pin<Box<http1::Connection<T, Sent>>>>,
    cx: &mut Context<'_>,
) {
    if connection.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
        // What became of the request is told to whoever waits for its answer when the connection is
        // dropped, at the latest.
        *connection = None;
    }
}

/// Closes what has waited too long, while anything waits.
async fn close_the_old(pool: Weak<Inner>, patience: Duration) {
    let mut pause = patience;
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = Instant::now();
        let mut waiting = pool.waiting();
        let old = waiting.wires.partition_point(|(since, _)| *since + patience <= now);
        let old: Vec<_> = waiting.wires.drain(..old).collect();
        match waiting.wires.first() {
            Some((since, _)) => pause = (*since + patience).saturating_duration_since(now),
            None => waiting.watched = false,
        }
        let ends = !waiting.watched;
        drop(waiting);
        // To close is a system call each, and nobody waits for it.
        drop(old);
        if ends {
            return;
        }
    }
}

impl<T: Read + Write + Unpin + Send> Wire<T> {
    /// Takes a request, sends it and waits for the head of its answer. An error has the request with it
    /// where nothing of it was written.
    async fn ask(
        &mut self,
        request: &mut Request<Sent>,
        patience: &Patience,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut answered = pin!(self.sender.try_send_request(std::mem::take(request)));
        poll_fn(|cx| {
            self.bell.polled(cx, |cx| {
                drive(&mut self.connection, cx);
                if let Poll::Ready(answered) = answered.as_mut().poll(cx) {
                    return Poll::Ready(answered.map_err(Unanswered::from));
                }
                patience.over(&mut self.alarm, cx).map(|late| Err(Unanswered::Failed(late)))
            })
        })
        .await
    }

    /// Reads the whole body of the answer that came over it.
    pub(super) async fn read(
        &mut self,
        mut body: Incoming,
        most: usize,
        patience: &Patience,
    ) -> Result<Bytes, Failure> {
        let expected = body.size_hint().lower();
        if expected > most as u64 {
            return Err(Failure::TooLarge(most));
        }
        let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
        loop {
            let frame = poll_fn(|cx| {
                self.bell.polled(cx, |cx| {
                    let mut frame = Pin::new(&mut body).poll_frame(cx);
                    if frame.is_pending() {
                        drive(&mut self.connection, cx);
                        frame = Pin::new(&mut body).poll_frame(cx);
                    }
                    let Poll::Ready(frame) = frame else {
                        return patience.over(&mut self.alarm, cx).map(|late| Some(Err(late)));
                    };
                    let cut = |error: hyper::Error| Failure::Cut(error.into());
                    Poll::Ready(frame.map(|frame| frame.map_err(cut)))
                })
            });
            let Some(frame) = frame.await else { break };
            let frame = frame?;
            // Trailers say nothing that is asked for.
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > most.saturating_sub(first.len().max(whole.len())) {
                return Err(Failure::TooLarge(most));
            }
            if first.is_empty() && whole.is_empty() {
                first = data;
                // Mostly the only one.
                if body.is_end_stream() {
                    break;
                }
                continue;
            }
            if whole.is_empty() {
                // No more than a few pieces are taken on the backend's word.
                let told = usize::try_from(expected).unwrap_or(most).min(TRUSTED);
                whole.reserve(told.max(first.len() + data.len()));
                whole.extend_from_slice(&first);
                first = Bytes::new();
            }
            whole.extend_from_slice(&data);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }
}

#[cfg(test)]
mod tests;
