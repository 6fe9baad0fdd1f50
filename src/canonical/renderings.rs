//! What was made of one answer: a body for each dialect, route and set of inputs, and its compressed
//! forms.
//!
//! Whoever asks may vary the inputs, so the bound is in bytes, whatever there are of them, and one is
//! found as quickly among thousands as alone. What was asked for again outlives what was asked for
//! once (a second chance, as in CLOCK), so that nobody who varies inputs pushes out what others read.
//! Most answers are rendered once: the first rendering lies in the payload itself.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use super::payload::{Coding, Rendering, RenderingKey};

/// Bytes of renderings that any answer may have.
const MOST: usize = 2 << 20;

/// So many times the bytes of its body a large answer may have.
const MOST_BODIES: usize = 4;

/// What one of many takes beside its bytes: its place, the bucket that finds it, and its turn, with
/// the room that tables have to spare.
const EACH: usize = size_of::<Kept>()
    + SPARE * (size_of::<(RenderingKey, Box<Kept>)>() + size_of::<RenderingKey>());

/// A table may be so many times as large as what is in it.
const SPARE: usize = 4;

/// So many get their second chance before the next has to go: nobody waits for more.
const SPARED: usize = 16;

/// Bytes that the renderings of a body of this size may take.
pub(super) fn most(body: usize) -> usize {
    MOST.max(body.saturating_mul(MOST_BODIES))
}

/// Its compressed forms, by coding.
type Coded = [Option<Rendering>; Coding::ALL.len()];

/// A rendering and what was made of it.
#[derive(Debug, Default)]
struct Kept {
    /// Absent where the payload's own body is what is sent.
    plain: Option<Rendering>,
    coded: Option<Box<Coded>>,
    /// Somebody has asked for it since it last had its turn.
    wanted: AtomicBool,
}

impl Kept {
    fn get(&self, coding: Option<Coding>) -> Option<&Rendering> {
        match coding {
            None => self.plain.as_ref(),
            Some(coding) => self.coded.as_ref()?.get(coding as usize)?.as_ref(),
        }
    }

    fn set(&mut self, coding: Option<Coding>, rendering: Rendering) {
        let place = match coding {
            None => Some(&mut self.plain),
            Some(coding) => self.coded.get_or_insert_default().get_mut(coding as usize),
        };
        if let Some(place) = place {
            *place = Some(rendering);
        }
    }

    fn bytes(&self) -> usize {
        let coded = self.coded.as_deref();
        let all = self.plain.iter().chain(coded.into_iter().flatten().flatten());
        coded.map_or(0, size_of_val) + all.map(Rendering::bytes).sum::<usize>()
    }
}

/// Those of one answer.
#[derive(Debug, Default)]
pub(super) struct Renderings {
    /// Whose they are: nobody asks for those of an earlier catalog again.
    catalog: u64,
    first: Option<(RenderingKey, Kept)>,
    more: Option<Box<Many>>,
    bytes: usize,
}

/// All after the first.
#[derive(Debug, Default)]
struct Many {
    by_key: HashMap<RenderingKey, Box<Kept>, foldhash::fast::FixedState>,
    /// Whose turn is next; each key once.
    turns: VecDeque<RenderingKey>,
}

impl Renderings {
    /// What is kept for `key` in that coding.
    pub(super) fn get(&self, key: RenderingKey, coding: Option<Coding>) -> Option<&Rendering> {
        let kept = self.kept(key)?;
        // Many ask for the same: what says so already is not written to.
        if !kept.wanted.load(Ordering::Relaxed) {
            kept.wanted.store(true, Ordering::Relaxed);
        }
        kept.get(coding)
    }

    fn kept(&self, key: RenderingKey) -> Option<&Kept> {
        match &self.first {
            Some((first, kept)) if *first == key => Some(kept),
            _ => self.more.as_ref()?.by_key.get(&key).map(|kept| &**kept),
        }
    }

    /// Keeps one where there is none yet, and drops others until all have `most` bytes.
    pub(super) fn put(
        &mut self,
        key: RenderingKey,
        coding: Option<Coding>,
        rendering: Rendering,
        most: usize,
    ) {
        let known = self.kept(key);
        // The first of all is never dropped, so nothing may make it too heavy by itself.
        let alone = known.map_or(0, Kept::bytes) + rendering.bytes() + size_of::<Coded>();
        if key.catalog < self.catalog
            || alone > most
            || known.is_some_and(|kept| kept.get(coding).is_some())
        {
            return;
        }
        if key.catalog > self.catalog {
            *self = Self { catalog: key.catalog, ..Self::default() };
        }
        let (kept, new) = self.place(key);
        let before = kept.bytes();
        kept.set(coding, rendering);
        let heavier = kept.bytes() - before;
        self.bytes += heavier + if new { EACH } else { 0 };
        while self.bytes > most && self.drop_one(Some(key)) {}
        if self.bytes > most {
            // The first and this one are too much together.
            self.drop_one(None);
        }
    }

    /// Where those for `key` belong, and whether it is a new place that is weighed.
    fn place(&mut self, key: RenderingKey) -> (&mut Kept, bool) {
        let first = self.first.get_or_insert_with(|| (key, Kept::default()));
        if first.0 == key {
            return (&mut first.1, false);
        }
        let many = self.more.get_or_insert_default();
        let new = !many.by_key.contains_key(&key);
        if new {
            many.turns.push_back(key);
        }
        (many.by_key.entry(key).or_default(), new)
    }

    /// Drops the one whose turn it is, never the first of all nor `but`; `false` where there is none.
    fn drop_one(&mut self, but: Option<RenderingKey>) -> bool {
        let Some(many) = &mut self.more else { return false };
        let mut spared = 0;
        for _ in 0..many.turns.len() {
            let Some(key) = many.turns.pop_front() else { return false };
            let wanted = many
                .by_key
                .get(&key)
                .is_some_and(|kept| spared < SPARED && kept.wanted.swap(false, Ordering::Relaxed));
            if wanted || but == Some(key) {
                spared += usize::from(wanted);
                many.turns.push_back(key);
            } else {
                let bytes = many.by_key.remove(&key).map_or(0, |kept| kept.bytes() + EACH);
                self.bytes -= bytes;
                many.shrink();
                return true;
            }
        }
        false
    }

    /// Bytes held, beyond what lies in the payload.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Many {
    /// Gives back what [`EACH`] does not count.
    fn shrink(&mut self) {
        let much = |capacity: usize, len: usize| capacity > 16 && capacity > (SPARE - 1) * len;
        if much(self.by_key.capacity(), self.by_key.len()) {
            self.by_key.shrink_to_fit();
        }
        if much(self.turns.capacity(), self.turns.len()) {
            self.turns.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ROOM: usize = 100_000;

    fn key(inputs: u64) -> RenderingKey {
        RenderingKey { catalog: 1, route: 7, inputs }
    }

    fn rendering(bytes: usize) -> Rendering {
        Rendering { body: vec![b'x'; bytes].into(), etag: Bytes::from_static(b"\"x\"") }
    }

    /// What they take, counted anew.
    fn counted(all: &Renderings) -> usize {
        let more = all.more.iter().flat_map(|many| many.by_key.values());
        all.first.as_ref().map_or(0, |(_, kept)| kept.bytes())
            + more.map(|kept| kept.bytes() + EACH).sum::<usize>()
    }

    fn kept(all: &Renderings, keys: impl Iterator<Item = u64>) -> usize {
        keys.filter(|inputs| all.kept(key(*inputs)).is_some()).count()
    }

    #[test]
    fn a_hundred_dialects_find_each_its_own() {
        let mut all = Renderings::default();
        for inputs in 0..100 {
            all.put(key(inputs), None, rendering(500 + inputs as usize), ROOM);
        }
        for inputs in 0..100 {
            assert_eq!(all.get(key(inputs), None).unwrap().body.len(), 500 + inputs as usize);
        }
        assert_eq!(all.bytes(), counted(&all));
        assert!(all.get(key(100), None).is_none());
    }

    #[test]
    fn whoever_varies_inputs_stays_within_the_bound_and_pushes_out_nothing_that_is_read() {
        let mut all = Renderings::default();
        for inputs in 0..10 {
            all.put(key(inputs), None, rendering(1_000), ROOM);
        }
        for inputs in 10..5_000 {
            assert!((0..10).all(|inputs| all.get(key(inputs), None).is_some()), "{inputs}");
            all.put(key(inputs), None, rendering(200), ROOM);
            assert!(all.bytes() <= ROOM && all.bytes() == counted(&all));
        }
        assert!(kept(&all, 10..5_000) > 100, "the bound is used");
        assert_eq!(kept(&all, 10..4_000), 0, "the oldest go first");
        let many = all.more.unwrap();
        assert_eq!(many.turns.len(), many.by_key.len());
    }

    #[test]
    fn where_all_are_read_the_oldest_goes_after_a_few_looks() {
        let mut all = Renderings::default();
        for inputs in 0..2_000 {
            all.put(key(inputs), None, rendering(200), ROOM);
            for read in 0..=inputs {
                let _ = all.get(key(read), None);
            }
            assert!(all.bytes() <= ROOM);
        }
        assert!(kept(&all, 0..2_000) > 100);
    }

    #[test]
    fn tables_that_have_held_many_small_ones_give_their_room_to_large_ones() {
        let mut all = Renderings::default();
        for inputs in 0..1_000 {
            all.put(key(inputs), None, rendering(1), ROOM);
        }
        let many = |all: &Renderings| {
            let many = all.more.as_ref().unwrap();
            (many.by_key.len(), many.by_key.capacity(), many.turns.capacity())
        };
        assert!(many(&all).0 > 200, "{:?}", many(&all));
        for inputs in 1_000..1_020 {
            all.put(key(inputs), None, rendering(20_000), ROOM);
        }
        let (held, found, turns) = many(&all);
        assert!(held < 10 && found < 64 && turns < 64, "{held} {found} {turns}");
    }

    #[test]
    fn a_new_catalog_leaves_nothing_of_the_old_and_an_old_one_adds_nothing() {
        let mut all = Renderings::default();
        for inputs in 0..10 {
            all.put(key(inputs), None, rendering(1_000), ROOM);
        }
        let next = RenderingKey { catalog: 2, ..key(0) };
        all.put(next, None, rendering(10), ROOM);
        all.put(key(3), None, rendering(1_000), ROOM);
        assert_eq!(kept(&all, 0..10), 0);
        assert_eq!(all.bytes(), 13);
        assert_eq!(all.get(next, None).unwrap().body.len(), 10);
    }

    #[test]
    fn what_is_too_large_is_not_kept_and_takes_nothing_with_it() {
        let mut all = Renderings::default();
        all.put(key(0), None, rendering(ROOM + 1), ROOM);
        assert_eq!(all.bytes(), 0);
        all.put(key(0), None, rendering(ROOM / 2), ROOM);
        // Beside the first there is no room for as much again, compressed or not.
        all.put(key(1), None, rendering(ROOM / 2), ROOM);
        assert_eq!((kept(&all, 0..2), all.bytes()), (1, counted(&all)));
        all.put(key(2), Some(Coding::Gzip), rendering(ROOM / 4), ROOM);
        all.put(key(2), Some(Coding::Brotli), rendering(ROOM / 2), ROOM);
        assert_eq!((kept(&all, 0..3), all.bytes()), (1, counted(&all)));
        // Nor for compressed forms of the first itself.
        all.put(key(0), Some(Coding::Gzip), rendering(ROOM / 4), ROOM);
        all.put(key(0), Some(Coding::Brotli), rendering(ROOM / 2), ROOM);
        assert!(all.get(key(0), Some(Coding::Gzip)).is_some());
        assert!(all.get(key(0), Some(Coding::Brotli)).is_none() && all.bytes() <= ROOM);
    }
}
