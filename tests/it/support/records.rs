//! The shipped dialects, their programs, and what each record is of.

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Kind, SchemaId};
use deskbridge::dialect::Dialect;
use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::mapping::plan::Program;
use deskbridge::mapping::run::{Faults, Scratch, reference, run};
use deskbridge::syntax::Sources;

/// Everything that is embedded, compiled.
pub(crate) fn catalog() -> Catalog {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::embedded(), &mut sources);
    catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)))
}

/// The types of a record's object and of its arguments.
#[derive(Debug)]
pub(crate) struct Types {
    pub(crate) own: SchemaId,
    /// In order; a list is told apart by `true`.
    pub(crate) needs: Vec<(SchemaId, bool)>,
}

/// The types of every record of a dialect, by name.
pub(crate) fn types(dialect: &Dialect, contract: &Contract) -> Vec<(String, Types)> {
    // A plain value: any text of the contract.
    let address = contract.schema_named("EmailAddress").unwrap();
    let text = contract.property(address, "address").unwrap().schema;
    let of = |name: &str| {
        let about = dialect.library.as_ref().unwrap().about(name).unwrap();
        let needs = about.needs.iter().map(|(schema, list)| (schema.unwrap_or(text), *list));
        Types { own: about.schema.unwrap_or(text), needs: needs.collect() }
    };
    dialect
        .library
        .as_ref()
        .unwrap()
        .record_names()
        .map(|name| (name.to_owned(), of(name)))
        .collect()
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
