//! Records: `records:` of a file, and tables that stand in place.

use std::sync::atomic::AtomicBool;

use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span};

use super::relation::read_relation;
use super::rule::{first_key, read_rule, required, unknown_key, word};
use super::text::{self, PlaceText, place, place_text};
use super::union::read_union;
use super::{Body, Join, Line, Need, Only, Record, Table};

const KEYS: [&str; 13] = [
    "canonical",
    "only",
    "why",
    "patch",
    "needs",
    "joins",
    "fields",
    "one_of",
    "relations",
    "fill",
    "drop",
    "about",
    "documented",
];

/// Reads every record of a file.
pub(crate) fn read_records(node: &Node, d: &mut Diagnostics) -> Vec<Record> {
    top_level(node, "records", d)
        .iter()
        .filter_map(|entry| {
            let record = read_record_like(
                (entry.key.as_str().into(), entry.key_span),
                &entry.value,
                &[],
                d,
            )?;
            if record.canonical.is_none() {
                let at = first_key(&entry.value);
                let message = "a record must have the key `canonical`";
                d.push(Diagnostic::error(Code::MissingKey, at, message));
                return None;
            }
            Some(record)
        })
        .collect()
}

/// The entries of the one block of a file.
pub(super) fn top_level<'n>(node: &'n Node, key: &str, d: &mut Diagnostics) -> &'n [Entry] {
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, &format!("this file is a map with the key `{key}`")));
        return &[];
    };
    for entry in entries.iter().filter(|e| e.key != key) {
        d.push(unknown_key("this file", entry, &[key]));
    }
    let Some(block) = required(node, key, &format!("this file must have the key `{key}`"), d)
    else {
        return &[];
    };
    block.as_map().unwrap_or_else(|| {
        d.push(wrong_type(block, &format!("`{key}` is a map of names")));
        &[]
    })
}

/// Reads a record, or a table that stands in place. `beside` are keys of the block that are
/// somebody else's.
pub(crate) fn read_record_like(
    name: (Box<str>, Span),
    node: &Node,
    beside: &[&str],
    d: &mut Diagnostics,
) -> Option<Record> {
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "a record is a map of keys"));
        return None;
    };
    let before = d.len();
    for entry in entries {
        if !KEYS.contains(&entry.key.as_str()) && !beside.contains(&entry.key.as_str()) {
            d.push(unknown_key("a record", entry, &KEYS));
        }
    }
    let body = match (node.get("fields"), node.get("one_of")) {
        (Some(table), None) => Body::Fields(read_table(table, d)?),
        (None, Some(union)) => Body::OneOf(read_union(union, d)?),
        (Some(_), Some(union)) => {
            let message = "`fields` and `one_of` exclude each other";
            d.push(Diagnostic::error(Code::UnknownOperator, union.span, message));
            return None;
        }
        (None, None) => {
            let message = "a record must have `fields`, or `one_of`";
            d.push(
                Diagnostic::error(Code::MissingKey, first_key(node), message)
                    .label("in this block"),
            );
            return None;
        }
    };
    let mut record = Record {
        name,
        broken: false,
        canonical: node
            .get("canonical")
            .and_then(|n| word(n, "`canonical` names a schema of the contract", d)),
        only: node.get("only").and_then(|n| text::only(n, d)),
        patch: patch(node, d),
        needs: read_needs(node, d),
        joins: read_joins(node, d),
        body,
        relations: read_relations(node, d),
        fill: read_fill(node, d),
        drops: read_drops(node, d),
        used: AtomicBool::new(false),
    };
    record.broken = d.len() != before;
    Some(record)
}

fn patch(node: &Node, d: &mut Diagnostics) -> bool {
    match node.get("patch").map(|n| (&n.value, n)) {
        None => false,
        Some((crate::syntax::Value::Bool(b), _)) => *b,
        Some((_, other)) => {
            d.push(wrong_type(other, "`patch` is true or false"));
            false
        }
    }
}

/// Reads field lines.
pub(crate) fn read_table(node: &Node, d: &mut Diagnostics) -> Option<Table> {
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "`fields` is a map of field lines"));
        return None;
    };
    let mut lines = Vec::new();
    for entry in entries {
        let key = text::key(&entry.key);
        if key.iter().any(|part| part.is_empty()) {
            let message = format!("`{}` is no key: a part between two dots is empty", entry.key);
            d.push(Diagnostic::error(Code::BadPlace, entry.key_span, message));
            continue;
        }
        if let Some(rule) = read_rule(&entry.value, &[], d) {
            let text = entry.key.as_str().into();
            lines.push(Line { key, text, span: entry.key_span, rule });
        }
    }
    keys_together(&lines, 0, d);
    Some(Table { lines })
}

/// Reports keys of one object that do not stand together, and keys written twice.
fn keys_together(lines: &[Line], depth: usize, d: &mut Diagnostics) {
    let mut seen: Vec<(&str, usize, usize)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(part) = line.key.get(depth) else { continue };
        let whole = line.key.len() == depth + 1;
        match seen.iter_mut().find(|(name, ..)| *name == &**part) {
            None => seen.push((part, index, index)),
            Some((_, first, last)) => {
                let other = lines.get(*first);
                let both_inside = !whole && other.is_some_and(|o| o.key.len() > depth + 1);
                let related = other.map_or(line.span, |o| o.span);
                if !both_inside {
                    let message = format!("two rules write `{}`", join(&line.key, depth));
                    d.push(
                        Diagnostic::error(Code::TwoWriters, line.span, message)
                            .related(related, "the other one"),
                    );
                } else if *last + 1 != index {
                    let message =
                        format!("the keys of `{}` do not stand together", join(&line.key, depth));
                    d.push(
                        Diagnostic::error(Code::KeysApart, line.span, message)
                            .related(related, "the object begins here")
                            .help("clients see keys in the order written: move this line up"),
                    );
                }
                *last = index;
            }
        }
    }
    for (_, first, last) in seen {
        if first < last
            && let Some(inside) = lines.get(first..=last)
            && inside.iter().all(|l| l.key.len() > depth + 1)
        {
            keys_together(inside, depth + 1, d);
        }
    }
}

fn join(key: &[Box<str>], depth: usize) -> String {
    key.get(..=depth).unwrap_or(key).join(".")
}

fn entries<'n>(node: &'n Node, key: &str, what: &str, d: &mut Diagnostics) -> &'n [Entry] {
    let Some(block) = node.get(key) else { return &[] };
    block.as_map().unwrap_or_else(|| {
        d.push(wrong_type(block, what));
        &[]
    })
}

fn read_needs(node: &Node, d: &mut Diagnostics) -> Vec<Need> {
    let needs = entries(node, "needs", "`needs` is a map from arguments to schemas", d);
    needs
        .iter()
        .filter_map(|entry| {
            let (schema, list) = match entry.value.as_list() {
                Some([only]) => (only, true),
                Some(_) => {
                    d.push(wrong_type(&entry.value, "a list is written `[ Schema ]`"));
                    return None;
                }
                None => (&entry.value, false),
            };
            Some(Need {
                name: (entry.key.as_str().into(), entry.key_span),
                canonical: word(schema, "an argument's type is the name of a schema", d)?,
                list,
            })
        })
        .collect()
}

fn read_joins(node: &Node, d: &mut Diagnostics) -> Vec<Join> {
    const KEYS: [&str; 3] = ["find", "by", "key"];
    let joins = entries(node, "joins", "`joins` is a map from names to `{ find, by, key }`", d);
    joins
        .iter()
        .filter_map(|entry| {
            for key in entry.value.as_map().unwrap_or_default() {
                if !KEYS.contains(&key.key.as_str()) {
                    d.push(unknown_key("a join", key, &KEYS));
                }
            }
            let list = required(&entry.value, "find", "a join needs `find`: the list", d);
            let by = required(&entry.value, "by", "a join needs `by`: the member to compare", d);
            let key = required(&entry.value, "key", "a join needs `key`: what to compare with", d);
            Some(Join {
                name: (entry.key.as_str().into(), entry.key_span),
                list: place(list?, d)?,
                by: text::path(by?, d)?,
                key: place(key?, d)?,
            })
        })
        .collect()
}

fn read_relations(node: &Node, d: &mut Diagnostics) -> Vec<super::Relation> {
    let relations = entries(node, "relations", "`relations` is a map of decision tables", d);
    relations.iter().filter_map(|e| read_relation(e, d)).collect()
}

fn read_fill(node: &Node, d: &mut Diagnostics) -> Vec<(PlaceText, Node)> {
    let fill = entries(node, "fill", "`fill` is a map from places to values", d);
    fill.iter()
        .filter_map(|e| Some((place_text(&e.key, e.key_span, d)?, e.value.clone())))
        .collect()
}

fn read_drops(node: &Node, d: &mut Diagnostics) -> Vec<PlaceText> {
    let Some(drop) = node.get("drop") else { return Vec::new() };
    let Some(groups) = drop.as_list() else {
        d.push(wrong_type(drop, "`drop` is a list of `{ why, places }`"));
        return Vec::new();
    };
    let mut all = Vec::new();
    for group in groups {
        for entry in group.as_map().unwrap_or_default() {
            if !["why", "places"].contains(&entry.key.as_str()) {
                d.push(unknown_key("a group of dropped places", entry, &["why", "places"]));
            }
        }
        required(group, "why", "dropped places need the key `why`: a reason", d);
        let Some(places) = required(group, "places", "`drop` needs `places`", d) else { continue };
        let Some(items) = places.as_list() else {
            d.push(wrong_type(places, "`places` is a list of places"));
            continue;
        };
        all.extend(items.iter().filter_map(|i| place(i, d)));
    }
    all
}

impl Record {
    /// Whether it is claimed in a direction.
    pub(crate) fn goes(&self, direction: Only) -> bool {
        self.only.is_none_or(|only| only == direction)
    }
}
