//! What commands that look at mappings begin with: the mappings themselves, or why there are none.

use std::path::Path;

use crate::app;
use crate::cli::{Console, Exit};
use crate::dialect::catalog::Catalog;
use crate::syntax::{Sources, closest};

/// Why a command goes no further: how it ends, and what is complained of.
pub(super) type Refusal = (Exit, String);

/// Says why a command goes no further.
pub(super) fn refuse((exit, message): Refusal, console: &mut Console<'_>) -> Exit {
    console.complain(&format!("{message}\n"));
    exit
}

/// A command that cannot be followed as it was given.
pub(super) fn usage(message: impl std::fmt::Display) -> Refusal {
    (Exit::Usage, format!("error: {message}"))
}

/// The embedded mappings, with those of a folder laid over them.
pub(super) fn catalog(
    mappings: Option<&Path>,
    colour: bool,
) -> Result<(Catalog, Sources), Refusal> {
    let files = app::files(mappings).map_err(usage)?;
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&files, &mut sources);
    match catalog {
        Some(catalog) => Ok((catalog, sources)),
        None => Err((Exit::Problems, diagnostics.render(&sources, colour))),
    }
}

/// Somebody asked for a name that nothing has: what was meant, or what there is.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> Refusal {
    let hint = closest(name, known.iter().copied()).map_or_else(
        || format!("there are {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    usage(format!("there is no {what} `{name}`: {hint}"))
}
