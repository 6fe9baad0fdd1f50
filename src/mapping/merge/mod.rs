//! Laying one part of a mapping over another, as written: a dialect over the one it extends, a
//! record over the one it is the same as.
//!
//! Maps merge by key, lists and scalars are replaced whole; a changed key keeps its place and a new
//! one goes last. `replace: true` in a map takes nothing of the base, `remove: [ path, … ]` drops,
//! `order: [ key, … ]` says which keys come first. Every part keeps the place where it stands, so
//! that what is said about it later points at its own file.

mod reuse;
mod tables;
#[cfg(test)]
mod tests;
mod ways;

use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Value, closest};

pub use reuse::reused;

/// `over` laid over `base`. `path` says which part of a dialect they are: `["records"]`.
#[must_use]
pub fn merge(base: &Node, over: &Node, path: &[&str], d: &mut Diagnostics) -> Node {
    let path = path.iter().map(|p| (*p).to_owned()).collect();
    Merge { path, keep: false, d }.node(base, over)
}

struct Merge<'d> {
    path: Vec<String>,
    /// Inside a record that is the same as another: what it says about that one is for later.
    keep: bool,
    d: &'d mut Diagnostics,
}

/// A key is a directive by the type of its value: a field of that name holds a rule, never a list.
fn is_directive(entry: &Entry) -> bool {
    match entry.key.as_str() {
        "replace" => entry.value.value == Value::Bool(true),
        "remove" | "order" => {
            let texts = |l: &[Node]| !l.is_empty() && l.iter().all(|i| i.as_text().is_some());
            entry.value.as_list().is_some_and(texts)
        }
        _ => false,
    }
}

/// The directive `key` of a map.
fn directive<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Node> {
    entries.iter().find(|e| e.key == key && is_directive(e)).map(|e| &e.value)
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_list).unwrap_or_default()
}

impl Merge<'_> {
    fn node(&mut self, base: &Node, over: &Node) -> Node {
        let (Value::Map(below), Value::Map(above)) = (&base.value, &over.value) else {
            return self.fresh(over);
        };
        if ways::is_whole(&self.path) {
            return self.fresh(over);
        }
        let kept = self.keep;
        let same = |e: &[Entry]| e.iter().any(|e| e.key == "same_as");
        let value = if directive(above, "replace").is_some() && (!kept || self.is_record()) {
            let rest = above.iter().filter(|e| e.key != "replace").cloned().collect();
            return self.fresh(&Node { span: over.span, value: Value::Map(rest) });
        } else if kept && directive(above, "replace").is_some() {
            above.clone()
        } else {
            self.keep |= self.is_record() && (same(below) || same(above));
            self.map(below, above)
        };
        self.keep = kept;
        Node { span: over.span, value: Value::Map(value) }
    }

    fn map(&mut self, below: &[Entry], above: &[Entry]) -> Vec<Entry> {
        let mut merged = ways::one_form(&self.path, below);
        let above = ways::one_form(&self.path, above);
        if ways::is_table(&self.path) {
            tables::overruled(&mut merged, &above);
        }
        if !self.keep {
            for path in items(directive(&above, "remove")) {
                self.remove(&mut merged, path);
            }
        }
        let keep = self.keep;
        for entry in above.iter().filter(|e| keep || !is_directive(e)) {
            self.path.push(entry.key.clone());
            let found = merged.iter_mut().find(|e| e.key == entry.key);
            match found {
                None => {
                    let value = self.fresh(&entry.value);
                    merged.push(Entry { value, ..entry.clone() });
                }
                Some(old) => {
                    let value = if ways::is_rows(&self.path) {
                        tables::joined(&old.value, &entry.value)
                    } else if is_directive(entry) && entry.key == "remove" {
                        tables::appended(&old.value, &entry.value)
                    } else {
                        self.node(&old.value, &entry.value)
                    };
                    *old = Entry { value, ..entry.clone() };
                }
            }
            self.path.pop();
        }
        if !self.keep {
            self.order(&mut merged, items(directive(&above, "order")));
        }
        merged
    }

    fn is_record(&self) -> bool {
        matches!(&*self.path, [block, _] if block == "records")
    }

    /// What has nothing below it: a directive in it can mean nothing.
    fn fresh(&mut self, node: &Node) -> Node {
        let Value::Map(entries) = &node.value else { return node.clone() };
        let reused = self.is_record() && entries.iter().any(|e| e.key == "same_as");
        if self.keep || reused || ways::is_whole(&self.path) {
            return node.clone();
        }
        let mut value = Vec::new();
        for entry in entries {
            if entry.key == "replace" && is_directive(entry) {
                self.d.push(
                    Diagnostic::error(
                        Code::NothingBelow,
                        entry.key_span,
                        "the base has nothing here to replace",
                    )
                    .help("remove this line: what the base does not have is taken as it stands"),
                );
                continue;
            }
            self.path.push(entry.key.clone());
            value.push(Entry { value: self.fresh(&entry.value), ..entry.clone() });
            self.path.pop();
        }
        Node { span: node.span, value: Value::Map(value) }
    }

    fn remove(&mut self, merged: &mut Vec<Entry>, path: &Node) {
        let written = path.as_text().unwrap_or_default();
        let meant = ways::in_one_form(&self.path, written);
        if !ways::drop(merged, &meant) {
            let message = format!("the base has no `{written}` here to remove");
            self.d.push(
                Diagnostic::error(Code::NothingBelow, path.span, message)
                    .suggest(ways::near(merged, &meant).as_deref()),
            );
        }
    }

    fn order(&mut self, merged: &mut Vec<Entry>, order: &[Node]) {
        let mut first = Vec::new();
        for key in order {
            let text = key.as_text().unwrap_or_default();
            let Some(at) = merged.iter().position(|e| e.key == text) else {
                let message = format!("there is no key `{text}` here to put first");
                let known = merged.iter().map(|e| e.key.as_str());
                self.d.push(
                    Diagnostic::error(Code::NothingBelow, key.span, message)
                        .suggest(closest(text, known)),
                );
                continue;
            };
            first.push(merged.remove(at));
        }
        merged.splice(0..0, first);
    }
}
