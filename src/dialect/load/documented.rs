//! `documented.yaml`: OpenAPI of what the vendor's pages promise, in the subset the contract is
//! written in.

use crate::canonical::contract::{Dropped, Reader, SchemaId, Style, skip_documentation};
use crate::dialect::documented::{Documented, Evidence, Operation, Parameter, Promise, Status};
use crate::mapping::law::Links;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, closest};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
const JSON: &str = "application/json";

/// Reads the file, and what records say of it.
pub(in crate::dialect) fn read(
    file: Option<&Node>,
    records: &[Node],
    diagnostics: &mut Diagnostics,
) -> Option<Documented> {
    let mut documented = file.and_then(|node| self::file(node, diagnostics));
    let entries = records.iter().filter_map(|n| n.get("records")?.as_map()).flatten();
    for record in entries {
        let Some(named) = record.value.get("documented") else { continue };
        let Some(name) = named.as_text() else { continue };
        let Some(documented) = &mut documented else {
            if file.is_none() {
                diagnostics.push(
                    Diagnostic::error(
                        Code::UnknownReference,
                        named.span,
                        "this dialect has no documented.yaml",
                    )
                    .help("write what the vendor's pages promise into documented.yaml"),
                );
            }
            continue;
        };
        match documented.schemas.named(name) {
            Some(schema) => documented.records.push((record.key.as_str().into(), schema)),
            None => diagnostics.push(
                Diagnostic::error(
                    Code::UnknownReference,
                    named.span,
                    format!("documented.yaml has no schema `{name}`"),
                )
                .suggest(closest(name, documented.schemas.names())),
            ),
        }
    }
    documented
}

fn file(node: &Node, diagnostics: &mut Diagnostics) -> Option<Documented> {
    let links = Links::read(node, diagnostics);
    let mut top = Fields::of(node, "documented.yaml", diagnostics)?;
    let version = top.required("openapi");
    for key in ["info", "servers", "tags", "security", "jsonSchemaDialect"] {
        top.get(key);
    }
    skip_documentation(&mut top);
    let ordered = top.boolean("x-ordered").unwrap_or(false);
    let most_drops = top.count("x-drops");
    let components = top.get("components");
    let paths = top.map("paths").unwrap_or_default();
    top.finish();
    if let Some(node) = version
        && !node.as_text().is_some_and(|v| v.starts_with("3.1."))
    {
        diagnostics.push(
            Diagnostic::error(
                Code::Contract,
                node.span,
                "the documents are written in OpenAPI 3.1",
            )
            .help("write `openapi: 3.1.0`"),
        );
    }
    let mut file = File {
        reader: Reader::new(Style::Published, components, diagnostics),
        operations: Vec::new(),
        spans: Vec::new(),
        written_out: paths.iter().flat_map(written_out).collect(),
    };
    for path in paths {
        file.path(path);
    }
    Some(Documented {
        operations: file.operations,
        schemas: file.reader.finish(),
        ordered,
        most_drops,
        records: Vec::new(),
        links,
    })
}

struct File<'n, 'd> {
    reader: Reader<'n, 'd>,
    operations: Vec<Operation>,
    /// Where the name of each operation stands.
    spans: Vec<Span>,
    /// Method and path of the operations whose answers are written down.
    written_out: Vec<(&'static str, String)>,
}

/// What of a path is more than a line in a list.
fn written_out(path: &Entry) -> impl Iterator<Item = (&'static str, String)> {
    let answers =
        |method: &&str| path.value.get(method).is_some_and(|o| o.get("responses").is_some());
    METHODS.into_iter().filter(answers).map(|method| (method, pattern(&path.key)))
}

impl<'n> File<'n, '_> {
    fn path(&mut self, path: &'n Entry) {
        let Some(mut item) = Fields::of(&path.value, "a path", self.reader.diagnostics) else {
            return;
        };
        skip_documentation(&mut item);
        let shared = item.list("parameters").unwrap_or_default();
        let methods: Vec<_> = METHODS.iter().filter_map(|m| Some((*m, item.entry(m)?))).collect();
        item.finish();
        if !path.key.starts_with('/') {
            let message = "a path begins with /";
            let problem = Diagnostic::error(Code::Contract, path.key_span, message);
            self.reader.diagnostics.push(problem);
        }
        for (method, entry) in methods {
            self.operation(path, method, entry, shared);
        }
    }

    fn operation(
        &mut self,
        path: &Entry,
        method: &'static str,
        entry: &'n Entry,
        shared: &'n [Node],
    ) {
        let node = &entry.value;
        let address = (method, pattern(&path.key));
        // A line of a list is there until somebody writes out what it names.
        if node.get("responses").is_none() && self.written_out.contains(&address) {
            return;
        }
        let Some(mut fields) = Fields::of(node, "an operation", self.reader.diagnostics) else {
            return;
        };
        skip_documentation(&mut fields);
        for key in ["tags", "deprecated", "security"] {
            fields.get(key);
        }
        fields.required("operationId");
        let name = fields.text("operationId");
        let parameters = fields.list("parameters").unwrap_or_default();
        let body = fields.get("requestBody");
        let evidence = fields.word("x-evidence", &Evidence::WORDS).and_then(Evidence::of);
        let served_by = fields.text("x-served-by").map(Into::into);
        let title = fields.text("summary").unwrap_or_default();
        let responses = fields.map("responses").unwrap_or_default();
        fields.finish();
        let Some(name) = name else { return };
        let span = node.get("operationId").map_or(entry.key_span, |n| n.span);
        let pattern: Box<str> = address.1.into();
        let twice = |o: &Operation| {
            *o.name == *name || (o.pattern == pattern && o.method.eq_ignore_ascii_case(method))
        };
        if let Some(first) = self.operations.iter().position(twice) {
            let mut problem =
                Diagnostic::error(Code::Contract, span, "this operation is documented twice");
            if let Some(first) = self.spans.get(first) {
                problem = problem.related(*first, "the other one");
            }
            self.reader.diagnostics.push(problem);
        }
        let parameters = shared
            .iter()
            .chain(parameters)
            .filter_map(|node| self.parameter(node))
            .filter(|parameter| &*parameter.location != "path")
            .collect();
        let body = body.map(|node| self.body(node)).unwrap_or_default();
        let responses = responses.iter().filter_map(|response| self.response(response)).collect();
        self.spans.push(span);
        self.operations.push(Operation {
            name: name.into(),
            title: title.into(),
            path: path.key.as_str().into(),
            method: method.to_ascii_uppercase().into(),
            pattern,
            parameters,
            body,
            responses,
            served_by,
            evidence,
        });
    }

    fn parameter(&mut self, node: &'n Node) -> Option<Parameter> {
        let node = self.reader.follow(node, "parameters")?;
        let mut fields = Fields::of(node, "a parameter", self.reader.diagnostics)?;
        skip_documentation(&mut fields);
        for key in ["style", "explode", "deprecated", "allowEmptyValue"] {
            fields.get(key);
        }
        fields.required("name");
        let name = fields.text("name");
        fields.required("in");
        let location = fields.word("in", &["path", "query", "header"]);
        fields.boolean("required");
        let schema = fields.get("schema");
        let dropped = fields.get("x-dropped");
        let dropped = dropped.and_then(|node| Dropped::read(node, fields.diagnostics()));
        fields.finish();
        if let Some(schema) = schema {
            self.reader.schema(schema);
        }
        Some(Parameter { name: name?.into(), location: location?.into(), dropped })
    }

    fn body(&mut self, node: &'n Node) -> Vec<(Box<str>, SchemaId)> {
        let Some(node) = self.reader.follow(node, "requestBodies") else { return Vec::new() };
        let Some(mut fields) = Fields::of(node, "a request body", self.reader.diagnostics) else {
            return Vec::new();
        };
        skip_documentation(&mut fields);
        fields.boolean("required");
        fields.required("content");
        let content = fields.map("content").unwrap_or_default();
        fields.finish();
        let media = content
            .iter()
            .filter_map(|media| Some((media.key.as_str().into(), self.media(&media.value)??)));
        media.collect()
    }

    /// The schema of a media type, where one is written.
    fn media(&mut self, node: &'n Node) -> Option<Option<SchemaId>> {
        let mut fields = Fields::of(node, "a media type", self.reader.diagnostics)?;
        skip_documentation(&mut fields);
        let schema = fields.get("schema");
        fields.finish();
        Some(schema.map(|node| self.reader.schema(node)))
    }

    fn response(&mut self, entry: &'n Entry) -> Option<(Status, Promise)> {
        let status = match entry.key.as_str() {
            "default" => Some(Status::Default),
            key => key
                .strip_suffix("XX")
                .and_then(|class| Some(Status::Class(class.parse().ok()?)))
                .or_else(|| key.parse().ok().map(Status::Exact)),
        };
        let valid = match status {
            Some(Status::Exact(n)) => (100..600).contains(&n),
            Some(Status::Class(n)) => (1..6).contains(&n),
            Some(Status::Default) => true,
            None => false,
        };
        if !valid {
            let message = "a response is named by its status: \"404\", 4XX or default";
            let problem = Diagnostic::error(Code::UnknownWord, entry.key_span, message);
            self.reader.diagnostics.push(problem);
        }
        // Beside a reference, too: the component is shared, the difference may not be.
        let differs = entry.value.get("x-differs").is_some();
        let node = self.reader.follow(&entry.value, "responses")?;
        let mut fields = Fields::of(node, "a response", self.reader.diagnostics)?;
        skip_documentation(&mut fields);
        fields.text("x-differs");
        fields.get("headers");
        let content = fields.map("content").unwrap_or_default();
        fields.finish();
        let mut promise = Promise::Nothing;
        for media in content {
            let schema = self.media(&media.value)?;
            promise = match schema {
                Some(schema) if media.key == JSON => Promise::Json(schema),
                _ if matches!(promise, Promise::Json(_)) => promise,
                _ => Promise::Other,
            };
        }
        Some((status?, if differs { Promise::Anything } else { promise }))
    }
}

/// A path with its parameters numbered, as [`crate::dialect::route::Template::pattern`] writes it. A
/// slash at the end is kept: there are pages that tell two operations by nothing else.
fn pattern(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for (index, segment) in path.trim_start_matches('/').split('/').enumerate() {
        text.push('/');
        if segment.starts_with('{') {
            text.push_str(&format!("{{p{index}}}"));
        } else {
            text.push_str(segment);
        }
    }
    text
}
