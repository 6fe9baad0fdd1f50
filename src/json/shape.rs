//! Which members of a document a program needs.
//!
//! A shape says where spans go. Values of one object scope share a **block** of slots: the document
//! itself opens a block, and so does each element of a list that is entered; nested objects and
//! fixed elements (`[0]`) lie in the block around them. **Slot 0 of every block is the value itself**
//! (the whole document, the whole element); members are numbered from 1, and a width counts slot 0.

use std::sync::OnceLock;

/// A forest of nodes, one root per document.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    nodes: Vec<Node>,
    /// For the look-up of names; made by the first scan.
    names: OnceLock<Box<[Names]>>,
}

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub u32);

/// What is needed of one value.
#[derive(Clone, Debug, Default)]
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
#[derive(Clone, Debug)]
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

    /// Gives back the room that it would have to grow.
    pub fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        for node in &mut self.nodes {
            node.members.shrink_to_fit();
            node.indexes.shrink_to_fit();
        }
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
/// [`Print`], so large and with such a factor that hardly two names meet.
#[derive(Clone, Debug)]
pub(super) struct Names {
    factor: u64,
    shift: u32,
    /// How many names at most stand between a name and its place.
    met: usize,
    /// Indexes into the prints; 0 is free.
    table: Box<[u16]>,
    /// A bit for each length that a name has, counted on from zero after sixty-three.
    lengths: u64,
    /// Of no name, and then of every member.
    prints: Box<[Print]>,
}

/// A name's length, its first eight bytes, and its second eight or, of a longer name, its last: a
/// name up to sixteen bytes long is all in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    length: usize,
    head: u64,
    tail: u64,
}

/// Names up to this length are told apart by their prints.
const WHOLE: usize = 16;

/// The bits of so many bytes, to cut off what comes after them.
static OWN: [[u64; 2]; WHOLE + 1] = {
    let (mut own, mut left) = ([[0; 2]; WHOLE + 1], WHOLE);
    let mut rest = own.as_mut_slice();
    while let Some((longest, shorter)) = rest.split_last_mut() {
        let bits = if left == 0 { 0 } else { u128::MAX >> (128 - left * 8) };
        *longest = [bits as u64, (bits >> 64) as u64];
        left = left.saturating_sub(1);
        rest = shorter;
    }
    own
};

impl Print {
    /// Of no name.
    const NONE: Self = Self { length: usize::MAX, head: 0, tail: 0 };

    /// Whether both are one, with one branch for all of it.
    #[inline(always)]
    fn is(&self, other: Self) -> bool {
        let length = (self.length ^ other.length) as u64;
        length | (self.head ^ other.head) | (self.tail ^ other.tail) == 0
    }

    /// Of the name that stands at `from..end`.
    #[inline(always)]
    fn of(bytes: &[u8], from: usize, end: usize) -> Self {
        let length = end.saturating_sub(from);
        let sixteen = bytes.get(from..).and_then(|rest| rest.first_chunk::<16>());
        match (sixteen, length) {
            (Some(sixteen), 0..=WHOLE) => {
                // What comes after the name is cut off.
                let [head, tail] = OWN.get(length).copied().unwrap_or_default();
                let name = u128::from_le_bytes(*sixteen);
                Self { length, head: name as u64 & head, tail: (name >> 64) as u64 & tail }
            }
            _ => Self::of_any(bytes.get(from..end).unwrap_or_default()),
        }
    }

    /// Of a long name, or of one that stands near the end of its document.
    #[cold]
    fn of_any(name: &[u8]) -> Self {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b));
        let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(head), Some(tail)) if name.len() > WHOLE => (&head[..], &tail[..]),
            _ => name.split_at(name.len().min(8)),
        };
        Self { length: name.len(), head: word(head), tail: word(tail) }
    }
}

impl Names {
    fn of(members: &[Member]) -> Self {
        let print = |m: &Member| Print::of(m.name.as_bytes(), 0, m.name.len());
        let prints = std::iter::once(Print::NONE).chain(members.iter().map(print)).collect();
        let lengths = members.iter().fold(0, |all, m| all | 1 << (m.name.len() & 63));
        let mut names =
            Self { lengths, factor: 0, shift: 0, met: 0, table: Box::default(), prints };
        let mut best = (usize::MAX, 0, 0);
        let least = (members.len() * 4).max(2).next_power_of_two().trailing_zeros();
        for bits in least..least + 3 {
            for n in 0..64 {
                let met = names.fill(bits, n);
                best = best.min((met, bits, n));
                if met == 0 {
                    return names;
                }
            }
        }
        names.fill(best.1, best.2);
        names
    }

    /// Fills a table with the `n`-th factor, each name at the first free place, and says how many
    /// were in the way of the one that had most.
    fn fill(&mut self, bits: u32, n: u64) -> usize {
        self.factor = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(n * 2 + 1);
        self.shift = 64 - bits;
        self.table = vec![0; 1 << bits].into_boxed_slice();
        self.met = 0;
        let mask = self.table.len() - 1;
        for (index, print) in self.prints.iter().enumerate().skip(1) {
            let from = self.start(*print);
            for met in 0..self.table.len() {
                if let Some(free) = self.table.get_mut((from + met) & mask).filter(|e| **e == 0) {
                    *free = u16::try_from(index).unwrap_or(0);
                    self.met = self.met.max(met);
                    break;
                }
            }
        }
        self.met
    }

    #[inline(always)]
    fn start(&self, print: Print) -> usize {
        let mixed = print.head ^ print.tail.rotate_left(29) ^ print.length as u64;
        (mixed.wrapping_mul(self.factor) >> self.shift) as usize
    }

    /// Which member's name stands at `from..end`, among those the table was made of.
    #[inline(always)]
    pub(super) fn find(
        &self,
        members: &[Member],
        bytes: &[u8],
        from: usize,
        end: usize,
    ) -> Option<usize> {
        if self.lengths >> (end.saturating_sub(from) & 63) & 1 == 0 {
            return None;
        }
        let print = Print::of(bytes, from, end);
        let (start, mask) = (self.start(print), self.table.len() - 1);
        for met in 0..=self.met {
            // What is free has a print that no name has: there is but one question to be answered.
            let entry = usize::from(*self.table.get((start + met) & mask)?);
            if self.prints.get(entry).is_some_and(|known| known.is(print)) {
                let member = entry - 1;
                let name = || members.get(member).map(|m| m.name.as_bytes());
                if print.length <= WHOLE || bytes.get(from..end) == name() {
                    return Some(member);
                }
            }
        }
        None
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
