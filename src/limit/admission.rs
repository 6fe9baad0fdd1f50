//! How many at once, how large, how long.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

use crate::canonical::{Problem, ProblemCode};
use crate::error::Error;
use crate::limit::{BUSY, Params, Subject, TOO_LARGE, TOO_SLOW};
use crate::telemetry::record::Record;

/// When a client that found the house full may knock again, in seconds. Requests are short; more
/// would leave the place empty.
const COME_BACK: u32 = 1;

/// Refuses what is too many (503) or too large (413), and ends what takes too long: 408 while the
/// client is still sending, 504 after that.
#[must_use]
pub fn admission(params: &Params, in_flight: &InFlight) -> AdmissionLayer {
    AdmissionLayer(Arc::new(Door {
        max_body: params.max_body,
        places: params.max_in_flight,
        timeout: params.request_timeout,
        files: (params.uploads.max_body, params.uploads.request_timeout),
        taken: in_flight.clone(),
    }))
}

/// How many requests are in flight. Clones share the count: of one process, whatever its limits
/// were when each request came.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

#[derive(Debug)]
struct Door {
    max_body: u64,
    places: usize,
    timeout: Duration,
    /// Largest body and longest time of a request with files.
    files: (u64, Duration),
    taken: InFlight,
}

/// Makes [`Admission`].
#[derive(Clone, Debug)]
pub struct AdmissionLayer(Arc<Door>);

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission { inner, door: Arc::clone(&self.0) }
    }
}

/// A service behind the door.
#[derive(Clone, Debug)]
pub struct Admission<S> {
    inner: S,
    door: Arc<Door>,
}

impl<S, R> Service<R> for Admission<S>
where
    S: Service<R, Error = Error>,
    R: Subject,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Admitted<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (most, timeout) = match request.has_files() {
            true => self.door.files,
            false => (self.door.max_body, self.door.timeout),
        };
        if request.content_length().is_some_and(|bytes| bytes > most) {
            request.record().refused(TOO_LARGE);
            let problem = Problem::new(ProblemCode::PayloadTooLarge)
                .detail(format!("a body may have {most} bytes at most"));
            return Admitted::Refused { error: Some(problem.into()) };
        }
        let Some(place) = Place::take(&self.door) else {
            request.record().refused(BUSY);
            let problem = Problem::new(ProblemCode::Unavailable).retry_after(COME_BACK);
            return Admitted::Refused { error: Some(problem.into()) };
        };
        let until = request.record().began() + timeout;
        request.record().until(until);
        Admitted::Under {
            record: request.record().clone(),
            until,
            deadline: None,
            inner: self.inner.call(request),
            place,
        }
    }
}

/// One of the places, free again when it is dropped.
#[derive(Debug)]
struct Place(InFlight);

impl Place {
    fn take(door: &Arc<Door>) -> Option<Self> {
        // A counter and not a semaphore: nobody waits here.
        let taken = &door.taken.0;
        if taken.fetch_add(1, Ordering::Relaxed) < door.places {
            return Some(Self(door.taken.clone()));
        }
        taken.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// A request under its deadline, or refused.
    #[project = State]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "fields of a future that nobody builds by hand")]
    pub enum Admitted<F> {
        /// Refused at the door.
        Refused { error: Option<Error> },
        /// Under way.
        Under {
            record: Record,
            until: Instant,
            // Only what has to be waited for needs a timer.
            #[pin]
            deadline: Option<Sleep>,
            #[pin]
            inner: F,
            place: Place,
        },
    }
}

impl<F, A> Future for Admitted<F>
where
    F: Future<Output = Result<A, Error>>,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            State::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                // Polled after it was ready; a future may then do as it likes.
                None => Poll::Pending,
            },
            State::Under { record, until, mut deadline, inner, .. } => {
                if let Poll::Ready(answer) = inner.poll(cx) {
                    return Poll::Ready(answer);
                }
                if deadline.is_none() {
                    deadline.set(Some(sleep_until(*until)));
                }
                if deadline.as_pin_mut().is_some_and(|deadline| deadline.poll(cx).is_pending()) {
                    return Poll::Pending;
                }
                if record.has_arrived() {
                    return Poll::Ready(Err(ProblemCode::UpstreamTimeout.into()));
                }
                record.refused(TOO_SLOW);
                Poll::Ready(Err(ProblemCode::RequestTimeout.into()))
            }
        }
    }
}
