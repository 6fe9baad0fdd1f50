//! The entries: moka, weighed in bytes.
//!
//! moka evicts and keeps the popular; whether an entry may be given is decided here and in
//! [`crate::cache::epochs`], by the entry's own age and count. Beside answers stand marks of questions
//! whose answers cannot be stored, so that nobody waits for those. moka weighs an entry once, when it
//! is put in, while the renderings of dialects grow on it later: so each is weighed with room for
//! more, and put in again as soon as it has outgrown that.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::quality::RandomState;
use futures_util::FutureExt as _;
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use tokio::time::Instant;

use crate::cache::changes::{Changes, Part};
use crate::cache::epochs::{Epoch, Epochs, Word};
use crate::cache::freshness::{self, Ages};
use crate::canonical::payload::Watcher;
use crate::canonical::{Alone, Outcome, Payload, Response};

/// What an entry costs beside its bytes: moka's node, its key's, ours.
const OVERHEAD: usize = 384;

/// So long a question whose answer could not be stored is asked by everyone alone.
const ALONE: Duration = Duration::from_secs(5);

/// No answer takes more than this part of the whole room, and its renderings no more again.
const LARGEST: u64 = 8;

/// So long moka is not asked for an entry of which it is known where it is. It counts an entry's use up
/// to fifteen and halves that now and then, so more would tell it nothing.
const UNASKED: Duration = Duration::from_millis(20);

/// A stored answer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) payload: Arc<Payload>,
    /// When its question was sent.
    pub(super) asked: Instant,
    pub(super) ages: Ages,
    /// The count when its question was sent.
    pub(super) epoch: Epoch,
    pub(super) words: Box<[Word]>,
    /// What it was weighed as.
    room: AtomicU32,
    /// When moka was asked for it: nanoseconds after its question was sent.
    asked_for: AtomicU64,
}

impl Entry {
    pub(super) fn new(
        payload: Arc<Payload>,
        asked: Instant,
        ages: Ages,
        epoch: Epoch,
        words: Box<[Word]>,
    ) -> Self {
        let room = AtomicU32::new(Self::room(&payload, &words));
        Self { payload, asked, ages, epoch, words, room, asked_for: AtomicU64::new(0) }
    }

    /// How old it is.
    pub(super) fn age(&self, now: Instant) -> Duration {
        freshness::age(self.asked, now)
    }

    /// moka was asked for it when it had this age.
    pub(super) fn was_asked_for(&self, age: Duration) {
        self.asked_for.store(nanos(age), Ordering::Relaxed);
    }

    /// Whether moka should be asked for it again at this age, so that it keeps it.
    pub(super) fn is_to_be_asked_for(&self, age: Duration) -> bool {
        nanos(age).saturating_sub(self.asked_for.load(Ordering::Relaxed)) >= nanos(UNASKED)
    }

    /// Its bytes, with room for the first rendering, later for a quarter more.
    fn room(payload: &Payload, words: &[Word]) -> u32 {
        let weight = payload.weight();
        let ahead = payload.body.len().max(weight / 4);
        u32::try_from(weight + ahead + size_of_val(words)).unwrap_or(u32::MAX)
    }

    fn wanted(&self) -> u32 {
        Self::room(&self.payload, &self.words)
    }

    /// Whether it has outgrown its room. Says so once for each room.
    fn outgrown(&self) -> bool {
        let room = self.room.load(Ordering::Relaxed);
        let held = self.payload.weight() + size_of_val(&*self.words);
        held > room as usize
            && self
                .room
                .compare_exchange(room, self.wanted(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// It as a hit, where it may still be given at this age.
    pub(super) fn hit(&self, epochs: &Epochs, age: Duration) -> Option<Response> {
        let left = self.fresh(epochs, age)?;
        Some(Response { payload: Arc::clone(&self.payload), outcome: Outcome::Hit(left) })
    }

    /// So long it may still be given from this age on; `None` when it may not.
    pub(super) fn fresh(&self, epochs: &Epochs, age: Duration) -> Option<Duration> {
        let left = freshness::left(age, self.ages.fresh)?;
        self.holds(epochs).then_some(left)
    }

    /// So long its time has been over, where it may be given while the backend is being asked.
    pub(super) fn revalidating(&self, epochs: &Epochs, age: Duration) -> Option<Duration> {
        self.stale(self.ages.revalidating, epochs, age)
    }

    /// So long its time has been over, where it may be given because the backend fails.
    pub(super) fn failing(&self, epochs: &Epochs, age: Duration) -> Option<Duration> {
        self.stale(self.ages.failing, epochs, age)
    }

    /// A write of ours leaves nothing of it, however the backend does.
    fn stale(&self, most: Duration, epochs: &Epochs, age: Duration) -> Option<Duration> {
        let over = freshness::over(age, self.ages.fresh, most)?;
        self.holds(epochs).then_some(over)
    }

    /// Whether no write has moved what it shows, and nobody found that it cannot be read.
    fn holds(&self, epochs: &Epochs) -> bool {
        !self.payload.is_doubted() && !epochs.moved(&self.words, self.epoch)
    }
}

fn nanos(age: Duration) -> u64 {
    u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)
}

/// What is held for a question.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// An answer.
    Answer(Arc<Entry>),
    /// Hit-for-miss: the answer to the question asked then could not be stored.
    Alone(Instant),
}

impl Held {
    fn asked(&self) -> Instant {
        match self {
            Self::Answer(entry) => entry.asked,
            Self::Alone(asked) => *asked,
        }
    }

    /// Whether nobody should wait for another's answer.
    pub(super) fn is_alone(&self, now: Instant) -> bool {
        matches!(self, Self::Alone(asked) if now.saturating_duration_since(*asked) < ALONE)
    }

    fn answer(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Answer(entry) => Some(entry),
            Self::Alone(_) => None,
        }
    }
}

type Entries = Cache<Arc<[u8]>, Held, RandomState>;

/// Puts an entry in again with its present weight when it has outgrown its room. It keeps nothing
/// alive: what it watches is held by what it changes.
#[derive(Debug)]
struct Growth {
    entries: Weak<Entries>,
    entry: Weak<Entry>,
    key: Arc<[u8]>,
    most: usize,
}

impl Watcher for Growth {
    fn most(&self) -> usize {
        self.most
    }

    fn heavier(&self, _: usize) {
        let (Some(entries), Some(entry)) = (self.entries.upgrade(), self.entry.upgrade()) else {
            return;
        };
        if !entry.outgrown() {
            return;
        }
        let key = Arc::clone(&self.key);
        let again = async move {
            let _ = entries
                .entry(key)
                .and_compute_with(|known| {
                    // Unless another is in its place by then.
                    let same = known.is_some_and(|k| {
                        k.value().answer().is_some_and(|e| Arc::ptr_eq(e, &entry))
                    });
                    std::future::ready(if same { Op::Put(Held::Answer(entry)) } else { Op::Nop })
                })
                .await;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(again);
        }
    }
}

/// Entries by key.
#[derive(Debug)]
pub(super) struct Store {
    entries: Arc<Entries>,
    largest: u64,
    removed: Arc<[AtomicU64; 4]>,
    /// Marks that are no longer there, since the start: what else stands at their places may be older
    /// than whoever saw them.
    gone: Arc<AtomicU64>,
    changes: Changes,
    max_age: Duration,
}

/// Why an entry left the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// For want of room.
    Size,
    /// Its longest time was over.
    Expired,
    /// A newer answer, or a heavier weight of the same, took its place.
    Replaced,
    /// It was removed.
    Explicit,
}

impl Removal {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Size, Self::Expired, Self::Replaced, Self::Explicit];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Explicit => "explicit",
        }
    }
}

impl Store {
    /// Nothing is held for longer than `max_age`.
    pub(super) fn new(max_bytes: u64, max_age: Duration) -> Self {
        let removed = Arc::<[AtomicU64; 4]>::default();
        let counts = Arc::clone(&removed);
        let gone = Arc::<AtomicU64>::default();
        let evicted = Arc::clone(&gone);
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|key: &Arc<[u8]>, held: &Held| {
                let own = u32::try_from(key.len() + OVERHEAD).unwrap_or(u32::MAX);
                let room = held.answer().map_or(0, |entry| entry.room.load(Ordering::Relaxed));
                room.saturating_add(own)
            })
            .time_to_live(max_age)
            .eviction_listener(move |_, held, cause| {
                if matches!((held, cause), (Held::Alone(_), RemovalCause::Size)) {
                    evicted.fetch_add(1, Ordering::SeqCst);
                }
                let removal = match cause {
                    RemovalCause::Size => Removal::Size,
                    RemovalCause::Expired => Removal::Expired,
                    RemovalCause::Replaced => Removal::Replaced,
                    RemovalCause::Explicit => Removal::Explicit,
                };
                if let Some(count) = counts.get(removal as usize) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(RandomState::default());
        let largest = max_bytes / LARGEST;
        let changes = Changes::new();
        Self { entries: Arc::new(entries), largest, removed, gone, changes, max_age }
    }

    /// Which part of the keys this one is in.
    pub(super) fn part(&self, key: &[u8]) -> Part {
        self.changes.part(key)
    }

    /// How often anything of this part was put in or taken out on purpose. To be asked before what is
    /// looked for: while it stays what it was, moka would find the same.
    pub(super) fn changes(&self, part: Part) -> u64 {
        self.changes.of(part)
    }

    /// How many marks are gone. To be asked before the one that is looked for.
    pub(super) fn gone(&self) -> u64 {
        self.gone.load(Ordering::SeqCst)
    }

    /// Whether this mark is there still and for a while, so that it need not be set again.
    pub(super) fn is_marked(&self, mark: Alone, now: Instant) -> bool {
        let age = now.saturating_duration_since(mark.asked);
        age < self.max_age.min(ALONE / 2) && self.gone() == mark.gone
    }

    /// What is held, without waiting: `None` also in the rare moment when moka would tidy up first.
    pub(super) fn peek(&self, key: &[u8]) -> Option<Held> {
        self.entries.get(key).now_or_never().flatten()
    }

    /// What is held.
    pub(super) async fn get(&self, key: &[u8]) -> Option<Held> {
        self.entries.get(key).await
    }

    /// The answer that is held.
    pub(super) async fn answer(&self, key: &[u8]) -> Option<Arc<Entry>> {
        self.get(key).await?.answer().cloned()
    }

    /// Whether an answer is too large to be held, with what it shows.
    pub(super) fn is_too_large(&self, payload: &Payload, words: &[Word]) -> bool {
        u64::from(Entry::room(payload, words)) > self.largest
    }

    /// Holds this, unless something about a later question is there.
    pub(super) async fn put(&self, key: Arc<[u8]>, held: Held) {
        let _changing = self.changes.change(&key);
        if let Held::Answer(entry) = &held {
            let (entries, watched) = (Arc::downgrade(&self.entries), Arc::downgrade(entry));
            let most = usize::try_from(self.largest).unwrap_or(usize::MAX);
            let growth = Growth { entries, entry: watched, key: Arc::clone(&key), most };
            entry.payload.watch(Box::new(growth));
        }
        self.entries
            .entry(key)
            .and_compute_with(|known| {
                let later = known.as_ref().is_some_and(|k| k.value().asked() > held.asked());
                if !later && held.answer().is_some() {
                    self.goes(known.as_ref().map(|k| k.value()));
                }
                std::future::ready(if later { Op::Nop } else { Op::Put(held) })
            })
            .await;
    }

    /// Holds nothing any more of what was asked no later than then.
    pub(super) async fn forget(&self, key: Arc<[u8]>, asked: Instant) {
        let _changing = self.changes.change(&key);
        self.entries
            .entry(key)
            .and_compute_with(|known| {
                let older = known.as_ref().is_some_and(|k| k.value().asked() <= asked);
                if older {
                    self.goes(known.as_ref().map(|k| k.value()));
                }
                std::future::ready(if older { Op::Remove } else { Op::Nop })
            })
            .await;
    }

    /// What stood at a place is about to go.
    fn goes(&self, known: Option<&Held>) {
        if let Some(Held::Alone(_)) = known {
            self.gone.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries.entry_count()
    }

    pub(super) fn removed(&self, cause: Removal) -> u64 {
        self.removed.get(cause as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// What the entries really take, and how many there are.
    #[cfg(test)]
    pub(super) fn really(&self) -> (u64, usize) {
        let mut all = (0, 0);
        for (key, held) in self.entries.iter() {
            let entry = held.answer();
            let own = entry.map_or(0, |e| e.payload.weight() + size_of_val(&*e.words));
            all = (all.0 + (key.len() + own + OVERHEAD) as u64, all.1 + 1);
        }
        all
    }

    /// Lets moka do now what it does every so often.
    pub(super) async fn settle(&self) {
        self.entries.run_pending_tasks().await;
    }
}
