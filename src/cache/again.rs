//! A question that stands, whose answer is found again where it was found.
//!
//! Whoever asks the same again and again need not have it looked for each time: as long as nothing was
//! put into the store or taken out on purpose, it would find the same entry. Whether that may still be
//! given is asked of the entry every time, as ever. moka is asked again all the same every so often,
//! for it keeps what it is asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::cache::read::{Look, judged};
use crate::cache::store::{Entry, Held};
use crate::cache::{Cache, Shared};
use crate::canonical::{Request, Response, Seen, Standing};

/// So long moka is not asked. It counts an entry's use up to fifteen and halves that now and then, so
/// more would tell it nothing.
const UNASKED: Duration = Duration::from_millis(20);

/// Where the answer to a question that stands was found.
#[derive(Debug)]
pub(super) struct Place {
    key: Box<[u8]>,
    /// The count of the store's changes when it was looked into last.
    changes: AtomicU64,
    found: ArcSwapOption<Found>,
}

/// An entry, as moka gave it.
#[derive(Debug)]
struct Found {
    /// The store's changes before moka was asked.
    changes: u64,
    asked: Instant,
    /// Not kept alive: the store decides how long it is.
    entry: Weak<Entry>,
}

impl Place {
    fn again(&self, shared: &Shared, now: Instant) -> Option<Response> {
        let found = self.found.load();
        let found = found.as_deref()?;
        if found.changes != shared.store.changes()
            || now.saturating_duration_since(found.asked) >= UNASKED
        {
            return None;
        }
        found.entry.upgrade()?.hit(&shared.epochs, now)
    }

    fn look(&self, shared: &Shared, may_be_old: impl FnOnce() -> bool) -> Look {
        let (changes, gone) = (shared.store.changes(), shared.store.gone());
        let held = shared.store.peek(&self.key);
        let now = Instant::now();
        // Where much is put in, nothing would be found here again: then no memory is taken for it.
        let quiet = self.changes.swap(changes, Ordering::Relaxed) == changes;
        if let Some(Held::Answer(entry)) = held.as_ref().filter(|_| quiet) {
            let found = Found { changes, asked: now, entry: Arc::downgrade(entry) };
            self.found.store(Some(Arc::new(found)));
        }
        judged(shared, held, gone, now, may_be_old)
    }
}

impl<S> Cache<S> {
    /// A hit, or what was seen in its place.
    pub(super) fn found_again(
        &self,
        standing: &Standing,
        may_be_old: impl FnOnce() -> bool,
    ) -> Result<Response, Seen> {
        let place = standing.place(|request: &Request| {
            let key = self.key(request)?.bytes().into();
            Some(Place { key, changes: AtomicU64::new(u64::MAX), found: ArcSwapOption::empty() })
        });
        let place = place.ok_or(Seen::Unlooked)?;
        match place.again(&self.shared, Instant::now()) {
            Some(hit) => Ok(hit),
            None => place.look(&self.shared, may_be_old).hit(),
        }
    }
}
