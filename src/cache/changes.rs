//! How often the store was changed, so that it is known where nothing was.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;

/// How many parts the keys fall into. Where a thousand answers a second are put in, each part rests
/// for a second.
const PARTS: usize = 1024;

/// A part of the keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part(usize);

/// How often anything was put in or taken out on purpose, for each part of the keys.
pub(super) struct Changes {
    counts: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

impl Changes {
    pub(super) fn new() -> Self {
        let counts = (0..PARTS).map(|_| AtomicU64::new(0)).collect();
        Self { counts, hasher: RandomState::default() }
    }

    /// Which part this key is in.
    pub(super) fn part(&self, key: &[u8]) -> Part {
        Part(self.hasher.hash_one(key) as usize % PARTS)
    }

    /// How often.
    pub(super) fn of(&self, part: Part) -> u64 {
        self.counts.get(part.0).map_or(0, |count| count.load(Ordering::SeqCst))
    }

    /// A change of what this key names. It counts once it is made, or given up half-way: when this is
    /// dropped.
    pub(super) fn change(&self, key: &[u8]) -> Changing<'_> {
        Changing(self.counts.get(self.part(key).0))
    }
}

/// A change that is being made.
pub(super) struct Changing<'a>(Option<&'a AtomicU64>);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_for_its_key_when_it_is_made_and_for_hardly_another() {
        let changes = Changes::new();
        let keys: Vec<_> = (0..2_000_u32).map(u32::to_be_bytes).collect();
        let of = |key: &[u8; 4]| changes.of(changes.part(key));
        let (first, rest) = keys.split_first().unwrap();
        let changing = changes.change(first);
        assert_eq!(of(first), 0);
        drop(changing);
        assert_eq!(of(first), 1);
        assert!(rest.iter().filter(|key| of(key) != 0).count() < 40);
    }
}
