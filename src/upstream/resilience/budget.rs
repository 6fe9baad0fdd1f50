//! How many calls are repeated at all: a share of the calls of the last ten seconds, and a few a
//! second in any case. When everything fails, a backend gets that share more and not three times
//! as much.
//!
//! `tower`'s budget counts the same way and cannot say what is left, which operators ask.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::resilience::window::{Counts, Window};

/// What the share is taken of.
const SECONDS: u64 = 10;

/// How many calls are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Of a hundred calls so many may be repeated. Default 20.
    pub percent: u32,
    /// So many a second in any case. Default 5.
    pub min_per_second: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { percent: 20, min_per_second: 5 }
    }
}

#[derive(Debug)]
pub(in crate::upstream) struct Budget {
    params: Params,
    /// Calls; marked: repeated ones.
    window: Mutex<Window>,
}

impl Budget {
    pub(in crate::upstream) fn new(params: Params) -> Self {
        Self { params, window: Mutex::new(Window::new(Duration::from_secs(SECONDS))) }
    }

    /// A call begins `now`.
    pub(in crate::upstream) fn deposit(&self, now: Instant) {
        self.window().add(false, now);
    }

    /// Takes one repetition, where there is one left.
    pub(in crate::upstream) fn withdraw(&self) -> bool {
        let mut window = self.window();
        let enough = self.allowed(window.sum()) > 0;
        if enough {
            window.mark();
        }
        enough
    }

    /// How many repetitions there are left.
    pub(in crate::upstream) fn left(&self) -> u64 {
        self.allowed(self.window().sum())
    }

    fn allowed(&self, counts: Counts) -> u64 {
        let share = counts.all.saturating_mul(u64::from(self.params.percent)) / 100;
        let least = u64::from(self.params.min_per_second) * SECONDS;
        share.saturating_add(least).saturating_sub(counts.marked)
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(budget: &Budget) -> usize {
        (0..10_000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_of_the_calls_and_a_few_in_any_case() {
        let budget = Budget::new(Params { percent: 20, min_per_second: 1 });
        assert_eq!((budget.left(), spent(&budget), budget.left()), (10, 10, 0));
        (0..100).for_each(|_| budget.deposit(Instant::now()));
        assert_eq!((budget.left(), spent(&budget)), (20, 20));
        // Ten seconds later nothing of that counts, the calls neither.
        tokio::time::advance(Duration::from_secs(SECONDS)).await;
        assert_eq!(spent(&budget), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_nothing() {
        let budget = Budget::new(Params { percent: 0, min_per_second: 0 });
        (0..100).for_each(|_| budget.deposit(Instant::now()));
        assert!(!budget.withdraw());
    }
}
