//! Which names came after which in the objects before: those of a list have, mostly, the same members
//! in the same order.
//!
//! So a name is first compared to the one that stood at its place in the object before, which takes one
//! branch that is hardly ever guessed wrong; only where it is another one it is looked up. What is
//! remembered is of one document, and no more than [`MOST`] names of it.

use super::{NONE, Slot};
use crate::json::index::Cursor;
use crate::json::shape::{Found, NodeId};

/// Most names that are remembered of one document.
const MOST: usize = 512;

/// Longest name that is remembered: with its quotes it is twice sixteen bytes.
const LONGEST: usize = 30;

/// The names of one document, from object to object.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// Of each node the first name of its objects.
    first: Vec<u32>,
    steps: Vec<Step>,
    /// How many names were expected rightly.
    #[cfg(test)]
    pub(super) passed: std::cell::Cell<usize>,
}

/// A name, and what it was found to be. Its quotes are compared, too, and so is its length: neither
/// quotes nor escape sequences are in it.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The sixteen bytes before the colon,
    last: Want,
    /// and of a long name those before them.
    long: Option<Want>,
    found: Found,
    /// The name after it.
    next: u32,
}

/// Sixteen bytes, and which bits of them count.
#[derive(Clone, Copy, Debug)]
struct Want {
    bits: [u64; 2],
    own: [u64; 2],
}

/// A place on the trail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foot {
    /// The step that is expected,
    at: u32,
    /// and the one before it. At the first step there is none, and it is of this node.
    last: u32,
    node: u32,
}

impl Want {
    /// Of so many of the sixteen bytes before `end`.
    fn of(bytes: &[u8], end: usize, length: usize) -> Option<Self> {
        let own = u128::MAX.unbounded_shl(16_usize.saturating_sub(length) as u32 * 8);
        Some(Self { bits: sixteen(bytes, end)?, own: [own as u64, (own >> 64) as u64] })
    }

    /// Whether they stand before `end`.
    #[inline(always)]
    fn is(&self, bytes: &[u8], end: usize) -> bool {
        let ([a, b], [c, d], [e, f]) = match sixteen(bytes, end) {
            Some(there) => (there, self.bits, self.own),
            None => return false,
        };
        (a ^ c) & e | (b ^ d) & f == 0
    }
}

impl Step {
    /// Whether it is the name before the colon at `colon`.
    #[inline(always)]
    fn is(&self, bytes: &[u8], colon: usize) -> bool {
        let long = || self.long.is_none_or(|long| long.is(bytes, colon.wrapping_sub(16)));
        self.last.is(bytes, colon) && long()
    }
}

impl Trail {
    /// Forgets the document before, for one of so many nodes.
    pub(super) fn begin(&mut self, nodes: usize) {
        self.first.clear();
        self.first.resize(nodes, NONE);
        self.steps.clear();
    }

    /// Before the first name of an object.
    #[inline(always)]
    pub(super) fn enter(&self, node: NodeId) -> Foot {
        let at = self.first.get(node.0 as usize).copied().unwrap_or(NONE);
        Foot { at, last: NONE, node: node.0 }
    }

    /// Passes members whose names are expected, and into whose values nobody looks, after `mark`, which
    /// is a comma or the bracket of their object. Gives the mark after them, and whether there are more.
    /// Spans go to slots, which are those from the object's block on.
    #[inline(never)]
    pub(super) fn follow(
        &self,
        foot: &mut Foot,
        bytes: &[u8],
        cursor: &mut Cursor<'_>,
        mut mark: usize,
        slots: &mut [Slot],
    ) -> (usize, bool) {
        let (mut marks, mut passed) = (cursor.ahead().as_chunks().0.iter(), 0);
        let (mut at, mut last) = (foot.at, foot.last);
        let more = loop {
            let (Some(step), Some([colon, after])) = (self.steps.get(at as usize), marks.next())
            else {
                break true;
            };
            let (colon, mut after) = (*colon as usize, *after as usize);
            if !step.is(bytes, colon) {
                break true;
            }
            let mut slot = None;
            if step.found.is_some() {
                slot = slots.get_mut(usize::from(step.found.slot));
                if slot.as_ref().is_some_and(|slot| slot.start != NONE) {
                    // It stands there twice.
                    break true;
                }
            }
            let value = colon + 1;
            let mut end = after;
            if after == value {
                // Where nothing stands before the next mark, it is a bracket that opens.
                if step.found.node.is_some() {
                    break true;
                }
                cursor.skip(passed);
                end = cursor.pass(value);
                after = cursor.next();
                (marks, passed) = (cursor.ahead().as_chunks().0.iter(), 0);
            } else {
                passed += 2;
            }
            mark = after;
            if let Some(slot) = slot {
                // Lengths are checked: both fit.
                *slot = Slot { start: value as u32, end: end as u32, first: NONE };
            }
            (last, at) = (at, step.next);
            #[cfg(test)]
            self.passed.set(self.passed.get() + 1);
            if bytes.get(mark) != Some(&b',') {
                break false;
            }
        };
        (foot.at, foot.last) = (at, last);
        cursor.skip(passed);
        (mark, more)
    }

    /// What the name before a colon is, where it is the one that is expected; it is passed.
    pub(super) fn expected(&self, foot: &mut Foot, bytes: &[u8], colon: usize) -> Option<Found> {
        let step = self.steps.get(foot.at as usize).filter(|step| step.is(bytes, colon))?;
        (foot.last, foot.at) = (foot.at, step.next);
        Some(step.found)
    }

    /// Remembers what the name of so many bytes before a colon is, which was not expected.
    pub(super) fn learn(
        &mut self,
        foot: &mut Foot,
        bytes: &[u8],
        colon: usize,
        length: usize,
        found: Found,
    ) {
        if length > LONGEST {
            return;
        }
        let Some(end) = Want::of(bytes, colon, length + 2) else { return };
        let mut step = Step { last: end, long: None, found, next: NONE };
        if let Some(more) = (length + 2).checked_sub(16).filter(|more| *more > 0) {
            step.long = Want::of(bytes, colon.wrapping_sub(16), more);
            if step.long.is_none() {
                return;
            }
        }
        if let Some(old) = self.steps.get_mut(foot.at as usize) {
            step.next = old.next;
            *old = step;
            (foot.last, foot.at) = (foot.at, step.next);
            return;
        }
        if self.steps.len() >= MOST {
            return;
        }
        // Fewer than there can be in 32 bits.
        let fresh = self.steps.len() as u32;
        self.steps.push(step);
        if let Some(last) = self.steps.get_mut(foot.last as usize) {
            last.next = fresh;
        } else if let Some(first) = self.first.get_mut(foot.node as usize) {
            *first = fresh;
        }
        (foot.last, foot.at) = (fresh, NONE);
    }
}

/// The sixteen bytes before `end`.
#[inline(always)]
fn sixteen(bytes: &[u8], end: usize) -> Option<[u64; 2]> {
    let there = u128::from_le_bytes(*bytes.get(..end)?.last_chunk()?);
    Some([there as u64, (there >> 64) as u64])
}
