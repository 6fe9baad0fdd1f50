//! Values that are needed, as a whole or inside: noted where they stand.
//!
//! The document has been accepted. So a value goes to the next mark, but for a list or an object, and
//! what it is is not looked at; a name goes to its colon.

use super::trail::Foot;
use super::{Arena, Block, NONE, Reason, Slot};
use crate::json::index::Cursor;
use crate::json::lanes::blanks;
use crate::json::shape::{Elements, Found, Member, Names, Node, NodeId};
use crate::json::text;

/// The blocks of a list's elements or of an object's members.
struct Chain {
    first: u32,
    last: u32,
    length: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self { first: NONE, last: NONE, length: 0 }
    }
}

/// What stands at a place or after the white space there, and where that is.
#[inline(always)]
fn solid(bytes: &[u8], at: usize) -> (u8, usize) {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => (*byte, at),
        _ => spaced(bytes, at),
    }
}

#[inline(never)]
fn spaced(bytes: &[u8], at: usize) -> (u8, usize) {
    let at = blanks(bytes, at);
    (bytes.get(at).copied().unwrap_or_default(), at)
}

/// Where what begins at `from` and stands before `mark` ends, without white space.
#[inline(always)]
fn ending(bytes: &[u8], from: usize, mark: usize) -> usize {
    match bytes.get(mark.wrapping_sub(1)) {
        Some(byte) if *byte > b' ' => mark,
        _ => {
            let text = bytes.get(from..mark).unwrap_or_default();
            from + text.iter().rposition(|byte| *byte > b' ').map_or(0, |last| last + 1)
        }
    }
}

/// A document that is being filled in; where an error is returned, `at` is its offset. `TIGHT` is one
/// without white space between its marks: then a value goes from mark to mark.
pub(super) struct Fill<'s, const TIGHT: bool> {
    pub(super) bytes: &'s [u8],
    pub(super) at: usize,
    pub(super) cursor: Cursor<'s>,
    /// Levels that may still be opened.
    pub(super) depth: u32,
    pub(super) nodes: &'s [Node],
    pub(super) names: &'s [Names],
    pub(super) arena: &'s mut Arena,
    pub(super) most: usize,
    pub(super) repeated: Option<&'s str>,
    /// Objects are likely to be as some before them were.
    pub(super) again: bool,
}

impl<'s, const TIGHT: bool> Fill<'s, TIGHT> {
    /// See [`solid`].
    #[inline(always)]
    fn solid(&self, at: usize) -> (u8, usize) {
        if TIGHT {
            (self.bytes.get(at).copied().unwrap_or_default(), at)
        } else {
            solid(self.bytes, at)
        }
    }

    /// See [`ending`].
    #[inline(always)]
    fn ending(&self, from: usize, mark: usize) -> usize {
        if TIGHT { mark } else { ending(self.bytes, from, mark) }
    }

    /// The value at `at` or after the white space there, whose span goes to the slot `at_slot` of the
    /// arena. Gives the mark that comes after it, which is passed.
    pub(super) fn value(
        &mut self,
        node: Option<NodeId>,
        block: Block,
        at_slot: usize,
        at: usize,
    ) -> Result<usize, Reason> {
        let (byte, start) = self.solid(at);
        let (mut first, mut end) = (NONE, 0);
        if let b'{' | b'[' = byte {
            (first, end) = self.container(byte, node, block, start)?;
        }
        let mark = self.cursor.next();
        if end == 0 {
            end = self.ending(start, mark);
        }
        // Lengths are checked: both fit.
        self.arena.set(at_slot, Slot { start: start as u32, end: end as u32, first });
        Ok(mark)
    }

    /// A list or an object; gives the first block, and where it ends.
    #[inline]
    fn container(
        &mut self,
        byte: u8,
        node: Option<NodeId>,
        block: Block,
        start: usize,
    ) -> Result<(u32, usize), Reason> {
        match (byte, node) {
            (b'{', Some(id)) => self.object(id, block, start),
            (_, Some(id)) => self.list(id, block, start),
            (_, None) => Ok((NONE, self.cursor.pass(start))),
        }
    }

    /// An object; gives the first block, where every member has one, and where it ends.
    fn object(&mut self, id: NodeId, block: Block, start: usize) -> Result<(u32, usize), Reason> {
        let (nodes, names) = (self.nodes, self.names);
        let wanted = nodes.get(id.0 as usize).zip(names.get(id.0 as usize));
        let Some((node, names)) = wanted.filter(|(n, _)| n.every || !n.members.is_empty()) else {
            return Ok((NONE, self.cursor.pass(start)));
        };
        self.enter(start)?;
        let mut chain = Chain::default();
        let end = self.inside((id, node, names), block, &mut chain)?;
        self.depth += 1;
        Ok((chain.first, end))
    }

    /// The members of an object and its brackets.
    fn inside(
        &mut self,
        (id, node, names): (NodeId, &'s Node, &'s Names),
        block: Block,
        chain: &mut Chain,
    ) -> Result<usize, Reason> {
        let bytes = self.bytes;
        let mut mark = self.cursor.next();
        if bytes.get(self.cursor.peek()) != Some(&b':') {
            // It is empty.
            return Ok(self.cursor.next() + 1);
        }
        let trodden = TIGHT && self.again && !node.every;
        let mut foot = self.arena.trail.enter(id);
        loop {
            if trodden {
                let Arena { trail, slots, .. } = &mut *self.arena;
                let slots = slots.get_mut(block.0 as usize..).unwrap_or_default();
                let more;
                (mark, more) = trail.follow(&mut foot, bytes, &mut self.cursor, mark, slots);
                if !more {
                    break;
                }
            }
            let colon = self.cursor.next();
            let (_, start) = self.solid(mark + 1);
            let after = self.ending(start, colon);
            let found = if trodden {
                self.lookup(&mut foot, node, names, (start, after))
            } else if !TIGHT && self.cursor.slashes(start, colon) {
                careful(node, names, bytes, start, after)
            } else {
                names.find(&node.members, bytes, start + 1, after.wrapping_sub(1))
            };
            let mut to = NONE as usize;
            if node.every {
                self.at = colon;
                to = self.named(chain, found, start, after)?;
            } else if found.is_some() {
                to = block.0 as usize + usize::from(found.slot);
                if self.arena.slots.get(to).is_some_and(|slot| slot.start != NONE) {
                    self.at = start;
                    self.repeated = node.members.get(found.member as usize).map(|m| &*m.name);
                    return Err(Reason::Repeated);
                }
            }
            let (byte, value) = self.solid(colon + 1);
            let (mut first, mut end) = (NONE, 0);
            if let b'{' | b'[' = byte {
                match found.node {
                    None => end = self.cursor.pass(value),
                    node => (first, end) = self.container(byte, node, block, value)?,
                }
            }
            mark = self.cursor.next();
            if to != NONE as usize {
                if end == 0 {
                    end = self.ending(value, mark);
                }
                // Lengths are checked: both fit.
                self.arena.set(to, Slot { start: value as u32, end: end as u32, first });
            }
            if bytes.get(mark) != Some(&b',') {
                break;
            }
        }
        Ok(mark + 1)
    }

    /// What a name is that stands on the trail or beside it; quotes included.
    #[inline(never)]
    fn lookup(
        &mut self,
        foot: &mut Foot,
        node: &Node,
        names: &Names,
        (start, after): (usize, usize),
    ) -> Found {
        let (bytes, trail) = (self.bytes, &mut self.arena.trail);
        if let Some(found) = trail.expected(foot, bytes, after) {
            return found;
        }
        let (from, end) = (start + 1, after.wrapping_sub(1));
        let found = names.find(&node.members, bytes, from, end);
        trail.learn(foot, bytes, after, end.wrapping_sub(from), found);
        found
    }

    /// A block for a member whose name stands at `start..after`, where every member has one.
    fn named(
        &mut self,
        chain: &mut Chain,
        found: Found,
        start: usize,
        after: usize,
    ) -> Result<usize, Reason> {
        let to = self.link(chain, 2)?.0 as usize;
        // Lengths are checked: both fit.
        self.arena.set(to + 1, Slot { start: start as u32, end: after as u32, first: NONE });
        if let Some(header) = self.arena.slots.get_mut(to - 1) {
            // That of no member is as none.
            header.first = found.member;
        }
        Ok(to)
    }

    fn member(&mut self, member: &'s Member, block: Block, at: usize) -> Result<usize, Reason> {
        let at_slot = block.0 as usize + usize::from(member.slot);
        if self.arena.slots.get(at_slot).is_some_and(|slot| slot.start != NONE) {
            self.at = at;
            self.repeated = Some(&member.name);
            return Err(Reason::Repeated);
        }
        self.value(member.node, block, at_slot, at)
    }

    /// A list; gives the first block, and where it ends.
    fn list(&mut self, id: NodeId, block: Block, start: usize) -> Result<(u32, usize), Reason> {
        let nodes = self.nodes;
        let wanted = nodes.get(id.0 as usize);
        let Some(node) = wanted.filter(|n| n.elements.is_some() || !n.indexes.is_empty()) else {
            return Ok((NONE, self.cursor.pass(start)));
        };
        self.enter(start)?;
        let mut chain = Chain::default();
        let mut mark = self.cursor.next();
        if let (b']', _) = self.solid(mark + 1) {
            mark = self.cursor.next();
        } else {
            let before = self.again;
            for index in 0_u32.. {
                // What stands but once is not worth remembering.
                self.again = before || index > 2;
                let (_, at) = self.solid(mark + 1);
                let cursor = self.cursor;
                if let Some(Elements { node, width }) = node.elements {
                    self.at = at;
                    let opened = self.link(&mut chain, width)?;
                    mark = self.value(Some(node), opened, opened.0 as usize, at)?;
                }
                match node.indexes.iter().find(|(wanted, _)| *wanted == index) {
                    Some((_, member)) => {
                        // Both a place of its own and one of many: read once for each.
                        self.cursor = cursor;
                        mark = self.member(member, block, at)?;
                    }
                    None if node.elements.is_none() => mark = self.nobodys(at),
                    None => {}
                }
                if self.bytes.get(mark) != Some(&b',') {
                    break;
                }
            }
            self.again = before;
        }
        self.depth += 1;
        Ok((chain.first, mark + 1))
    }

    /// An element that nobody asked for; gives the mark after it.
    fn nobodys(&mut self, at: usize) -> usize {
        if let Some(b'{' | b'[') = self.bytes.get(at) {
            self.cursor.pass(at);
        }
        self.cursor.next()
    }

    /// A block for the next element, found from the one before it.
    #[inline]
    fn link(&mut self, chain: &mut Chain, width: u16) -> Result<Block, Reason> {
        self.room()?;
        let opened = self.arena.open(width, chain.length);
        match chain.last {
            NONE => chain.first = opened.0,
            last => {
                if let Some(header) = self.arena.slots.get_mut((last as usize).wrapping_sub(1)) {
                    header.start = opened.0;
                }
            }
        }
        chain.last = opened.0;
        chain.length += 1;
        Ok(opened)
    }

    pub(super) fn room(&self) -> Result<(), Reason> {
        if self.arena.slots.len() > self.most { Err(Reason::Slots) } else { Ok(()) }
    }

    /// One level down, at an opening bracket.
    fn enter(&mut self, at: usize) -> Result<(), Reason> {
        self.at = at;
        self.depth = self.depth.checked_sub(1).ok_or(Reason::Depth)?;
        Ok(())
    }
}

/// The member whose name stands at `start..after`, quotes included; a name with escape sequences is
/// decoded on the way and compared to one after the other.
#[cold]
fn careful(node: &Node, names: &Names, bytes: &[u8], start: usize, after: usize) -> Found {
    let token = bytes.get(start..after).unwrap_or_default();
    if token.contains(&b'\\') {
        let token = std::str::from_utf8(token).unwrap_or_default();
        return names.of_member(node.members.iter().position(|m| text::eq(token, &m.name)));
    }
    names.find(&node.members, bytes, start + 1, after.wrapping_sub(1))
}
