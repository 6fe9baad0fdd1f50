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
    /// Where it is an object: every member, needed or not, however often it stands there, gets a
    /// block of two slots, the value and the name, beside the others. The slots of `members` then
    /// mean nothing.
    pub every: bool,
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

/// Finds a member by its name without looking at the others: a table addressed by the name's
/// [`Print`], with a factor chosen so that few names meet.
#[derive(Debug)]
pub(super) struct Names {
    factor: u64,
    shift: u32,
    /// Index of a member plus one; 0 is free.
    table: Box<[u16]>,
    /// Of every member.
    prints: Box<[Print]>,
}

/// A name's length and its first and last eight bytes: a name up to sixteen bytes long is all in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    length: usize,
    head: u64,
    /// 0 for a name that is shorter than eight bytes.
    tail: u64,
}

/// Names up to this length are told apart by their prints.
const WHOLE: usize = 16;

impl Print {
    /// Of the name that stands at `from..end`.
    #[inline]
    fn of(bytes: &[u8], from: usize, end: usize) -> Self {
        let eight = |at: usize| {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
            word.map(|word| u64::from_le_bytes(*word))
        };
        let length = end - from;
        match (eight(from), eight(end.wrapping_sub(8))) {
            (Some(head), Some(tail)) if length >= 8 => Self { length, head, tail },
            // What comes after the name is cut off.
            (Some(head), _) if length < 8 => {
                Self { length, head: head & !(u64::MAX << (length * 8)), tail: 0 }
            }
            _ => {
                let name = bytes.get(from..end).unwrap_or_default();
                let head = name.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
                Self { length, head, tail: 0 }
            }
        }
    }
}

impl Names {
    fn of(members: &[Member]) -> Self {
        let bits = (members.len() * 4).max(2).next_power_of_two().trailing_zeros();
        let print = |m: &Member| Print::of(m.name.as_bytes(), 0, m.name.len());
        let mut names = Self {
            factor: 0,
            shift: 64 - bits,
            table: vec![0; 1 << bits].into_boxed_slice(),
            prints: members.iter().map(print).collect(),
        };
        let mut best = (usize::MAX, 1);
        for n in 0..64_u64 {
            let factor = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(n * 2 + 1);
            let met = names.fill(factor);
            best = best.min((met, factor));
            if met == 0 {
                return names;
            }
        }
        names.fill(best.1);
        names
    }

    /// Fills the table, each name at the first free place, and says how many were in the way.
    fn fill(&mut self, factor: u64) -> usize {
        self.factor = factor;
        self.table.fill(0);
        let (mut all, mask) = (0, self.table.len() - 1);
        for (index, print) in self.prints.iter().enumerate() {
            let from = self.start(*print);
            for met in 0..self.table.len() {
                if let Some(free) = self.table.get_mut((from + met) & mask).filter(|e| **e == 0) {
                    *free = u16::try_from(index + 1).unwrap_or(0);
                    all += met;
                    break;
                }
            }
        }
        all
    }

    #[inline]
    fn start(&self, print: Print) -> usize {
        let mixed = print.head ^ print.tail.rotate_left(29) ^ print.length as u64;
        (mixed.wrapping_mul(self.factor) >> self.shift) as usize
    }

    /// Which member's name stands at `from..end`, among those the table was made of.
    #[inline]
    pub(super) fn find(
        &self,
        members: &[Member],
        bytes: &[u8],
        from: usize,
        end: usize,
    ) -> Option<usize> {
        let print = Print::of(bytes, from, end);
        let mut at = self.start(print);
        loop {
            // Most of the table is free, so this ends.
            let entry = match self.table.get(at) {
                Some(0) => return None,
                Some(entry) => usize::from(*entry) - 1,
                None => {
                    at = 0;
                    continue;
                }
            };
            if self.prints.get(entry) == Some(&print) {
                let member = members.get(entry)?;
                if print.length <= WHOLE || bytes.get(from..end) == Some(member.name.as_bytes()) {
                    return Some(entry);
                }
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
        let names: Vec<String> = (0..200_usize)
            .map(|i| match i % 3 {
                0 => format!("{i}"),
                1 => format!("member_{i}_{}", "x".repeat(i % 7)),
                _ => format!("the_same_member_but_{i}_in_the_middle"),
            })
            .collect();
        for count in [0, 1, 2, 3, 40, 200] {
            let members: Vec<Member> = (names.iter().take(count).enumerate())
                .map(|(i, n)| Member { name: n.as_str().into(), slot: i as u16 + 1, node: None })
                .collect();
            let table = Names::of(&members);
            let find = |name: &str| {
                // However near the end of the document it stands.
                let alone = table.find(&members, name.as_bytes(), 0, name.len());
                let inside = format!("\"{name}\":\"some text\"");
                let found = table.find(&members, inside.as_bytes(), 1, 1 + name.len());
                assert_eq!(found, alone);
                found
            };
            for (i, name) in names.iter().enumerate() {
                assert_eq!(find(name), (i < count).then_some(i), "{name} of {count}");
            }
            assert!(find("").is_none());
        }
    }
}
