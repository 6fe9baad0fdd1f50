//! Paths and operations.

use super::cache::{self, Written, WrittenTag, WrittenUntil};
use super::continued;
use super::load::{Reader, skip_documentation};
use super::{Kind, Location, Operation, Parameter, RequestBody, SchemaId};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Fields, Node, Span, Value};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
/// Who may ask for something, as far as the contract tells them apart.
const ROLES: [&str; 7] =
    ["administrator", "agent", "bot", "contact", "gateway", "limited", "platform"];
const MERGE_PATCH: &str = "application/merge-patch+json";
const PARTIAL: u16 = 206;
const FORM: &str = "multipart/form-data";

/// An operation as read, with what is checked when all schemas are known.
pub(super) struct Read {
    pub(super) operation: Operation,
    pub(super) tags: Vec<WrittenTag>,
    pub(super) until: Vec<WrittenUntil>,
    pub(super) non_empty: Option<Span>,
    pub(super) unless: Vec<(Box<str>, Span)>,
    /// The parameter that says how much of a list is embedded, and how that goes on.
    pub(super) continued: Option<(u8, continued::Written)>,
}

impl<'n> Reader<'n, '_> {
    /// Every operation under `paths`.
    pub(super) fn operations(&mut self, paths: &'n Node) -> Vec<Read> {
        let mut all: Vec<Read> = Vec::new();
        let Some(entries) = paths.as_map() else {
            self.error(Code::WrongType, paths, "`paths` is a map of paths");
            return all;
        };
        for path in entries {
            let Some(mut item) = Fields::of(&path.value, "a path", self.diagnostics) else {
                continue;
            };
            skip_documentation(&mut item);
            let shared = item.list("parameters").unwrap_or_default();
            let methods: Vec<_> = METHODS.iter().filter_map(|m| Some((*m, item.get(m)?))).collect();
            item.finish();
            if !path.key.starts_with('/') {
                let message = "a path begins with /";
                self.diagnostics.push(Diagnostic::error(Code::Contract, path.key_span, message));
            }
            for (method, node) in methods {
                let Some(read) = self.operation(path, method, node, shared) else { continue };
                if all.iter().any(|o| o.operation.name == read.operation.name) {
                    let at = node.get("operationId").unwrap_or(node);
                    let message = format!("two operations are named `{}`", read.operation.name);
                    self.error(Code::Contract, at, message);
                }
                all.push(read);
            }
        }
        all
    }

    fn operation(
        &mut self,
        path: &'n Entry,
        method: &str,
        node: &'n Node,
        shared: &'n [Node],
    ) -> Option<Read> {
        let mut fields = Fields::of(node, "an operation", self.diagnostics)?;
        skip_documentation(&mut fields);
        for key in ["tags", "deprecated"] {
            fields.get(key);
        }
        fields.required("operationId");
        let name = fields.text("operationId").unwrap_or_default();
        let parameters = fields.list("parameters").unwrap_or_default();
        let body = fields.get("requestBody");
        let responses = fields.required("responses");
        let security = fields.list("security");
        let safe = method == "get" || fields.boolean("x-safe").unwrap_or(false);
        let roles = fields.list("x-roles").unwrap_or_default();
        let x_cache = fields.required("x-cache");
        fields.finish();

        let (parameters, continued) = self.parameters(shared.iter().chain(parameters), path);
        let (body, file) = body.and_then(|node| self.request_body(node)).unzip();
        let (status, answer, binary) =
            responses.map_or((0, None, false), |node| self.responses(node));
        let names: Vec<&str> = parameters.iter().map(|p| &*p.name).collect();
        let Written { facts, tags, until, non_empty, unless } = x_cache
            .map(|node| cache::read(node, &names, safe, self.diagnostics))
            .unwrap_or_default();
        let operation = Operation {
            name: name.into(),
            method: method.to_ascii_uppercase().into(),
            path: path.key.as_str().into(),
            parameters,
            body,
            file: file.flatten(),
            status,
            answer,
            binary,
            public: security.is_some_and(<[Node]>::is_empty),
            safe,
            roles: self.roles(roles),
            cache: facts,
            continued: None,
        };
        Some(Read { operation, tags, until, non_empty, unless, continued })
    }

    fn roles(&mut self, nodes: &'n [Node]) -> Vec<Box<str>> {
        let mut roles = Vec::new();
        for node in nodes {
            match node.as_text().filter(|word| ROLES.contains(word)) {
                Some(word) => roles.push(word.into()),
                None => {
                    let message = format!("`x-roles` may hold {}", ROLES.join(", "));
                    self.error(Code::Contract, node, message);
                }
            }
        }
        roles
    }

    fn parameters(
        &mut self,
        nodes: impl Iterator<Item = &'n Node>,
        path: &Entry,
    ) -> (Vec<Parameter>, Option<(u8, continued::Written)>) {
        let mut all: Vec<Parameter> = Vec::new();
        let mut continued = None;
        for node in nodes {
            let Some(target) = self.follow(node, "parameters") else { continue };
            let Some(parameter) = self.parameter(target) else { continue };
            let goes_on = target.get("x-continued");
            if let Some(written) = goes_on.and_then(|n| continued::read(n, self.diagnostics)) {
                continued = u8::try_from(all.len()).ok().map(|position| (position, written));
            }
            if all.iter().any(|p| p.name == parameter.name) {
                let message = format!("two parameters are named `{}`", parameter.name);
                self.error(Code::Contract, node, message);
                continue;
            }
            if parameter.location == Location::Path
                && !path.key.contains(&format!("{{{}}}", parameter.name))
            {
                let message = format!("the path has no `{{{}}}`", parameter.name);
                self.error(Code::Contract, node, message);
            }
            all.push(parameter);
        }
        for hole in path.key.split('{').skip(1).filter_map(|part| part.split_once('}')) {
            if !all.iter().any(|p| p.location == Location::Path && *p.name == *hole.0) {
                let message = format!("no parameter says what `{{{}}}` is", hole.0);
                self.diagnostics.push(Diagnostic::error(
                    Code::MissingParameter,
                    path.key_span,
                    message,
                ));
            }
        }
        if all.len() > usize::from(u8::MAX) {
            let message = "an operation has at most 255 parameters";
            self.diagnostics.push(Diagnostic::error(Code::Contract, path.key_span, message));
        }
        (all, continued)
    }

    fn parameter(&mut self, node: &'n Node) -> Option<Parameter> {
        let mut fields = Fields::of(node, "a parameter", self.diagnostics)?;
        skip_documentation(&mut fields);
        fields.required("name");
        let name = fields.text("name")?;
        fields.required("in");
        let location = match fields.word("in", &["path", "query", "header"])? {
            "path" => Location::Path,
            "header" => Location::Header,
            _ => Location::Query,
        };
        let required = fields.boolean("required").unwrap_or(false);
        fields.word("style", &["form", "simple"]);
        let explode = fields.boolean("explode").unwrap_or(true);
        let written = fields.required("schema");
        // Read where the operation is known.
        fields.get("x-continued");
        fields.finish();
        let written = written?;
        if location == Location::Path && !required {
            self.error(Code::Contract, node, "a parameter of the path is required");
        }
        let schema = self.schema(written);
        let list = match self.schemas.get(schema.0 as usize).map(|s| &s.kind) {
            Some(Kind::List { .. }) => true,
            Some(Kind::Object { .. } | Kind::Union(_)) => {
                self.error(
                    Code::Contract,
                    written,
                    "a parameter is text, a number, a boolean or a list",
                );
                false
            }
            _ => false,
        };
        let said =
            written.get("default").or_else(|| self.follow(written, "schemas")?.get("default"));
        let default = said.and_then(on_the_wire);
        Some(Parameter { name: name.into(), location, required, schema, list, explode, default })
    }

    /// The JSON body, and the name of the part of a form that stands in its place.
    fn request_body(&mut self, node: &'n Node) -> Option<(RequestBody, Option<Box<str>>)> {
        let node = self.follow(node, "requestBodies")?;
        let mut fields = Fields::of(node, "a request body", self.diagnostics)?;
        skip_documentation(&mut fields);
        let required = fields.boolean("required").unwrap_or(false);
        fields.required("content");
        let content = fields.map("content");
        fields.finish();
        let (only, form) = match content? {
            [only] => (only, None),
            [only, form] if form.key == FORM => (only, Some(form)),
            _ => {
                let message = format!("a request body has one media type, and may have `{FORM}`");
                self.error(Code::Contract, node, &message);
                return None;
            }
        };
        let patch = only.key == MERGE_PATCH;
        if !patch && only.key != "application/json" {
            let message = format!("a request body is `application/json` or `{MERGE_PATCH}`");
            self.diagnostics.push(Diagnostic::error(Code::Contract, only.key_span, message));
        }
        let file = form.and_then(|form| self.file(&form.value));
        let schema = self.media(&only.value)?;
        Some((RequestBody { schema, patch, required }, file))
    }

    /// The part of a form that is a file.
    fn file(&mut self, node: &'n Node) -> Option<Box<str>> {
        let mut fields = Fields::of(node, "a form", self.diagnostics)?;
        skip_documentation(&mut fields);
        fields.required("x-file");
        let name = fields.text("x-file");
        // What the part is called is all that is read of it.
        fields.required("schema");
        fields.get("schema");
        fields.finish();
        name.map(Into::into)
    }

    fn media(&mut self, node: &'n Node) -> Option<SchemaId> {
        let mut fields = Fields::of(node, "a media type", self.diagnostics)?;
        skip_documentation(&mut fields);
        let schema = fields.required("schema");
        fields.finish();
        schema.map(|node| self.schema(node))
    }

    /// Status, JSON and "is bytes" of the success.
    fn responses(&mut self, node: &'n Node) -> (u16, Option<SchemaId>, bool) {
        let mut success = None;
        let entries = node.as_map().unwrap_or_default();
        if !entries.iter().any(|e| e.key == "default") {
            self.error(
                Code::MissingKey,
                node,
                "`responses` says with `default` what a failure looks like",
            );
        }
        for entry in entries {
            let Some(response) = self.follow(&entry.value, "responses") else { continue };
            let Some(mut fields) = Fields::of(response, "a response", self.diagnostics) else {
                continue;
            };
            fields.required("description");
            skip_documentation(&mut fields);
            fields.get("headers");
            let content = fields.map("content").unwrap_or_default();
            fields.finish();
            // A part of the bytes is a success of the same kind as all of them.
            let status = entry.key.parse::<u16>().ok();
            let status = status.filter(|s| (200..300).contains(s) && *s != PARTIAL);
            let mut answer = None;
            let mut binary = false;
            for media in content {
                let schema = self.media(&media.value);
                if media.key == "application/json" {
                    answer = schema;
                } else if status.is_some() {
                    binary = true;
                }
            }
            if let Some(status) = status
                && success.replace((status, answer, binary)).is_some()
            {
                self.error(Code::Contract, node, "an operation has one status of success");
            }
        }
        success.unwrap_or_else(|| {
            self.error(Code::MissingKey, node, "`responses` has a status of success, 200 to 299");
            (0, None, false)
        })
    }
}

/// A default as it would stand in a query string.
fn on_the_wire(node: &Node) -> Option<Box<str>> {
    match &node.value {
        Value::Text(text) => Some(text.as_str().into()),
        Value::Integer(n) => Some(n.to_string().into()),
        Value::Bool(b) => Some(b.to_string().into()),
        Value::List(items) => {
            let all: Option<Vec<Box<str>>> = items.iter().map(on_the_wire).collect();
            all.map(|all| all.join(",").into())
        }
        _ => None,
    }
}
