//! Lists written otherwise than as lists: grouped by a key, or joined to one text.

use super::{Run, Wrote};
use crate::json::scan::{Block, Slot};
use crate::json::text::{self, Kind};
use crate::json::write;
use crate::mapping::plan::Ref;

impl<'a> Run<'a> {
    /// The list at a place; no list, null and absent are `None`.
    fn list(&self, at: Ref) -> Option<(Slot, usize)> {
        self.token(at).filter(|token| token.starts_with('['))?;
        self.slot(at)
    }

    /// `{key: [value, …]}`, null where there is no list.
    pub(super) fn group(&mut self, list: Ref, by: Ref, value: Ref) -> Wrote {
        let Some((slot, document)) = self.list(list) else { return self.null() };
        let (arena, text) = (self.arena, self.texts.get(document).copied().unwrap_or_default());
        let key = |block: Block| {
            arena.slot(block, by.slot).text(text).filter(|key| text::kind(key) == Kind::String)
        };
        // Sorted, elements with one key are neighbours; so long lists take no longer than sorting.
        let (from, heads) = (self.blocks.len(), self.spans.len());
        let mut next = slot.first();
        while let Some(block) = next {
            next = arena.next(block);
            if key(block).is_some() {
                self.blocks.push(block);
            }
        }
        let found = self.blocks.get_mut(from..).unwrap_or_default();
        let order = |a: Block, b: Block| {
            text::order(key(a).unwrap_or_default(), key(b).unwrap_or_default())
        };
        found.sort_unstable_by(|a, b| order(*a, *b).then(a.cmp(b)));
        let mut at = from;
        for same in found.chunk_by(|a, b| order(*a, *b).is_eq()) {
            self.spans.push((at, at + same.len()));
            at += same.len();
        }
        // Back to the order in which the keys were met.
        let blocks = &*self.blocks;
        let groups = self.spans.get_mut(heads..).unwrap_or_default();
        groups.sort_unstable_by_key(|(first, _)| blocks.get(*first).copied());

        self.put(b"{");
        for group in heads..self.spans.len() {
            let Some((start, end)) = self.spans.get(group).copied() else { continue };
            if group > heads {
                self.put(b",");
            }
            for at in start..end {
                let Some(block) = self.blocks.get(at).copied() else { continue };
                if at == start {
                    self.put(key(block).unwrap_or("\"\"").as_bytes());
                    self.put(b":[");
                } else {
                    self.put(b",");
                }
                let value = arena.slot(block, value.slot).text(text).unwrap_or("null");
                self.put(value.as_bytes());
            }
            self.put(b"]");
        }
        self.put(b"}");
        let empty = self.spans.len() == heads;
        self.blocks.truncate(from);
        self.spans.truncate(heads);
        if empty { Wrote::Empty } else { Wrote::Value }
    }

    /// The texts and numbers of a list as one text, null where there is no list.
    pub(super) fn join(&mut self, list: Ref, value: Ref, separator: &str) -> Wrote {
        let Some((slot, document)) = self.list(list) else { return self.null() };
        self.put(b"\"");
        let (mut next, mut follows) = (slot.first(), false);
        while let Some(block) = next {
            next = self.arena.next(block);
            let Some(token) = self.token_in(block, value.slot, document) else { continue };
            let inside = match text::kind(token) {
                // What stands between the quotes is escaped already.
                Kind::String => text::content(token).unwrap_or_default(),
                Kind::Integer | Kind::Number | Kind::Boolean => token,
                Kind::Null | Kind::List | Kind::Object => continue,
            };
            if follows {
                write::escaped(self.out, separator);
            }
            follows = true;
            self.put(inside.as_bytes());
        }
        self.put(b"\"");
        Wrote::Value
    }
}
