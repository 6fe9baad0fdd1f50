//! Relations: decision tables with cells of both sides.

use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Value, closest};

use super::rule::{read_value, required, unknown_key, word};
use super::text::{self, place};
use super::{Cell, Column, Relation, Row, ValueText};

const KEYS: [&str; 8] =
    ["dialect", "canonical", "guard", "columns", "rows", "decode_only", "encode_only", "raw"];
const COLUMN: [&str; 7] = ["as", "enum", "write", "accept", "missing_as", "also_null", "why"];

/// Reads one relation.
pub(super) fn read_relation(entry: &Entry, d: &mut Diagnostics) -> Option<Relation> {
    let node = &entry.value;
    if node.as_map().is_none() {
        d.push(wrong_type(node, "a relation is a map of keys"));
        return None;
    }
    for key in node.as_map().unwrap_or_default() {
        if !KEYS.contains(&key.key.as_str()) {
            d.push(unknown_key("a relation", key, &KEYS));
        }
    }
    let dialect = list(node, "dialect", d);
    let canonical = list(node, "canonical", d);
    let (dialect, canonical) = (dialect?, canonical?);
    let guards: Vec<(&str, &Node)> = match node.get("guard") {
        None => Vec::new(),
        Some(guard) => guard
            .as_list()
            .unwrap_or_default()
            .iter()
            .filter_map(|n| Some((n.as_text()?, n)))
            .collect(),
    };
    let mut columns = Vec::new();
    for item in dialect {
        // `{ private: { missing_as: false } }` is short for the same under `columns`.
        let (name, own) = match item.as_map() {
            Some([only]) => ((only.key.as_str().into(), only.key_span), Some(&only.value)),
            _ => (word(item, "a dialect column is a key", d)?, None),
        };
        let settings = node.get("columns").and_then(|c| c.get(&name.0)).or(own);
        let mut column = Column {
            key: text::key(&name.0),
            guard: guards.iter().any(|(g, _)| **g == *name.0),
            name,
            value: ValueText::default(),
            also_null: Vec::new(),
            missing_as: None,
        };
        if let Some(settings) = settings {
            read_settings(settings, &mut column, d);
        }
        columns.push(column);
    }
    for named in node.get("columns").and_then(Node::as_map).unwrap_or_default() {
        if !columns.iter().any(|c| *c.name.0 == *named.key) {
            d.push(
                Diagnostic::error(
                    Code::UnknownKey,
                    named.key_span,
                    format!("the relation has no dialect column `{}`", named.key),
                )
                .suggest(closest(&named.key, columns.iter().map(|c| &*c.name.0))),
            );
        }
    }
    let places: Vec<_> = canonical
        .iter()
        .map(|n| {
            let text = n.as_text().unwrap_or_default();
            place(n, d).map(|p| (p, guards.iter().any(|(g, _)| *g == text)))
        })
        .collect();
    let places: Vec<_> = places.into_iter().collect::<Option<_>>()?;
    for (guard, at) in guards {
        let known = columns.iter().any(|c| *c.name.0 == *guard)
            || canonical.iter().any(|c| c.as_text() == Some(guard));
        if !known {
            let message = format!("`{guard}` is no column of this relation");
            let names = columns.iter().map(|c| &*c.name.0);
            let all = names.chain(canonical.iter().filter_map(Node::as_text));
            d.push(
                Diagnostic::error(Code::UnknownKey, at.span, message).suggest(closest(guard, all)),
            );
        }
    }
    let width = (columns.len(), places.len());
    let raw = node.get("raw").and_then(|raw| {
        let of = required(raw, "of", "`raw` needs `of`: the dialect column that is kept", d);
        let at = required(raw, "at", "`raw` needs `at`: where it is kept", d);
        let of = word(of?, "`of` names a dialect column", d)?;
        if !columns.iter().any(|c| c.name.0 == of.0) {
            let names = columns.iter().map(|c| &*c.name.0);
            d.push(
                Diagnostic::error(
                    Code::UnknownKey,
                    of.1,
                    format!("the relation has no dialect column `{}`", of.0),
                )
                .suggest(closest(&of.0, names)),
            );
            return None;
        }
        Some((of, place(at?, d)?))
    });
    let mut rows = |key| read_rows(node, key, width, d);
    Some(Relation {
        name: (entry.key.as_str().into(), entry.key_span),
        rows: rows("rows"),
        decode_only: rows("decode_only"),
        encode_only: rows("encode_only"),
        dialect: columns,
        canonical: places,
        raw,
    })
}

fn list<'n>(node: &'n Node, key: &str, d: &mut Diagnostics) -> Option<&'n [Node]> {
    let found = required(node, key, &format!("a relation must have the key `{key}`"), d)?;
    if found.as_list().is_none() {
        d.push(wrong_type(found, &format!("`{key}` is a list of columns")));
    }
    found.as_list()
}

fn read_settings(node: &Node, column: &mut Column, d: &mut Diagnostics) {
    for entry in node.as_map().unwrap_or_default() {
        if !COLUMN.contains(&entry.key.as_str()) {
            d.push(
                Diagnostic::error(
                    Code::UnknownOperator,
                    entry.key_span,
                    format!("a column of a relation does not take `{}`", entry.key),
                )
                .suggest(closest(&entry.key, COLUMN)),
            );
        }
    }
    column.value = read_value(node, d).unwrap_or_default();
    column.missing_as = node.get("missing_as").map(text::json);
    if let Some(also) = node.get("also_null") {
        match also.as_list() {
            Some(items) => column.also_null = items.iter().map(text::json).collect(),
            None => d.push(wrong_type(also, "`also_null` is a list of values")),
        }
    }
}

fn read_rows(node: &Node, key: &str, width: (usize, usize), d: &mut Diagnostics) -> Vec<Row> {
    let Some(rows) = node.get(key) else { return Vec::new() };
    let Some(items) = rows.as_list() else {
        d.push(wrong_type(rows, &format!("`{key}` is a list of rows")));
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|row| {
            let Some([dialect, canonical]) = row.as_list() else {
                d.push(wrong_type(row, "a row is `[ [ dialect cells ], [ canonical cells ] ]`"));
                return None;
            };
            let read = Row {
                span: row.span,
                dialect: cells(dialect, width.0, d)?,
                canonical: cells(canonical, width.1, d)?,
            };
            let copies = |cells: &[Cell]| cells.iter().filter(|c| **c == Cell::Copy).count();
            if copies(&read.dialect) != copies(&read.canonical) {
                d.push(
                    Diagnostic::error(
                        Code::NotInvertible,
                        row.span,
                        "both sides of a row must have the same number of `copy` cells",
                    )
                    .help("the n-th copy of one side is the n-th of the other"),
                );
                return None;
            }
            Some(read)
        })
        .collect()
}

fn cells(node: &Node, width: usize, d: &mut Diagnostics) -> Option<Vec<Cell>> {
    let Some(items) = node.as_list() else {
        d.push(wrong_type(node, "one side of a row is a list of cells"));
        return None;
    };
    if items.len() != width {
        let message = format!("this side has {width} columns, the row has {}", items.len());
        d.push(Diagnostic::error(Code::WrongType, node.span, message));
        return None;
    }
    items.iter().map(|n| cell(n, d)).collect()
}

fn cell(node: &Node, d: &mut Diagnostics) -> Option<Cell> {
    Some(match &node.value {
        Value::Null => Cell::Null,
        Value::Text(word) => match word.as_str() {
            "_" => Cell::Any,
            "null" => Cell::Null,
            "absent" => Cell::Absent,
            "set" => Cell::Set,
            "copy" => Cell::Copy,
            _ => Cell::Value(text::json(node)),
        },
        Value::Map(entries) => match entries.as_slice() {
            [only] if only.key == "value" => Cell::Value(text::json(&only.value)),
            _ => {
                d.push(wrong_type(node, "a cell is a word, a value or `{ value: word }`"));
                return None;
            }
        },
        Value::List(_) => {
            d.push(wrong_type(node, "a cell is a word, a value or `{ value: word }`"));
            return None;
        }
        _ => Cell::Value(text::json(node)),
    })
}
