//! A peer that is waited for, because it does not take what is written to it.
//!
//! Whoever takes nothing for a while has left. Whoever takes one byte now and then has not, and would
//! keep a whole answer in memory for as long as it likes; so all the waiting for one answer is
//! bounded by how much of it was taken meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Bytes a second that a peer must take while it is waited for, beyond the first wait. A slow mobile
/// line has ten times as much.
pub(super) const SLOWEST: u64 = 1024;

/// What is known of it, for one answer.
#[derive(Debug)]
pub(super) struct Taking {
    /// The longest wait without a byte taken.
    patience: Duration,
    /// Since when it is waited for, and until when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// The waits that ended.
    waited: Duration,
    /// Bytes taken since the first of them.
    taken: u64,
}

impl Taking {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, waiting: None, waited: Duration::ZERO, taken: 0 }
    }

    /// Whether it is being waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// It took so much.
    pub(super) fn took(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            // So short a wait that the clock does not show it was one all the same.
            self.waited += since.elapsed().max(Duration::from_nanos(1));
        }
        if !self.waited.is_zero() {
            self.taken = self.taken.saturating_add(bytes as u64);
        }
    }

    /// It has all that there was; the next answer begins anew.
    pub(super) fn done(&mut self) {
        self.waiting = None;
        self.waited = Duration::ZERO;
        self.taken = 0;
    }

    /// Waits; ready once it has taken too little for too long.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (_, limit) = self.waiting.get_or_insert_with(|| {
            let earned = Duration::from_millis(self.taken.saturating_mul(1000) / SLOWEST);
            let left = self.patience.saturating_add(earned).saturating_sub(self.waited);
            (Instant::now(), Box::pin(sleep(left.min(self.patience))))
        });
        limit.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Takes `bytes` after each of many pauses; how long it was waited for until that was over.
    async fn waits(pause: Duration, bytes: usize) -> Option<Duration> {
        let (mut taking, began) = (Taking::new(PATIENCE), Instant::now());
        for _ in 0..1_000 {
            let over = poll_fn(|cx| taking.poll_over(cx));
            if tokio::time::timeout(pause, over).await.is_ok() {
                return Some(began.elapsed());
            }
            assert!(taking.is_waiting());
            taking.took(bytes);
            assert!(!taking.is_waiting());
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_too_little_is_given_up() {
        let second = Duration::from_secs(1);
        // Nothing: one wait.
        assert_eq!(waits(90 * second, 0).await, Some(PATIENCE));
        // A byte now and then earns next to nothing.
        let over = waits(50 * second, 1).await.unwrap();
        assert!(over >= PATIENCE && over < PATIENCE + second, "{over:?}");
        // Half of what is asked: twice as long.
        let over = waits(10 * second, 5 * 1024).await.unwrap();
        assert!(over > PATIENCE + 45 * second && over < PATIENCE + 65 * second, "{over:?}");
        // Enough.
        assert_eq!(waits(10 * second, 10 * 1024).await, None);
        // More than enough, but the next is too long in coming.
        assert_eq!(waits(61 * second, 1 << 20).await, Some(PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_is_counted_by_itself() {
        let mut taking = Taking::new(PATIENCE);
        for _ in 0..10 {
            let over = poll_fn(|cx| taking.poll_over(cx));
            assert!(tokio::time::timeout(PATIENCE - Duration::from_secs(1), over).await.is_err());
            taking.took(1);
            taking.done();
        }
    }
}
