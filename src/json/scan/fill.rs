//! Values that are needed, as a whole or inside: noted where they stand.
//!
//! The document has been accepted. So a value goes to the next mark, but for a list or an object, and
//! what it is is not looked at; a name goes to its colon.

use super::{Arena, Block, NONE, Reason, Slot};
use crate::json::index::Cursor;
use crate::json::lanes::blanks;
use crate::json::shape::{Elements, Member, Names, Node, NodeId};
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

/// A document that is being filled in; where an error is returned, `at` is its offset.
pub(super) struct Fill<'s> {
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
}

impl<'s> Fill<'s> {
    /// The value at `at` or after the white space there, whose span goes to the slot `at_slot` of the
    /// arena. Gives the mark that comes after it, which is passed.
    pub(super) fn value(
        &mut self,
        node: Option<NodeId>,
        block: Block,
        at_slot: usize,
        at: usize,
    ) -> Result<usize, Reason> {
        let (byte, start) = solid(self.bytes, at);
        let (mut first, mut end) = (NONE, 0);
        if let b'{' | b'[' = byte {
            (first, end) = self.container(byte, node, block, start)?;
        }
        let mark = self.cursor.next();
        if end == 0 {
            end = ending(self.bytes, start, mark);
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
        let end = self.inside(node, names, block, &mut chain)?;
        self.depth += 1;
        Ok((chain.first, end))
    }

    /// The members of an object and its brackets. The cursor is the function's own while no other
    /// needs it, and so stays in registers.
    fn inside(
        &mut self,
        node: &'s Node,
        names: &Names,
        block: Block,
        chain: &mut Chain,
    ) -> Result<usize, Reason> {
        let (bytes, mut cursor) = (self.bytes, self.cursor);
        let mut mark = cursor.next();
        loop {
            let colon = cursor.next();
            if bytes.get(colon) != Some(&b':') {
                // It is empty.
                mark = colon;
                break;
            }
            let (_, start) = solid(bytes, mark + 1);
            let after = ending(bytes, start, colon);
            let member = if cursor.slashes(start, colon) {
                careful(node, names, bytes, start, after)
            } else {
                names.find(&node.members, bytes, start + 1, after.wrapping_sub(1))
            };
            let needed = member.and_then(|member| Some((member, node.members.get(member)?)));
            let mut to = NONE as usize;
            if node.every {
                self.at = colon;
                let opened = self.link(chain, 2)?;
                to = opened.0 as usize;
                // Lengths are checked: both fit.
                let name = Slot { start: start as u32, end: after as u32, first: NONE };
                self.arena.set(to + 1, name);
                if let (Some((member, _)), Some(header)) =
                    (needed, self.arena.slots.get_mut(to - 1))
                {
                    header.first = member as u32;
                }
            } else if let Some((_, member)) = needed {
                to = block.0 as usize + usize::from(member.slot);
                if self.arena.slots.get(to).is_some_and(|slot| slot.start != NONE) {
                    self.at = start;
                    self.repeated = Some(&member.name);
                    return Err(Reason::Repeated);
                }
            }
            let (byte, value) = solid(bytes, colon + 1);
            let (mut first, mut end) = (NONE, 0);
            if let b'{' | b'[' = byte {
                match needed.and_then(|(_, member)| member.node) {
                    None => end = cursor.pass(value),
                    node => {
                        self.cursor = cursor;
                        (first, end) = self.container(byte, node, block, value)?;
                        cursor = self.cursor;
                    }
                }
            }
            mark = cursor.next();
            if to != NONE as usize {
                if end == 0 {
                    end = ending(bytes, value, mark);
                }
                // Lengths are checked: both fit.
                self.arena.set(to, Slot { start: value as u32, end: end as u32, first });
            }
            if bytes.get(mark) != Some(&b',') {
                break;
            }
        }
        self.cursor = cursor;
        Ok(mark + 1)
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
        if let (b']', _) = solid(self.bytes, mark + 1) {
            mark = self.cursor.next();
        } else {
            for index in 0_u32.. {
                let (_, at) = solid(self.bytes, mark + 1);
                let before = self.cursor;
                if let Some(Elements { node, width }) = node.elements {
                    self.at = at;
                    let opened = self.link(&mut chain, width)?;
                    mark = self.value(Some(node), opened, opened.0 as usize, at)?;
                }
                match node.indexes.iter().find(|(wanted, _)| *wanted == index) {
                    Some((_, member)) => {
                        // Both a place of its own and one of many: read once for each.
                        self.cursor = before;
                        mark = self.member(member, block, at)?;
                    }
                    None if node.elements.is_none() => mark = self.nobodys(at),
                    None => {}
                }
                if self.bytes.get(mark) != Some(&b',') {
                    break;
                }
            }
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

/// Which member's name stands at `start..after`, quotes included; a name with escape sequences is
/// decoded on the way and compared to one after the other.
#[cold]
fn careful(node: &Node, names: &Names, bytes: &[u8], start: usize, after: usize) -> Option<usize> {
    let token = bytes.get(start..after)?;
    if token.contains(&b'\\') {
        let token = std::str::from_utf8(token).ok()?;
        return node.members.iter().position(|m| text::eq(token, &m.name));
    }
    names.find(&node.members, bytes, start + 1, after.wrapping_sub(1))
}
