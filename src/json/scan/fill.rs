//! Values that are needed, as a whole or inside: checked like any other, and noted where they stand.

use super::skip::{self, Stop};
use super::{Block, NONE, Reason, Scanner, Slot};
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

impl<'s> Scanner<'s> {
    /// A value, whose span goes to the slot `at_slot` of the arena.
    pub(super) fn value(
        &mut self,
        node: Option<NodeId>,
        block: Block,
        at_slot: usize,
    ) -> Result<(), Reason> {
        let byte = self.peek()?;
        let start = self.at;
        let mut first = NONE;
        match (byte, node) {
            (b'{', Some(id)) => first = self.object(id, block)?,
            (b'[', Some(id)) => first = self.list(id, block)?,
            (b'{' | b'[', None) => self.skip()?,
            _ => {
                let passed = match byte {
                    b'"' => skip::string(&mut self.marks, start),
                    _ => skip::scalar(self.bytes, start, byte),
                };
                self.at = self.stopped(passed)?;
            }
        }
        // Lengths are checked: both fit.
        self.arena.set(at_slot, Slot { start: start as u32, end: self.at as u32, first });
        Ok(())
    }

    /// An object; gives the first block, where every member has one.
    fn object(&mut self, id: NodeId, block: Block) -> Result<u32, Reason> {
        let (nodes, names) = (self.nodes, self.names);
        let wanted = nodes.get(id.0 as usize).zip(names.get(id.0 as usize));
        let Some((node, names)) = wanted.filter(|(n, _)| n.every || !n.members.is_empty()) else {
            self.skip()?;
            return Ok(NONE);
        };
        self.enter()?;
        let mut chain = Chain::default();
        let inside = self.inside(node, names, block, &mut chain);
        self.at = self.stopped(inside)?;
        self.depth += 1;
        Ok(chain.first)
    }

    /// The members of an object and its closing bracket. Position and marks are the function's own
    /// while no other needs them, and so stay in registers.
    fn inside(
        &mut self,
        node: &'s Node,
        names: &Names,
        block: Block,
        chain: &mut Chain,
    ) -> Result<usize, Stop> {
        let (bytes, mut marks) = (self.bytes, self.marks);
        let (mut byte, mut at) = skip::peek(bytes, self.at)?;
        while byte != b'}' {
            if byte != b'"' {
                return Err((at, Reason::Key));
            }
            let (start, end) = (at, marks.after(at));
            let (member, after) = if bytes.get(end) == Some(&b'"') {
                (names.find(&node.members, bytes, start + 1, end), end + 1)
            } else {
                // Rare: compared one by one, decoded on the way.
                let after = skip::rest_of_string(&mut marks, end)?;
                let token = bytes.get(start..after).unwrap_or_default();
                let token = std::str::from_utf8(token).unwrap_or_default();
                (node.members.iter().position(|m| text::eq(token, &m.name)), after)
            };
            let colon = skip::colon(bytes, after)?;
            let needed = member.and_then(|member| Some((member, node.members.get(member)?)));
            let (mut first, mut to) = (NONE, NONE as usize);
            if node.every {
                let opened = self.link(chain, 2).map_err(|reason| (colon, reason))?;
                to = opened.0 as usize;
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
                    self.repeated = Some(&member.name);
                    return Err((start, Reason::Repeated));
                }
            }
            let value;
            (byte, value) = skip::peek(bytes, colon)?;
            at = match (byte, needed.and_then(|(_, member)| member.node)) {
                (b'"', _) => skip::string(&mut marks, value)?,
                (b'{' | b'[', None) => {
                    let after;
                    (after, marks) = skip::container(self.checked, marks, value, self.depth)?;
                    after
                }
                (b'{' | b'[', Some(id)) => {
                    (self.at, self.marks) = (value, marks);
                    let entered = match byte {
                        b'{' => self.object(id, block),
                        _ => self.list(id, block),
                    };
                    first = entered.map_err(|reason| (self.at, reason))?;
                    marks = self.marks;
                    self.at
                }
                _ => skip::scalar(bytes, value, byte)?,
            };
            if to != NONE as usize {
                // Lengths are checked: both fit.
                self.arena.set(to, Slot { start: value as u32, end: at as u32, first });
            }
            (byte, at) = skip::peek(bytes, at)?;
            match byte {
                b',' => (byte, at) = skip::peek(bytes, at + 1)?,
                b'}' => break,
                _ => return Err((at, Reason::Brace)),
            }
            if byte == b'}' {
                return Err((at, Reason::Key));
            }
        }
        self.marks = marks;
        Ok(at + 1)
    }

    fn member(&mut self, member: &'s Member, block: Block, key: usize) -> Result<(), Reason> {
        let at_slot = block.0 as usize + usize::from(member.slot);
        if self.arena.slots.get(at_slot).is_some_and(|slot| slot.start != NONE) {
            self.at = key;
            self.repeated = Some(&member.name);
            return Err(Reason::Repeated);
        }
        self.value(member.node, block, at_slot)
    }

    /// A list; gives the first block.
    fn list(&mut self, id: NodeId, block: Block) -> Result<u32, Reason> {
        let nodes = self.nodes;
        let wanted = nodes.get(id.0 as usize);
        let Some(node) = wanted.filter(|n| n.elements.is_some() || !n.indexes.is_empty()) else {
            self.skip()?;
            return Ok(NONE);
        };
        self.enter()?;
        let mut chain = Chain::default();
        if self.peek()? != b']' {
            for index in 0_u32.. {
                self.peek()?;
                let start = self.at;
                if let Some(Elements { node, width }) = node.elements {
                    let opened = self.link(&mut chain, width)?;
                    self.value(Some(node), opened, opened.0 as usize)?;
                }
                match node.indexes.iter().find(|(wanted, _)| *wanted == index) {
                    Some((_, member)) => {
                        // Both a place of its own and one of many: read once for each.
                        self.at = start;
                        self.member(member, block, start)?;
                    }
                    None if node.elements.is_none() => self.skip()?,
                    None => {}
                }
                match self.peek()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(Reason::Bracket),
                }
            }
        }
        self.leave();
        Ok(chain.first)
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

    /// Over the opening bracket, one level down.
    fn enter(&mut self) -> Result<(), Reason> {
        self.depth = self.depth.checked_sub(1).ok_or(Reason::Depth)?;
        self.at += 1;
        Ok(())
    }

    /// Over the closing bracket, one level up.
    fn leave(&mut self) {
        self.depth += 1;
        self.at += 1;
    }
}
