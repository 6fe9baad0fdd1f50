//! The fast and the slow interpreter write the same bytes, count the same and find the same faults.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::programs;
use crate::json::scan::{Document, Limits, validate};
use crate::mapping::plan::Program;
use crate::mapping::run::{Faults, Scratch, reference, run};

const MEMBERS: &[&str] =
    &["id", "status", "t", "items", "meta", "sub", "raw", "note", "messages", "visibility"];

const SCALARS: &[&str] = &[
    "null",
    "null",
    "true",
    "false",
    "0",
    "5",
    "5",
    "17",
    "-1",
    "1.10",
    "1e3",
    "9007199254740993",
    "1700000000",
    "1700000000.25",
    "123456789012345678901234567890",
    "\"\"",
    "\"open\"",
    "\"open\"",
    "\"open\"",
    "\"closed\"",
    r#""\u006fpen""#,
    "\"public\"",
    "\"internal\"",
    "\"n:5\"",
    "\"5\"",
    "\"17\"",
    "\"1.10\"",
    "\"true\"",
    "\" 1\"",
    "\"2024-05-06T07:08:09.123Z\"",
    "\"2024-05-06T07:08:09.123Z\"",
    "\"2024-05-06T09:08:09+02:00\"",
    "\"2024-05-06\"",
    r#""a\"\\\n\ud83d\ude00é""#,
    "[]",
    "[ ]",
    "{}",
    "{\n}",
];

/// Documents from a seed; small numbers make small ones.
pub(super) struct Documents {
    state: u64,
    /// Most elements of a list.
    pub(super) length: u64,
}

impl Documents {
    pub(super) fn new(seed: u64, length: u64) -> Self {
        Self { state: seed ^ 0x9E37_79B9_7F4A_7C15, length }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn scalar(&mut self) -> &'static str {
        SCALARS[self.below(SCALARS.len() as u64) as usize]
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", " ", "\r\n\t"][self.below(5) as usize]
    }

    /// A document: an object, mostly.
    pub(super) fn document(&mut self) -> String {
        if self.below(12) == 0 { self.value("items", 3) } else { self.object(3) }
    }

    /// Members in any order, some missing, now and then escaped.
    fn object(&mut self, depth: u32) -> String {
        let start = self.below(MEMBERS.len() as u64) as usize;
        let missing = self.below(4);
        let mut members = Vec::new();
        for n in 0..MEMBERS.len() {
            let name = MEMBERS[(start + n * 3) % MEMBERS.len()];
            if self.below(6) < missing {
                continue;
            }
            let value = self.value(name, depth);
            let spelled =
                if self.below(20) == 0 { name.replace('i', "\\u0069") } else { name.to_owned() };
            let (s, t) = (self.space(), self.space());
            members.push(format!("{s}\"{spelled}\"{t}:{s}{value}"));
        }
        format!("{{{}{}}}", members.join(","), self.space())
    }

    /// What a member of this name may hold: what it should, mostly.
    fn value(&mut self, name: &str, depth: u32) -> String {
        let sound = self.below(8) > 0;
        match name {
            _ if depth == 0 => self.scalar().to_owned(),
            "items" | "messages" if sound => {
                let most = if depth == 3 { self.length } else { self.length.min(2) };
                let length = self.below(most + 1);
                let element = |all: &mut Self| match all.below(8) {
                    0 => all.scalar().to_owned(),
                    _ => all.object(depth - 1),
                };
                let elements: Vec<_> = (0..length).map(|_| element(self)).collect();
                let s = self.space();
                format!("[{s}{}{s}]", elements.join(&format!("{s},")))
            }
            "meta" | "sub" | "raw" if sound => self.object((depth - 1).min(1)),
            _ if sound => self.scalar().to_owned(),
            _ => self.object(0),
        }
    }
}

/// Where every document is JSON, nothing else may come of it when that is known beforehand.
fn checked(
    program: &Program,
    documents: &[Option<&[u8]>],
    (fast, wrote): (&Result<(), Faults>, &[u8]),
) -> Result<(), String> {
    let known = |bytes| validate(bytes, Limits::default()).ok().map(|_| Document::checked(bytes));
    let all: Vec<_> = documents.iter().map(|bytes| bytes.and_then(known)).collect();
    if all.iter().zip(documents).any(|(known, given)| known.is_some() != given.is_some()) {
        return Ok(());
    }
    let mut out = b"kept".to_vec();
    let again = run(program, &all, &mut Scratch::default(), &mut out);
    match again == *fast && out == wrote {
        true => Ok(()),
        false => Err(format!("{again:#?} where the documents are checked, not {fast:#?}")),
    }
}

/// Runs both; what was written, or why it is not the same.
pub(super) fn both(
    program: &Program,
    documents: &[Option<&str>],
) -> Result<Result<Option<String>, Faults>, String> {
    let documents: Vec<_> = documents.iter().map(|d| d.map(str::as_bytes)).collect();
    let mut scratch = Scratch::default();
    // Something stands in the buffer already, and must stay.
    let mut out = b"kept".to_vec();
    let fast = run(program, &documents, &mut scratch, &mut out);
    checked(program, &documents, (&fast, &out))?;
    let slow = reference::run(program, &documents);
    let written = String::from_utf8(out).map_err(|e| e.to_string())?;
    let written = written.strip_prefix("kept").ok_or("the buffer was cut")?.to_owned();
    let same = match (&fast, &slow) {
        (Ok(()), Ok(slow)) => {
            written == slow.json.clone().unwrap_or_default()
                && scratch.events() == slow.events
                && scratch.hidden() == slow.hidden
                && (written.is_empty()
                    || serde_json::from_str::<serde::de::IgnoredAny>(&written).is_ok())
        }
        (Err(fast), Err(slow)) => fast == slow && written.is_empty(),
        _ => false,
    };
    if !same {
        let counts = (scratch.events(), scratch.hidden());
        return Err(format!("{written}\n{fast:#?} {counts:?}\nbut\n{slow:#?}"));
    }
    Ok(fast.map(|()| (!written.is_empty()).then_some(written)))
}

static PROGRAMS: LazyLock<Vec<(&str, Program)>> = LazyLock::new(|| {
    let mut all = programs::all();
    all.push(("paged", super::paged::twins()));
    all
});

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_write_the_same(seed: u64, length in 0_u64..24, absent in 0..12) {
        let mut documents = Documents::new(seed, length);
        let (document, inputs) = (documents.document(), documents.document());
        let documents = [
            (absent != 0).then_some(document.as_str()),
            (absent != 1).then_some(inputs.as_str()),
        ];
        for (name, program) in PROGRAMS.iter() {
            if let Err(difference) = both(program, &documents) {
                prop_assert!(false, "{}: {}\n{:#?}", name, difference, documents);
            }
        }
    }
}

/// The documents are such that each program writes something, mostly.
#[test]
fn generated_documents_are_worth_running() {
    let mut written = vec![0; PROGRAMS.len()];
    for seed in 0..60 {
        let mut documents = Documents::new(seed, seed % 6);
        let (document, inputs) = (documents.document(), documents.document());
        for (n, (_, program)) in PROGRAMS.iter().enumerate() {
            let result = both(program, &[Some(&document), Some(&inputs)]).unwrap();
            written[n] += u32::from(result.is_ok());
        }
    }
    for ((name, _), written) in PROGRAMS.iter().zip(written) {
        assert!(written >= 5, "{name}: only {written} of 60 runs write anything");
    }
}
