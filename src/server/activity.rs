//! Requests of one connection, as its stream needs to know them: whether one is with the service,
//! whether anything of one is still to be read or sent, and when something last happened.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

const REQUEST: u64 = 1;
/// There are never as many requests.
const BODY: u64 = 1 << 32;

/// What is known of them.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    /// [`REQUEST`] for each request that the service has not answered, [`BODY`] for each body of a
    /// request or an answer that is not over: a request becomes its answer's body in one step.
    under_way: AtomicU64,
    /// Written by the connection's own task alone.
    begun: AtomicU64,
    /// When the last request was answered, or something of an answer was taken; in milliseconds
    /// after `since`.
    ended: AtomicU64,
    /// A request was answered after that. Nearly always its answer is taken at once, and then the
    /// clock is read once for both.
    answered: AtomicBool,
    /// The connection was left to wait while something was under way.
    waited: AtomicBool,
    /// The stream has been quiet for a while, and nothing of a request is left anywhere.
    rests: AtomicBool,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            under_way: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            waited: AtomicBool::new(false),
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

    /// A request begins; it ends when it is answered, or what is returned is dropped. For the
    /// connection's own task, which takes one request after the other.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.under_way.fetch_add(REQUEST, Ordering::Relaxed);
        self.begun.store(self.begun() + 1, Ordering::Relaxed);
        InFlight(Some(Arc::clone(self)))
    }

    /// A body begins; it is over when what is returned is dropped.
    pub(super) fn body(self: &Arc<Self>) -> Unfinished {
        self.under_way.fetch_add(BODY, Ordering::Relaxed);
        Unfinished(Arc::clone(self))
    }

    /// Requests so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) & (BODY - REQUEST) > 0
    }

    /// Whether neither the service nor a body of a request or an answer is still at it.
    pub(super) fn is_over(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// The connection has done what it could, and waits.
    pub(super) fn waits(&self) {
        if !self.is_over() {
            self.waited.store(true, Ordering::Relaxed);
        }
    }

    /// Whether anything was waited for since that was forgotten.
    pub(super) fn has_waited(&self) -> bool {
        self.waited.load(Ordering::Relaxed)
    }

    /// What is under way from now on has not been waited for.
    pub(super) fn forget_waits(&self) {
        self.waited.store(false, Ordering::Relaxed);
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
pub(super) struct InFlight(Option<Arc<Activity>>);

impl InFlight {
    /// It is answered; the answer's body begins.
    pub(super) fn answered(mut self) -> Option<Unfinished> {
        let activity = self.0.take()?;
        activity.answered.store(true, Ordering::Relaxed);
        activity.under_way.fetch_add(BODY - REQUEST, Ordering::Relaxed);
        Some(Unfinished(activity))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(activity) = &self.0 {
            activity.answered.store(true, Ordering::Relaxed);
            activity.under_way.fetch_sub(REQUEST, Ordering::Relaxed);
        }
    }
}

/// A body that is not over.
#[derive(Debug)]
pub(super) struct Unfinished(Arc<Activity>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(BODY, Ordering::Relaxed);
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
