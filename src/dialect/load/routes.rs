//! `routes.yaml`: requests of the dialect ↔ canonical operations.

use std::collections::HashMap;

use crate::canonical::OperationId;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Fields, Node, Span, closest};

use super::credentials::Offer;
use super::head::Head;
use super::{Context, errors, forms, line, route};
use crate::dialect::route::Route;
use crate::dialect::scheme::Place;

/// What calls ask to be included, by operation.
pub(super) type Asked = Vec<(OperationId, Vec<Box<str>>)>;

/// A route's keys as they are written.
pub(super) struct Written<'n> {
    pub(super) name: &'n str,
    pub(super) name_span: Span,
    pub(super) request: &'n Node,
    pub(super) query: &'n [Entry],
    pub(super) body: Option<&'n Node>,
    pub(super) files: Option<&'n Node>,
    /// (name, where the name stands, what it says)
    pub(super) calls: Vec<(&'n str, Span, &'n Node)>,
    pub(super) reply: Option<&'n Node>,
    errors: Option<&'n Node>,
    documents: Option<&'n Node>,
    undocumented: bool,
}

/// Reads every route of every file. Gives the routes and what their calls ask to be included.
pub(super) fn read(
    files: &[Node],
    head: &Head<'_>,
    credentials: &[Offer],
    cx: &mut Context<'_>,
) -> (Vec<Route>, Asked) {
    let mut routes: Vec<Route> = Vec::new();
    let mut includes = Vec::new();
    let mut names: HashMap<&str, Span> = HashMap::new();
    let mut requests: HashMap<(&str, String, String), Span> = HashMap::new();
    for file in files {
        let Some(mut fields) = Fields::of(file, "routes.yaml", cx.diagnostics) else { continue };
        fields.required("routes");
        let entries = fields.map("routes").unwrap_or_default();
        fields.finish();
        for entry in entries {
            if let Some(first) = names.insert(&entry.key, entry.key_span) {
                cx.diagnostics.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        entry.key_span,
                        format!("there are two routes `{}`", entry.key),
                    )
                    .related(first, "the other one"),
                );
            }
            let Some((written, credential)) = keys(entry, credentials, cx) else { continue };
            let Some(line) = line::read(written.request, &head.bases, cx.diagnostics) else {
                continue;
            };
            let span = written.request.span;
            let query = format!("{:?}", line.template.query);
            let request = (line.method, line.template.pattern(), query);
            if let Some(first) = requests.insert(request, span) {
                cx.diagnostics.push(
                    Diagnostic::error(
                        Code::RouteCollision,
                        span,
                        format!("another route takes {} on the same addresses", line.method),
                    )
                    .label("never reached")
                    .related(first, "this one takes them"),
                );
            }
            if let Some((mut route, asked)) =
                route::compile(&written, line, credential, credentials, cx)
            {
                route.documents = documents(&written, &route, cx);
                if let Some(node) = written.errors {
                    route.envelopes = errors::of_route(node, &route, cx);
                }
                let guide = head.forms.then(|| forms::guide(&route, &head.quirks.nested_under));
                if route.files.is_some() {
                    let guide = forms::guide(&route, &head.quirks.nested_under);
                    route.files.iter_mut().for_each(|files| files.guide = guide.clone());
                }
                if let Some(body) = &mut route.body {
                    body.form = guide;
                }
                routes.push(route);
                includes.extend(asked);
            }
        }
    }
    if routes.is_empty() && files.iter().all(|f| f.get("routes").is_none()) {
        cx.diagnostics.push(
            Diagnostic::error(Code::MissingFile, head.span, "this dialect has no routes")
                .help("put routes.yaml, or a folder routes/, beside dialect.yaml"),
        );
    }
    (routes, includes)
}

/// The keys of a route, and the index of its credential.
fn keys<'n>(
    entry: &'n Entry,
    credentials: &[Offer],
    cx: &mut Context<'_>,
) -> Option<(Written<'n>, Option<usize>)> {
    let mut fields = Fields::of(&entry.value, "a route", cx.diagnostics)?;
    fields.required("request");
    let request = fields.get("request");
    let credential = fields.get("credential");
    let query = fields.map("query").unwrap_or_default();
    let body = fields.get("body");
    let files = fields.get("files");
    let one = fields.entry("call");
    let several = fields.entry("calls");
    let reply = fields.get("reply");
    let errors = fields.get("errors");
    let documents = fields.get("documents");
    let undocumented = fields.text("undocumented").is_some();
    fields.finish();
    let calls = match (one, several) {
        (Some(one), None) => vec![(one.key.as_str(), one.key_span, &one.value)],
        (None, Some(several)) => {
            let entries = several.value.as_map().unwrap_or_default();
            if entries.is_empty() {
                let message = "`calls` is a map from names to calls";
                cx.error(Code::WrongType, several.value.span, message);
            }
            entries.iter().map(|e| (e.key.as_str(), e.key_span, &e.value)).collect()
        }
        (Some(_), Some(several)) => {
            let message = "a route has `call` or `calls`, not both";
            cx.error(Code::UnknownOperator, several.key_span, message);
            return None;
        }
        (None, None) => {
            cx.error(
                Code::MissingKey,
                entry.key_span,
                "a route must have the key `call` or `calls`",
            );
            return None;
        }
    };
    let credential = self::credential(credential, entry.key_span, credentials, cx);
    let written = Written {
        name: &entry.key,
        name_span: entry.key_span,
        request: request?,
        query,
        body,
        files,
        calls,
        reply,
        errors,
        documents,
        undocumented,
    };
    Some((written, credential))
}

/// The documented operation that a route is: the one it names, or the one at its address.
fn documents(written: &Written<'_>, route: &Route, cx: &mut Context<'_>) -> Option<usize> {
    let Some(documented) = cx.documented else {
        if let Some(node) = written.documents {
            let message = "this dialect has no documented.yaml";
            cx.error(Code::UnknownReference, node.span, message);
        }
        return None;
    };
    let Some(node) = written.documents else {
        // At the address of one that is documented may stand another request.
        if written.undocumented {
            return None;
        }
        let found = documented.at(route.method, &route.template.pattern());
        if found.is_none() {
            cx.diagnostics.push(
                Diagnostic::warning(
                    Code::UndocumentedRoute,
                    written.request.span,
                    "documented.yaml has no operation at this address",
                )
                .help("write `documents: <operationId>`, or `undocumented: <why>`"),
            );
        }
        return found;
    };
    let name = node.as_text().unwrap_or_default();
    let found = documented.operation(name);
    if found.is_none() {
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownReference,
                node.span,
                format!("documented.yaml has no operation `{name}`"),
            )
            .suggest(closest(name, documented.operations.iter().map(|o| &*o.name))),
        );
    }
    found
}

fn credential(
    node: Option<&Node>,
    span: Span,
    credentials: &[Offer],
    cx: &mut Context<'_>,
) -> Option<usize> {
    let Some(node) = node else {
        let default = credentials.iter().position(|c| c.default);
        if default.is_none() {
            cx.diagnostics.push(
                Diagnostic::error(Code::MissingKey, span, "this route names no credential")
                    .help("write `credential: name`, or `default: true` in one of dialect.yaml"),
            );
        }
        return default;
    };
    let name = node.as_text().unwrap_or_default();
    let found = credentials.iter().position(|c| *c.credential.name == *name);
    if found.is_none() {
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownCredential,
                node.span,
                format!("dialect.yaml has no credential `{name}`"),
            )
            .suggest(closest(name, credentials.iter().map(|c| &*c.credential.name))),
        );
    }
    // Checked on as with the usual one: without any, its records would seem to show too much.
    found.or_else(|| credentials.iter().position(|c| c.default))
}

/// Checks what the programs of a route read of its address and its principal against what there is.
/// A route whose credential is missing or unknown was told of already.
pub(super) fn check_inputs(
    route: &Route,
    line_spans: &[Span],
    request: &Node,
    offer: Option<&Offer>,
    cx: &mut Context<'_>,
) {
    let Some(offer) = offer else { return };
    let names: Vec<&str> = route.template.parameters().filter_map(|s| s.name()).collect();
    let mut used: Vec<&str> = route.inputs.path.iter().map(|n| &**n).collect();
    used.extend(offer.credential.inputs.path.iter().map(|n| &**n));
    if let Place::Path(path) = &offer.credential.place {
        used.extend(path.iter().map(|n| &**n));
    }
    used.sort_unstable();
    used.dedup();
    for name in used.iter().filter(|u| !names.contains(u)) {
        cx.diagnostics.push(
            Diagnostic::error(
                Code::MissingParameter,
                request.span,
                format!("`$path.{name}` is read, but this request line has no `{{{name}}}`"),
            )
            .suggest(closest(name, names.iter().copied())),
        );
    }
    for (name, span) in names.iter().zip(line_spans).filter(|(n, _)| !used.contains(n)) {
        cx.diagnostics.push(
            Diagnostic::warning(
                Code::UnusedParameter,
                *span,
                format!("nothing uses `{name}` of this address"),
            )
            .label("any value is taken"),
        );
    }
    let facts = &offer.facts;
    for name in route.inputs.principal.iter().filter(|n| !facts.contains(n)) {
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownRoot,
                route.span,
                format!(
                    "`$principal.{name}` is read, but this route's credential gives no `{name}`"
                ),
            )
            .suggest(closest(name, facts.iter().map(|f| &**f))),
        );
    }
}
