//! `translate`: one body, offline.

use std::io::Read as _;
use std::path::Path;

use crate::app;
use crate::cli::args::{Direction, Translate};
use crate::cli::{Console, Exit};
use crate::dialect::catalog::Catalog;
use crate::mapping::plan::Program;
use crate::mapping::run::{Faults, Scratch, run as execute};
use crate::syntax::{Sources, closest};

/// Longest body read, in bytes.
const MOST: u64 = 64 << 20;

pub(super) fn run(args: &Translate, console: &mut Console<'_>) -> Exit {
    match translate(args, console.colour) {
        Ok(text) => {
            console.say(&format!("{text}\n"));
            Exit::Done
        }
        Err((exit, message)) => {
            console.complain(&format!("{message}\n"));
            exit
        }
    }
}

fn translate(args: &Translate, colour: bool) -> Result<String, (Exit, String)> {
    let usage = |message: String| (Exit::Usage, format!("error: {message}"));
    let files = app::files(args.mappings.as_deref()).map_err(|e| usage(e.to_string()))?;
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&files, &mut sources);
    let catalog = catalog.ok_or_else(|| (Exit::Problems, diagnostics.render(&sources, colour)))?;
    let dialect = catalog.named(&args.dialect).ok_or_else(|| {
        let known: Vec<&str> = catalog.dialects.iter().map(|d| &*d.name).collect();
        usage(unknown("dialect", &args.dialect, &known))
    })?;
    let record = dialect.records.iter().find(|(name, ..)| **name == *args.record);
    let (_, encode, decode) = record.ok_or_else(|| {
        let known: Vec<&str> = dialect.records.iter().map(|(name, ..)| &**name).collect();
        usage(unknown("record", &args.record, &known))
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

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let hint = closest(name, known.iter().copied()).map_or_else(
        || format!("there are {}", known.join(", ")),
        |c| format!("did you mean `{c}`?"),
    );
    format!("there is no {what} `{name}`: {hint}")
}
