//! Past the cache: nothing is looked for and nothing is stored.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower::{Service, ServiceExt as _};

use crate::cache::Noted;
use crate::canonical::outcome::Why;
use crate::canonical::{Outcome, Request, Response};
use crate::error::Error;

pin_project! {
    /// A backend being asked past the cache.
    pub struct Passing<S: Service<Request>> {
        #[pin]
        asked: Oneshot<S, Request>,
        noted: Noted,
        outcome: Outcome,
    }
}

impl<S: Service<Request>> Passing<S> {
    pub(super) fn new(inner: S, request: Request, why: Why) -> Self {
        let noted = Noted::new(&request);
        Self { asked: inner.oneshot(request), noted, outcome: Outcome::Bypass(why) }
    }
}

impl<S> Future for Passing<S>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = *this.outcome;
        Poll::Ready(match ready!(this.asked.poll(cx)) {
            Ok(response) => Ok(Response { outcome, ..response }),
            Err(error) => Err(this.noted.failed(outcome, error)),
        })
    }
}

impl<S: Service<Request>> std::fmt::Debug for Passing<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passing").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}
