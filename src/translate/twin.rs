//! The second opinion: while somebody checks, every translation is done again by the slow
//! interpreter and both are compared, byte for byte. A gateway that serves never asks for it.

use std::cell::{Cell, RefCell};

use crate::mapping::plan::Program;
use crate::mapping::run::{Faults, reference};

/// What came of comparing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Translations done twice.
    pub runs: usize,
    /// What both made, for each that differed.
    pub differences: Vec<String>,
}

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
    static COMPARED: RefCell<Compared> = RefCell::default();
}

/// Begins to compare the translations of this thread.
pub fn begin() {
    ASKED.set(true);
}

/// Ends the comparison and tells what came of it.
#[must_use]
pub fn end() -> Compared {
    ASKED.set(false);
    COMPARED.take()
}

/// Does a translation again, where that was asked for.
pub(super) fn compare(
    program: &Program,
    documents: &[Option<&[u8]>],
    fast: Result<&[u8], &Faults>,
) {
    if !ASKED.get() {
        return;
    }
    let slow = reference::run(program, documents);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let slow = slow.map(|ran| ran.json.unwrap_or_default()).map_err(|f| format!("{f:?}"));
    let fast = fast.map(text).map_err(|f| format!("{f:?}"));
    COMPARED.with_borrow_mut(|compared| {
        compared.runs += 1;
        if fast != slow {
            compared.differences.push(format!("fast: {fast:?}; reference: {slow:?}"));
        }
    });
}
