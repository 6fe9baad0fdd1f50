//! `translate`: one body, offline.

use std::io::Read as _;
use std::path::Path;

use crate::cli::args::{Direction, Translate};
use crate::cli::loaded::{Refusal, catalog, refuse, unknown, usage};
use crate::cli::{Console, Exit};
use crate::mapping::plan::Program;
use crate::mapping::run::{Faults, Scratch, run as execute};
use crate::syntax::Sources;

/// Longest body read, in bytes.
const MOST: u64 = 64 << 20;

pub(super) fn run(args: &Translate, console: &mut Console<'_>) -> Exit {
    match translate(args, console.colour) {
        Ok(text) => {
            console.say(&format!("{text}\n"));
            Exit::Done
        }
        Err(refusal) => refuse(refusal, console),
    }
}

fn translate(args: &Translate, colour: bool) -> Result<String, Refusal> {
    let (catalog, sources) = catalog(args.mappings.as_deref(), colour)?;
    let dialect = catalog.named(&args.dialect).ok_or_else(|| {
        let known: Vec<&str> = catalog.dialects.iter().map(|d| &*d.name).collect();
        unknown("dialect", &args.dialect, &known)
    })?;
    let record = dialect.records.iter().find(|(name, ..)| **name == *args.record);
    let (_, encode, decode) = record.ok_or_else(|| {
        let known: Vec<&str> = dialect.records.iter().map(|(name, ..)| &**name).collect();
        unknown("record", &args.record, &known)
    })?;
    let (program, direction) = match args.direction {
        Direction::Encode => (encode, "encode"),
        Direction::Decode => (decode, "decode"),
    };
    let program = program.as_ref().ok_or_else(|| {
        usage(format!("the record `{}` of `{}` has no {direction}", args.record, args.dialect))
    })?;
    let body = read(&args.file).map_err(|e| usage(format!("{}: {e}", args.file.display())))?;
    execute_one(program, &body).map_err(|faults| (Exit::Problems, explain(&faults, &sources)))
}

fn execute_one(program: &Program, body: &[u8]) -> Result<String, Faults> {
    let mut out = Vec::new();
    execute(program, &[Some(body)], &mut Scratch::default(), &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(MOST).read_to_end(&mut body)?;
    } else {
        std::fs::File::open(file)?.take(MOST).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn explain(faults: &Faults, sources: &Sources) -> String {
    match faults {
        Faults::Malformed(m) => {
            format!(
                "error: the body is not JSON: line {}, column {}: {}",
                m.line, m.column, m.reason
            )
        }
        Faults::Invalid(list) => list
            .iter()
            .map(|f| {
                let place = if f.pointer.is_empty() { "the body" } else { &f.pointer };
                format!(
                    "error: {place}: {} ({})\n  rule: {}",
                    f.detail,
                    f.code,
                    sources.locate(f.rule)
                )
            })
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
