//! The marks of the document that a thread accepted last, for whoever reads it next.
//!
//! Mostly a document is read where it was checked, and before another one is. Its marks were all seen
//! then: they are kept, and not looked for again. Which document they are of is told by a number that
//! no other has.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::json::index::Index;

/// Blocks whose words are kept: those of a document of one MiB.
const MOST: usize = 16 * 1024;

/// A document that was accepted, of all that ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted(u64);

impl Accepted {
    /// Its bytes were copied from here to there, so its marks are those of the copy.
    pub fn moved(self, from: &[u8], to: &[u8]) {
        KEPT.with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut()
                && kept.of == Some(self)
                && kept.bytes == place(from)
            {
                kept.bytes = place(to);
            }
        });
    }

    /// Whether its marks are kept, and are those of these bytes.
    #[cfg(test)]
    pub fn is_at_hand(self, bytes: &[u8]) -> bool {
        take(self, bytes).map(|index| give_back(self, index)).is_some()
    }
}

/// Marks, and what they are of.
#[derive(Debug, Default)]
struct Kept {
    index: Index,
    of: Option<Accepted>,
    /// Where its bytes stand, and how many they are: whoever mistakes another document for it finds
    /// nothing.
    bytes: (usize, usize),
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Numbers that a thread takes at once.
const NUMBERS: u64 = 1 << 20;

/// A number that no document has yet.
fn number() -> Accepted {
    static FREE: AtomicU64 = AtomicU64::new(1);
    NEXT.with(|next| {
        let mut number = next.get();
        if number % NUMBERS == 0 {
            number = FREE.fetch_add(1, Ordering::Relaxed).wrapping_mul(NUMBERS);
        }
        next.set(number.wrapping_add(1));
        Accepted(number)
    })
}

fn place(bytes: &[u8]) -> (usize, usize) {
    (bytes.as_ptr().addr(), bytes.len())
}

/// Lets `find` find the marks of a document, and keeps them where it says that it has.
pub(super) fn keep(bytes: &[u8], find: impl FnOnce(&mut Index) -> bool) -> Accepted {
    let accepted = number();
    // Nobody else is at it: the marks are of one thread, and `find` comes not back here.
    KEPT.with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            kept.of = None;
            kept.index.trim(MOST);
            if find(&mut kept.index) {
                (kept.of, kept.bytes) = (Some(accepted), place(bytes));
            }
        }
    });
    accepted
}

/// The marks of a document, where they are kept; `give_back` them.
pub(super) fn take(accepted: Accepted, bytes: &[u8]) -> Option<Index> {
    KEPT.with(|kept| {
        let mut kept = kept.try_borrow_mut().ok()?;
        let known = kept.of == Some(accepted) && kept.bytes == place(bytes);
        known.then(|| {
            kept.of = None;
            std::mem::take(&mut kept.index)
        })
    })
}

/// Gives back what was taken.
pub(super) fn give_back(accepted: Accepted, index: Index) {
    KEPT.with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            (kept.index, kept.of) = (index, Some(accepted));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan::{Document, Limits, Slot, accept, scan};
    use crate::json::shape::{Member, NodeId, Shape};

    fn kept(accepted: Accepted, bytes: &[u8]) -> bool {
        accepted.is_at_hand(bytes)
    }

    fn read(document: Document<'_>) -> Vec<Slot> {
        let mut shape = Shape::default();
        let root = shape.add();
        shape.node_mut(root).unwrap().members =
            vec![Member { name: "a".into(), slot: 1, node: None }];
        let mut arena = crate::json::scan::Arena::default();
        scan(&mut arena, &shape, NodeId(0), 2, document, Limits::default()).unwrap();
        arena.slots
    }

    #[test]
    fn marks_are_kept_from_the_check_to_the_reading_and_on() {
        let bytes = br#"{"b":[1,2],"a":{"c":3}}"#;
        let (_, accepted) = accept(bytes, Limits::default()).unwrap();
        assert!(kept(accepted, bytes));
        for _ in 0..2 {
            let slots = read(Document::accepted(bytes, accepted));
            assert_eq!(slots, read(Document::checked(bytes)));
            assert!(kept(accepted, bytes));
        }
        // What has come to be something else is read anew.
        let other = br#"{"a":[1,2],"b":{"c":3}}"#;
        assert!(!kept(accepted, other));
        assert_eq!(read(Document::accepted(other, accepted)), read(Document::checked(other)));
        // And so is this, when another one was checked in between, or on another thread.
        let (_, later) = accept(other, Limits::default()).unwrap();
        assert!(kept(later, other) && !kept(accepted, bytes) && later != accepted);
        assert_eq!(read(Document::accepted(bytes, accepted)), read(Document::checked(bytes)));
        // The same bytes, and yet another document: they may have been something else in between.
        let (_, again) = accept(other, Limits::default()).unwrap();
        assert!(kept(again, other) && !kept(later, other));
        let elsewhere = std::thread::scope(|scope| {
            let there = scope.spawn(|| (number(), kept(again, other)));
            there.join().unwrap()
        });
        assert!(!elsewhere.1 && elsewhere.0 != number() && elsewhere.0 != again);
    }

    #[test]
    fn what_is_refused_or_only_slowly_accepted_leaves_no_marks() {
        for text in ["1", "[01]", &format!("{}{}", "[".repeat(70), "]".repeat(70))] {
            let accepted = accept(text.as_bytes(), Limits::default()).ok();
            assert!(accepted.is_none_or(|(_, accepted)| !kept(accepted, text.as_bytes())));
            assert!(KEPT.with(|kept| kept.borrow().of.is_none()));
        }
    }
}
