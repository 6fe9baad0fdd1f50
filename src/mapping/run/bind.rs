//! One element of a list: picked by tests, or found by a key.
//!
//! A look-up by key in a long list is done once by sorting its elements, so that a join of two long
//! lists does not cost their product.

use std::cmp::Ordering;

use super::{Frame, Run, Wrote};
use crate::json::scan::Block;
use crate::json::text;
use crate::mapping::plan::{Bind, Ref};

/// Lists up to this length are searched from the front.
const SHORT: usize = 16;
/// Lists that are kept sorted at one time.
const MOST_JOINS: usize = 8;

/// Elements sorted by a key, of the lists searched last.
#[derive(Debug, Default)]
pub(super) struct Joins {
    joins: Vec<Join>,
    /// The one to give up next.
    oldest: usize,
}

#[derive(Debug)]
struct Join {
    list: Block,
    slot: u16,
    /// By key, then by position.
    blocks: Vec<Block>,
}

impl Joins {
    pub(super) fn clear(&mut self) {
        for join in &mut self.joins {
            join.list = Block::ABSENT;
        }
    }

    /// The join for a list and a key, to be filled when it is new (`true`).
    fn get(&mut self, list: Block, slot: u16) -> Option<(&mut Vec<Block>, bool)> {
        let known = self.joins.iter().position(|join| join.list == list && join.slot == slot);
        let at = match known {
            Some(at) => at,
            None if self.joins.len() < MOST_JOINS => {
                self.joins.push(Join { list, slot, blocks: Vec::new() });
                self.joins.len() - 1
            }
            None => {
                self.oldest = (self.oldest + 1) % MOST_JOINS;
                self.oldest
            }
        };
        let join = self.joins.get_mut(at)?;
        if known.is_none() {
            (join.list, join.slot) = (list, slot);
            join.blocks.clear();
        }
        Some((&mut join.blocks, known.is_none()))
    }
}

impl<'a> Run<'a> {
    pub(super) fn bind(&mut self, op: &'a Bind) -> Wrote {
        let depth = self.frames.len();
        let found = self.search(op);
        let wrote = match (found, &op.otherwise) {
            // Written outside: the frame is not there.
            (None, Some(otherwise)) => {
                self.frames.truncate(depth);
                self.emit(otherwise)
            }
            (found, _) => {
                self.stand(depth, found.unwrap_or(Block::ABSENT));
                self.emit(&op.then)
            }
        };
        self.frames.truncate(depth);
        wrote
    }

    /// Makes a block the frame at `depth`.
    fn stand(&mut self, depth: usize, block: Block) {
        if let Some(frame) = self.frames.get_mut(depth) {
            frame.block = block;
        }
    }

    /// Pushes a frame and gives the element it is to stand for.
    fn search(&mut self, op: &'a Bind) -> Option<Block> {
        let depth = self.frames.len();
        let (slot, document) = self.slot(op.list).unzip();
        self.frames.push(Frame { block: Block::ABSENT, document: document.unwrap_or(0) });
        let (first, document) = (slot?.first()?, document?);
        let key = match op.by {
            None => None,
            Some((inside, outside)) => {
                let scalar = |key: &&str| *key != "null" && !key.starts_with(['[', '{']);
                Some((inside, self.token(outside).filter(scalar)?))
            }
        };
        let mut next = Some(first);
        let mut seen = 0;
        while let Some(block) = next {
            if seen == SHORT
                && let Some((inside, key)) = key
            {
                let found = self.look_up(op, (first, document, inside), key, depth);
                return found.filter(|_| self.open(&op.guard));
            }
            if self.fits(op, block, document, key, depth) {
                return Some(block).filter(|_| self.open(&op.guard));
            }
            next = self.arena.next(block);
            seen += 1;
        }
        None
    }

    fn fits(
        &mut self,
        op: &Bind,
        block: Block,
        document: usize,
        key: Option<(Ref, &str)>,
        depth: usize,
    ) -> bool {
        self.stand(depth, block);
        let by_key = key.is_none_or(|(inside, key)| {
            let token = self.token_in(block, inside.slot, document);
            token.is_some_and(|token| text::order(token, key) == Ordering::Equal)
        });
        by_key && self.all(&op.filter)
    }

    /// The first element with a key, by halving.
    fn look_up(
        &mut self,
        op: &Bind,
        (first, document, inside): (Block, usize, Ref),
        key: &str,
        depth: usize,
    ) -> Option<Block> {
        let (arena, text) = (self.arena, self.texts.get(document).copied()?);
        let token = |block: Block| arena.slot(block, inside.slot).text(text);
        let (blocks, new) = self.joins.get(first, inside.slot)?;
        if new {
            let mut next = Some(first);
            while let Some(block) = next {
                next = arena.next(block);
                if token(block).is_some() {
                    blocks.push(block);
                }
            }
            let by_key = |a: &Block, b: &Block| match (token(*a), token(*b)) {
                (Some(a), Some(b)) => text::order(a, b),
                _ => Ordering::Equal,
            };
            blocks.sort_unstable_by(|a, b| by_key(a, b).then(a.cmp(b)));
        }
        let mut at = blocks
            .partition_point(|b| token(*b).is_some_and(|t| text::order(t, key) == Ordering::Less));
        loop {
            // Several may have the key: the first that passes the tests counts.
            let block = self.joins.get(first, inside.slot)?.0.get(at).copied()?;
            if token(block).is_none_or(|t| text::order(t, key) != Ordering::Equal) {
                return None;
            }
            if self.fits(op, block, document, None, depth) {
                return Some(block);
            }
            at += 1;
        }
    }
}
