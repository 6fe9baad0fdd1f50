//! How long one attempt may take.
//!
//! Ended early is only what can be repeated: a read that has attempts left. Whatever else is under
//! way has all the time of the call, since ending it would only lose what it may have done.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Timeout};

use crate::upstream::client::Failure;
use crate::upstream::resilience::deadline::Deadline;

/// When an attempt ends, and why.
#[derive(Clone, Copy, Debug)]
pub(in crate::upstream) struct Patience {
    until: Instant,
    limit: Limit,
}

/// Whose limit it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::upstream) enum Limit {
    /// `attempt_timeout`
    Attempt,
    /// `timeout`
    Call,
    /// What was left of the client's time.
    Client,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempt => "attempt_timeout",
            Self::Call => "timeout",
            Self::Client => "the client's time",
        })
    }
}

impl Patience {
    /// With an attempt that begins now; `early` where another one may follow.
    pub(in crate::upstream) fn new(deadline: Deadline, early: Option<Duration>) -> Self {
        let own = if deadline.is_clients() { Limit::Client } else { Limit::Call };
        match early.map(|time| Instant::now() + time).filter(|at| *at < deadline.at()) {
            Some(until) => Self { until, limit: Limit::Attempt },
            None => Self { until: deadline.at(), limit: own },
        }
    }

    /// Waits for an exchange no longer than that.
    pub(in crate::upstream) fn with<T, F>(self, exchange: F) -> Bounded<F>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        Bounded { exchange: tokio::time::timeout_at(self.until, exchange), limit: self.limit }
    }
}

pin_project! {
    /// An exchange that ends in time. A future by name: an `async fn` would have a place for the
    /// exchange before it begins and another one for while it runs.
    #[derive(Debug)]
    pub(in crate::upstream) struct Bounded<F> {
        #[pin]
        exchange: Timeout<F>,
        limit: Limit,
    }
}

impl<T, F: Future<Output = Result<T, Failure>>> Future for Bounded<F> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let limit = *this.limit;
        this.exchange.poll(cx).map(|ended| match ended {
            Ok(ended) => ended,
            Err(_elapsed) => Err(Failure::Timeout(limit)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_nearest_limit_ends_an_attempt() {
        let second = Duration::from_secs(1);
        for (client, early, limit, took) in [
            (None, None, Limit::Call, 5),
            (None, Some(2), Limit::Attempt, 2),
            (None, Some(9), Limit::Call, 5),
            (Some(3), Some(2), Limit::Attempt, 2),
            (Some(8), Some(4), Limit::Attempt, 4),
            (Some(1), Some(2), Limit::Client, 1),
            (Some(1), None, Limit::Client, 1),
        ] {
            let began = Instant::now();
            let client = client.map(|n: u32| began + n * second);
            let deadline = Deadline::begin(5 * second, client, true).unwrap();
            let patience = Patience::new(deadline, early.map(|n: u32| n * second));
            let never = std::future::pending::<Result<(), _>>();
            let Err(Failure::Timeout(which)) = patience.with(never).await else { panic!() };
            assert_eq!((which, began.elapsed()), (limit, took * second));
        }
        let deadline = Deadline::begin(second, None, true).unwrap();
        tokio::time::advance(2 * second).await;
        let at_once = Patience::new(deadline, None).with(async { Ok(7) }).await;
        assert!(matches!(at_once, Ok(7)), "what is ready needs no time");
    }
}
