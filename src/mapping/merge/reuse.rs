//! `same_as` between records: a record that is another one with changes, a relation or a field line
//! that is another record's.

use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span, Value, closest};

use super::{merge, ways};

/// The files of records with every `same_as` that names something of another record carried out. A
/// record in which one cannot be is left out.
#[must_use]
pub fn reused(files: &[&Node], d: &mut Diagnostics) -> Vec<Node> {
    let blocks = files.iter().filter_map(|file| file.get("records")?.as_map());
    let records = blocks.flatten().map(|e| (e.key.as_str(), &e.value)).collect();
    let mut reuse = Reuse { records, open: Vec::new(), failed: false, d };
    files.iter().map(|file| reuse.file(file)).collect()
}

struct Reuse<'n, 'd> {
    /// Name and what is written of every record; of two of one name the first counts.
    records: Vec<(&'n str, &'n Node)>,
    /// What is being made, to find circles.
    open: Vec<String>,
    /// A part of the record at hand could not be made.
    failed: bool,
    d: &'d mut Diagnostics,
}

fn mapped(node: &Node, mut change: impl FnMut(&Entry) -> Option<Node>) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let entries = entries.iter().filter_map(|e| Some(Entry { value: change(e)?, ..e.clone() }));
    Node { span: node.span, value: Value::Map(entries.collect()) }
}

fn same_as(node: &Node) -> Option<(&str, Span)> {
    let other = node.get("same_as")?;
    Some((other.as_text()?, other.span))
}

fn without_same_as(node: &Node) -> Node {
    mapped(node, |e| (e.key != "same_as").then(|| e.value.clone()))
}

/// `$.place` as the `{ at: $.place }` that it is short for.
fn in_full(node: Node) -> Node {
    if node.as_text().is_none() {
        return node;
    }
    let at = Entry { key: "at".into(), key_span: node.span, value: node.clone() };
    Node { span: node.span, value: Value::Map(vec![at]) }
}

impl<'n> Reuse<'n, '_> {
    fn file(&mut self, file: &Node) -> Node {
        mapped(file, |block| {
            if block.key != "records" {
                return Some(block.value.clone());
            }
            Some(mapped(&block.value, |e| {
                self.failed = false;
                let made = self.record(e);
                made.filter(|_| !self.failed)
            }))
        })
    }

    fn record(&mut self, entry: &Entry) -> Option<Node> {
        let whole = match same_as(&entry.value) {
            None => entry.value.clone(),
            Some(_) => self.outline(&entry.key, entry.key_span)?,
        };
        Some(mapped(&whole, |part| match part.key.as_str() {
            "relations" => Some(mapped(&part.value, |e| self.relation(&e.value))),
            "fields" => Some(self.table(&part.value)),
            _ => Some(self.rule(&part.value)),
        }))
    }

    /// A record with what it is the same as, its lines as they are written.
    fn outline(&mut self, name: &str, span: Span) -> Option<Node> {
        let found = self.records.iter().find(|(n, _)| *n == name).map(|(_, node)| *node);
        let Some(node) = found else {
            let near = closest(name, self.records.iter().map(|(n, _)| *n));
            let message = format!("no record is named `{name}`");
            self.d.push(Diagnostic::error(Code::UnknownRecord, span, message).suggest(near));
            return None;
        };
        let Some((other, at)) = same_as(node) else { return Some(node.clone()) };
        let base = self.once(name, at, |own| own.outline(other, at))?;
        Some(merge(&base, &without_same_as(node), &["records", name], self.d))
    }

    /// Makes something that must not need itself.
    fn once<T>(
        &mut self,
        what: &str,
        span: Span,
        make: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.open.iter().any(|o| o == what) {
            let message = format!("`{what}` is the same as itself, by way of others");
            self.d.push(Diagnostic::error(Code::ExtendsCycle, span, message));
            return None;
        }
        self.open.push(what.to_owned());
        let made = make(self);
        self.open.pop();
        made
    }

    fn relation(&mut self, node: &Node) -> Option<Node> {
        let Some((text, span)) = same_as(node) else { return Some(node.clone()) };
        let made = self.once(text, span, |own| {
            let Some((record, name)) = text.split_once('.') else {
                let message = format!("`{text}` names no relation of another record");
                own.d.push(
                    Diagnostic::error(Code::UnknownRelation, span, message)
                        .help("write it as in `message.kind`: the record, then the relation"),
                );
                return None;
            };
            let record = own.outline(record, span)?;
            let relations = record.get("relations").and_then(Node::as_map).unwrap_or_default();
            let Some(found) = relations.iter().find(|e| e.key == name) else {
                let near = closest(name, relations.iter().map(|e| e.key.as_str()));
                let message = format!("that record has no relation `{name}`");
                own.d.push(Diagnostic::error(Code::UnknownRelation, span, message).suggest(near));
                return None;
            };
            own.relation(&found.value)
        });
        self.failed |= made.is_none();
        made
    }

    /// The lines of a table.
    fn table(&mut self, fields: &Node) -> Node {
        mapped(fields, |line| {
            let value = &line.value;
            let Some((text, span)) = same_as(value) else { return Some(self.rule(value)) };
            // `same_as: email` is an operator: a second key for the place of another one here.
            let own = fields.get(text).is_some();
            let Some((record, key)) = text
                .split_once('.')
                .filter(|(name, _)| !own && self.records.iter().any(|(n, _)| n == name))
            else {
                return Some(self.rule(value));
            };
            let made = self.once(text, span, |own| own.line(record, key, span));
            self.failed |= made.is_none();
            let (made, beside) = (made?, without_same_as(value));
            if beside.as_map().is_some_and(<[Entry]>::is_empty) {
                return Some(made);
            }
            Some(merge(&in_full(made), &beside, &["records", record, "fields", key], self.d))
        })
    }

    fn line(&mut self, record: &str, key: &str, span: Span) -> Option<Node> {
        let record = self.outline(record, span)?;
        let fields = record.get("fields");
        let Some(found) = fields.and_then(|f| ways::line(f, key)).cloned() else {
            let known = fields.and_then(Node::as_map).unwrap_or_default();
            let near = closest(key, known.iter().map(|e| e.key.as_str()));
            let message = format!("that record has no line `{key}`");
            self.d.push(Diagnostic::error(Code::UnknownLine, span, message).suggest(near));
            return None;
        };
        let alone = Node { span: found.key_span, value: Value::Map(vec![found]) };
        self.table(&alone).as_map()?.first().map(|e| e.value.clone())
    }

    /// Tables inside a rule.
    fn rule(&mut self, node: &Node) -> Node {
        match &node.value {
            Value::List(items) => {
                let items = items.iter().map(|i| self.rule(i)).collect();
                Node { span: node.span, value: Value::List(items) }
            }
            Value::Map(_) => mapped(node, |e| match e.key.as_str() {
                "fields" => Some(self.table(&e.value)),
                _ => Some(self.rule(&e.value)),
            }),
            _ => node.clone(),
        }
    }
}
