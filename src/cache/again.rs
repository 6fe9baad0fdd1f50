//! A question that stands, whose answer is found again where it was found.
//!
//! Whoever asks the same again and again need not have it looked for each time: as long as nothing was
//! put into its part of the store or taken out on purpose, it would find the same entry. Whether that
//! may still be given is asked of the entry every time, as ever. moka is asked again all the same
//! every so often, for it keeps what it is asked for. That an answer cannot be stored is known again
//! as long as the mark that says so is young.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use crate::cache::changes::Part;
use crate::cache::read::{Look, judged};
use crate::cache::store::{Entry, Held};
use crate::cache::{Cache, Shared};
use crate::canonical::{Alone, Payload, Request, Response, Seen, Standing};

/// Where the answer to a question that stands was found.
#[derive(Debug)]
pub(super) struct Place {
    key: Box<[u8]>,
    part: Part,
    /// The count of its part's changes when it was looked into last.
    changes: AtomicU64,
    found: ArcSwapOption<Found>,
}

/// What moka gave.
#[derive(Debug)]
enum Found {
    /// An entry, and its part's changes before moka was asked. Not kept alive: the store decides how
    /// long it is.
    Entry { changes: u64, entry: Weak<Entry> },
    /// A mark.
    Mark(Alone),
}

impl Found {
    fn is(&self, now: u64, it: &Arc<Entry>) -> bool {
        matches!(self, Self::Entry { changes, entry }
            if *changes == now && std::ptr::eq(entry.as_ptr(), Arc::as_ptr(it)))
    }
}

impl Place {
    /// What is known without asking moka.
    pub(super) fn again(&self, shared: &Shared, now: Instant) -> Option<Result<Response, Seen>> {
        match self.found.load().as_deref()? {
            Found::Mark(mark) => {
                let young = shared.store.is_marked(*mark, now);
                young.then(|| Err(Seen::Alone(*mark)))
            }
            Found::Entry { changes, entry } => {
                if *changes != shared.store.changes(self.part) {
                    return None;
                }
                let entry = entry.upgrade()?;
                let age = entry.age(now);
                if entry.is_to_be_asked_for(age) {
                    return None;
                }
                entry.hit(&shared.epochs, age).map(Ok)
            }
        }
    }

    /// Whether what is known without asking moka is this answer, and may be given for so long. As
    /// [`Place::again`], which makes an answer of it.
    fn holds(&self, shared: &Shared, now: Instant, answer: &Weak<Payload>) -> Option<Duration> {
        let found = self.found.load();
        let Found::Entry { changes, entry } = found.as_deref()? else { return None };
        if *changes != shared.store.changes(self.part) {
            return None;
        }
        let entry = entry.upgrade()?;
        let age = entry.age(now);
        let same = std::ptr::eq(Arc::as_ptr(&entry.payload), answer.as_ptr());
        if !same || entry.is_to_be_asked_for(age) {
            return None;
        }
        entry.fresh(&shared.epochs, age)
    }

    fn look(&self, shared: &Shared, may_be_old: impl FnOnce() -> bool) -> Look {
        let (changes, gone) = (shared.store.changes(self.part), shared.store.gone());
        let held = shared.store.peek(&self.key);
        let now = Instant::now();
        // Where much is put in, nothing would be found here again: then no memory is taken for it.
        let quiet = self.changes.swap(changes, Ordering::Relaxed) == changes;
        match &held {
            Some(Held::Answer(entry)) => {
                entry.was_asked_for(entry.age(now));
                let known = || self.found.load().as_deref().is_some_and(|f| f.is(changes, entry));
                if quiet && !known() {
                    let entry = Arc::downgrade(entry);
                    self.found.store(Some(Arc::new(Found::Entry { changes, entry })));
                }
            }
            Some(Held::Alone(asked)) => {
                let mark = Alone { asked: *asked, gone };
                if shared.store.is_marked(mark, now) {
                    self.found.store(Some(Arc::new(Found::Mark(mark))));
                }
            }
            None => {}
        }
        judged(shared, held, gone, now, may_be_old)
    }
}

impl<S> Cache<S> {
    /// Where the answer to a question that stands is found.
    fn place<'s>(&self, standing: &'s Standing) -> Option<&'s Place> {
        standing.place(|request: &Request| {
            let key: Box<[u8]> = self.key(request)?.bytes().into();
            let part = self.shared.store.part(&key);
            let changes = AtomicU64::new(u64::MAX);
            Some(Place { key, part, changes, found: ArcSwapOption::empty() })
        })
    }

    /// So long this very answer may still be given, where that is known without a look.
    pub(super) fn holds_still(
        &self,
        standing: &Standing,
        now: Instant,
        answer: &Weak<Payload>,
    ) -> Option<Duration> {
        self.place(standing)?.holds(&self.shared, now, answer)
    }

    /// A hit, or what was seen in its place; of a request whose head was here just `now`.
    pub(super) fn found_again(
        &self,
        standing: &Standing,
        now: Instant,
        may_be_old: impl FnOnce() -> bool,
    ) -> Result<Response, Seen> {
        let place = self.place(standing).ok_or(Seen::Unlooked)?;
        match place.again(&self.shared, now) {
            Some(known) => known,
            None => place.look(&self.shared, may_be_old).hit(),
        }
    }
}
