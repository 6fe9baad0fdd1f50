//! Enum tables: every canonical value exactly once on the way out, every dialect value once on the
//! way in.

use crate::mapping::document::{EnumRow, EnumTable, Json, Only, text};
use crate::mapping::library::Library;
use crate::syntax::{Code, Diagnostic, Diagnostics, Span, closest};

/// Checks one table.
pub(crate) fn check(library: &Library, table: &EnumTable, d: &mut Diagnostics) {
    let Some(ty) = library.enum_type(table, d) else { return };
    let words = ty.words(&library.contract);
    let nullable = ty.nullable(&library.contract);
    if !words.is_empty() {
        let rows = table.rows.iter().chain(&table.decode_only).chain(&table.encode_only);
        let cells = rows.flat_map(|r| r.values().into_iter().map(|value| (value, r.canonical.1)));
        for (json, span) in cells.chain(table.unknown_as.clone()) {
            let known = match text::is_null(&json) {
                true => nullable,
                false => words.iter().any(|w| *text::quoted(w) == *json),
            };
            if !known {
                let shown = text::show(&json);
                let near = closest(&shown, words.iter().map(|w| &**w));
                let what = ty.describe(&library.contract);
                let message = format!("`{shown}` is no value of {what}");
                let problem = Diagnostic::error(Code::TypeMismatch, span, message).suggest(near);
                d.push(match near {
                    None if words.len() <= 12 => {
                        problem.help(format!("it has {}", words.join(", ")))
                    }
                    _ => problem,
                });
            }
        }
    }
    if table.only != Some(Only::Decode) {
        once(table.encoding().map(|(r, _)| &r.canonical), "encodes", d);
        let missing: Vec<&str> = words
            .iter()
            .filter(|w| !table.encoding().any(|(r, _)| *r.canonical.0 == *text::quoted(w)))
            .map(|w| &**w)
            .collect();
        if !missing.is_empty() {
            let message =
                format!("the table `{}` has no row for {}", table.name.0, missing.join(", "));
            d.push(
                Diagnostic::error(Code::NotTotal, table.name.1, message)
                    .help("a value without a word of its own goes under `encode_only`"),
            );
        }
    }
    if table.only != Some(Only::Encode) {
        once(table.decoding().map(|(r, _)| &r.dialect), "decodes", d);
    }
    for (rows, only, other) in [
        (&table.decode_only, Only::Encode, "decode_only"),
        (&table.encode_only, Only::Decode, "encode_only"),
    ] {
        if table.only == Some(only)
            && let Some(EnumRow { dialect: (_, span), .. }) = rows.first()
        {
            let message = format!("a row of `{other}` can never be used in this table");
            d.push(Diagnostic::error(Code::DeadRow, *span, message));
        }
    }
}

fn once<'r>(cells: impl Iterator<Item = &'r (Json, Span)>, verb: &str, d: &mut Diagnostics) {
    let mut seen: Vec<&(Json, Span)> = Vec::new();
    for cell in cells {
        match seen.iter().find(|other| other.0 == cell.0) {
            Some(other) => {
                let message = format!("a second row {verb} `{}`", text::show(&cell.0));
                d.push(
                    Diagnostic::error(Code::Ambiguous, cell.1, message)
                        .related(other.1, "the first one"),
                );
            }
            None => seen.push(cell),
        }
    }
}
