//! A document is checked, the whole grammar of it, and then slots are filled.
//!
//! Checked is RFC 8259 with the choices a gateway must make: UTF-8 without a byte order mark,
//! surrogates in pairs only, at most 128 levels, at most 16 MiB. A member that the shape needs and
//! that stands twice in one object is refused, because readers disagree on which one counts; other
//! repeated members are none of our business.
//!
//! A [`Document`] that was accepted before is not checked again, and of any only what the shape asks for
//! is looked at: the rest is passed by its marks.
//!
//! Spans go into an [`Arena`] that is used again and again, so a scan allocates nothing once the
//! arena has grown.

mod check;
mod fill;
mod kept;
mod root;
mod skip;
#[cfg(test)]
mod tests;
mod trail;

use std::fmt;
use std::ops::Range;

use fearless_simd::Level;

use super::index::Index;
use super::shape::{NodeId, Shape};
use fill::Fill;
pub use kept::Accepted;
pub use root::root;
use trail::Trail;

/// Longest document.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Deepest nesting that can be asked for.
pub const MOST_DEPTH: u8 = 128;

const NONE: u32 = u32::MAX;

/// Bounds of one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; default and maximum [`MOST_DEPTH`].
    pub depth: u8,
    /// Slots in the arena; default 2^20 (12 MiB).
    pub slots: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: MOST_DEPTH, slots: 1 << 20 }
    }
}

/// The bytes of a document, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    bytes: &'a [u8],
    checked: bool,
    accepted: Option<Accepted>,
}

impl<'a> Document<'a> {
    /// One that [`validate`] has accepted. Should it not have been, no more than wrong slots come of
    /// it.
    #[must_use]
    pub fn checked(bytes: &'a [u8]) -> Self {
        Self { bytes, checked: true, accepted: None }
    }

    /// One that [`accept`] has accepted, and told this of. Should it be another one, it costs time.
    #[must_use]
    pub fn accepted(bytes: &'a [u8], accepted: Accepted) -> Self {
        Self { bytes, checked: true, accepted: Some(accepted) }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// One of which nothing is known.
impl<'a> From<&'a [u8]> for Document<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, checked: false, accepted: None }
    }
}

/// Where a value stands, and where its elements' blocks begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    start: u32,
    end: u32,
    first: u32,
}

impl Slot {
    const ABSENT: Self = Self { start: NONE, end: NONE, first: NONE };

    /// The text of the value; `None` where it is absent.
    #[must_use]
    #[inline]
    pub fn text(self, document: &str) -> Option<&str> {
        if self.start == NONE { None } else { document.get(self.start as usize..self.end as usize) }
    }

    /// Where it stands in the document; `None` where it is absent.
    #[must_use]
    #[inline]
    pub fn span(self) -> Option<Range<usize>> {
        (self.start != NONE).then_some(self.start as usize..self.end as usize)
    }

    /// The block of the first element that was entered, or of the first member (see
    /// [`Node::every`](crate::json::shape::Node::every)).
    #[must_use]
    #[inline]
    pub fn first(self) -> Option<Block> {
        (self.first != NONE).then_some(Block(self.first))
    }
}

/// A block of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(u32);

impl Block {
    /// A block that is not there: every slot of it is absent.
    pub const ABSENT: Self = Self(NONE);
}

/// The slots of one run. A block is a header (the next element's block, the element's index, and of
/// a member which of the node's it is) and its slots.
#[derive(Debug, Default)]
pub struct Arena {
    slots: Vec<Slot>,
    /// Of the document that is being scanned.
    index: Index,
    trail: Trail,
}

impl Arena {
    /// Forgets the slots, keeps the memory.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    /// Gives memory back that only an unusual document needed.
    pub fn trim(&mut self, most: usize) {
        if self.slots.capacity() > most {
            self.slots = Vec::new();
        }
        // Of a slot's size, or a little larger; a document has more of these than of blocks.
        self.index.trim(most / 8);
    }

    /// A block of absent slots.
    pub fn absent(&mut self, width: u16) -> Block {
        self.open(width, 0)
    }

    /// A slot of a block; absent beyond the arena.
    #[must_use]
    #[inline]
    pub fn slot(&self, block: Block, slot: u16) -> Slot {
        self.slots.get(block.0 as usize + usize::from(slot)).copied().unwrap_or(Slot::ABSENT)
    }

    /// The block of the next element of the same list.
    #[must_use]
    #[inline]
    pub fn next(&self, block: Block) -> Option<Block> {
        self.header(block).map(|h| h.start).filter(|next| *next != NONE).map(Block)
    }

    /// The element's index in its list.
    #[must_use]
    pub fn index(&self, block: Block) -> Option<u32> {
        self.header(block).map(|h| h.end)
    }

    /// Which of its node's members a block is for, where every member has one.
    #[must_use]
    #[inline]
    pub fn member(&self, block: Block) -> Option<usize> {
        self.header(block).map(|h| h.first).filter(|member| *member != NONE).map(|m| m as usize)
    }

    #[inline]
    fn header(&self, block: Block) -> Option<Slot> {
        self.slots.get((block.0 as usize).wrapping_sub(1)).copied()
    }

    fn open(&mut self, width: u16, index: u32) -> Block {
        let header = self.slots.len();
        self.slots.resize(header + 1 + usize::from(width.max(1)), Slot::ABSENT);
        self.set(header, Slot { end: index, ..Slot::ABSENT });
        Block(u32::try_from(header + 1).unwrap_or(NONE))
    }

    #[inline]
    fn set(&mut self, at: usize, slot: Slot) {
        if let Some(old) = self.slots.get_mut(at) {
            *old = slot;
        }
    }
}

/// Where a document stops being JSON, and why. Its text is the reason in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// Byte offset.
    pub offset: usize,
    /// Why.
    pub reason: Reason,
    /// The member that [`Reason::Repeated`] is about.
    pub member: Option<Box<str>>,
}

impl std::error::Error for ScanError {}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some(member) => write!(f, "the member \"{member}\" stands twice in one object"),
            None => self.reason.fmt(f),
        }
    }
}

impl ScanError {
    /// Line and column in the document, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, document: &[u8]) -> (usize, usize) {
        let before = document.get(..self.offset).unwrap_or(document);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let row =
            memchr::memrchr(b'\n', before).and_then(|n| before.get(n + 1..)).unwrap_or(before);
        (line, String::from_utf8_lossy(row).chars().count() + 1)
    }
}

/// Why a document is not accepted. Small, because every step of a scan returns one or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Something else stands where a value must stand.
    #[error("expected a value")]
    Value,
    /// Something else stands where a name must stand.
    #[error("expected a member name in double quotes")]
    Key,
    /// No colon after a name.
    #[error("expected `:`")]
    Colon,
    /// An object goes on wrongly.
    #[error("expected `,` or `}}`")]
    Brace,
    /// A list goes on wrongly.
    #[error("expected `,` or `]`")]
    Bracket,
    /// More after the value.
    #[error("expected the end of the document")]
    Trailing,
    /// The text stops within a value.
    #[error("the document ends too early")]
    End,
    /// Not UTF-8.
    #[error("the bytes are not UTF-8")]
    Utf8,
    /// A bare control character in a string.
    #[error("a control character in a string must be escaped")]
    Control,
    /// `\x`.
    #[error("this is no escape sequence")]
    Escape,
    /// Half of a surrogate pair.
    #[error("a surrogate stands without its other half")]
    Surrogate,
    /// `01`, `1.`, `-`.
    #[error("this is no number")]
    Number,
    /// More levels than allowed.
    #[error("nested too deeply")]
    Depth,
    /// Longer than [`MOST_BYTES`].
    #[error("the document is too long")]
    Length,
    /// More elements than the slots allow.
    #[error("too many elements")]
    Slots,
    /// A member that is needed stands twice.
    #[error("a member stands twice in one object")]
    Repeated,
}

/// Checks a document and fills slots: gives the block of the document and its text.
///
/// # Errors
///
/// Where and why the bytes are no acceptable JSON; the arena then holds an unfinished block.
pub fn scan<'a>(
    arena: &mut Arena,
    shape: &Shape,
    node: NodeId,
    width: u16,
    document: impl Into<Document<'a>>,
    limits: Limits,
) -> Result<(Block, &'a str), ScanError> {
    let document = document.into();
    let bytes = document.bytes;
    let text = utf8(bytes)?;
    let kept = document.accepted.and_then(|accepted| kept::take(accepted, bytes));
    let mut index = std::mem::take(&mut arena.index);
    let known = match &kept {
        Some(_) => Ok(()),
        None if document.checked => {
            index.read(Level::new(), bytes);
            Ok(())
        }
        None => found(bytes, limits, &mut index),
    };
    let block = arena.open(width, 0);
    let done = known.and_then(|()| match kept.as_ref().unwrap_or(&index) {
        index if index.is_loose() => fill::<false>(arena, shape, node, block, bytes, index, limits),
        index => fill::<true>(arena, shape, node, block, bytes, index, limits),
    });
    if let (Some(accepted), Some(index)) = (document.accepted, kept) {
        kept::give_back(accepted, index);
    }
    arena.index = index;
    done.map(|()| (block, text))
}

/// Fills the slots of a document that is accepted, and whose marks are found.
fn fill<const TIGHT: bool>(
    arena: &mut Arena,
    shape: &Shape,
    node: NodeId,
    block: Block,
    bytes: &[u8],
    index: &Index,
    limits: Limits,
) -> Result<(), ScanError> {
    let (nodes, names) = shape.prepared();
    let depth = u32::from(limits.depth.min(MOST_DEPTH));
    arena.trail.begin(nodes.len());
    let (cursor, most) = (index.start(), limits.slots as usize);
    let mut fill: Fill<'_, TIGHT> = Fill {
        bytes,
        at: 0,
        cursor,
        depth,
        nodes,
        names,
        arena,
        most,
        repeated: None,
        again: false,
    };
    let done = fill.room().and_then(|()| fill.value(Some(node), block, block.0 as usize, 0));
    done.map(|_| ()).map_err(|reason| {
        let member = fill.repeated.filter(|_| reason == Reason::Repeated).map(Into::into);
        ScanError { offset: fill.at.min(bytes.len()), reason, member }
    })
}

/// Checks a document.
///
/// # Errors
///
/// Where and why the bytes are no acceptable JSON.
pub fn validate(bytes: &[u8], limits: Limits) -> Result<&str, ScanError> {
    let text = utf8(bytes)?;
    if !check::sure(Level::new(), bytes, u32::from(limits.depth.min(MOST_DEPTH))) {
        slowly(bytes, limits)?;
    }
    Ok(text)
}

/// Checks a document that this thread is likely to read next; see [`Document::accepted`].
///
/// # Errors
///
/// As [`validate`].
pub fn accept(bytes: &[u8], limits: Limits) -> Result<(&str, Accepted), ScanError> {
    let text = utf8(bytes)?;
    let depth = u32::from(limits.depth.min(MOST_DEPTH));
    let mut sure = false;
    let accepted = kept::keep(bytes, |index| {
        sure = check::marked(Level::new(), bytes, depth, index);
        sure
    });
    if !sure {
        slowly(bytes, limits)?;
    }
    Ok((text, accepted))
}

/// Checks UTF-8 text, and finds its marks.
fn found(bytes: &[u8], limits: Limits, index: &mut Index) -> Result<(), ScanError> {
    let depth = u32::from(limits.depth.min(MOST_DEPTH));
    if !check::marked(Level::new(), bytes, depth, index) {
        slowly(bytes, limits)?;
        index.read(Level::new(), bytes);
    }
    Ok(())
}

/// Checks UTF-8 text value after value, to tell what is wrong with it; or there is nothing wrong.
fn slowly(bytes: &[u8], limits: Limits) -> Result<(), ScanError> {
    skip::document(bytes, u32::from(limits.depth.min(MOST_DEPTH)))
        .map_err(|(at, reason)| ScanError { offset: at.min(bytes.len()), reason, member: None })
}

fn utf8(bytes: &[u8]) -> Result<&str, ScanError> {
    if bytes.len() > MOST_BYTES {
        return Err(ScanError { offset: MOST_BYTES, reason: Reason::Length, member: None });
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        // Where it is wrong is for the slower way to find.
        let offset = std::str::from_utf8(bytes).err().map_or(0, |e| e.valid_up_to());
        ScanError { offset, reason: Reason::Utf8, member: None }
    })
}
