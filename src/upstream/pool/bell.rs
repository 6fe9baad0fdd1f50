//! The waker of a connection, which wakes only who waits.
//!
//! Whoever asks polls both ends of hyper's channels in one task, so each end wakes the other one's
//! task while that very task is at work: it would be polled again, all of it, for nothing. A request
//! that is handed to a connection wakes whoever used that connection before, who waits for something
//! else by now. So a connection has one waker for good. What rings it during a poll is looked at when
//! the poll ends, and while nobody waits it is not heard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What rings where something happens to a connection, and who hears it.
#[derive(Debug)]
pub(super) struct Bell {
    heard: Arc<Heard>,
    /// It, as what rings it wants it.
    waker: Waker,
}

#[derive(Debug, Default)]
struct Heard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whoever polled last.
    task: Option<Waker>,
    /// It waits. Else it is at work, or is gone.
    waits: bool,
    /// It rang while nobody waited.
    rang: bool,
}

impl Default for Bell {
    fn default() -> Self {
        let heard = Arc::<Heard>::default();
        Self { waker: Waker::from(Arc::clone(&heard)), heard }
    }
}

impl Bell {
    /// Polls something of the connection for the task of `cx`. Where it is not ready, the task is
    /// woken once something happens, and at once if it happened meanwhile.
    pub(super) fn polled<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // Whatever rang before this is seen by the poll.
        self.heard.state().at_work();
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_pending() && self.heard.state().waits_for(cx.waker()) {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at_work(&mut self) {
        (self.waits, self.rang) = (false, false);
    }

    /// Whether it rang meanwhile.
    fn waits_for(&mut self, waker: &Waker) -> bool {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            self.task = Some(waker.clone());
        }
        self.waits = !self.rang;
        self.rang
    }
}

impl Wake for Heard {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        if std::mem::take(&mut state.waits) {
            let task = state.task.take();
            // Whoever is woken may want to know at once.
            drop(state);
            if let Some(task) = task {
                task.wake();
            }
        } else {
            state.rang = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn taken(&self) -> usize {
            self.0.swap(0, Ordering::Relaxed)
        }
    }

    #[test]
    fn who_waits_is_woken_once_and_who_is_at_work_where_it_is_to_wait() {
        let bell = Bell::default();
        let tasks = [(); 2].map(|()| Arc::<Woken>::default());
        let wakers = tasks.each_ref().map(|task| Waker::from(Arc::clone(task)));
        let [first, second] = wakers.each_ref().map(Context::from_waker);
        let woken = || tasks.each_ref().map(|task| task.taken());
        let ring = || bell.waker.wake_by_ref();
        // Nobody has polled.
        ring();
        // It is ready all the same.
        let ready = bell.polled(&first, |cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        });
        assert!(ready.is_ready());
        assert_eq!(woken(), [0, 0]);
        // It is at rest.
        ring();
        assert_eq!(woken(), [0, 0]);
        // What rang before was seen.
        assert!(bell.polled(&first, |_| Poll::<()>::Pending).is_pending());
        assert_eq!(woken(), [0, 0]);
        ring();
        ring();
        assert_eq!(woken(), [1, 0]);
        // Another one waits now, and then the first again.
        for (cx, who) in [(&second, [0, 1]), (&first, [1, 0]), (&first, [1, 0])] {
            assert!(bell.polled(cx, |_| Poll::<()>::Pending).is_pending());
            ring();
            assert_eq!(woken(), who);
        }
        // What happens during the poll is not lost: as it ends, and not before.
        let polled = bell.polled(&second, |cx| {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            assert_eq!(woken(), [0, 0]);
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(woken(), [0, 1]);
        // It was told; until it polls again there is nothing more to say.
        ring();
        assert_eq!(woken(), [0, 0]);
    }
}
