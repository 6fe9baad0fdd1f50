//! What the examples send, for whoever wants to ask something else than their script.

use crate::dialect::Dialect;
use crate::dialect::embedded::Files;
use crate::syntax::{Diagnostics, Sources};

use super::file;

/// What the client of an example sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The example: `account/examples/conversations.get.rich.yaml`.
    pub file: String,
    /// The route that it shows.
    pub route: String,
    /// Whether it brings its own credential, or means to bring none; else the principal is told.
    pub own_credential: bool,
    /// The method.
    pub method: String,
    /// Path and query, from the dialect's own root on: without the prefix of a mount.
    pub target: String,
    /// Headers; a `content-type` among them where there is a body.
    pub headers: Vec<(String, String)>,
    /// The body; may be broken on purpose.
    pub body: String,
    /// The status that the example is answered with.
    pub status: u16,
}

/// The requests of every readable example of a dialect, in the order of the files' names.
pub fn requests(
    dialect: &Dialect,
    files: &Files,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<Asked> {
    let folder = format!("{}/examples/", dialect.name);
    let mut asked = Vec::new();
    for path in files.paths().filter(|p| p.starts_with(&folder) && p.ends_with(".yaml")) {
        let Some(example) = file::read(files, path, sources, diagnostics) else { continue };
        let Some(target) = dialect.address(&example.target) else { continue };
        let (body, media) = example.sent.unzip();
        let mut headers = example.headers;
        let said = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        headers.extend(media.filter(|_| !said).map(|media| ("content-type".to_owned(), media)));
        asked.push(Asked {
            file: path.to_owned(),
            route: example.route,
            own_credential: example.credential,
            method: example.method,
            target,
            headers,
            body: body.unwrap_or_default(),
            status: example.status,
        });
    }
    asked
}
