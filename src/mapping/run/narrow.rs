//! A whole document, cut to what was asked for. The scan has noted where its members and messages
//! stand, so nothing is looked for again; key order and members that nobody names stay.

use std::ops::Range;

use super::{Run, Wrote, fault};
use crate::json::scan::{Block, Slot};
use crate::json::{text, walk};
use crate::mapping::plan::{Cut, Narrow, Types};

/// What is asked of one document.
struct Asked<'a> {
    /// Its index.
    document: usize,
    /// The list of what is to be there.
    include: &'a str,
    /// Which member is cut to the newest messages, how many of them (0 is all), and whether only
    /// public ones.
    messages: Option<(usize, usize, bool)>,
}

impl<'a> Run<'a> {
    pub(super) fn narrow(&mut self, op: &'a Narrow) -> Wrote {
        let Some((token, (slot, document))) = self.token(op.at).zip(self.slot(op.at)) else {
            return Wrote::Absent;
        };
        if token == "null" {
            return self.null();
        }
        if !token.starts_with('{') {
            return self.fault(op.site, "wrong_type", fault::wrong_type(Types::OBJECT, token));
        }
        let include = self.token(op.include).unwrap_or("[]");
        let limit = op.limit.map_or(0, |(at, default)| {
            self.token(at).and_then(count).unwrap_or(u64::from(default))
        });
        let public = op.visibility.and_then(|at| self.token(at));
        let public = public.is_some_and(|word| text::eq(word, "public"));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let messages = (public || limit > 0).then(|| (op.messages(), limit, public));
        self.members(slot, &op.members, &Asked { document, include, messages })
    }

    /// An object without those of its members that nobody asked for. What stays and stands side by
    /// side, with nothing but its comma and colon, is copied at one go.
    fn members(&mut self, object: Slot, cuts: &[Cut], asked: &Asked<'a>) -> Wrote {
        self.put(b"{");
        let (mut some, mut run) = (false, 0..0);
        let mut next = object.first();
        while let Some(block) = next {
            next = self.arena.next(block);
            let (value, name) = (self.arena.slot(block, 0), self.arena.slot(block, 1));
            let (Some(from), Some(to)) = (name.span(), value.span()) else { continue };
            let member = self.arena.member(block);
            let bound = member.and_then(|member| cuts.get(member));
            if bound.is_some_and(|cut| !is_asked(asked.include, cut)) {
                continue;
            }
            let list = self.begins(value, asked.document) == Some(b'[');
            let messages = asked.messages.filter(|(at, ..)| list && member == Some(*at));
            let whole = messages.is_none() && bound.is_none_or(|cut| cut.inner.is_empty());
            if whole && to.start == from.end + 1 {
                if !run.is_empty() && run.end + 1 == from.start {
                    run.end = to.end;
                    continue;
                }
                self.copy_run(&mut run, asked.document);
                if some {
                    self.put(b",");
                }
                (some, run) = (true, from.start..to.end);
                continue;
            }
            self.copy_run(&mut run, asked.document);
            if some {
                self.put(b",");
            }
            some = true;
            self.copy_run(&mut from.clone(), asked.document);
            self.put(b":");
            match (messages, bound) {
                (Some((_, limit, public)), _) => self.messages(value, limit, public, asked),
                (None, bound) => {
                    self.cut(value, bound.map_or(&[], |cut| &cut.inner), asked);
                }
            }
        }
        self.copy_run(&mut run, asked.document);
        self.put(b"}");
        if some { Wrote::Value } else { Wrote::Empty }
    }

    /// The first byte of a value.
    fn begins(&self, value: Slot, document: usize) -> Option<u8> {
        self.texts.get(document)?.as_bytes().get(value.span()?.start).copied()
    }

    /// Writes a part of the document and empties it.
    fn copy_run(&mut self, run: &mut Range<usize>, document: usize) {
        let text = self.texts.get(document).copied().unwrap_or_default();
        self.put(text.as_bytes().get(run.clone()).unwrap_or_default());
        *run = 0..0;
    }

    /// A value, or each element of it, without those of the members that nobody asked for.
    fn cut(&mut self, value: Slot, cuts: &[Cut], asked: &Asked<'a>) {
        match self.begins(value, asked.document) {
            Some(b'{') if !cuts.is_empty() => {
                let inside = Asked { messages: None, ..*asked };
                self.members(value, cuts, &inside);
                return;
            }
            Some(b'[') if !cuts.is_empty() => {}
            _ => {
                let mut span = value.span().unwrap_or_default();
                return self.copy_run(&mut span, asked.document);
            }
        }
        self.put(b"[");
        let (mut next, mut some) = (value.first(), false);
        while let Some(block) = next {
            next = self.arena.next(block);
            if some {
                self.put(b",");
            }
            some = true;
            self.cut(self.arena.slot(block, 0), cuts, asked);
        }
        self.put(b"]");
    }

    /// The last `limit` messages (0 is all) that may be shown.
    fn messages(&mut self, list: Slot, limit: usize, public: bool, asked: &Asked<'a>) {
        let text = self.texts.get(asked.document).copied().unwrap_or_default();
        let (arena, from) = (self.arena, self.blocks.len());
        let message = |block: Block| arena.slot(block, 0).text(text).unwrap_or_default();
        let shown = |(key, value)| text::eq(key, "visibility") && text::eq(value, "public");
        let mut next = list.first();
        while let Some(block) = next {
            next = arena.next(block);
            if !public || walk::members(message(block)).any(shown) {
                self.blocks.push(block);
            }
        }
        let kept = self.blocks.len() - from;
        let surplus = if limit == 0 { 0 } else { kept.saturating_sub(limit) };
        self.put(b"[");
        for at in from + surplus..from + kept {
            if at > from + surplus {
                self.put(b",");
            }
            if let Some(block) = self.blocks.get(at).copied() {
                self.put(message(block).as_bytes());
            }
        }
        self.put(b"]");
        self.blocks.truncate(from);
    }
}

/// Whether the name of a member is in the list of those that were asked for.
fn is_asked(include: &str, cut: &Cut) -> bool {
    walk::elements(include).any(|asked| text::eq(asked, &cut.include))
}

/// A count, as a number or as text.
pub(super) fn count(token: &str) -> Option<u64> {
    text::unsigned(text::content(token).unwrap_or(token))
}
