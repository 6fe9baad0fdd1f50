//! The compiled programs against the reference interpreter: whatever a backend or a client sends, in
//! every record of every shipped dialect, both write the same bytes, count the same and find the same
//! faults. The first two bytes choose the program, the rest is its document.
#![no_main]

#[allow(dead_code, reason = "the integration tests need more of it")]
#[path = "../../tests/it/support/records.rs"]
mod records;

use std::sync::LazyLock;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::json::scan::Reason;
use deskbridge::mapping::plan::Program;
use deskbridge::mapping::run::{Faults, Scratch, run};
use libfuzzer_sys::fuzz_target;
use records::{both, catalog};

static CATALOG: LazyLock<Catalog> = LazyLock::new(catalog);

/// What is run, and as what it is known.
static PROGRAMS: LazyLock<Vec<(String, &Program)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for dialect in &CATALOG.dialects {
        for (record, encode, decode) in &dialect.records {
            for (way, program) in [("encode", encode), ("decode", decode)] {
                let name = format!("{} {record} {way}", dialect.name);
                all.extend(program.as_ref().map(|program| (name, program)));
            }
        }
    }
    all
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, document)) = bytes.split_first_chunk() else { return };
    let Ok(text) = std::str::from_utf8(document) else { return };
    let (name, program) = &PROGRAMS[usize::from(u16::from_le_bytes(*which)) % PROGRAMS.len()];
    if refused_on_purpose(program, document) {
        return;
    }
    // Arguments are absent, which every record must bear.
    if let Err(why) = both(program, &[Some(text)]) {
        panic!("{name}: {why}");
    }
});

/// Whether it is refused as the fast one alone does: a member that it needs stands twice, or there are
/// more elements than it has room for. The slow one does not notice, or names a later fault.
fn refused_on_purpose(program: &Program, document: &[u8]) -> bool {
    let fast = run(program, &[Some(document)], &mut Scratch::default(), &mut Vec::new());
    let Err(Faults::Malformed(fault)) = fast else { return false };
    fault.reason.ends_with(" stands twice in one object") || fault.reason == Reason::Slots.to_string()
}
