//! The second opinion: while somebody checks, every translation is done again by the slow
//! interpreter and both are compared, byte for byte. A gateway that serves never asks for it.

use std::cell::{Cell, RefCell};

use crate::json::scan::Document;
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
    documents: &[Option<Document<'_>>],
    fast: Result<&[u8], &Faults>,
) {
    if !ASKED.get() {
        return;
    }
    let documents: Vec<_> = documents.iter().map(|d| d.map(Document::bytes)).collect();
    let slow = reference::run(program, &documents);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let slow = slow.map(|ran| ran.json.unwrap_or_default()).map_err(|f| format!("{f:?}"));
    let fast = fast.map(text).map_err(|f| format!("{f:?}"));
    COMPARED.with_borrow_mut(|compared| {
        compared.runs += 1;
        if fast != slow {
            compared.differences.push(apart(&format!("{fast:?}"), &format!("{slow:?}")));
        }
    });
}

/// Where two texts part, with a little of what is around: a whole conversation says nothing to anybody.
fn apart(fast: &str, slow: &str) -> String {
    const BEFORE: usize = 40;
    const SHOWN: usize = 160;
    let same = fast.chars().zip(slow.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(BEFORE);
    let part = |text: &str| text.chars().skip(from).take(SHOWN).collect::<String>();
    format!("from character {from} on, fast: {}; reference: {}", part(fast), part(slow))
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn a_difference_is_shown_where_it_is() {
        assert_eq!(apart("[1]", "[2]"), "from character 0 on, fast: [1]; reference: [2]");
        let long = "ü".repeat(9_000);
        let shown = apart(&format!("{long}a{long}"), &format!("{long}b{long}"));
        assert!(shown.starts_with("from character 8960 on, fast: üü") && shown.len() < 1_000);
        assert!(shown.contains("üa") && shown.contains("üb"), "{shown}");
    }
}
