//! `routes`

use std::fmt::Write as _;

use crate::app;
use crate::cli::args::{Listing, Routes};
use crate::cli::{Console, Exit};
use crate::dialect::catalog::{Catalog, Listed};
use crate::dialect::documented::Evidence;
use crate::syntax::{Sources, closest};

pub(super) fn run(args: &Routes, console: &mut Console<'_>) -> Exit {
    let files = match app::files(args.mappings.as_deref()) {
        Ok(files) => files,
        Err(error) => {
            console.complain(&format!("error: {error}\n"));
            return Exit::Usage;
        }
    };
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&files, &mut sources);
    let Some(catalog) = catalog else {
        console.complain(&format!("{}\n", diagnostics.render(&sources, console.colour)));
        return Exit::Problems;
    };
    if let Some(wanted) = &args.dialect
        && catalog.named(wanted).is_none()
    {
        let known: Vec<&str> = catalog.dialects.iter().map(|d| &*d.name).collect();
        let hint = closest(wanted, known.iter().copied()).map_or_else(
            || format!("there are {}", known.join(", ")),
            |c| format!("did you mean `{c}`?"),
        );
        console.complain(&format!("error: there is no dialect `{wanted}`: {hint}\n"));
        return Exit::Usage;
    }
    let shown = |dialect: &str| args.dialect.as_deref().is_none_or(|wanted| wanted == dialect);
    match args.format {
        Listing::Json => {
            let mut routes = app::routes(&catalog);
            if let Some(list) = routes.as_array_mut() {
                list.retain(|r| r.get("dialect").and_then(|d| d.as_str()).is_some_and(shown));
            }
            console.say(&format!("{routes:#}\n"));
        }
        Listing::Table => {
            let routes: Vec<Listed<'_>> = catalog.routes().filter(|r| shown(r.dialect)).collect();
            console.say(&table(&routes));
        }
    }
    Exit::Done
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
