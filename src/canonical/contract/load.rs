//! From the document to a [`Contract`]: references, and what belongs to the whole.

use sha2::{Digest, Sha256};

use super::{Contract, Schema, SchemaId, Schemas};
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Sources, closest};

/// Keys that may stand anywhere and change nothing.
pub(super) const DOCUMENTATION: [&str; 6] =
    ["title", "summary", "description", "externalDocs", "example", "examples"];

/// What kind of document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The canonical contract: strict, with what programs read of it.
    Contract,
    /// What a vendor published: the same schemas, and some shapes that only such documents have.
    Published,
}

/// The document being read.
pub(crate) struct Reader<'n, 'd> {
    pub(super) style: Style,
    components: Option<&'n Node>,
    pub(crate) diagnostics: &'d mut Diagnostics,
    pub(super) schemas: Vec<Schema>,
    pub(super) named: Vec<Named<'n>>,
    /// Schemas that are another one, or null.
    pub(super) nullable_copies: Vec<(SchemaId, SchemaId)>,
    /// Unions, to be checked when all schemas are known, and where they stand.
    pub(super) unions: Vec<(SchemaId, &'n Node)>,
}

/// A schema under `components/schemas`.
pub(super) struct Named<'n> {
    pub(super) name: &'n str,
    pub(super) node: &'n Node,
    pub(super) id: SchemaId,
}

impl Contract {
    /// Reads the contract from its OpenAPI document. Every problem goes to `diagnostics`; gives
    /// nothing where one of them is an error.
    pub fn load(sources: &Sources, document: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        // Problems that were there before are not ours.
        let mut own = Diagnostics::default();
        let contract = read(sources, document, &mut own);
        let failed = own.has_errors();
        diagnostics.extend(own);
        contract.filter(|_| !failed)
    }
}

fn read(sources: &Sources, document: &Node, diagnostics: &mut Diagnostics) -> Option<Contract> {
    let mut top = Fields::of(document, "the contract", diagnostics)?;
    let version = top.required("openapi");
    for key in ["jsonSchemaDialect", "info", "servers", "tags", "security"] {
        top.get(key);
    }
    skip_documentation(&mut top);
    let components = top.get("components");
    let paths = top.required("paths");
    top.finish();
    if let Some(node) = version
        && !node.as_text().is_some_and(|v| v.starts_with("3.1."))
    {
        diagnostics.push(
            Diagnostic::error(Code::Contract, node.span, "the contract is written in OpenAPI 3.1")
                .help("write `openapi: 3.1.0`"),
        );
    }
    let mut reader = Reader::new(Style::Contract, components, diagnostics);
    let operations = reader.operations(paths?);
    let stored = reader.stored();
    let mut contract = Contract {
        operations: Vec::new(),
        schemas: reader.finish(),
        stored: Vec::new(),
        digest: hex(&Sha256::digest(sources.text(document.span.source))),
    };
    super::cache::check(&contract, &operations, diagnostics);
    super::stored::check(&contract, &stored, diagnostics);
    contract.stored = stored.into_iter().map(|s| s.stored).collect();
    let continued = super::continued::settle(&contract, &operations, diagnostics);
    contract.operations = operations
        .into_iter()
        .zip(continued)
        .map(|(read, continued)| super::Operation { continued, ..read.operation })
        .collect();
    let places = |operation: &super::Operation| match operation.answer {
        Some(answer) if operation.cache.ttl.is_some() => super::secrets::places(&contract, answer),
        _ => Vec::new(),
    };
    let secrets: Vec<_> = contract.operations.iter().map(places).collect();
    for (operation, secrets) in contract.operations.iter_mut().zip(secrets) {
        operation.cache.secrets = secrets;
    }
    Some(contract)
}

fn hex(bytes: &[u8]) -> Box<str> {
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .filter_map(|n| char::from_digit(n.into(), 16))
        .collect()
}

/// Marks the keys that only documentation reads as known.
pub(crate) fn skip_documentation(fields: &mut Fields<'_, '_>) {
    for key in DOCUMENTATION {
        fields.get(key);
    }
}

impl<'n, 'd> Reader<'n, 'd> {
    /// Begins with everything under `components`.
    pub(crate) fn new(
        style: Style,
        components: Option<&'n Node>,
        diagnostics: &'d mut Diagnostics,
    ) -> Self {
        let mut reader = Self {
            style,
            components,
            diagnostics,
            schemas: Vec::new(),
            named: Vec::new(),
            nullable_copies: Vec::new(),
            unions: Vec::new(),
        };
        reader.components();
        reader.read_named_schemas();
        reader
    }

    /// The schemas, when everything that may refer to one was read.
    pub(crate) fn finish(mut self) -> Schemas {
        self.settle();
        Schemas {
            named: self.named.iter().map(|n| (n.name.into(), n.id)).collect(),
            all: self.schemas,
        }
    }

    /// Checks the kinds of components, and notes the names of the schemas.
    fn components(&mut self) {
        let Some(node) = self.components else { return };
        let Some(mut fields) = Fields::of(node, "`components`", self.diagnostics) else { return };
        for key in ["parameters", "responses", "requestBodies", "headers", "securitySchemes"] {
            fields.map(key);
        }
        let schemas = fields.map("schemas").unwrap_or_default();
        fields.finish();
        for entry in schemas {
            let id = self.reserve();
            if let Some(schema) = self.schemas.get_mut(id.0 as usize) {
                schema.name = Some(entry.key.as_str().into());
            }
            self.named.push(Named { name: &entry.key, node: &entry.value, id });
        }
    }

    /// Adds an error.
    pub(crate) fn error(&mut self, code: Code, node: &Node, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, node.span, message));
    }

    /// The component that `node` names with `$ref`, or `node` itself.
    pub(crate) fn follow(&mut self, node: &'n Node, kind: &'static str) -> Option<&'n Node> {
        let Some(reference) = node.get("$ref") else { return Some(node) };
        let name = self.referred(reference, kind)?;
        self.entries(kind).iter().find(|e| e.key == name).map(|e| &e.value)
    }

    /// The name of the component of a kind that `$ref` names; reported where there is none.
    pub(super) fn referred(&mut self, reference: &'n Node, kind: &'static str) -> Option<&'n str> {
        let Some(text) = reference.as_text() else {
            self.diagnostics.push(wrong_type(reference, "`$ref` is text"));
            return None;
        };
        let prefix = format!("#/components/{kind}/");
        let Some(name) = text.strip_prefix(&prefix) else {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownReference,
                    reference.span,
                    format!("`$ref` here names something under `{prefix}`"),
                )
                .help(
                    "references to other files and into other parts of the document are not read",
                ),
            );
            return None;
        };
        let known = self.entries(kind);
        if known.iter().any(|e| e.key == name) {
            return Some(name);
        }
        self.diagnostics.push(
            Diagnostic::error(
                Code::UnknownReference,
                reference.span,
                format!("`components/{kind}` has no `{name}`"),
            )
            .suggest(closest(name, known.iter().map(|e| e.key.as_str()))),
        );
        None
    }

    fn entries(&self, kind: &str) -> &'n [Entry] {
        self.components.and_then(|c| c.get(kind)).and_then(Node::as_map).unwrap_or_default()
    }
}
