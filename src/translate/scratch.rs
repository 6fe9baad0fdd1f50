//! One executor's memory per thread, reused from request to request, so that a warm translation
//! allocates nothing but its output.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::json::scan::Document;
use crate::mapping::plan::Program;
use crate::mapping::run::{Faults, Scratch, run};
use crate::telemetry::record::{MappingEvent, Record};

use super::twin;

/// Buffers larger than this are given back after use: one large answer must not stay for ever.
const KEEP_BYTES: usize = 256 * 1024;

/// Spare buffers that a thread keeps: about as many as it has requests waiting.
const SPARE: usize = 64;
/// Largest spare buffer.
const SPARE_BYTES: usize = 16 * 1024;

thread_local! {
    static MEMORY: RefCell<(Scratch, Vec<u8>)> = RefCell::new((Scratch::default(), Vec::new()));
    static BUFFERS: RefCell<Vec<Vec<u8>>> = RefCell::default();
}

/// An empty buffer for as long as a request takes, then the next one's. It may wait for an answer
/// and move to another thread meanwhile, as [`translate`]'s own memory may not.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// A spare one, or a new one.
    #[must_use]
    pub fn take() -> Self {
        let spare = BUFFERS.try_with(|spare| spare.try_borrow_mut().ok()?.pop());
        Self(spare.ok().flatten().unwrap_or_else(|| Vec::with_capacity(256)))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut own = std::mem::take(&mut self.0);
        own.clear();
        // A thread that is ending has no use for it.
        let _ = BUFFERS.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < SPARE
                && own.capacity() <= SPARE_BYTES
            {
                spare.push(own);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// Runs a program and hands its output to `then`. What the mapping did with values is counted in
/// `record`.
///
/// # Errors
/// What was wrong with the documents.
pub fn translate<T>(
    program: &Program,
    documents: &[Option<Document<'_>>],
    record: &Record,
    then: impl FnOnce(&[u8]) -> T,
) -> Result<T, Faults> {
    translate_seen(program, documents, record, |out, _| then(out))
}

/// As [`translate`]; `then` also learns how many objects were kept back from who asks.
///
/// # Errors
/// What was wrong with the documents.
pub fn translate_seen<T>(
    program: &Program,
    documents: &[Option<Document<'_>>],
    record: &Record,
    then: impl FnOnce(&[u8], u32) -> T,
) -> Result<T, Faults> {
    MEMORY.with(|memory| {
        // A program never runs another one, so the memory is free; a fresh one serves if not.
        let mut fresh = None;
        let mut borrowed = memory.try_borrow_mut().ok();
        let (scratch, out) = match borrowed.as_deref_mut() {
            Some((scratch, out)) => (scratch, out),
            None => {
                let (scratch, out) = fresh.insert((Scratch::default(), Vec::new()));
                (scratch, out)
            }
        };
        out.clear();
        let result = run(program, documents, scratch, out);
        twin::compare(program, documents, result.as_ref().map(|()| &**out));
        note(program, scratch, record);
        let result = result.map(|()| then(out, scratch.hidden()));
        if out.capacity() > KEEP_BYTES {
            *out = Vec::new();
        }
        result
    })
}

fn note(program: &Program, scratch: &Scratch, record: &Record) {
    for ((name, kind), count) in program.events.iter().zip(scratch.events()) {
        if *count > 0 {
            record.mapping(MappingEvent { record: Arc::clone(name), kind, count: *count });
        }
    }
}
