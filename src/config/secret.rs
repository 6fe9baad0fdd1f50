//! Secrets: where they are, and what they are not. They come from the environment or from files,
//! never out of the configuration file itself, which ends up in version control.

use std::path::Path;

use secrecy::SecretString;

use crate::config::load::{Input, Layer, is_reference};
use crate::config::raw::{Reading, Spot};
use crate::syntax::{Code, Diagnostic};

const HOW: &str = "write `${env:NAME}` or `${file:/path}`";

/// The secret that `text` leads to; `None` is reported.
pub(super) fn read(
    reading: &Reading<'_>,
    input: &Input,
    key: &str,
    text: &Spot<String>,
    layer: Layer,
) -> Option<SecretString> {
    let unavailable = |message: String| {
        reading.push(Diagnostic::error(Code::SecretUnavailable, text.span, message));
        None
    };
    let reference = text.value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let found = match reference.and_then(|inner| inner.split_once(':')) {
        Some(("env", name)) => match input.environment.get(name) {
            Some(value) => value.clone(),
            None => {
                return unavailable(format!("`{key}`: the environment has no variable `{name}`"));
            }
        },
        Some(("file", path)) => match reading.file(Path::new(path)) {
            Ok(content) => content.trim_end_matches(['\r', '\n']).to_owned(),
            Err(error) => {
                return unavailable(format!("`{key}`: `{path}` cannot be read: {error}"));
            }
        },
        _ if is_reference(&text.value) => {
            reading.push(
                reading
                    .invalid(text.span, format!("`{key}` refers to nothing that can be read"))
                    .help(HOW),
            );
            return None;
        }
        _ if layer == Layer::Environment || reading.places.built_in => text.value.clone(),
        _ => {
            let message = format!("`{key}` is written into the file, where a secret must not be");
            reading.push(reading.invalid(text.span, message).help(HOW));
            return None;
        }
    };
    if found.is_empty() {
        return unavailable(format!("`{key}` is empty"));
    }
    Some(found.into())
}
