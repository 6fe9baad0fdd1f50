//! Schemas: the subset of JSON Schema 2020-12 that the contract is written in.

use super::load::{DOCUMENTATION, Reader, Style};
use super::{Additional, Kind, Pattern, Property, Schema, SchemaId, StringKind, find};
use crate::syntax::fields::wrong_type;
use crate::syntax::{Code, Diagnostic, Fields, Node, Value, closest};

/// Keys that say nothing a program here needs.
const SCHEMA_DOCUMENTATION: [&str; 7] = [
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
    "discriminator",
    "$comment",
];

/// Keys of ours; they stand on a property, beside its schema.
const PROPERTY_KEYS: [&str; 6] =
    ["x-include", "x-ref", "x-gateway", "x-names", "x-counts", "x-secret"];
/// The same of published documents.
const PUBLISHED_KEYS: [&str; 6] =
    ["x-differs", "x-dropped", "x-empty", "x-canonical", "x-null", "x-words"];

impl Style {
    /// Keys that stand on a property, beside its schema.
    fn property_keys(self) -> &'static [&'static str] {
        match self {
            Self::Contract => &PROPERTY_KEYS,
            Self::Published => &PUBLISHED_KEYS,
        }
    }
}

/// Why an alternative of `oneOf` is refused.
const UNTOLD: &str = "an alternative of `oneOf` is an object that requires a member `type` with \
    listed values or, where none has a `type`, a member that no other alternative knows";

/// What `type` says.
#[derive(Default)]
pub(super) struct Types {
    pub(super) nullable: bool,
    pub(super) words: Vec<&'static str>,
    /// Something else was said, and reported.
    pub(super) wrong: bool,
}

const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "array", "object"];

impl<'n> Reader<'n, '_> {
    /// A place in the list for a schema that is not known yet.
    pub(super) fn reserve(&mut self) -> SchemaId {
        let id = SchemaId(u32::try_from(self.schemas.len()).unwrap_or(u32::MAX));
        self.schemas.push(Schema { name: None, nullable: false, kind: Kind::Any(Vec::new()) });
        id
    }

    pub(super) fn put(&mut self, id: SchemaId, kind: Kind, nullable: bool) {
        if let Some(schema) = self.schemas.get_mut(id.0 as usize) {
            schema.kind = kind;
            schema.nullable = nullable;
        }
    }

    /// Everything under `components/schemas`.
    pub(super) fn read_named_schemas(&mut self) {
        for (node, id) in self.named.iter().map(|n| (n.node, n.id)).collect::<Vec<_>>() {
            self.no_property_keys(node);
            self.build(node, id);
        }
    }

    /// The schema that stands at `node`: the one it refers to, or one of its own.
    pub(crate) fn schema(&mut self, node: &'n Node) -> SchemaId {
        self.no_property_keys(node);
        self.schema_of_property(node)
    }

    /// Refuses keys of a property where none is.
    pub(super) fn no_property_keys(&mut self, node: &Node) {
        for entry in node.as_map().unwrap_or_default() {
            if self.style.property_keys().contains(&entry.key.as_str()) {
                let message = format!("`{}` says something only on a property", entry.key);
                self.diagnostics.push(Diagnostic::error(Code::UnknownKey, entry.key_span, message));
            }
        }
    }

    /// The schema that stands at `node`, where keys of a property may stand beside it.
    pub(super) fn schema_of_property(&mut self, node: &'n Node) -> SchemaId {
        if let Some(reference) = node.get("$ref") {
            if let Some(mut fields) = Fields::of(node, "a reference", self.diagnostics) {
                skip(&mut fields, self.style);
                fields.get("$ref");
                fields.finish();
            }
            return match self.referred(reference, "schemas") {
                Some(name) => {
                    let found = self.named.iter().find(|n| n.name == name).map(|n| n.id);
                    found.unwrap_or_else(|| self.reserve())
                }
                None => self.reserve(),
            };
        }
        if self.style == Style::Contract
            && let Some(at) = node.get("x-stored")
        {
            self.error(Code::UnknownKey, at, "`x-stored` says something only on a named schema");
        }
        let id = self.reserve();
        self.build(node, id);
        id
    }

    /// Reads the schema at `node` into `id`.
    fn build(&mut self, node: &'n Node, id: SchemaId) {
        if node.get("$ref").is_some() {
            self.error(Code::Contract, node, "a named schema is not just another name");
        } else if node.get("allOf").is_some() {
            self.build_object(node, id, false);
        } else if node.get("anyOf").is_some() {
            self.build_any(node, "anyOf", id);
        } else if self.style == Style::Published && node.get("oneOf").is_some() {
            // Published alternatives are told apart in all sorts of ways.
            self.build_any(node, "oneOf", id);
        } else if node.get("oneOf").is_some() {
            self.build_one_of(node, id);
        } else {
            self.build_plain(node, id);
        }
    }

    fn build_any(&mut self, node: &'n Node, key: &'static str, id: SchemaId) {
        let Some(list) = self.only_list(node, key) else { return };
        let is_null = |n: &&Node| n.get("type").and_then(Node::as_text) == Some("null");
        let nullable = list.iter().any(|n| is_null(&n));
        let rest: Vec<&'n Node> = list.iter().filter(|n| !is_null(n)).collect();
        if let [only] = rest.as_slice() {
            let target = self.schema(only);
            self.nullable_copies.push((id, target));
        } else {
            let of = rest.into_iter().map(|n| self.schema(n)).collect();
            self.put(id, Kind::Any(of), nullable);
        }
    }

    fn build_one_of(&mut self, node: &'n Node, id: SchemaId) {
        let Some(list) = self.only_list(node, "oneOf") else { return };
        let of = list.iter().map(|n| self.schema(n)).collect();
        self.put(id, Kind::Union(of), false);
        self.unions.push((id, node));
    }

    /// The list under `key` of a schema that has nothing else.
    fn only_list(&mut self, node: &'n Node, key: &'static str) -> Option<&'n [Node]> {
        let mut fields = Fields::of(node, "a schema", self.diagnostics)?;
        skip(&mut fields, self.style);
        let list = fields.list(key);
        fields.finish();
        list
    }

    fn build_plain(&mut self, node: &'n Node, id: SchemaId) {
        let types = self.types(node);
        if types.wrong {
            return;
        }
        let listed = node.get("enum").is_some() || node.get("const").is_some();
        if self.style == Style::Published && listed {
            return self.build_listed(node, &types, id);
        }
        let kind = match types.words.as_slice() {
            ["object"] => return self.build_object(node, id, types.nullable),
            ["string"] => self.string(node, types.nullable),
            ["integer"] => self.integer(node),
            ["number"] => self.number(node),
            ["array"] => self.list(node),
            [] if node.get("const").is_some() => self.string(node, false),
            words => {
                let Some(mut fields) = Fields::of(node, "a schema", self.diagnostics) else {
                    return;
                };
                skip(&mut fields, self.style);
                fields.get("type");
                fields.finish();
                match words {
                    [] => return self.put(id, Kind::Any(Vec::new()), true),
                    ["boolean"] => Kind::Boolean,
                    _ => Kind::Any(words.iter().map(|word| self.simple(word)).collect()),
                }
            }
        };
        self.put(id, kind, types.nullable);
    }

    /// `type` as a set; nothing where it is not said.
    pub(super) fn types(&mut self, node: &'n Node) -> Types {
        let mut types = Types::default();
        let Some(value) = node.get("type") else { return types };
        let list = match &value.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        for item in list {
            let word = item.as_text().unwrap_or_default();
            if word == "null" {
                types.nullable = true;
            } else if let Some(known) = TYPES.iter().find(|t| **t == word) {
                types.words.push(known);
            } else {
                types.wrong = true;
                self.diagnostics.push(
                    Diagnostic::error(Code::UnknownWord, item.span, "no type of JSON Schema")
                        .help("one of string, integer, number, boolean, array, object, 'null' (in quotes)")
                        .suggest(closest(word, TYPES)),
                );
            }
        }
        types
    }

    /// A type without constraints.
    pub(super) fn simple(&mut self, word: &str) -> SchemaId {
        let id = self.reserve();
        let kind = match word {
            "string" => Kind::String(StringKind::default()),
            "integer" => Kind::Integer { min: i64::MIN, max: i64::MAX },
            "number" => Kind::Number { min: f64::NEG_INFINITY, max: f64::INFINITY },
            "boolean" => Kind::Boolean,
            "array" => {
                let items = self.reserve();
                self.put(items, Kind::Any(Vec::new()), true);
                Kind::List { items, unique: false, min: 0, max: None }
            }
            _ => Kind::Object {
                properties: Vec::new(),
                additional: Additional::Allowed,
                min_properties: 0,
            },
        };
        self.put(id, kind, false);
        id
    }

    fn string(&mut self, node: &'n Node, nullable: bool) -> Kind {
        let Some(mut fields) = Fields::of(node, "a schema of text", self.diagnostics) else {
            return Kind::String(StringKind::default());
        };
        skip(&mut fields, self.style);
        fields.get("type");
        let mut words = None;
        if let Some(word) = fields.text("const") {
            words = Some(vec![word.into()]);
        }
        if let Some(list) = fields.list("enum") {
            let mut listed: Vec<Box<str>> = Vec::new();
            let mut null = false;
            for item in list {
                match &item.value {
                    Value::Null => null = true,
                    Value::Text(word) if listed.iter().any(|w| **w == **word) => {
                        let twice = Diagnostic::error(
                            Code::Contract,
                            item.span,
                            format!("`{word}` is listed twice"),
                        );
                        fields.diagnostics().push(twice);
                    }
                    Value::Text(word) => listed.push(word.as_str().into()),
                    _ => fields
                        .diagnostics()
                        .push(wrong_type(item, "a listed value is text or null")),
                }
            }
            if null != nullable {
                fields.diagnostics().push(
                    Diagnostic::error(
                        Code::Contract,
                        node.span,
                        "`type` and `enum` disagree about null",
                    )
                    .help("write 'null' (in quotes) into `type` and null into `enum`, or neither"),
                );
            }
            words = Some(listed);
        }
        let pattern = fields.text("pattern").map(Pattern::new);
        let pattern = match pattern {
            Some(Ok(pattern)) => Some(pattern),
            Some(Err(_)) => {
                let at = node.get("pattern").map_or(node.span, |n| n.span);
                fields.diagnostics().push(Diagnostic::error(
                    Code::Contract,
                    at,
                    "the pattern is no regular expression",
                ));
                None
            }
            None => None,
        };
        let format = fields.text("format").map(Into::into);
        let min = fields.count("minLength").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let max = fields.count("maxLength").and_then(|n| u32::try_from(n).ok());
        fields.finish();
        Kind::String(StringKind { words, format, pattern, min, max })
    }

    fn integer(&mut self, node: &'n Node) -> Kind {
        let mut kind = Kind::Integer { min: i64::MIN, max: i64::MAX };
        let Some(mut fields) = Fields::of(node, "a schema of a whole number", self.diagnostics)
        else {
            return kind;
        };
        skip(&mut fields, self.style);
        fields.get("type");
        fields.word("format", &["int32", "int64", "unix-seconds"]);
        let mut limit = |key, fallback| match fields.get(key) {
            None => fallback,
            Some(Node { value: Value::Integer(n), .. }) => *n,
            Some(other) => {
                let wrong = wrong_type(other, &format!("`{key}` is a whole number here"));
                fields.diagnostics().push(wrong);
                fallback
            }
        };
        kind = Kind::Integer { min: limit("minimum", i64::MIN), max: limit("maximum", i64::MAX) };
        fields.finish();
        kind
    }

    fn number(&mut self, node: &'n Node) -> Kind {
        let mut kind = Kind::Number { min: f64::NEG_INFINITY, max: f64::INFINITY };
        let Some(mut fields) = Fields::of(node, "a schema of a number", self.diagnostics) else {
            return kind;
        };
        skip(&mut fields, self.style);
        fields.get("type");
        let mut limit = |key, fallback| match fields.get(key) {
            None => fallback,
            Some(Node { value: Value::Float(n), .. }) => *n,
            #[expect(clippy::cast_precision_loss, reason = "limits of the contract are small")]
            Some(Node { value: Value::Integer(n), .. }) => *n as f64,
            Some(other) => {
                let wrong = wrong_type(other, &format!("`{key}` is a number"));
                fields.diagnostics().push(wrong);
                fallback
            }
        };
        kind = Kind::Number {
            min: limit("minimum", f64::NEG_INFINITY),
            max: limit("maximum", f64::INFINITY),
        };
        fields.finish();
        kind
    }

    fn list(&mut self, node: &'n Node) -> Kind {
        let mut read = (None, false, 0, None);
        if let Some(mut fields) = Fields::of(node, "a schema of a list", self.diagnostics) {
            skip(&mut fields, self.style);
            fields.get("type");
            read = (
                fields.required("items"),
                fields.boolean("uniqueItems").unwrap_or(false),
                fields.count("minItems").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
                fields.count("maxItems").and_then(|n| u32::try_from(n).ok()),
            );
            fields.finish();
        }
        let (items, unique, min, max) = read;
        let items = match items {
            Some(items) => self.schema(items),
            None => self.reserve(),
        };
        Kind::List { items, unique, min, max }
    }

    /// What can only be done when every schema is known: nullable copies, and the checks of unions.
    pub(super) fn settle(&mut self) {
        let copies = std::mem::take(&mut self.nullable_copies);
        for (id, target) in &copies {
            let mut source = *target;
            // A copy of a copy: follow, at most as often as there are copies.
            for _ in &copies {
                match copies.iter().find(|(copy, _)| *copy == source) {
                    Some((_, next)) => source = *next,
                    None => break,
                }
            }
            let Some(found) = self.schemas.get(source.0 as usize).cloned() else { continue };
            if let Some(schema) = self.schemas.get_mut(id.0 as usize) {
                schema.kind = found.kind;
                schema.nullable = true;
                schema.name = schema.name.take().or(found.name);
            }
        }
        for (id, node) in std::mem::take(&mut self.unions) {
            self.check_union(id, node);
        }
    }

    /// Every alternative can be told: by the words of a required `type`, no word in two of them, or,
    /// where none has a `type`, by a required member that no other one knows.
    fn check_union(&mut self, id: SchemaId, node: &'n Node) {
        let Some(Schema { kind: Kind::Union(of), .. }) = self.schemas.get(id.0 as usize) else {
            return;
        };
        let of = of.clone();
        let places = node.get("oneOf").and_then(Node::as_list).unwrap_or_default();
        if of.iter().all(|one| self.type_words(*one).is_empty()) {
            for (index, at) in places.iter().enumerate() {
                let own = find::own_members(|id| self.members(id), &of, index).next().is_some();
                if !own {
                    self.error(Code::Contract, at, UNTOLD);
                }
            }
            return;
        }
        let mut seen: Vec<Box<str>> = Vec::new();
        for (alternative, at) in of.into_iter().zip(places) {
            let words = self.type_words(alternative);
            if words.is_empty() {
                self.error(Code::Contract, at, UNTOLD);
            }
            for word in words {
                if seen.contains(&word) {
                    self.error(
                        Code::Contract,
                        at,
                        format!("two alternatives have the type `{word}`"),
                    );
                }
                seen.push(word);
            }
        }
    }

    fn members(&self, id: SchemaId) -> &[Property] {
        match self.schemas.get(id.0 as usize).map(|s| &s.kind) {
            Some(Kind::Object { properties, .. }) => properties,
            _ => &[],
        }
    }

    fn type_words(&self, id: SchemaId) -> Vec<Box<str>> {
        let schema = |id: SchemaId| self.schemas.get(id.0 as usize).map(|s| &s.kind);
        let Some(Kind::Object { properties, .. }) = schema(id) else { return Vec::new() };
        let property = properties.iter().find(|p| &*p.name == "type" && p.required);
        match property.and_then(|p| schema(p.schema)) {
            Some(Kind::String(StringKind { words: Some(words), .. })) => words.clone(),
            _ => Vec::new(),
        }
    }
}

/// Marks the keys that change nothing as known, and those a property reads.
pub(super) fn skip(fields: &mut Fields<'_, '_>, style: Style) {
    let ours = style.property_keys().iter().copied();
    for key in DOCUMENTATION.into_iter().chain(SCHEMA_DOCUMENTATION).chain(ours) {
        fields.get(key);
    }
    if style == Style::Contract {
        fields.get("x-stored");
    }
}
