//! Runs a [`Program`]: one scan per document, then one write in the order of the output.
//!
//! Nothing becomes a tree. The scan fills slots with spans; emitting reads slots and appends to one
//! buffer; what turns out not to be wanted (an omitted key, an alternative that came out null) is
//! cut off the end again. All faults of a run are collected, and a run with a fault writes nothing.
//! [`mod@reference`] does the same slowly over trees; both are compared byte for byte.

mod bind;
pub(in crate::mapping) mod codec;
mod conditions;
mod each;
mod emit;
mod fault;
mod group;
mod narrow;
mod page;
pub mod reference;
mod relation;
mod test;
mod trace;
mod value;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Faults, MOST_FAULTS, Malformed};
pub use trace::trace;

use smallvec::SmallVec;

use crate::canonical::validate::Violation;
use crate::json::scan::{Arena, Block, Document, Limits, Slot, scan};
use crate::mapping::plan::{Program, Ref, SiteId};

/// Slots (of 12 bytes) that a scratch keeps between runs.
const KEPT_SLOTS: usize = 128 * 1024;

/// The memory of a run. Used again, it allocates nothing once it has grown to the documents at hand.
#[derive(Debug, Default)]
pub struct Scratch {
    arena: Arena,
    frames: Vec<Frame>,
    /// Elements to be sorted, turned round or counted, as a stack.
    blocks: Vec<Block>,
    /// Spans of the elements of a list that is narrowed.
    spans: Vec<(usize, usize)>,
    joins: bind::Joins,
    events: Vec<u32>,
    hidden: u32,
}

impl Scratch {
    /// How often each of [`Program::events`] happened in the last run, by index.
    #[must_use]
    pub fn events(&self) -> &[u32] {
        &self.events
    }

    /// How many objects and elements the guards of the last run kept back.
    #[must_use]
    pub fn hidden(&self) -> u32 {
        self.hidden
    }

    fn begin(&mut self, events: usize) {
        self.arena.clear();
        self.arena.trim(KEPT_SLOTS);
        self.frames.clear();
        self.blocks.clear();
        self.joins.clear();
        self.events.clear();
        self.events.resize(events, 0);
        self.hidden = 0;
    }
}

/// What a frame stands for: a block, and the document its spans lie in.
#[derive(Clone, Copy, Debug)]
struct Frame {
    block: Block,
    document: usize,
}

/// What was written for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    /// Nothing.
    Absent,
    /// `null`.
    Null,
    /// `[]` or `{}`.
    Empty,
    /// Anything else.
    Value,
}

/// Runs a program over its documents and appends what it writes to `out`; an absent document has
/// every place absent, and so has one beyond the end of `documents`. Nothing is appended where the
/// program's value is absent.
///
/// # Errors
///
/// A document is no JSON, or documents do not hold what the program needs; `out` is then as before.
pub fn run<'d, D: Into<Document<'d>> + Copy>(
    program: &Program,
    documents: &[Option<D>],
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), Faults> {
    scratch.begin(program.events.len());
    let Scratch { arena, frames, blocks, spans, joins, events, hidden } = scratch;
    let mut texts: SmallVec<[&str; 8]> = SmallVec::new();
    for (index, document) in program.documents.iter().enumerate() {
        let (block, text) = match documents.get(index).copied().flatten() {
            None => (arena.absent(document.width), ""),
            Some(given) => {
                let (limits, given) = (Limits::default(), given.into());
                scan(arena, &program.shape, document.node, document.width, given, limits)
                    .map_err(|e| Faults::Malformed(Malformed::new(index, given.bytes(), &e)))?
            }
        };
        frames.push(Frame { block, document: index });
        texts.push(text);
    }
    let start = out.len();
    let mut run = Run {
        program,
        texts: &texts,
        arena,
        frames,
        blocks,
        spans,
        joins,
        events,
        hidden,
        faults: Vec::new(),
        violations: Vec::new(),
        out,
    };
    run.objects();
    run.emit(&program.emit);
    let faults = run.faults;
    if faults.is_empty() {
        return Ok(());
    }
    out.truncate(start);
    Err(Faults::Invalid(faults))
}

/// A run under way: everything but the output is borrowed from the program, the documents and the
/// scratch.
struct Run<'a> {
    program: &'a Program,
    texts: &'a [&'a str],
    arena: &'a Arena,
    frames: &'a mut Vec<Frame>,
    blocks: &'a mut Vec<Block>,
    spans: &'a mut Vec<(usize, usize)>,
    joins: &'a mut bind::Joins,
    events: &'a mut Vec<u32>,
    hidden: &'a mut u32,
    faults: Vec<Fault>,
    violations: Vec<Violation>,
    out: &'a mut Vec<u8>,
}

impl<'a> Run<'a> {
    /// The slot at a place, and its document.
    #[inline]
    fn slot(&self, at: Ref) -> Option<(Slot, usize)> {
        let frame = self.frames.get(usize::from(at.frame))?;
        Some((self.arena.slot(frame.block, at.slot), frame.document))
    }

    /// The value at a place; `None` where it is absent.
    #[inline]
    fn token(&self, at: Ref) -> Option<&'a str> {
        let (slot, document) = self.slot(at)?;
        slot.text(self.texts.get(document).copied()?)
    }

    /// The value at a place, and its document from there on; `None` where it is absent.
    #[inline]
    fn found(&self, at: Ref) -> Option<(&'a str, &'a [u8])> {
        let (slot, document) = self.slot(at)?;
        let text = self.texts.get(document).copied()?;
        Some((slot.text(text)?, text.as_bytes().get(slot.span()?.start..)?))
    }

    /// A value in a block of a document.
    #[inline]
    fn token_in(&self, block: Block, slot: u16, document: usize) -> Option<&'a str> {
        self.arena.slot(block, slot).text(self.texts.get(document).copied()?)
    }

    fn count(&mut self, event: Option<u16>) {
        if let Some(count) = event.and_then(|e| self.events.get_mut(usize::from(e))) {
            *count = count.saturating_add(1);
        }
    }

    /// Notes a fault; nothing is written for the value.
    #[cold]
    fn fault(&mut self, site: SiteId, code: &'static str, detail: String) -> Wrote {
        if let Some(site) = self.program.sites.get(site.0 as usize) {
            let element = |frame: u8| {
                self.frames.get(usize::from(frame)).and_then(|f| self.arena.index(f.block))
            };
            Fault::new(site, element, code, detail).keep(&mut self.faults);
        }
        Wrote::Absent
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}
