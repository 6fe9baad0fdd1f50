//! Nodes that no file holds: what a route says in short, written out for the compiler. They keep
//! the span of what they were made from, so that problems point there.

use crate::syntax::yaml::Entry;
use crate::syntax::{Node, Span, Value};

pub(super) fn text(span: Span, text: impl Into<String>) -> Node {
    Node { span, value: Value::Text(text.into()) }
}

pub(super) fn list(span: Span, texts: &[Box<str>]) -> Node {
    let items = texts.iter().map(|t| text(span, &**t)).collect();
    Node { span, value: Value::List(items) }
}

pub(super) fn map(span: Span, entries: impl IntoIterator<Item = (&'static str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| Entry { key: key.to_owned(), key_span: span, value };
    Node { span, value: Value::Map(entries.into_iter().map(entry).collect()) }
}

/// The map without some keys; anything else as it is.
pub(super) fn without(node: &Node, keys: &[&str]) -> Node {
    let value = match &node.value {
        Value::Map(entries) => {
            Value::Map(entries.iter().filter(|e| !keys.contains(&&*e.key)).cloned().collect())
        }
        other => other.clone(),
    };
    Node { span: node.span, value }
}

/// `$root['name']`.
pub(super) fn input(span: Span, root: &str, name: &str) -> Node {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain {
        return text(span, format!("${root}.{name}"));
    }
    let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
    text(span, format!("${root}['{quoted}']"))
}
