//! Which answers a write has overtaken.
//!
//! moka stores an old value that was being loaded while its key was invalidated. So nothing is
//! invalidated in the store: a write marks its tags with the next count, and an answer is given
//! only while no tag of it bears a later count than the one noted when its question was sent.
//!
//! The table has a fixed size and is indexed by a keyed hash: two tags on one word cost a miss, never
//! a stale answer. Accounts are no part of a tag, because one account has several names (`1`, `n:1`).

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::canonical::Tenant;

/// Words of the table: 2 MiB.
const WORDS: u32 = 1 << 18;

/// A count of the process-wide counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Epoch(u64);

/// A place in the table: where a tag's last write is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word(u32);

/// The counter and the table. Every access is sequentially consistent: a count that a reader noted
/// must not be seen before the marks that preceded it.
#[derive(Debug)]
pub(super) struct Epochs {
    counter: AtomicU64,
    /// The last write that could not tell its tags: it overtakes everything.
    floor: AtomicU64,
    words: Box<[AtomicU64]>,
    seed: RandomState,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Self::with_words(WORDS)
    }

    fn with_words(words: u32) -> Self {
        Self {
            counter: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            // Zeroed by the system: a page of it takes memory when the first write is noted there.
            words: bytemuck::zeroed_slice_box(words.max(1) as usize),
            seed: RandomState::new(),
        }
    }

    /// Where a tag is noted.
    pub(super) fn word(&self, tenant: &Tenant, tag: &str) -> Word {
        let hash = self.seed.hash_one((&*tenant.0, tag));
        let index = hash % self.words.len() as u64;
        Word(u32::try_from(index).unwrap_or_default())
    }

    /// The count to note before a question is sent.
    pub(super) fn now(&self) -> Epoch {
        Epoch(self.counter.load(Ordering::SeqCst))
    }

    /// Whether a write has touched one of the tags after `since`.
    pub(super) fn moved(&self, words: &[Word], since: Epoch) -> bool {
        self.floor.load(Ordering::SeqCst) > since.0
            || words.iter().any(|word| {
                // A word outside the table is none of ours: distrust it.
                self.words.get(word.0 as usize).is_none_or(|w| w.load(Ordering::SeqCst) > since.0)
            })
    }

    /// Notes a write of these tags. To be called before the write is sent and when it ended.
    pub(super) fn advance(&self, words: &[Word]) {
        if words.is_empty() {
            return;
        }
        let count = self.counter.fetch_add(1, Ordering::SeqCst) + 1;
        for word in words {
            if let Some(word) = self.words.get(word.0 as usize) {
                word.fetch_max(count, Ordering::SeqCst);
            }
        }
    }

    /// Notes a write of unknown tags: every answer so far is overtaken.
    pub(super) fn advance_all(&self) {
        let count = self.counter.fetch_add(1, Ordering::SeqCst) + 1;
        self.floor.fetch_max(count, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tenant(name: &str) -> Tenant {
        Tenant(name.into())
    }

    #[test]
    fn a_write_overtakes_what_was_asked_before_it_and_nothing_else() {
        let epochs = Epochs::new();
        let acme = epochs.word(&tenant("acme"), "conv:1");
        let other = epochs.word(&tenant("other"), "conv:1");
        let before = epochs.now();
        epochs.advance(&[acme]);
        assert!(epochs.moved(&[acme], before));
        assert!(!epochs.moved(&[other], before), "a tenant's write is its own");
        assert!(!epochs.moved(&[acme], epochs.now()));
        epochs.advance_all();
        assert!(epochs.moved(&[], before) && epochs.moved(&[other], before));
        assert!(!epochs.moved(&[other], epochs.now()));
    }

    /// What can happen to two values that share a table with one another.
    #[derive(Clone, Debug)]
    enum Step {
        /// A write of this value is sent.
        Send(usize),
        /// The backend carries out the oldest write of this value that it has not.
        Apply(usize),
        /// The oldest write of this value ends, and its writer is told.
        End(usize),
        /// A question for this value is sent.
        Ask(usize),
        /// The backend answers the oldest question of this value.
        Answer(usize),
        /// The answer arrives and is stored, if it may be.
        Store(usize),
        /// Somebody reads this value.
        Read(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let value = 0_usize..2;
        let step = prop_oneof![
            value.clone().prop_map(Step::Send),
            value.clone().prop_map(Step::Apply),
            value.clone().prop_map(Step::End),
            value.clone().prop_map(Step::Ask),
            value.clone().prop_map(Step::Answer),
            value.clone().prop_map(Step::Store),
            value.prop_map(Step::Read),
        ];
        proptest::collection::vec(step, 1..80)
    }

    #[derive(Default)]
    struct Model {
        /// Versions at the backend.
        held: u64,
        /// Writes sent and not carried out; carried out and not ended.
        sent: u32,
        applied: Vec<u64>,
        /// The newest version whose writer has been told.
        told: u64,
        /// Questions: when each was sent, and what was answered.
        asked: Vec<Epoch>,
        answered: Vec<(Epoch, u64)>,
        stored: Option<(Epoch, u64)>,
    }

    proptest! {
        /// Whatever the order of questions and writes, nobody reads a version older than one whose
        /// writer has been told.
        #[test]
        fn no_order_of_events_gives_an_older_answer(steps in steps(), words in 1_u32..3) {
            let epochs = Epochs::with_words(words);
            let tags = [epochs.word(&tenant("t"), "a"), epochs.word(&tenant("t"), "b")];
            let mut models = [Model::default(), Model::default()];
            for step in steps {
                match step {
                    Step::Send(i) => {
                        epochs.advance(&[tags[i]]);
                        models[i].sent += 1;
                    }
                    Step::Apply(i) if models[i].sent > 0 => {
                        let model = &mut models[i];
                        model.sent -= 1;
                        model.held += 1;
                        model.applied.push(model.held);
                    }
                    Step::End(i) if !models[i].applied.is_empty() => {
                        let version = models[i].applied.remove(0);
                        epochs.advance(&[tags[i]]);
                        models[i].told = models[i].told.max(version);
                    }
                    Step::Ask(i) => models[i].asked.push(epochs.now()),
                    Step::Answer(i) if !models[i].asked.is_empty() => {
                        let at = models[i].asked.remove(0);
                        let version = models[i].held;
                        models[i].answered.push((at, version));
                    }
                    Step::Store(i) if !models[i].answered.is_empty() => {
                        let (at, version) = models[i].answered.remove(0);
                        if !epochs.moved(&[tags[i]], at) {
                            models[i].stored = Some((at, version));
                        }
                    }
                    Step::Read(i) => {
                        if let Some((at, version)) = models[i].stored
                            && !epochs.moved(&[tags[i]], at)
                        {
                            prop_assert!(version >= models[i].told);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
