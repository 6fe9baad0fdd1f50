//! `routes`

use std::fmt::Write as _;

use crate::app;
use crate::cli::args::{Listing, Routes};
use crate::cli::loaded::{Refusal, catalog, refuse, unknown};
use crate::cli::{Console, Exit};
use crate::dialect::catalog::Listed;
use crate::dialect::documented::Evidence;

pub(super) fn run(args: &Routes, console: &mut Console<'_>) -> Exit {
    match listed(args, console.colour) {
        Ok(text) => {
            console.say(&text);
            Exit::Done
        }
        Err(refusal) => refuse(refusal, console),
    }
}

fn listed(args: &Routes, colour: bool) -> Result<String, Refusal> {
    let (catalog, _sources) = catalog(args.mappings.as_deref(), colour)?;
    if let Some(wanted) = &args.dialect
        && catalog.named(wanted).is_none()
    {
        let known: Vec<&str> = catalog.dialects.iter().map(|d| &*d.name).collect();
        return Err(unknown("dialect", wanted, &known));
    }
    let shown = |dialect: &str| args.dialect.as_deref().is_none_or(|wanted| wanted == dialect);
    Ok(match args.format {
        Listing::Json => {
            let mut routes = app::routes(&catalog);
            if let Some(list) = routes.as_array_mut() {
                list.retain(|r| r.get("dialect").and_then(|d| d.as_str()).is_some_and(shown));
            }
            format!("{routes:#}\n")
        }
        Listing::Table => {
            let routes: Vec<Listed<'_>> = catalog.routes().filter(|r| shown(r.dialect)).collect();
            table(&routes)
        }
    })
}

fn table(routes: &[Listed<'_>]) -> String {
    let width = |column: fn(&Listed<'_>) -> usize| routes.iter().map(column).max().unwrap_or(0);
    let (dialect, method, path) =
        (width(|r| r.dialect.len()), width(|r| r.method.len()), width(|r| r.template.len()));
    let mut text = String::new();
    for r in routes {
        let _ = write!(
            text,
            "{:dialect$}  {:method$}  {:path$}  → {}",
            r.dialect,
            r.method,
            r.template,
            r.operations.join(", ")
        );
        // What a page shows needs no word.
        if let Some(evidence) = r.evidence.filter(|e| *e != Evidence::Seen) {
            let _ = write!(text, "  ({})", evidence.word());
        }
        text.push('\n');
    }
    text
}
