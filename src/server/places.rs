//! How many connections there may be at once, while that number may change.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of a listener's connections.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// Places that are no more, but still taken.
    owed: usize,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most, owed: 0 }
    }

    /// A place, as soon as there is one; free again when it is dropped.
    pub(super) fn take(
        &mut self,
    ) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + use<> {
        self.settle();
        let free = Arc::clone(&self.free);
        // Closed never.
        async move { free.acquire_owned().await.ok() }
    }

    /// From now on there are `most`. Nobody loses the place they have.
    pub(super) fn allow(&mut self, most: usize) {
        let before = std::mem::replace(&mut self.most, most);
        match most.checked_sub(before) {
            Some(more) => {
                let kept = more.min(self.owed);
                self.owed -= kept;
                self.free.add_permits(more - kept);
            }
            None => self.owed += before - most,
        }
        self.settle();
    }

    fn settle(&mut self) {
        if self.owed > 0 {
            self.owed -= self.free.forget_permits(self.owed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn fewer_places_take_nobodys_and_more_are_there_at_once() {
        let mut places = Places::new(2);
        let mut take = || places.take().now_or_never();
        let (first, second) = (take().unwrap(), take().unwrap());
        assert!(take().is_none());
        places.allow(1);
        drop(first);
        assert!(places.take().now_or_never().is_none(), "the one that was given back is no more");
        places.allow(3);
        let (third, fourth) = (places.take().now_or_never(), places.take().now_or_never());
        assert!(third.is_some() && fourth.is_some());
        assert!(places.take().now_or_never().is_none());
        // Taken away and given again before anybody left.
        places.allow(1);
        places.allow(2);
        drop(second);
        assert!(places.take().now_or_never().is_none());
        drop(third);
        assert!(places.take().now_or_never().is_some());
    }
}
