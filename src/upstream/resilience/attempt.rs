//! How long one attempt may take.
//!
//! Ended early is only what can be repeated: a read that has attempts left. Whatever else is under
//! way has all the time of the call, since ending it would only lose what it may have done.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::upstream::client::Failure;
use crate::upstream::resilience::deadline::Deadline;

/// When an attempt ends, and why.
#[derive(Clone, Copy, Debug)]
pub(in crate::upstream) struct Patience {
    /// When it began.
    pub(in crate::upstream) since: Instant,
    /// `None` where somebody else ends it.
    until: Option<(Instant, Limit)>,
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
    /// With an attempt that begins `now`; `early` where another one may follow.
    pub(in crate::upstream) fn new(
        deadline: Deadline,
        early: Option<Duration>,
        now: Instant,
    ) -> Self {
        let own = if deadline.is_clients() { Limit::Client } else { Limit::Call };
        let until = match early.map(|time| now + time).filter(|at| *at < deadline.at()) {
            Some(until) => (until, Limit::Attempt),
            None => (deadline.at(), own),
        };
        Self { since: now, until: Some(until) }
    }

    /// With an attempt that somebody else ends.
    pub(in crate::upstream) fn endless(now: Instant) -> Self {
        Self { since: now, until: None }
    }

    /// Whether it is over. If not, `alarm` wakes whoever polls when it is.
    pub(in crate::upstream) fn over(
        &self,
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Poll<Failure> {
        match self.until {
            Some((until, limit)) => {
                alarm.set(until);
                alarm.poll(cx).map(|()| Failure::Timeout(limit))
            }
            None => Poll::Pending,
        }
    }

    /// Waits no longer than that for what has no alarm yet.
    pub(in crate::upstream) async fn with<T>(
        &self,
        waited: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some((until, limit)) = self.until else { return waited.await };
        let ended = tokio::time::timeout_at(until, waited).await;
        ended.map_err(|_elapsed| Failure::Timeout(limit)).flatten()
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
            let deadline = Deadline::begin(began, 5 * second, client, true).unwrap();
            let patience = Patience::new(deadline, early.map(|n: u32| n * second), began);
            let never = std::future::pending::<Result<(), _>>();
            let Err(Failure::Timeout(which)) = patience.with(never).await else { panic!() };
            assert_eq!((which, began.elapsed()), (limit, took * second));
            // The same for what has an alarm.
            let began = Instant::now();
            let client = client.map(|at| at + took * second);
            let deadline = Deadline::begin(began, 5 * second, client, true).unwrap();
            let patience = Patience::new(deadline, early.map(|n: u32| n * second), began);
            let mut alarm = Alarm::new(9 * second);
            let over = std::future::poll_fn(|cx| patience.over(&mut alarm, cx)).await;
            let Failure::Timeout(which) = over else { panic!() };
            assert_eq!((which, began.elapsed()), (limit, took * second));
        }
        let now = Instant::now();
        let deadline = Deadline::begin(now, second, None, true).unwrap();
        tokio::time::advance(2 * second).await;
        let at_once = Patience::new(deadline, None, now).with(async { Ok(7) }).await;
        assert!(matches!(at_once, Ok(7)), "what is ready needs no time");
    }
}
