//! A time limit that is moved far more often than it is reached.
//!
//! Each request moves the limits of two connections, that of its client and that to its backend, and to
//! move a timer, or to ask one, is a handful of locked operations. So the timer is left where it is as
//! long as it strikes soon enough: when it does, it is set to where the limit is by then. And who waits
//! is noted with it once.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep};

/// The limit.
#[derive(Debug)]
pub struct Alarm {
    until: Instant,
    /// Strikes no later than that.
    timer: Pin<Box<Sleep>>,
    /// Who is woken when it strikes.
    waker: Option<Waker>,
}

impl Alarm {
    /// It is reached after so long. To be made in a runtime with timers.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        let timer = Box::pin(sleep(after));
        Self { until: timer.deadline(), timer, waker: None }
    }

    /// It is reached then, and no longer when it would have been.
    pub fn set(&mut self, until: Instant) {
        self.until = until;
        if until < self.timer.deadline() {
            self.reset();
        }
    }

    fn reset(&mut self) {
        self.timer.as_mut().reset(self.until);
        self.waker = None;
    }

    /// Ready once it is reached. If it is not, whoever asked last is woken then, at the latest.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let waits = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if waits && !self.timer.is_elapsed() {
                return Poll::Pending;
            }
            // A task that has had its share would be told to wait, and the timer of nobody.
            if pin!(unconstrained(self.timer.as_mut())).poll(cx).is_pending() {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            self.waker = None;
            if self.until <= self.timer.deadline() {
                return Poll::Ready(());
            }
            self.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Counted(AtomicU32);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// So long it takes from now.
    async fn reached(alarm: &mut Alarm) -> Duration {
        let began = Instant::now();
        poll_fn(|cx| alarm.poll(cx)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_reached_when_it_was_set_to_last() {
        let mut alarm = Alarm::new(2 * SECOND);
        assert_eq!(reached(&mut alarm).await, 2 * SECOND);
        assert_eq!(reached(&mut alarm).await, Duration::ZERO, "and stays so");
        // Later than its timer strikes, again and again; then earlier.
        for later in [3, 5, 9, 4, 1] {
            alarm.set(Instant::now() + later * SECOND);
        }
        assert_eq!(reached(&mut alarm).await, SECOND);
        alarm.set(Instant::now() + 60 * SECOND);
        let early = tokio::time::timeout(59 * SECOND, poll_fn(|cx| alarm.poll(cx)));
        assert!(early.await.is_err());
        alarm.set(Instant::now() + 2 * SECOND);
        assert_eq!(reached(&mut alarm).await, 2 * SECOND);
        // It is over before it is asked.
        alarm.set(Instant::now());
        assert_eq!(reached(&mut alarm).await, Duration::ZERO);
        // It was asked, and was not reached, as of an exchange that ended in time; its timer strikes
        // on the way to the next one's end.
        let early = Instant::now() + 3 * SECOND;
        alarm.set(early);
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await.is_pending());
        tokio::time::advance(SECOND).await;
        alarm.set(early + 5 * SECOND);
        assert_eq!(reached(&mut alarm).await, 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asked_last_is_woken_when_its_timer_strikes() {
        let [first, last] = [(); 2].map(|()| Arc::new(Counted::default()));
        let mut alarm = Alarm::new(2 * SECOND);
        let mut ask = |who: &Arc<Counted>| {
            let waker = Waker::from(Arc::clone(who));
            alarm.poll(&mut Context::from_waker(&waker))
        };
        for who in [&first, &first, &last, &last] {
            assert!(ask(who).is_pending());
        }
        sleep(3 * SECOND).await;
        let woken = |who: &Counted| who.0.load(Ordering::SeqCst);
        assert_eq!((woken(&first), woken(&last)), (0, 1));
        assert!(ask(&last).is_ready());
        // And then once more, for a later one.
        let waker = Waker::from(Arc::clone(&last));
        alarm.set(Instant::now() + SECOND);
        assert!(alarm.poll(&mut Context::from_waker(&waker)).is_pending());
        sleep(2 * SECOND).await;
        assert_eq!((woken(&first), woken(&last)), (0, 2));
    }

    /// A task that has used up its share of a turn is woken all the same.
    #[tokio::test(start_paused = true)]
    async fn who_has_had_its_share_is_woken() {
        let mut alarm = Alarm::new(SECOND);
        let began = Instant::now();
        poll_fn(|cx| {
            while tokio::task::coop::has_budget_remaining() {
                match tokio::task::coop::poll_proceed(cx) {
                    Poll::Ready(taken) => taken.made_progress(),
                    Poll::Pending => break,
                }
            }
            alarm.poll(cx)
        })
        .await;
        assert_eq!(began.elapsed(), SECOND);
    }
}
