//! What a way through a mapping leads to: which maps are the language's, and which are values that
//! only look like one; how a path of `remove` finds its entry.

use crate::syntax::yaml::Entry;
use crate::syntax::{Node, Value, closest};

/// Keys whose map holds names that an author chose.
const NAMES: [&str; 18] = [
    "records",
    "enums",
    "conditions",
    "keys",
    "operators",
    "marked",
    "routes",
    "fields",
    "query",
    "path",
    "headers",
    "calls",
    "needs",
    "joins",
    "give",
    "errors",
    "properties",
    "schemas",
];
/// Operators that hold a JSON value.
const VALUES: [&str; 5] = ["const", "json", "null_as", "default", "missing_as"];

/// Whether the map at a path is replaced whole: a JSON value, or a relation.
pub(super) fn is_whole(path: &[String]) -> bool {
    let above = |n: usize| path.len().checked_sub(n).and_then(|i| path.get(i)).map(String::as_str);
    let (own, parent, grand) = (above(1), above(2), above(3));
    let named = |key: &Option<&str>| key.is_some_and(|k| NAMES.contains(&k));
    let value = own.is_some_and(|k| VALUES.contains(&k)) && !named(&parent);
    let relation = parent == Some("relations") && grand != Some("fields");
    let filled = parent == Some("fill") && grand != Some("fields");
    let error = path.len() == 3 && grand == Some("errors") && own == Some("body");
    value || relation || filled || error
}

/// Whether a path leads to an enum table.
pub(super) fn is_table(path: &[String]) -> bool {
    matches!(path, [block, _] if block == "enums")
}

/// Whether a path leads to the rows of one.
pub(super) fn is_rows(path: &[String]) -> bool {
    let rows = |k: &str| ["rows", "encode_only", "decode_only"].contains(&k);
    matches!(path, [block, _, key] if block == "enums" && rows(key))
}

fn is_route(path: &[String]) -> bool {
    matches!(path, [block, _] if block == "routes")
}

/// The entries, with the one `call` of a route among `calls`.
pub(super) fn one_form(path: &[String], entries: &[Entry]) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    if is_route(path)
        && !entries.iter().any(|e| e.key == "calls")
        && let Some(call) = entries.iter_mut().find(|e| e.key == "call")
    {
        let value = Node { span: call.value.span, value: Value::Map(vec![call.clone()]) };
        *call = Entry { key: "calls".into(), key_span: call.key_span, value };
    }
    entries
}

/// The path of `remove`, when [`one_form`] was made of what it leads through.
pub(super) fn in_one_form(path: &[String], removed: &str) -> String {
    let call = removed == "call" || removed.starts_with("call.");
    if is_route(path) && call { format!("calls.{removed}") } else { removed.to_owned() }
}

/// The key of an entry that a dotted path begins with, and what is left of the path. Keys have dots
/// themselves, so the longest one wins.
fn step<'p>(entries: &[Entry], path: &'p str) -> Option<(usize, &'p str)> {
    let mut found: Option<(usize, &str)> = None;
    for (index, entry) in entries.iter().enumerate() {
        let Some(rest) = path.strip_prefix(entry.key.as_str()) else { continue };
        let rest = if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') };
        if let Some(rest) = rest
            && found.is_none_or(|(_, best)| rest.len() < best.len())
        {
            found = Some((index, rest));
        }
    }
    found
}

/// Takes the entry at a dotted path out; tells whether there was one.
pub(super) fn drop(entries: &mut Vec<Entry>, path: &str) -> bool {
    let Some((index, rest)) = step(entries, path) else { return false };
    if rest.is_empty() {
        entries.remove(index);
        return true;
    }
    match entries.get_mut(index).map(|e| &mut e.value.value) {
        Some(Value::Map(inner)) => drop(inner, rest),
        _ => false,
    }
}

/// A path that was probably meant: the same as far as it leads, then a key that looks alike.
pub(super) fn near(entries: &[Entry], path: &str) -> Option<String> {
    match step(entries, path).and_then(|(i, rest)| Some((entries.get(i)?, rest))) {
        Some((entry, rest)) if !rest.is_empty() => {
            Some(format!("{}.{}", entry.key, near(entry.value.as_map()?, rest)?))
        }
        Some(_) => None,
        None => {
            let keys = || entries.iter().map(|e| e.key.as_str());
            if let Some(key) = closest(path, keys()) {
                return Some(key.to_owned());
            }
            let (first, rest) = path.split_once('.')?;
            Some(format!("{}.{rest}", closest(first, keys())?))
        }
    }
}

/// The field line at a dotted path of a table, through objects in place.
pub(super) fn line<'n>(fields: &'n Node, path: &str) -> Option<&'n Entry> {
    let entries = fields.as_map()?;
    let (index, rest) = step(entries, path)?;
    let entry = entries.get(index)?;
    if rest.is_empty() { Some(entry) } else { line(entry.value.get("fields")?, rest) }
}
