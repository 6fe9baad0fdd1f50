//! Counts what the cache did. Stands above it, and reads the outcome off its answers.
//!
//! It does not write the outcome into the request's record: a request may make several calls, and
//! only who makes them knows what that is in one word.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::canonical::{
    AtHand, Contract, OperationId, Outcome, Payload, Request, Response, Seen, Standing,
};
use crate::error::Error;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::record::Record;
use crate::telemetry::table::OperationTable;

/// [`crate::canonical::Outcome::LABELS`], and what has no outcome.
const OUTCOMES: &[&str] = &["hit", "stale", "stale_error", "miss", "collapsed", "bypass", "error"];

/// Counts the outcomes of the cache below.
#[must_use]
pub fn layer(metrics: &Metrics, contract: Arc<Contract>) -> CacheLayer {
    let counts = metrics.cache_requests.clone();
    CacheLayer(Arc::new(OperationTable::new(contract, None, OUTCOMES, counts, None)))
}

/// Makes [`Counted`].
#[derive(Clone, Debug)]
pub struct CacheLayer(Arc<OperationTable>);

impl<S> Layer<S> for CacheLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, table: Arc::clone(&self.0) }
    }
}

/// A cache whose outcomes are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    table: Arc<OperationTable>,
}

impl<S> Service<Request> for Counted<S>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    type Response = Response;
    type Error = Error;
    type Future = Counting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Counting {
            table: Arc::clone(&self.table),
            operation: request.operation,
            inner: self.inner.call(request),
        }
    }
}

impl<S: AtHand> AtHand for Counted<S> {
    fn at_hand(&self, request: &mut Request) -> Option<Result<Response, Error>> {
        let answer = self.inner.at_hand(request)?;
        self.table.count(request.operation, outcome(&answer));
        Some(answer)
    }

    fn again(&self, standing: &Standing, record: &Record) -> Result<Result<Response, Error>, Seen> {
        let answer = self.inner.again(standing, record)?;
        self.table.count(standing.question().operation, outcome(&answer));
        Ok(answer)
    }

    fn holds(
        &self,
        standing: &Standing,
        record: &Record,
        answer: &Weak<Payload>,
    ) -> Option<Outcome> {
        let outcome = self.inner.holds(standing, record, answer)?;
        self.table.count(standing.question().operation, outcome.label());
        Some(outcome)
    }
}

fn outcome(answer: &Result<Response, Error>) -> &'static str {
    answer.as_ref().map_or("error", |response| response.outcome.label())
}

pin_project! {
    /// A call under way.
    #[derive(Debug)]
    pub struct Counting<F> {
        table: Arc<OperationTable>,
        operation: OperationId,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response, Error>>> Future for Counting<F> {
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        this.table.count(*this.operation, outcome(&answer));
        Poll::Ready(answer)
    }
}
