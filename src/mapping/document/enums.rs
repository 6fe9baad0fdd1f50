//! Enum tables: `enums:` of a file.

use std::sync::atomic::AtomicBool;

use crate::json::walk;
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, closest};

use super::record::top_level;
use super::rule::{unknown_key, word};
use super::text::{self, place};
use super::{EnumRow, EnumTable, Json};

const KEYS: [&str; 9] =
    ["canonical", "only", "why", "about", "rows", "encode_only", "decode_only", "unknown", "raw"];

/// Reads every enum table of a file.
pub(crate) fn read_enums(node: &Node, d: &mut Diagnostics) -> Vec<EnumTable> {
    top_level(node, "enums", d).iter().filter_map(|e| read_enum(e, d)).collect()
}

fn read_enum(entry: &Entry, d: &mut Diagnostics) -> Option<EnumTable> {
    let node = &entry.value;
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "an enum table is a map of keys"));
        return None;
    };
    for key in entries.iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
        d.push(unknown_key("an enum table", key, &KEYS));
    }
    let mut rows = |key| read_rows(node, key, d);
    let (both, decode_only, encode_only) = (rows("rows"), rows("decode_only"), rows("encode_only"));
    if both.is_empty() && decode_only.is_empty() && encode_only.is_empty() {
        let message = format!("the table `{}` has no rows", entry.key);
        d.push(Diagnostic::error(Code::MissingKey, entry.key_span, message));
        return None;
    }
    Some(EnumTable {
        name: (entry.key.as_str().into(), entry.key_span),
        canonical: node
            .get("canonical")
            .and_then(|n| word(n, "`canonical` names a schema, or a member of one", d)),
        only: node.get("only").and_then(|n| text::only(n, d)),
        rows: both,
        decode_only,
        encode_only,
        unknown_as: node.get("unknown").and_then(|n| read_unknown(n, d)),
        raw: node.get("raw").and_then(|n| place(n, d)),
        used: AtomicBool::new(false),
    })
}

fn read_rows(node: &Node, key: &str, d: &mut Diagnostics) -> Vec<EnumRow> {
    let Some(rows) = node.get(key) else { return Vec::new() };
    let Some(items) = rows.as_list() else {
        d.push(wrong_type(rows, &format!("`{key}` is a list of `[ dialect, canonical ]`")));
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|row| {
            let Some([dialect, canonical]) = row.as_list() else {
                d.push(wrong_type(row, "a row is `[ dialect, canonical ]`"));
                return None;
            };
            let cell = |n: &Node, d: &mut Diagnostics| {
                text::scalar(n, "a value of a table", d).map(|v| (v, n.span))
            };
            // One word of theirs may ask for several of a list.
            let several = canonical.as_list().unwrap_or_default();
            let canonical = match several.iter().all(|n| cell(n, d).is_some()) {
                true if !several.is_empty() => Some((text::json(canonical), canonical.span)),
                _ => cell(canonical, d),
            };
            Some(EnumRow { dialect: cell(dialect, d)?, canonical: canonical? })
        })
        .collect()
}

/// `unknown: { decode: reject | { as: word } }`; `encode: reject` may be written, it always holds.
fn read_unknown(node: &Node, d: &mut Diagnostics) -> Option<(Json, crate::syntax::Span)> {
    let mut found = None;
    for entry in node.as_map().unwrap_or_default() {
        let rejects = entry.value.as_text() == Some("reject");
        match entry.key.as_str() {
            "decode" => match entry.value.get("as") {
                Some(word) => {
                    found =
                        text::scalar(word, "`as` is a canonical value", d).map(|v| (v, word.span));
                }
                None if rejects => {}
                None => d.push(
                    Diagnostic::error(
                        Code::UnknownWord,
                        entry.value.span,
                        "`decode` is `reject` or `{ as: value }`",
                    )
                    .suggest(closest(entry.value.as_text().unwrap_or_default(), ["reject"])),
                ),
            },
            "encode" if rejects => {}
            "encode" => d.push(Diagnostic::error(
                Code::UnknownWord,
                entry.value.span,
                "`encode` is `reject`: a table names every canonical value",
            )),
            _ => d.push(unknown_key("`unknown`", entry, &["decode", "encode"])),
        }
    }
    found
}

impl EnumRow {
    /// The canonical values: one, or those of a list.
    pub(crate) fn values(&self) -> Vec<Json> {
        let text = std::str::from_utf8(&self.canonical.0).unwrap_or_default();
        match self.lists() {
            true => walk::elements(text).map(|e| e.as_bytes().into()).collect(),
            false => vec![self.canonical.0.clone()],
        }
    }

    /// Whether the canonical side is a list of values.
    pub(crate) fn lists(&self) -> bool {
        self.canonical.0.starts_with(b"[")
    }
}

impl EnumTable {
    /// (dialect, canonical, whether the row folds) of every row that decodes.
    pub(crate) fn decoding(&self) -> impl Iterator<Item = (&EnumRow, bool)> {
        self.rows.iter().map(|r| (r, false)).chain(self.decode_only.iter().map(|r| (r, true)))
    }

    /// The same of every row that encodes.
    pub(crate) fn encoding(&self) -> impl Iterator<Item = (&EnumRow, bool)> {
        self.rows.iter().map(|r| (r, false)).chain(self.encode_only.iter().map(|r| (r, true)))
    }
}
