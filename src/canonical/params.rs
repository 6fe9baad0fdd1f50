//! The parameters of one request: texts by their position in the operation's parameter list.

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::SmallVec;

/// Parameter values in the order of the contract, so that two dialects that ask the same thing ask
/// it in the same bytes. A list is several entries of one position.
///
/// Shared: a request is copied and handed on many times, and what a remembered one asks is the same
/// each time. The memory of those that are gone is used for the next ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Option<Arc<Values>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Values {
    text: SmallVec<[u8; 160]>,
    entries: SmallVec<[Entry; 16]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    position: u8,
    start: u16,
    end: u16,
}

impl Params {
    /// Adds a value. Callers add in ascending position; a list in the order of its elements.
    ///
    /// Values of one request are bounded (the request line is); what does not fit 64 KiB in sum is
    /// not added and gives `false`.
    #[must_use]
    pub fn push(&mut self, position: u8, value: &str) -> bool {
        let start = self.text().len();
        let end = start + value.len();
        let (Ok(start), Ok(end)) = (u16::try_from(start), u16::try_from(end)) else { return false };
        self.add(value.as_bytes(), Entry { position, start, end });
        true
    }

    fn add(&mut self, value: &[u8], entry: Entry) {
        let values = Arc::make_mut(self.0.get_or_insert_with(spare));
        values.text.extend_from_slice(value);
        values.entries.push(entry);
    }

    /// Bytes that they take, beyond those of the value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        let Some(values) = &self.0 else { return 0 };
        let text = if values.text.spilled() { values.text.capacity() } else { 0 };
        let entries = if values.entries.spilled() { values.entries.capacity() } else { 0 };
        size_of::<Values>() + text + entries * size_of::<Entry>()
    }

    fn text(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |values| &values.text)
    }

    fn entries(&self) -> &[Entry] {
        self.0.as_ref().map_or(&[], |values| &values.entries)
    }

    /// The first value at a position.
    #[must_use]
    pub fn get(&self, position: u8) -> Option<&str> {
        self.all(position).next()
    }

    /// Every value at a position.
    pub fn all(&self, position: u8) -> impl Iterator<Item = &str> {
        let there = self.entries().iter().filter(move |entry| entry.position == position);
        there.map(|entry| self.value(*entry))
    }

    /// Every entry: position and value.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        self.entries().iter().map(|entry| (entry.position, self.value(*entry)))
    }

    /// Whether there is a value at a position.
    #[must_use]
    pub fn has(&self, position: u8) -> bool {
        self.entries().iter().any(|entry| entry.position == position)
    }

    /// What tells these parameters from all others, in pieces: where each value stands and ends, and
    /// the texts of all.
    pub fn pieces(&self) -> (impl ExactSizeIterator<Item = [u8; 3]>, &[u8]) {
        let ends = self.entries().iter().map(|entry| {
            let [high, low] = entry.end.to_be_bytes();
            [entry.position, high, low]
        });
        (ends, self.text())
    }

    /// These parameters, with those of `other` in the place of all at its positions. `None` where
    /// they are too long together.
    #[must_use]
    pub fn replaced(&self, other: &Self) -> Option<Self> {
        let mut both = Self::default();
        let mut own = self.entries().iter().filter(|entry| !other.has(entry.position)).peekable();
        for entry in other.entries() {
            while let Some(before) = own.next_if(|own| own.position < entry.position) {
                both.copy(self, *before)?;
            }
            both.copy(other, *entry)?;
        }
        for entry in own {
            both.copy(self, *entry)?;
        }
        Some(both)
    }

    fn copy(&mut self, from: &Self, entry: Entry) -> Option<()> {
        let start = u16::try_from(self.text().len()).ok()?;
        let end = start.checked_add(entry.end.checked_sub(entry.start)?)?;
        self.add(from.piece(entry), Entry { position: entry.position, start, end });
        Some(())
    }

    /// Every value at a position, for those to whom text is bytes.
    pub fn bytes(&self, position: u8) -> impl Iterator<Item = &[u8]> {
        let there = self.entries().iter().filter(move |entry| entry.position == position);
        there.map(|entry| self.piece(*entry))
    }

    fn piece(&self, entry: Entry) -> &[u8] {
        self.text().get(usize::from(entry.start)..usize::from(entry.end)).unwrap_or_default()
    }

    fn value(&self, entry: Entry) -> &str {
        std::str::from_utf8(self.piece(entry)).unwrap_or_default()
    }

    /// The same parameters without those at the positions that `drop` names.
    #[must_use]
    pub fn without(&self, drop: impl Fn(u8) -> bool) -> Self {
        let mut kept = Self::default();
        for (position, value) in self.iter().filter(|(p, _)| !drop(*p)) {
            // What fitted before fits again.
            let _ = kept.push(position, value);
        }
        kept
    }
}

/// So many are kept for the next ones, by each thread.
const SPARE: usize = 16;

thread_local! {
    static SPARES: RefCell<Vec<Arc<Values>>> = const { RefCell::new(Vec::new()) };
}

fn spare() -> Arc<Values> {
    SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

impl Drop for Params {
    fn drop(&mut self) {
        let Some(mut shared) = self.0.take() else { return };
        // Somebody else's still, or so much that it would be kept for little.
        let Some(values) = Arc::get_mut(&mut shared) else { return };
        if values.text.spilled() || values.entries.spilled() {
            return;
        }
        values.text.clear();
        values.entries.clear();
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARE {
                spares.push(shared);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn values_come_back_by_position_and_too_much_text_is_refused() {
        let mut params = Params::default();
        assert!(params.push(0, "acc_1"));
        assert!(params.push(3, "contact") && params.push(3, "messages"));
        assert_eq!(params.get(0), Some("acc_1"));
        assert_eq!(params.get(1), None);
        assert_eq!(params.all(3).collect::<Vec<_>>(), ["contact", "messages"]);
        assert!(params.bytes(3).eq([&b"contact"[..], b"messages"]));
        assert!(!params.push(4, &"x".repeat(70_000)));
        assert_eq!(params.without(|p| p == 3).iter().count(), 1);
        assert!(params.has(3) && !params.has(1));
    }

    #[test]
    fn a_copy_is_its_own_and_nothing_is_left_in_what_is_used_again() {
        let mut one = of(&[(0, "acc_1"), (1, "n:7")]);
        let copy = one.clone();
        assert!(one.push(2, "more"));
        assert_eq!((one.iter().count(), copy.iter().count()), (3, 2));
        drop((one, copy));
        for _ in 0..40 {
            let all = [(); 20].map(|()| of(&[(3, "x")]));
            assert!(all.iter().all(|one| one.iter().eq([(3, "x")])));
        }
        assert_eq!(of(&[]), Params::default());
    }

    fn of(values: &[(u8, &str)]) -> Params {
        let mut params = Params::default();
        assert!(values.iter().all(|(position, value)| params.push(*position, value)));
        params
    }

    #[test]
    fn what_replaces_others_stands_in_their_place_and_in_order() {
        let own = of(&[(0, "1"), (1, "n:7"), (3, "contact"), (3, "inbox"), (6, "last")]);
        let wide = of(&[(2, "new"), (3, "all"), (5, "0")]);
        let both = own.replaced(&wide).unwrap();
        let due = of(&[(0, "1"), (1, "n:7"), (2, "new"), (3, "all"), (5, "0"), (6, "last")]);
        assert_eq!(both, due);
        assert_eq!(own.replaced(&of(&[])).unwrap(), own);
        assert_eq!(of(&[]).replaced(&wide).unwrap(), wide);
        let long = of(&[(0, &"x".repeat(40_000))]);
        assert_eq!(long.replaced(&of(&[(1, &"x".repeat(40_000))])), None);
    }
}
