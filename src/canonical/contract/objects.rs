//! Objects: their members, `allOf` flattened into one list, and what is said of each member.

use super::load::Reader;
use super::schemas::skip;
use super::{Additional, Dropped, Kind, Names, Property, SchemaId};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Value, closest};

/// Deepest nesting of `allOf`; beyond it, it goes round in a circle.
const MOST_DEPTH: u32 = 8;

/// What the parts of an object say together.
#[derive(Default)]
struct Parts<'n> {
    properties: Vec<&'n Entry>,
    required: Vec<(&'n str, &'n Node)>,
    additional: Option<&'n Node>,
    min_properties: u32,
}

impl<'n> Reader<'n, '_> {
    /// An object, its `allOf` included.
    pub(super) fn build_object(&mut self, node: &'n Node, id: SchemaId, nullable: bool) {
        let mut parts = Parts::default();
        self.collect(node, &mut parts, 0);
        let mut properties: Vec<Property> = Vec::new();
        for entry in &parts.properties {
            if properties.iter().any(|p| *p.name == *entry.key) {
                let twice = format!("`{}` comes from two parts of one `allOf`", entry.key);
                self.diagnostics.push(Diagnostic::error(Code::Contract, entry.key_span, twice));
                continue;
            }
            let required = parts.required.iter().any(|(name, _)| *name == entry.key);
            properties.push(self.property(entry, required));
        }
        for (name, at) in &parts.required {
            self.must_be_there(&properties, name, at, "is required and not one of the properties");
        }
        for entry in &parts.properties {
            if let Some(at) = entry.value.get("x-ref")
                && let Some(name) = at.as_text()
            {
                self.must_be_there(&properties, name, at, "is no property beside this one");
            }
        }
        let additional = match parts.additional {
            Some(Node { value: Value::Bool(false), .. }) => Additional::Refused,
            Some(Node { value: Value::Bool(true), .. }) | None => Additional::Allowed,
            Some(typed) => Additional::Typed(self.schema(typed)),
        };
        let min_properties = parts.min_properties;
        self.put(id, Kind::Object { properties, additional, min_properties }, nullable);
    }

    fn must_be_there(&mut self, properties: &[Property], name: &str, at: &Node, what: &str) {
        let known = || properties.iter().map(|p| &*p.name);
        if !known().any(|n| n == name) {
            self.diagnostics.push(
                Diagnostic::error(Code::UnknownPlace, at.span, format!("`{name}` {what}"))
                    .suggest(closest(name, known())),
            );
        }
    }

    /// Adds what `node` says of an object, after what its `allOf` says.
    fn collect(&mut self, node: &'n Node, parts: &mut Parts<'n>, depth: u32) {
        if depth > MOST_DEPTH {
            return self.error(Code::Contract, node, "`allOf` goes round in a circle");
        }
        if node.get("$ref").is_some() {
            if let Some(target) = self.follow(node, "schemas") {
                self.collect(target, parts, depth + 1);
            }
            return;
        }
        if depth > 0 {
            self.no_property_keys(node);
        }
        let types = self.types(node);
        if !matches!(types.words.as_slice(), [] | ["object"]) {
            self.error(Code::Contract, node, "only objects stand in `allOf`");
        }
        let Some(mut fields) = Fields::of(node, "a schema of an object", self.diagnostics) else {
            return;
        };
        skip(&mut fields, self.style);
        fields.get("type");
        let all_of = fields.list("allOf").unwrap_or_default();
        let properties = fields.map("properties").unwrap_or_default();
        let required = fields.list("required").unwrap_or_default();
        let additional = fields.get("additionalProperties");
        let unevaluated = fields.get("unevaluatedProperties");
        let min = fields.count("minProperties").and_then(|n| u32::try_from(n).ok());
        fields.finish();
        let closed = additional.or(unevaluated);
        if depth > 0
            && let Some(closed) = closed
        {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::Contract,
                    closed.span,
                    "a part of `allOf` that refuses other members refuses those of the other parts",
                )
                .help("write `unevaluatedProperties: false` beside `allOf`"),
            );
        }
        for part in all_of {
            self.collect(part, parts, depth + 1);
        }
        parts.properties.extend(properties);
        for name in required {
            match name.as_text() {
                Some(text) => parts.required.push((text, name)),
                None => self.error(Code::WrongType, name, "a required member is named by text"),
            }
        }
        parts.additional = closed.or(parts.additional);
        parts.min_properties = parts.min_properties.max(min.unwrap_or(0));
    }

    fn property(&mut self, entry: &'n Entry, required: bool) -> Property {
        let schema = self.schema_of_property(&entry.value);
        let mut property = Property {
            name: entry.key.as_str().into(),
            schema,
            required,
            gateway: false,
            include: None,
            reference: None,
            names: None,
            names_at: entry.value.span,
            counts: None,
            secret: false,
            default: entry.value.get("default").map(Node::to_json),
            differs: ["x-differs", "x-dropped"].iter().any(|k| entry.value.get(k).is_some()),
            dropped: None,
        };
        if let Some(mut fields) = Fields::of(&entry.value, "a property", self.diagnostics) {
            for key in ["x-differs", "x-empty"] {
                fields.text(key);
            }
            if let Some(node) = fields.get("x-dropped") {
                property.dropped = Dropped::read(node, fields.diagnostics());
                if let Some(shown) = fields.get("x-canonical") {
                    fields.diagnostics().push(
                        Diagnostic::error(
                            Code::Contract,
                            node.span,
                            "what shows a place of the contract is not dropped",
                        )
                        .related(shown.span, "the place"),
                    );
                }
            }
            property.gateway = fields.boolean("x-gateway").unwrap_or(false);
            property.include = fields.text("x-include").map(Into::into);
            property.reference = fields.text("x-ref").map(Into::into);
            if let Some(at) = fields.get("x-names") {
                property.names_at = at.span;
                property.names = fields.text("x-names").map(|text| match text.split_once('.') {
                    Some((kind, by)) => Names { kind: kind.into(), by: Some(by.into()) },
                    None => Names { kind: text.into(), by: None },
                });
            }
            property.secret = fields.boolean("x-secret").unwrap_or(false);
            // The other keys were checked with the schema.
        }
        if let Some(at) = entry.value.get("x-counts") {
            property.names_at = at.span;
            property.counts = self.counts(at);
        }
        if required && property.include.is_some() {
            self.error(Code::Contract, &entry.value, "what has to be asked for is not required");
        }
        property
    }
}

impl Dropped {
    /// Reads `x-dropped: why`, or `x-dropped: { why: …, canonical: none }`.
    pub(crate) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        if let Some(why) = node.as_text() {
            return Some(Self { why: why.into(), nowhere: false });
        }
        let mut fields = Fields::of(node, "`x-dropped`", diagnostics)?;
        fields.required("why");
        let why = fields.text("why");
        let nowhere = fields.word("canonical", &["none"]).is_some();
        fields.finish();
        Some(Self { why: why?.into(), nowhere })
    }
}
