//! The files of one dialect, parsed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::syntax::yaml::{self, CONTRACT_NODES, Entry, FILE_NODES};
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, SourceId, Sources, Span, closest};

use super::publication;
use crate::dialect::embedded::Files;
use crate::dialect::page::Page;

/// What a dialect's folder may hold beside `examples/` and what is no YAML.
const KINDS: [&str; 6] = ["dialect", "records", "enums", "conditions", "routes", "documented"];

/// A folder; of each kind of file, its parsed documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) dialect: Option<Node>,
    pub(super) records: Vec<Node>,
    pub(super) enums: Vec<Node>,
    pub(super) conditions: Vec<Node>,
    pub(super) routes: Vec<Node>,
    pub(super) documented: Option<Node>,
    /// By name; one that is no page is told of and left out.
    pub(super) pages: BTreeMap<Box<str>, (SourceId, Arc<Page>)>,
    /// The files these come from.
    pub(super) sources: BTreeSet<SourceId>,
    /// A file could not be read, so what seems to be missing may stand in it.
    pub(super) torn: bool,
}

impl Folder {
    pub(super) fn read(
        files: &Files,
        name: &str,
        sources: &mut Sources,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut torn = false;
        let mut of_kind = |kind: &str| -> Vec<Node> {
            let paths = files.of_kind(name, kind);
            let written = paths.len();
            let read: Vec<Node> = paths
                .into_iter()
                .filter_map(|path| parse(files, path, FILE_NODES, sources, diagnostics))
                .collect();
            torn |= read.len() < written;
            read
        };
        let (records, enums) = (of_kind("records"), of_kind("enums"));
        let (conditions, routes) = (of_kind("conditions"), of_kind("routes"));
        let dialect =
            parse(files, &format!("{name}/dialect.yaml"), FILE_NODES, sources, diagnostics);
        let published = files.of_kind(name, "documented");
        let written = published.len();
        let published: Vec<Node> = published
            .into_iter()
            .filter_map(|path| parse(files, path, CONTRACT_NODES, sources, diagnostics))
            .collect();
        torn |= published.len() < written;
        let documented = publication::gathered(&published, diagnostics);
        let pages = pages(files, name, sources, diagnostics);
        strangers(files, name, sources, diagnostics);
        let read = records
            .iter()
            .chain(&enums)
            .chain(&conditions)
            .chain(&routes)
            .chain(&dialect)
            .chain(&published);
        let sources = read.map(|n| n.span.source).collect();
        Self { dialect, records, enums, conditions, routes, documented, pages, sources, torn }
    }

    /// The names under a key of the files of that kind, in order.
    pub(super) fn names(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        let nodes = if kind == "records" { &self.records } else { &self.enums };
        let entries = nodes.iter().filter_map(move |n| n.get(kind)?.as_map());
        entries.flatten().map(|e: &Entry| e.key.as_str())
    }
}

/// The pages of a dialect.
fn pages(
    files: &Files,
    dialect: &str,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Box<str>, (SourceId, Arc<Page>)> {
    let mut pages = BTreeMap::new();
    for (name, path) in files.pages(dialect) {
        let text = files.read(path).unwrap_or_default();
        let id = sources.add(files.shown(path), text.as_ref());
        match Page::compile(&text) {
            Ok(page) => drop(pages.insert(name.into(), (id, Arc::new(page)))),
            Err(fault) => {
                let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                let (start, end) = (place(fault.at.start), place(fault.at.end));
                let span = Span { source: id, start, end };
                diagnostics.push(Diagnostic::error(Code::BadPage, span, fault.message));
            }
        }
    }
    pages
}

/// Parses one file; one that is missing or is no YAML is reported.
pub(super) fn parse(
    files: &Files,
    path: &str,
    most: usize,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let text = files.read(path);
    let id = sources.add(files.shown(path), text.as_deref().unwrap_or_default());
    if text.is_none() {
        let message = format!("there is no file `{}`", files.shown(path));
        diagnostics.push(Diagnostic::error(Code::MissingFile, Span::start_of(id), message));
        return None;
    }
    if matches!(text, Some(Cow::Owned(_))) {
        let message = "this file is not UTF-8";
        diagnostics.push(Diagnostic::error(Code::Syntax, Span::start_of(id), message));
        return None;
    }
    yaml::parse(sources, id, most).map_err(|problem| diagnostics.push(problem)).ok()
}

/// A misnamed file would be left out silently.
fn strangers(files: &Files, name: &str, sources: &mut Sources, diagnostics: &mut Diagnostics) {
    let folder = format!("{name}/");
    for path in files.paths() {
        let Some(inside) = path.strip_prefix(&folder) else { continue };
        let (Some(stem), None) = (
            inside.strip_suffix(".yaml").or_else(|| inside.strip_suffix(".yml")),
            inside.strip_prefix("examples/"),
        ) else {
            continue;
        };
        let (first, single) =
            stem.split_once('/').map_or((stem, true), |(first, _)| (first, false));
        let known = KINDS.contains(&first) || (path == crate::dialect::embedded::CONTRACT);
        if known && inside.ends_with(".yaml") && (!single || !stem.contains('/')) {
            continue;
        }
        let id = sources.add(files.shown(path), files.read(path).unwrap_or_default());
        let problem = Diagnostic::warning(
            Code::Unused,
            Span::start_of(id),
            format!("nothing reads the file `{}`", files.shown(path)),
        );
        let near = closest(first, KINDS).map(|k| format!("did you mean `{k}.yaml`?"));
        diagnostics.push(problem.help(near.unwrap_or_else(|| {
            "a dialect has dialect.yaml, records.yaml, enums.yaml, routes.yaml and documented.yaml; all but the first may be folders".into()
        })));
    }
}
