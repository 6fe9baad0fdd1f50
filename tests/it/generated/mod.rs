//! Pages that are written by the program: `make generate` writes them, a test finds the stale ones.

mod config;
pub(crate) mod diagnostics;
mod metrics;
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
