//! The one YAML reader: a tree with the place of every key and value.
//!
//! Booleans are strict (`yes` and `on` are text), aliases and nodes have a budget, and a key
//! written twice is an error. Numbers keep their text, since YAML readers shorten `1.10`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Code, Diagnostic, SourceId, Sources, Span};

/// Most nodes of a mapping file or example.
pub const FILE_NODES: usize = 20_000;
/// Most nodes of a configuration: room for thousands of tenants, with mounts and credentials each.
pub const CONFIG_NODES: usize = 500_000;
/// Most nodes of the canonical contract.
pub const CONTRACT_NODES: usize = 100_000;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value's own text. Of a list or map: from its first to its last byte.
    pub span: Span,
    /// What was written.
    pub value: Value,
}

/// What YAML can say.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`, nothing else.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Everything else.
    Text(String),
    /// `[a, b]` or lines that begin with `-`.
    List(Vec<Node>),
    /// `{a: b}` or lines `a: b`, in the order written.
    Map(Vec<Entry>),
}

/// One line of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// What it holds.
    pub value: Node,
}

impl Node {
    /// The text, where it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, where it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The elements, where it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value under `key`, where it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// What kind of value it is, with its article.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Integer(n) => Json::from(*n),
            Value::Float(n) => Json::from(*n),
            Value::Text(t) => Json::from(t.as_str()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect())
            }
        }
    }
}

/// Reads the source `id`.
///
/// # Errors
/// One diagnostic: YAML cannot be read past its first syntax error.
pub fn parse(sources: &Sources, id: SourceId, max_nodes: usize) -> Result<Node, Diagnostic> {
    let text = sources.text(id);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: max_nodes,
            max_events: max_nodes * 4,
            max_aliases: 50,
            max_anchors: 50,
            max_depth: 64,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options)
        .map(|raw| Build { text, source: id }.node(raw))
        .map_err(|error| explain(text, id, &error))
}

fn explain(text: &str, source: SourceId, error: &serde_saphyr::Error) -> Diagnostic {
    let error = error.without_snippet();
    let span = error.location().map_or(Span::start_of(source), |l| Build { text, source }.span(&l));
    let message = error.to_string();
    // The reader appends its own idea of the place; ours is the picture.
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    if message.contains("duplicate") {
        return Diagnostic::error(
            Code::DuplicateKey,
            span,
            "this key is written twice in one block",
        );
    }
    let line = text
        .get(..span.start as usize)
        .and_then(|before| text.lines().nth(before.bytes().filter(|b| *b == b'\n').count()))
        .unwrap_or("");
    if line.contains(['{', '[']) {
        return Diagnostic::error(
            Code::QuoteThis,
            span,
            format!("not readable as YAML: {message}"),
        )
        .help(
            "inside { } and [ ], quote a place with `[`, a path with `{` and prose with a comma",
        );
    }
    Diagnostic::error(Code::Syntax, span, format!("not readable as YAML: {message}"))
}

/// What serde sees before the places are turned into ours.
enum Raw {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

struct Build<'t> {
    text: &'t str,
    source: SourceId,
}

impl Build<'_> {
    fn span(&self, location: &Location) -> Span {
        let span = location.span();
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        if let (Some(start), Some(len)) = (span.byte_offset(), span.byte_len()) {
            return Span { source: self.source, start: small(start), end: small(start + len) };
        }
        // Scanner errors know line and column only.
        let line_start: usize = self
            .text
            .split_inclusive('\n')
            .take(usize::try_from(location.line().saturating_sub(1)).unwrap_or(0))
            .map(str::len)
            .sum();
        let rest = self.text.get(line_start..).unwrap_or("");
        let skip = usize::try_from(location.column().saturating_sub(1)).unwrap_or(0);
        let offset = rest.char_indices().nth(skip).map_or(rest.len(), |(i, _)| i);
        let at = small((line_start + offset) as u64);
        Span { source: self.source, start: at, end: at }
    }

    fn node(&self, raw: Spanned<Raw>) -> Node {
        let mut span = self.span(&raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(b) => Value::Bool(b),
            Raw::Integer(n) => Value::Integer(n),
            Raw::Float(n) => Value::Float(n),
            Raw::Text(t) => Value::Text(t),
            Raw::List(items) => Value::List(items.into_iter().map(|i| self.node(i)).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key_span: self.span(&key.referenced),
                        key: key.value,
                        value: self.node(value),
                    })
                    .collect(),
            ),
        };
        let last = match &value {
            Value::List(items) => items.last().map(|n| n.span.end),
            Value::Map(entries) => entries.last().map(|e| e.value.span.end),
            _ => None,
        };
        span.end = span.end.max(last.unwrap_or(0));
        Node { span, value }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any YAML value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
                Raw::deserialize(deserializer)
            }
            fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
                Ok(Raw::Integer(v))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "beyond 64 bits signed, YAML has no exact number"
                )]
                Ok(i64::try_from(v).map_or(Raw::Float(v as f64), Raw::Integer))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
                Ok(Raw::Float(v))
            }
            fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
                Ok(Raw::Text(v.to_owned()))
            }
            fn visit_string<E>(self, v: String) -> Result<Raw, E> {
                Ok(Raw::Text(v))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Raw::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Raw::Map(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Sources, Result<Node, Diagnostic>) {
        let mut sources = Sources::default();
        let id = sources.add("test.yaml", text);
        let node = parse(&sources, id, FILE_NODES);
        (sources, node)
    }

    #[test]
    fn keys_and_values_know_their_place_after_multibyte_text() {
        let (sources, node) = read("é: ü\nfields:\n  id: { at: $.number, as: x }\n");
        let node = node.unwrap();
        let id = node.get("fields").and_then(|f| f.get("id")).unwrap();
        let at = id.get("at").unwrap();
        assert_eq!(sources.slice(at.span), "$.number");
        assert_eq!(sources.locate(at.span), "test.yaml:3:13");
        let key = &node.as_map().unwrap()[1];
        assert_eq!(sources.slice(key.key_span), "fields");
    }

    #[test]
    fn only_true_and_false_are_booleans() {
        let (_, node) = read("a: yes\nb: on\nc: true\nd: no\ne:\nf: 007\ng: 12\n");
        let node = node.unwrap();
        assert_eq!(node.get("a").unwrap().as_text(), Some("yes"));
        assert_eq!(node.get("b").unwrap().as_text(), Some("on"));
        assert_eq!(node.get("c").unwrap().value, Value::Bool(true));
        assert_eq!(node.get("d").unwrap().as_text(), Some("no"));
        assert_eq!(node.get("e").unwrap().value, Value::Null);
        assert_eq!(node.get("g").unwrap().value, Value::Integer(12));
    }

    #[test]
    fn a_key_written_twice_is_refused() {
        let (_, node) = read("a: 1\na: 2\n");
        assert_eq!(node.unwrap_err().code, Code::DuplicateKey);
    }

    #[test]
    fn an_unquoted_bracket_says_to_quote_it() {
        let (_, node) = read("id: { at: $.channels[0].type, enum: x }\n");
        assert_eq!(node.unwrap_err().code, Code::QuoteThis);
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
        for (previous, next) in ["a", "b", "c", "d", "e"].iter().zip(["b", "c", "d", "e", "f"]) {
            let list = vec![format!("*{previous}"); 10].join(", ");
            text.push_str(&format!("{next}: &{next} [{list}]\n"));
        }
        assert!(read(&text).1.is_err());
    }
}
