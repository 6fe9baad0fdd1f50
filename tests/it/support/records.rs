//! The shipped dialects, their programs, and what each record is of.

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Kind, SchemaId};
use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::mapping::plan::Program;
use deskbridge::mapping::run::{Faults, Scratch, reference, run};
use deskbridge::syntax::{Diagnostics, Sources};

/// Everything that is embedded, compiled.
pub(crate) fn catalog() -> Catalog {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::embedded(), &mut sources);
    catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)))
}

/// What the file says of a record: the types of its object and of its arguments.
#[derive(Debug)]
pub(crate) struct Types {
    pub(crate) own: SchemaId,
    /// In order; a list is told apart by `true`.
    pub(crate) needs: Vec<(SchemaId, bool)>,
}

/// A dialect's records as they are checked: merged with what it extends, in one file.
pub(crate) fn text(dialect: &str) -> String {
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    let files = Files::embedded();
    let whole = deskbridge::dialect::load::expanded(&files, dialect, &mut sources, &mut problems);
    assert!(!problems.has_errors(), "{}", problems.render(&sources, false));
    let documents = whole.split("---\n").filter(|document| document.starts_with("records:"));
    // Without the file and line at the end of each.
    let lines = documents.flat_map(str::lines);
    lines.map(|l| l.rsplit_once("  # ").map_or(l, |(own, _)| own).to_owned() + "\n").collect()
}

/// The types of every record of a dialect, by name.
pub(crate) fn types(dialect: &str, contract: &Contract) -> Vec<(String, Types)> {
    let text = text(dialect);
    let mut found: Vec<(String, Types)> = Vec::new();
    let mut name = "";
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let line = line.trim();
        if line.starts_with('#') {
        } else if depth == 2 {
            name = line.trim_end_matches(':');
        } else if let Some(of) = line.strip_prefix("canonical: ").filter(|_| depth == 4) {
            let own = named(of, contract);
            found.push((name.to_owned(), Types { own, needs: Vec::new() }));
        } else if let Some(needs) = line.strip_prefix("needs: ").filter(|_| depth == 4) {
            let types = &mut found.last_mut().expect("`canonical` stands first").1;
            for need in needs.trim_matches(['{', '}', ' ']).split(',') {
                let of = need.split_once(':').unwrap().1.trim();
                let schema = named(of.trim_matches(['[', ']', ' ']), contract);
                types.needs.push((schema, of.starts_with('[')));
            }
        }
    }
    found
}

/// `Contact`, or a member of a schema: `Delivery.status`.
fn named(of: &str, contract: &Contract) -> SchemaId {
    let mut steps = of.split('.');
    let first = match steps.next().unwrap() {
        // A plain value: any text of the contract.
        "string" => return named("EmailAddress.address", contract),
        name => name,
    };
    let schema = contract.schema_named(first).unwrap_or_else(|| panic!("no schema {first}"));
    steps.fold(schema, |schema, name| contract.property(schema, name).unwrap().schema)
}

/// Whether a schema is an object, or one of several.
pub(crate) fn is_object(schema: SchemaId, contract: &Contract) -> bool {
    matches!(contract.schema(schema).kind, Kind::Object { .. } | Kind::Union(_))
}

/// Runs both interpreters; what was written, or why they differ.
pub(crate) fn both(
    program: &Program,
    documents: &[Option<&str>],
) -> Result<Result<Option<String>, Faults>, String> {
    let documents: Vec<_> = documents.iter().map(|d| d.map(str::as_bytes)).collect();
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let fast = run(program, &documents, &mut scratch, &mut out);
    let slow = reference::run(program, &documents);
    let written = String::from_utf8(out).map_err(|e| format!("not UTF-8: {e}"))?;
    match (&fast, &slow) {
        (Err(fast), Err(slow)) if fast == slow && written.is_empty() => {}
        (Ok(()), Ok(slow)) => {
            let json = slow.json.as_deref().unwrap_or_default();
            if written != json {
                return Err(format!("fast {written}\nslow {json}"));
            }
            let counted = (scratch.events(), scratch.hidden());
            if counted != (slow.events.as_slice(), slow.hidden) {
                return Err(format!("counted {counted:?}, not {:?}", (&slow.events, slow.hidden)));
            }
            if !json.is_empty()
                && let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(json)
            {
                return Err(format!("no JSON: {e}\n{json}"));
            }
        }
        _ => return Err(format!("fast {fast:?} {written}\nslow {slow:?}")),
    }
    Ok(fast.map(|()| (!written.is_empty()).then_some(written)))
}
