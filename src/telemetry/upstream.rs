//! Counts and times the calls to one upstream, adds the time to the request's record, and counts what
//! is done about an upstream in trouble.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use prometheus::{IntCounter, IntCounterVec, IntGauge};
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::canonical::{Contract, OperationId, ProblemCode, Request, Response};
use crate::error::Error;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::record::Record;
use crate::telemetry::table::OperationTable;

/// What became of a call.
const OUTCOMES: &[&str] = &["success", "refused", "failure", "timeout", "unavailable", "cancelled"];

/// Counts the calls to the upstream of this name.
#[must_use]
pub fn layer(metrics: &Metrics, contract: Arc<Contract>, upstream: Arc<str>) -> UpstreamLayer {
    UpstreamLayer(Arc::new(OperationTable::new(
        contract,
        Some(upstream),
        OUTCOMES,
        metrics.upstream_requests.clone(),
        Some(metrics.upstream_duration.clone()),
    )))
}

/// Counts what is done about one upstream in trouble. Every series is there from the start, so that
/// the first retry shows as a rise.
#[derive(Debug)]
pub struct Trouble {
    upstream: Box<str>,
    retries: Vec<(&'static str, IntCounter)>,
    out_of_budget: IntCounter,
    kept_away: IntCounter,
    state: IntGauge,
    transitions: IntCounterVec,
}

impl Trouble {
    /// Of the upstream of this name; `reasons` are all for which a call is repeated.
    #[must_use]
    pub fn new(metrics: &Metrics, upstream: &str, reasons: &[&'static str]) -> Self {
        let retries = |reason| {
            let labels: [&str; 2] = [upstream, reason];
            (reason, metrics.upstream_retries.with_label_values(&labels))
        };
        Self {
            upstream: upstream.into(),
            retries: reasons.iter().copied().map(retries).collect(),
            out_of_budget: metrics.upstream_budget_exhausted.with_label_values(&[upstream]),
            kept_away: metrics.upstream_kept_away.with_label_values(&[upstream]),
            state: metrics.upstream_breaker_state.with_label_values(&[upstream]),
            transitions: metrics.upstream_breaker_transitions.clone(),
        }
    }

    /// A call is repeated. A reason that is none of those is not counted: a label is not made up.
    pub fn retried(&self, reason: &'static str) {
        if let Some((_, counter)) = self.retries.iter().find(|(known, _)| *known == reason) {
            counter.inc();
        }
    }

    /// A call would have been repeated, but the budget was spent.
    pub fn out_of_budget(&self) {
        self.out_of_budget.inc();
    }

    /// An attempt was refused by an open breaker.
    pub fn kept_away(&self) {
        self.kept_away.inc();
    }

    /// The breaker is in the state of this word and number from now on.
    pub fn breaker(&self, word: &'static str, number: u8) {
        self.state.set(number.into());
        self.transitions.with_label_values(&[&*self.upstream, word]).inc();
    }
}

/// Makes [`Counted`].
#[derive(Clone, Debug)]
pub struct UpstreamLayer(Arc<OperationTable>);

impl<S> Layer<S> for UpstreamLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, table: Arc::clone(&self.0) }
    }
}

/// An upstream whose calls are counted.
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
        let tally = Tally {
            table: Arc::clone(&self.table),
            operation: request.operation,
            record: request.record.clone(),
            started: Instant::now(),
            ended: false,
        };
        // Nobody asks a backend before the client has said everything.
        tally.record.arrived();
        Counting { tally, inner: self.inner.call(request) }
    }
}

pin_project! {
    /// A call under way.
    #[derive(Debug)]
    pub struct Counting<F> {
        tally: Tally,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response, Error>>> Future for Counting<F> {
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        this.tally.end(match &answer {
            Ok(_) => "success",
            Err(error) => outcome(error.problem().code),
        });
        Poll::Ready(answer)
    }
}

#[derive(Debug)]
struct Tally {
    table: Arc<OperationTable>,
    operation: OperationId,
    record: Record,
    started: Instant,
    ended: bool,
}

impl Tally {
    fn end(&mut self, outcome: &'static str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.started.elapsed();
        self.table.count(self.operation, outcome);
        self.table.took(self.operation, took);
        self.record.upstream(took);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.end("cancelled");
    }
}

/// `refused` is an answer (not found, not valid); the others are trouble.
fn outcome(code: ProblemCode) -> &'static str {
    use ProblemCode as P;
    match code {
        P::UpstreamTimeout => "timeout",
        P::Unavailable => "unavailable",
        P::UpstreamError | P::UpstreamInvalid | P::UpstreamUnauthorized | P::Internal => "failure",
        _ => "refused",
    }
}
