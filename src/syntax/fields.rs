//! Reading a map whose keys are known: what is missing, unknown or of the wrong type is reported,
//! and reading goes on.

use super::yaml::Entry;
use super::{Code, Diagnostic, Diagnostics, Node, Span, Value, closest};

/// A map being read. Every key asked for is remembered, so that [`Fields::finish`] can name the
/// ones nobody asked for.
#[derive(Debug)]
pub struct Fields<'n, 'd> {
    what: &'static str,
    span: Span,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
    diagnostics: &'d mut Diagnostics,
}

impl<'n, 'd> Fields<'n, 'd> {
    /// Begins to read `node` as `what` ("a route"). Reports and gives nothing where it is no map.
    pub fn of(
        node: &'n Node,
        what: &'static str,
        diagnostics: &'d mut Diagnostics,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            diagnostics.push(wrong_type(node, &format!("{what} is a map of keys")));
            return None;
        };
        Some(Self { what, span: node.span, entries, asked: Vec::new(), diagnostics })
    }

    /// Where the block stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where problems go.
    pub fn diagnostics(&mut self) -> &mut Diagnostics {
        self.diagnostics
    }

    /// The value of `key`, null included.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// Key and value of `key`.
    pub fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        self.asked.push(key);
        self.entries.iter().find(|e| e.key == key)
    }

    /// The value of `key`, which must be there.
    pub fn required(&mut self, key: &'static str) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() {
            let at = self.entries.first().map_or(self.span, |e| e.key_span);
            let message = format!("{} must have the key `{key}`", self.what);
            self.diagnostics
                .push(Diagnostic::error(Code::MissingKey, at, message).label("in this block"));
        }
        found
    }

    /// Text under `key`.
    pub fn text(&mut self, key: &'static str) -> Option<&'n str> {
        let node = self.get(key)?;
        let text = node.as_text();
        if text.is_none() {
            self.diagnostics.push(wrong_type(node, &format!("`{key}` is text")));
        }
        text
    }

    /// A boolean under `key`.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let node = self.get(key)?;
        if let Value::Bool(b) = node.value {
            return Some(b);
        }
        self.diagnostics.push(wrong_type(node, &format!("`{key}` is true or false")));
        None
    }

    /// A whole number of at least 0 under `key`.
    pub fn count(&mut self, key: &'static str) -> Option<usize> {
        let node = self.get(key)?;
        if let Value::Integer(n) = node.value
            && let Ok(n) = usize::try_from(n)
        {
            return Some(n);
        }
        self.diagnostics.push(wrong_type(node, &format!("`{key}` is a whole number, 0 or more")));
        None
    }

    /// The elements of a list under `key`.
    pub fn list(&mut self, key: &'static str) -> Option<&'n [Node]> {
        let node = self.get(key)?;
        let list = node.as_list();
        if list.is_none() {
            self.diagnostics.push(wrong_type(node, &format!("`{key}` is a list")));
        }
        list
    }

    /// The entries of a map under `key`.
    pub fn map(&mut self, key: &'static str) -> Option<&'n [Entry]> {
        let node = self.get(key)?;
        let map = node.as_map();
        if map.is_none() {
            self.diagnostics.push(wrong_type(node, &format!("`{key}` is a map")));
        }
        map
    }

    /// One of `words` under `key`.
    pub fn word(&mut self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let node = self.get(key)?;
        let text = node.as_text().unwrap_or_default();
        let found = words.iter().find(|w| **w == text).copied();
        if found.is_none() {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownWord,
                    node.span,
                    format!("`{key}` is one of {}", words.join(", ")),
                )
                .suggest(closest(text, words.iter().copied())),
            );
        }
        found
    }

    /// Reports every key that was never asked for.
    pub fn finish(self) {
        for entry in self.entries.iter().filter(|e| !self.asked.contains(&e.key.as_str())) {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownKey,
                    entry.key_span,
                    format!("{} has no key `{}`", self.what, entry.key),
                )
                .label("not a key of this block")
                .suggest(closest(&entry.key, self.asked.iter().copied())),
            );
        }
    }
}

/// A value of the wrong type; `expected` is a whole clause ("`most` is a whole number").
#[must_use]
pub fn wrong_type(node: &Node, expected: &str) -> Diagnostic {
    Diagnostic::error(Code::WrongType, node.span, format!("{expected}, not {}", node.kind()))
}
