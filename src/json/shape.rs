//! Which members of a document a program needs.
//!
//! A shape says where spans go. Values of one object scope share a **block** of slots: the document
//! itself opens a block, and so does each element of a list that is entered; nested objects and
//! fixed elements (`[0]`) lie in the block around them. **Slot 0 of every block is the value itself**
//! (the whole document, the whole element); members are numbered from 1, and a width counts slot 0.

use std::sync::OnceLock;

/// A forest of nodes, one root per document.
#[derive(Debug, Default)]
pub struct Shape {
    nodes: Vec<Node>,
    /// For the look-up of names; made by the first scan.
    names: OnceLock<Box<[Names]>>,
}

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub u32);

/// What is needed of one value.
#[derive(Debug, Default)]
pub struct Node {
    /// Where it is an object: its members, each with a slot of the same block.
    pub members: Vec<Member>,
    /// Where it is a list: fixed elements, each with a slot of the same block.
    pub indexes: Vec<(u32, Member)>,
    /// Where it is a list: every element gets a block of its own.
    pub elements: Option<Elements>,
}

/// A member that is needed.
#[derive(Debug)]
pub struct Member {
    /// Its name, unescaped. Empty for an index.
    pub name: Box<str>,
    /// Where its span goes in the block; from 1, slot 0 is the value the block was opened for.
    pub slot: u16,
    /// What is needed inside it.
    pub node: Option<NodeId>,
}

/// The elements of a list.
#[derive(Clone, Copy, Debug)]
pub struct Elements {
    /// What is needed of each.
    pub node: NodeId,
    /// Slots of its block, slot 0 (the element itself) included.
    pub width: u16,
}

impl Shape {
    /// Adds an empty node.
    pub fn add(&mut self) -> NodeId {
        self.names.take();
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node::default());
        id
    }

    /// The node, to read.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The node, to extend.
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.names.take();
        self.nodes.get_mut(id.0 as usize)
    }

    /// The nodes and the look-up of their members' names, index by index.
    pub(super) fn prepared(&self) -> (&[Node], &[Names]) {
        let names = self
            .names
            .get_or_init(|| self.nodes.iter().map(|node| Names::of(&node.members)).collect());
        (&self.nodes, names)
    }
}

/// Finds a member by its name without looking at the others: a table addressed by the name's length
/// and its first and last four bytes, with a factor chosen so that few names meet.
#[derive(Debug)]
pub(super) struct Names {
    factor: u32,
    shift: u32,
    /// Index of a member plus one; 0 is free.
    table: Box<[u16]>,
}

impl Names {
    fn of(members: &[Member]) -> Self {
        let bits = (members.len() * 2).max(2).next_power_of_two().trailing_zeros();
        let tries =
            (0..64_u32).map(|n| 0x9E37_79B1_u32.wrapping_add(n.wrapping_mul(0x3C6E_F372)) | 1);
        let place = |factor: u32| {
            let mut names =
                Self { factor, shift: 32 - bits, table: vec![0; 1 << bits].into_boxed_slice() };
            let met: usize = (members.iter().enumerate())
                .map(|(i, m)| names.put(m.name.as_bytes(), u16::try_from(i + 1).unwrap_or(0)))
                .sum();
            (met, names)
        };
        let mut best: Option<(usize, Self)> = None;
        for (met, names) in tries.map(place) {
            if best.as_ref().is_none_or(|(least, _)| met < *least) {
                best = Some((met, names));
            }
            if met == 0 {
                break;
            }
        }
        best.map_or_else(
            || Self { factor: 1, shift: 31, table: Box::new([0; 2]) },
            |(_, names)| names,
        )
    }

    /// Puts an entry at the first free place and says how many were in the way.
    fn put(&mut self, name: &[u8], entry: u16) -> usize {
        let (from, mask) = (self.start(name), self.table.len() - 1);
        for met in 0..self.table.len() {
            if let Some(free) = self.table.get_mut((from + met) & mask).filter(|e| **e == 0) {
                *free = entry;
                return met;
            }
        }
        self.table.len()
    }

    #[inline]
    fn start(&self, name: &[u8]) -> usize {
        let (head, tail) = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head), u32::from_le_bytes(*tail)),
            _ => (name.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)), 0),
        };
        let mixed = head ^ tail.rotate_left(15) ^ name.len() as u32;
        (mixed.wrapping_mul(self.factor) >> self.shift) as usize
    }

    /// The member with this name, among those the table was made of.
    #[inline]
    pub(super) fn find<'a>(&self, members: &'a [Member], name: &[u8]) -> Option<&'a Member> {
        let mut at = self.start(name);
        loop {
            // Half of the table is free, so this ends.
            let entry = match self.table.get(at) {
                Some(0) => return None,
                Some(entry) => usize::from(*entry) - 1,
                None => {
                    at = 0;
                    continue;
                }
            };
            let member = members.get(entry)?;
            if member.name.as_bytes() == name {
                return Some(member);
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> =
            (0..200).map(|i| format!("member_{i}_{}", "x".repeat(i % 7))).collect();
        for count in [0, 1, 2, 3, 40, 200] {
            let members: Vec<Member> = (names.iter().take(count).enumerate())
                .map(|(i, n)| Member { name: n.as_str().into(), slot: i as u16 + 1, node: None })
                .collect();
            let table = Names::of(&members);
            for (i, name) in names.iter().enumerate() {
                let found = table.find(&members, name.as_bytes()).map(|m| usize::from(m.slot) - 1);
                assert_eq!(found, (i < count).then_some(i), "{name} of {count}");
            }
            assert!(table.find(&members, b"").is_none());
        }
    }
}
