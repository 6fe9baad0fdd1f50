//! The timer of a connection, which ends what takes too long over it.
//!
//! It stays where it is from one exchange to the next, set for the end of an earlier one: that is
//! over before this one is, and only then, every few seconds, it is set anew. A timer for each
//! exchange would be hung up and taken down for each, and looked at whenever its task is.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Debug, Default)]
pub(in crate::upstream) struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whom it wakes. It has a waker of theirs until it wakes them, so they are nobody else.
    wakes: Option<(usize, usize)>,
}

impl Alarm {
    /// Whether `until` is over; if not, whoever polls is woken then, at the latest.
    pub(in crate::upstream) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        let who = place(cx.waker());
        loop {
            if timer.is_elapsed() || timer.deadline() > until {
                if timer.is_elapsed() && timer.deadline() >= until {
                    return Poll::Ready(());
                }
                timer.as_mut().reset(until);
                self.wakes = None;
            }
            if self.wakes == Some(who) {
                return Poll::Pending;
            }
            // A task that has done much already would be sent away without being heard.
            let heard = pin!(tokio::task::unconstrained(timer.as_mut()));
            if heard.poll(cx).is_pending() {
                self.wakes = Some(who);
                return Poll::Pending;
            }
        }
    }
}

/// What tells the waker of one task from that of another one that lives.
fn place(waker: &Waker) -> (usize, usize) {
    (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// As a task that waits for it.
    async fn over(alarm: &mut Alarm, until: Instant) -> Duration {
        let began = Instant::now();
        poll_fn(|cx| alarm.poll(until, cx)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_end_is_met_however_it_was_set_before() {
        let mut alarm = Alarm::default();
        // Later, earlier, the same, over already, and later than an exchange that ended in time.
        for seconds in [4, 6, 2, 2, 0, 9] {
            let until = Instant::now() + seconds * SECOND;
            assert_eq!(over(&mut alarm, until).await, seconds * SECOND, "{seconds}");
        }
        let early = Instant::now() + 3 * SECOND;
        let polled = poll_fn(|cx| Poll::Ready(alarm.poll(early, cx))).await;
        assert!(polled.is_pending());
        tokio::time::advance(SECOND).await;
        assert_eq!(over(&mut alarm, early + 5 * SECOND).await, 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_polled_last_is_woken() {
        let mut alarm = Alarm::default();
        let tasks = [(); 3].map(|()| Arc::<Woken>::default());
        let until = Instant::now() + SECOND;
        for index in [0, 1, 0, 2] {
            let waker = Waker::from(Arc::clone(&tasks[index]));
            let mut cx = Context::from_waker(&waker);
            for _ in 0..2 {
                assert!(alarm.poll(until, &mut cx).is_pending());
            }
        }
        // The timer's own task has to run.
        tokio::time::sleep(2 * SECOND).await;
        let woken = tasks.each_ref().map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 0, 1]);
        let waker = Waker::from(Arc::clone(&tasks[2]));
        assert!(alarm.poll(until, &mut Context::from_waker(&waker)).is_ready());
        let later = Instant::now() + SECOND;
        assert!(alarm.poll(later, &mut Context::from_waker(&waker)).is_pending());
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(tasks[2].0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_done_much_is_heard_all_the_same() {
        let mut alarm = Alarm::default();
        let until = Instant::now() + SECOND;
        let mut polled = 0;
        let waited = poll_fn(|cx| {
            polled += 1;
            // Its budget is spent.
            while tokio::task::coop::has_budget_remaining() {
                let ready = pin!(tokio::task::coop::cooperative(std::future::ready(())));
                let _ = ready.poll(cx);
            }
            alarm.poll(until, cx)
        });
        waited.await;
        assert_eq!((polled, Instant::now()), (2, until));
    }
}
