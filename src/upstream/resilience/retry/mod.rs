//! Whether a call is asked again, and after which pause.
//!
//! What may be asked again is `classify`'s to say. Here is how often, how soon, and that a backend
//! which names a time (`Retry-After`) is never asked before it: what it wants is waited for up to
//! the longest pause of ours, and a longer wait is the client's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::upstream::classify::Trouble;
use crate::upstream::resilience::budget::Budget;
use crate::upstream::resilience::deadline::Deadline;
use crate::upstream::resilience::{Params, Signals};

/// The pauses between attempts: twice as long each time, the later half of it by chance, so that
/// what failed together does not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first one. Default 50 ms.
    pub min: Duration,
    /// The longest one. Default 1 s.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min: Duration::from_millis(50), max: Duration::from_secs(1) }
    }
}

impl Backoff {
    /// The pause after so many attempts; `chance` is any number.
    fn pause(self, attempts: u32, chance: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        let whole = self.min.saturating_mul(doubled).min(self.max);
        let half = whole / 2;
        half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }
}

/// The retries of one backend.
#[derive(Debug)]
pub(in crate::upstream) struct Retry {
    attempts: u32,
    attempt_timeout: Duration,
    backoff: Backoff,
    budget: Budget,
    signals: Arc<dyn Signals>,
    made: AtomicU64,
    refused: AtomicU64,
}

/// What operators are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::upstream) struct Spent {
    /// Retries since the start.
    pub(in crate::upstream) made: u64,
    /// Retries that were left out since the start, as the budget was spent.
    pub(in crate::upstream) refused: u64,
    /// What the budget has left now.
    pub(in crate::upstream) left: u64,
}

impl Retry {
    pub(in crate::upstream) fn new(params: &Params, signals: Arc<dyn Signals>) -> Self {
        Self {
            attempts: params.attempts,
            attempt_timeout: params.attempt_timeout,
            backoff: params.backoff,
            budget: Budget::new(params.budget),
            signals,
            made: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// A call begins `now`.
    pub(in crate::upstream) fn begin(
        &self,
        safe: bool,
        deadline: Deadline,
        now: Instant,
    ) -> Round<'_> {
        self.budget.deposit(now);
        Round { retry: self, safe, deadline, attempts: 0 }
    }

    pub(in crate::upstream) fn spent(&self) -> Spent {
        Spent {
            made: self.made.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            left: self.budget.left(),
        }
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(in crate::upstream) struct Round<'r> {
    retry: &'r Retry,
    /// It changes nothing, says the contract.
    safe: bool,
    deadline: Deadline,
    attempts: u32,
}

impl Round<'_> {
    /// An attempt begins. Says how long it may take, where another one may follow.
    pub(in crate::upstream) fn attempt(&mut self) -> Option<Duration> {
        self.attempts += 1;
        let followed = self.safe && self.attempts < self.retry.attempts;
        followed.then_some(self.retry.attempt_timeout)
    }

    /// The pause before the next attempt; `None` ends the call with this trouble.
    pub(in crate::upstream) fn again(&self, trouble: &Trouble) -> Option<Duration> {
        let retry = self.retry;
        if self.attempts >= retry.attempts || !trouble.kind.may_be_repeated(self.safe) {
            return None;
        }
        let pause = retry.backoff.pause(self.attempts, chance());
        let pause = match trouble.retry_after {
            Some(wanted) if wanted > retry.backoff.max => return None,
            Some(wanted) => pause.max(wanted),
            None => pause,
        };
        if pause >= self.deadline.left() {
            return None;
        }
        if !retry.budget.withdraw() {
            retry.refused.fetch_add(1, Ordering::Relaxed);
            retry.signals.out_of_budget();
            return None;
        }
        retry.made.fetch_add(1, Ordering::Relaxed);
        retry.signals.retried(trouble.kind.word());
        Some(pause)
    }
}

/// The fast generator of the crate that makes our ids; the last bits of a version 4 are all random.
fn chance() -> u32 {
    let [.., a, b, c, d] = *Uuid::new_v4().as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
