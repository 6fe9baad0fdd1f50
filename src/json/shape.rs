//! Which members of a document a program needs.
//!
//! A shape says where spans go. Values of one object scope share a **block** of slots: the document
//! itself opens a block, and so does each element of a list that is entered; nested objects and
//! fixed elements (`[0]`) lie in the block around them. **Slot 0 of every block is the value itself**
//! (the whole document, the whole element); members are numbered from 1, and a width counts slot 0.

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

/// A forest of nodes, one root per document.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    nodes: Vec<Node>,
    /// For the look-up of names; made by the first scan.
    names: OnceLock<Box<[Names]>>,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

impl Eq for Shape {}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.nodes.hash(hasher);
    }
}

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub u32);

/// What is needed of one value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its name, unescaped. Empty for an index.
    pub name: Box<str>,
    /// Where its span goes in the block; from 1, slot 0 is the value the block was opened for.
    pub slot: u16,
    /// What is needed inside it.
    pub node: Option<NodeId>,
}

/// The elements of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Indexes into those known; 0 is free.
    table: Box<[u16]>,
    /// Of no name, and then of every member.
    known: Box<[Known]>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    print: Print,
    found: Found,
}

/// A member, as far as its place in a document is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Which of the node's it is.
    pub(super) member: u32,
    /// See [`Member::node`].
    pub(super) node: Option<NodeId>,
    /// See [`Member::slot`].
    pub(super) slot: u16,
}

impl Found {
    /// No member.
    pub(super) const NONE: Self = Self { member: u32::MAX, node: None, slot: 0 };

    /// Whether it is a member.
    #[inline(always)]
    pub(super) fn is_some(self) -> bool {
        self.member != u32::MAX
    }
}

/// A name's length, its first eight bytes and its last eight; of a shorter name, all of it twice. A name
/// up to sixteen bytes long is all in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    length: usize,
    head: u64,
    tail: u64,
}

/// Names up to this length are told apart by their prints.
const WHOLE: usize = 16;

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
        let length = end.wrapping_sub(from);
        let eight = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let (Some(head), Some(tail)) = (eight(from), eight(end.wrapping_sub(8))) else {
            return Self::of_any(bytes.get(from..end).unwrap_or_default());
        };
        // What comes before a short name is cut off.
        let foreign = 8_usize.saturating_sub(length) as u32 * 8;
        let tail = tail.unbounded_shr(foreign);
        Self { length, head: if foreign == 0 { head } else { tail }, tail }
    }

    /// Of a name that stands near an end of its document.
    #[cold]
    fn of_any(name: &[u8]) -> Self {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b));
        let head = word(name.first_chunk::<8>().map_or(name, |head| head));
        let tail = word(name.last_chunk::<8>().map_or(name, |tail| tail));
        Self { length: name.len(), head, tail }
    }
}

impl Names {
    fn of(members: &[Member]) -> Self {
        let known = |(member, m): (u32, &Member)| Known {
            print: Print::of(m.name.as_bytes(), 0, m.name.len()),
            found: Found { member, node: m.node, slot: m.slot },
        };
        let known = (0..).zip(members).map(known);
        let known = std::iter::once(Known { print: Print::NONE, found: Found::NONE })
            .chain(known)
            .collect();
        let mut names = Self { factor: 0, shift: 0, met: 0, table: Box::default(), known };
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
        for (index, known) in self.known.iter().enumerate().skip(1) {
            let from = self.start(known.print);
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

    /// The member whose name stands at `from..end`, among those the table was made of.
    #[inline(always)]
    pub(super) fn find(&self, members: &[Member], bytes: &[u8], from: usize, end: usize) -> Found {
        let print = Print::of(bytes, from, end);
        let (start, mask) = (self.start(print), self.table.len().wrapping_sub(1));
        for met in 0..=self.met {
            // What is free has a print that no name has: there is but one question to be answered.
            let entry = self.table.get(start.wrapping_add(met) & mask).copied();
            let known = self.known.get(usize::from(entry.unwrap_or_default()));
            if let Some(known) = known.filter(|known| known.print.is(print)) {
                let name = members.get(known.found.member as usize).map(|m| m.name.as_bytes());
                if print.length <= WHOLE || bytes.get(from..end) == name {
                    return known.found;
                }
            }
        }
        Found::NONE
    }

    /// As [`Self::find`], of a member that is known already.
    pub(super) fn of_member(&self, member: Option<usize>) -> Found {
        let known = member.and_then(|member| self.known.get(member + 1));
        known.map_or(Found::NONE, |known| known.found)
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
                let found = |found: Found| found.is_some().then_some(found.member as usize);
                let alone = found(table.find(&members, name.as_bytes(), 0, name.len()));
                let inside = format!("\"{name}\":\"some text\"");
                let inside = found(table.find(&members, inside.as_bytes(), 1, 1 + name.len()));
                assert_eq!(inside, alone);
                inside
            };
            for (i, name) in names.iter().enumerate() {
                assert_eq!(find(name), (i < count).then_some(i), "{name} of {count}");
            }
            assert!(find("").is_none());
        }
    }
}
