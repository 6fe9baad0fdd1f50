//! The compiled programs against the reference interpreter: whatever a backend or a client sends, in
//! every record of every shipped dialect, both write the same bytes, count the same and find the same
//! faults. The first two bytes choose the program, the rest is its document.
#![no_main]

#[allow(dead_code, reason = "the integration tests need more of it")]
#[path = "../../tests/it/support/records.rs"]
mod records;

use std::sync::LazyLock;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::mapping::plan::Program;
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
    // Arguments are absent, which every record must bear.
    if let Err(why) = both(program, &[Some(text)]) {
        panic!("{name}: {why}");
    }
});
