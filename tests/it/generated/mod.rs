//! Pages that are written by the program: `make generate` writes them, a test finds the stale ones.

mod config;
mod coverage;
pub(crate) mod diagnostics;
mod metrics;
mod operators;
mod reliability;

use std::path::Path;

use crate::support::text;

/// Compares `page` with the file at `path`, or writes it where `UPDATE` is set.
fn settle(path: &str, page: &str) {
    if std::env::vars().any(|(name, _)| name == "UPDATE") {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), page).unwrap();
    }
    assert!(text(path) == page, "{path} is stale: `make generate` writes it anew");
}

/// The same for a part of a page that people write, between its two marks.
fn settle_part(path: &str, part: &str, text_of_part: &str) {
    let (from, to) =
        (format!("<!-- {part}: written by `make generate` -->\n"), format!("<!-- /{part} -->"));
    let page = text(path);
    let (before, rest) = page.split_once(&from).unwrap_or_else(|| panic!("{path} has no {from}"));
    let (_, after) = rest.split_once(&to).unwrap_or_else(|| panic!("{path} has no {to}"));
    settle(path, &format!("{before}{from}{text_of_part}{to}{after}"));
}
