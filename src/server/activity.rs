//! Requests of one connection, as its stream needs to know them: whether one is with the service,
//! whether anything of one is still to be read or sent, and when something last happened.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

/// What is known of them.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    /// Requests that the service has not answered.
    in_flight: AtomicUsize,
    /// Bodies of requests and of answers that are not over.
    bodies: AtomicUsize,
    begun: AtomicU64,
    /// When the last request was answered, or something of an answer was taken; in milliseconds
    /// after `since`.
    ended: AtomicU64,
    /// A request was answered after that. Nearly always its answer is taken at once, and then the
    /// clock is read once for both.
    answered: AtomicBool,
    /// The stream has been quiet for a while, and nothing of a request is left anywhere.
    rests: AtomicBool,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            in_flight: AtomicUsize::new(0),
            bodies: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            rests: AtomicBool::new(false),
        }
    }
}

impl Activity {
    pub(super) fn last_ended(&self) -> Instant {
        self.note_answered();
        self.since + Duration::from_millis(self.ended.load(Ordering::Relaxed))
    }

    /// Something ended just now.
    pub(super) fn note(&self) {
        self.answered.store(false, Ordering::Relaxed);
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ended.store(now, Ordering::Relaxed);
    }

    /// If a request was answered since something was noted, that was just now.
    pub(super) fn note_answered(&self) {
        if self.answered.load(Ordering::Relaxed) {
            self.note();
        }
    }

    /// A request begins; it ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// A body begins; it is over when what is returned is dropped.
    pub(super) fn body(self: &Arc<Self>) -> Unfinished {
        self.bodies.fetch_add(1, Ordering::Relaxed);
        Unfinished(Arc::clone(self))
    }

    /// Requests so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Whether neither the service nor a body of a request or an answer is still at it.
    pub(super) fn is_over(&self) -> bool {
        !self.is_in_flight() && self.bodies.load(Ordering::Relaxed) == 0
    }

    /// Lets whoever holds the connection know that it rests.
    pub(super) fn rest(&self) {
        self.rests.store(true, Ordering::Relaxed);
    }

    /// Whether it rests; told once.
    pub(super) fn take_rest(&self) -> bool {
        // A plain load first: this is asked whenever a connection waits.
        self.rests.load(Ordering::Relaxed) && self.rests.swap(false, Ordering::Relaxed)
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    /// Its answer's body begins.
    pub(super) fn unfinished(&self) -> Unfinished {
        self.0.body()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.answered.store(true, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that is not over.
#[derive(Debug)]
pub(super) struct Unfinished(Arc<Activity>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.bodies.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// The body of an answer, until all of it was taken to be sent.
    #[derive(Debug)]
    pub(super) struct Sending<B> {
        #[pin]
        body: B,
        unfinished: Option<Unfinished>,
    }
}

impl<B> Sending<B> {
    pub(super) fn new(body: B, unfinished: Option<Unfinished>) -> Self {
        Self { body, unfinished }
    }
}

impl<B: Body> Body for Sending<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
