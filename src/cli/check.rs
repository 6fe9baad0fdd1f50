//! `check [DIR]`

use std::path::Path;

use serde_json::json;

use crate::app;
use crate::cli::args::{Check, Report};
use crate::cli::laws::{self, Effort, Tried};
use crate::cli::{Console, Exit};
use crate::dialect::catalog::Catalog;
use crate::dialect::load;
use crate::examples::{self, Count};
use crate::syntax::{Diagnostics, Severity, Sources, closest};

pub(super) fn run(args: &Check, console: &mut Console<'_>) -> Exit {
    if let Some(wanted) = &args.expand {
        return expand(args.dir.as_deref(), wanted.as_deref(), console);
    }
    let outcome = Effort::of(args).and_then(|effort| check(args.dir.as_deref(), effort));
    let report = match outcome {
        Ok(report) => report,
        Err(message) => {
            console.complain(&format!("error: {message}\n"));
            return Exit::Usage;
        }
    };
    let count = |severity| report.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match args.format {
        Report::Json => {
            let text = json!({
                "ok": errors == 0,
                "dialects": report.dialects,
                "routes": report.routes,
                "examples": { "passed": report.examples.passed, "failed": report.examples.failed },
                "compared": report.examples.compared,
                "laws": laws::to_json(&report.laws, args.seed, args.laws),
                "problems": report.diagnostics.to_json(&report.sources),
            });
            console.say(&format!("{text:#}\n"));
        }
        Report::Text => {
            if !report.diagnostics.is_empty() {
                let text = report.diagnostics.render(&report.sources, console.colour);
                console.complain(&format!("{text}\n\n"));
            }
            if args.laws {
                console.say(&laws::table(&report.laws, args.seed));
            }
            console.say(&format!(
                "{}: {} dialects, {} routes; {} of {} examples pass, \
                 {} translations compared with the reference; {} values keep the laws; \
                 {errors} errors, {warnings} warnings\n",
                if errors == 0 { "ok" } else { "not ok" },
                report.dialects,
                report.routes,
                report.examples.passed,
                report.examples.passed + report.examples.failed,
                report.examples.compared,
                laws::cases(&report.laws),
            ));
        }
    }
    if errors == 0 { Exit::Done } else { Exit::Problems }
}

struct Outcome {
    diagnostics: Diagnostics,
    sources: Sources,
    dialects: usize,
    routes: usize,
    examples: Count,
    laws: Vec<Tried>,
}

/// Prints what is checked: every document of a dialect, merged with what it extends.
fn expand(dir: Option<&Path>, wanted: Option<&str>, console: &mut Console<'_>) -> Exit {
    let files = match app::files(dir) {
        Ok(files) => files,
        Err(error) => {
            console.complain(&format!("error: {error}\n"));
            return Exit::Usage;
        }
    };
    let mut names = files.dialects();
    if let Some(wanted) = wanted {
        let hint = closest(wanted, names.iter().copied()).map_or_else(
            || format!("there are {}; a folder comes before `--expand`", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        names.retain(|n| *n == wanted);
        if names.is_empty() {
            console.complain(&format!("error: there is no dialect `{wanted}`: {hint}\n"));
            return Exit::Usage;
        }
    }
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let documents: Vec<String> =
        names.iter().map(|n| load::expanded(&files, n, &mut sources, &mut diagnostics)).collect();
    console.say(&documents.join("---\n"));
    if !diagnostics.is_empty() {
        console.complain(&format!("{}\n\n", diagnostics.render(&sources, console.colour)));
    }
    if diagnostics.has_errors() { Exit::Problems } else { Exit::Done }
}

/// Loads everything, tries the laws and runs the examples; both wait until everything loads.
fn check(dir: Option<&Path>, effort: Effort) -> Result<Outcome, String> {
    let files = app::files(dir).map_err(|e| e.to_string())?;
    let mut sources = Sources::default();
    let (catalog, mut diagnostics) = Catalog::load_all(&files, &mut sources);
    let mut outcome = (files.dialects().len(), 0, Count::default());
    let mut tried = Vec::new();
    if let Some(catalog) = catalog {
        outcome.1 = catalog.routes().count();
        tried = laws::run(&catalog, effort, &mut diagnostics);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("the runtime does not start: {e}"))?;
        outcome.2 =
            runtime.block_on(examples::run(catalog, &files, &mut sources, &mut diagnostics));
    }
    let (dialects, routes, examples) = outcome;
    Ok(Outcome { diagnostics, sources, dialects, routes, examples, laws: tried })
}
