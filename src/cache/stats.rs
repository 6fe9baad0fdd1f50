//! What there is to measure, for whoever exports it. Requests are counted above the cache, by their
//! outcomes.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Shared;
use crate::cache::store::Removal;

/// How often the store is brought up to date without traffic.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Reads the cache's gauges. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Stats(Arc<Shared>);

impl Stats {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Bytes held, with the room left for renderings. Follows changes within moments, not at once.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.store.bytes()
    }

    /// Entries held. Follows changes within moments, not at once.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.0.store.entries()
    }

    /// Keeps the figures true without traffic: moka counts and evicts when it is used, so somebody
    /// has to use it. Never ends.
    pub async fn keep(&self) {
        let mut every = tokio::time::interval(HOUSEKEEPING);
        loop {
            every.tick().await;
            self.0.store.settle().await;
        }
    }

    /// Entries that left for this cause, since the start.
    #[must_use]
    pub fn removed(&self, cause: Removal) -> u64 {
        self.0.store.removed(cause)
    }

    /// Questions under way.
    #[must_use]
    pub fn flights(&self) -> usize {
        self.0.flights.count()
    }
}
