//! Tables of conditions: `conditions:` of a file. A table says how a vendor's flat list of
//! conditions is a filter of the contract.

use std::sync::atomic::AtomicBool;

use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span};

use super::record::top_level;
use super::rule::{read_rule, required, unknown_key, word};
use super::text;
use super::{Json, Op, PlaceText, Source, ValueText, Word};

const KEYS: [&str; 8] =
    ["canonical", "why", "members", "join", "operators", "keys", "other", "says"];
const MEMBERS: [&str; 4] = ["key", "operator", "values", "join"];
const OTHER: [&str; 3] = ["at", "marked", "operators"];

/// A table of conditions.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) name: Word,
    /// The schema that is filtered.
    pub(crate) canonical: Word,
    /// The members of one condition: key, operator, values, join.
    pub(crate) members: [Box<str>; 4],
    /// The words of joining: and, or.
    pub(crate) join: [Box<str>; 2],
    /// (their word, the contract's)
    pub(crate) operators: Vec<(Word, Word)>,
    pub(crate) keys: Vec<ConditionKey>,
    pub(crate) other: Option<OtherKeys>,
    /// Sentences for what is refused: key, operator, value, join.
    pub(crate) says: [Option<Box<str>>; 4],
    pub(crate) used: AtomicBool,
}

/// A key that conditions may be about.
#[derive(Debug)]
pub(crate) struct ConditionKey {
    pub(crate) name: Word,
    pub(crate) place: PlaceText,
    pub(crate) value: ValueText,
    /// The value that stands for every word.
    pub(crate) all: Option<Json>,
    pub(crate) operators: Option<Vec<Word>>,
}

/// Keys that are not listed: members of an open object.
#[derive(Debug)]
pub(crate) struct OtherKeys {
    pub(crate) place: PlaceText,
    /// Members of a condition of which one must be set, with what is written there.
    pub(crate) marked: Vec<(Box<str>, Json)>,
    pub(crate) operators: Option<Vec<Word>>,
    pub(crate) span: Span,
}

/// Reads every table of a file.
pub(crate) fn read_conditions(node: &Node, d: &mut Diagnostics) -> Vec<Conditions> {
    top_level(node, "conditions", d).iter().filter_map(|e| read_one(e, d)).collect()
}

fn read_one(entry: &Entry, d: &mut Diagnostics) -> Option<Conditions> {
    let node = &entry.value;
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "a table of conditions is a map of keys"));
        return None;
    };
    for key in entries.iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
        d.push(unknown_key("a table of conditions", key, &KEYS));
    }
    let mut part = |key: &str, message: &str| required(node, key, message, d);
    let canonical = part("canonical", "a table of conditions needs `canonical`: what is filtered");
    let members = part("members", "a table of conditions needs `members`: what they are called");
    let join = part("join", "a table of conditions needs `join`: its words for and, or");
    let operators = part("operators", "a table of conditions needs `operators`");
    let keys = part("keys", "a table of conditions needs `keys`");
    let members = words(members?, "`members`", MEMBERS, d);
    let join = words(join?, "`join`", ["and", "or"], d);
    let operators = read_operators(operators?, d);
    let known: Vec<_> = entries_of(keys?, "`keys`", d).iter().map(|e| read_key(e, d)).collect();
    let says = match node.get("says") {
        Some(says) => optional_words(says, "`says`", MEMBERS_SAID, d),
        None => Default::default(),
    };
    let other = match node.get("other") {
        Some(other) => Some(read_other(other, d)?),
        None => None,
    };
    Some(Conditions {
        name: (entry.key.as_str().into(), entry.key_span),
        canonical: word(canonical?, "`canonical` names a schema", d)?,
        members: members?,
        join: join?,
        operators,
        keys: known.into_iter().collect::<Option<_>>()?,
        other,
        says,
        used: AtomicBool::new(false),
    })
}

const MEMBERS_SAID: [&str; 4] = ["key", "operator", "value", "join"];

fn entries_of<'n>(node: &'n Node, what: &str, d: &mut Diagnostics) -> &'n [Entry] {
    if node.as_map().is_none() {
        d.push(wrong_type(node, &format!("{what} is a map of keys")));
    }
    node.as_map().unwrap_or_default()
}

/// A map of texts of which each must be there.
fn words<const N: usize>(
    node: &Node,
    what: &str,
    keys: [&str; N],
    d: &mut Diagnostics,
) -> Option<[Box<str>; N]> {
    let found = optional_words(node, what, keys, d);
    for (key, _) in keys.iter().zip(&found).filter(|(_, found)| found.is_none()) {
        let message = format!("{what} must have the key `{key}`");
        d.push(Diagnostic::error(Code::MissingKey, node.span, message));
    }
    let found: Option<Vec<Box<str>>> = found.into_iter().collect();
    found?.try_into().ok()
}

fn optional_words<const N: usize>(
    node: &Node,
    what: &str,
    keys: [&str; N],
    d: &mut Diagnostics,
) -> [Option<Box<str>>; N] {
    for entry in entries_of(node, what, d).iter().filter(|e| !keys.contains(&e.key.as_str())) {
        d.push(unknown_key(what, entry, &keys));
    }
    keys.map(|key| {
        let (text, _) = word(node.get(key)?, &format!("`{key}` is text"), d)?;
        Some(text)
    })
}

fn read_operators(node: &Node, d: &mut Diagnostics) -> Vec<(Word, Word)> {
    let pair = |e: &Entry, d: &mut Diagnostics| {
        let ours = word(&e.value, "an operator of the contract, such as `in`", d)?;
        Some(((e.key.as_str().into(), e.key_span), ours))
    };
    entries_of(node, "`operators`", d).iter().filter_map(|e| pair(e, d)).collect()
}

fn allowed(node: &Node, d: &mut Diagnostics) -> Option<Vec<Word>> {
    let listed = node.get("operators")?;
    let Some(items) = listed.as_list() else {
        d.push(wrong_type(listed, "`operators` of a key is a list of words of the table"));
        return None;
    };
    Some(items.iter().filter_map(|item| word(item, "an operator is a word", d)).collect())
}

fn read_key(entry: &Entry, d: &mut Diagnostics) -> Option<ConditionKey> {
    let node = &entry.value;
    let rule = read_rule(node, &["all", "operators"], d)?;
    let (Source::At(place), Op::Value(value)) = (rule.source, rule.op) else {
        let message = "a key of conditions is a place, with a codec or a table of words at most";
        d.push(Diagnostic::error(Code::UnknownOperator, node.span, message));
        return None;
    };
    let all = match node.get("all") {
        Some(all) => Some(text::scalar(all, "`all`", d)?),
        None => None,
    };
    if let (Some(_), None) = (&all, &value.table) {
        let message = "`all` stands for every word of a table; there is no `enum` here";
        d.push(Diagnostic::error(Code::MissingKey, node.span, message));
    }
    let name = (entry.key.as_str().into(), entry.key_span);
    Some(ConditionKey { name, place, value, all, operators: allowed(node, d) })
}

fn read_other(node: &Node, d: &mut Diagnostics) -> Option<OtherKeys> {
    for entry in entries_of(node, "`other`", d).iter().filter(|e| !OTHER.contains(&e.key.as_str()))
    {
        d.push(unknown_key("`other`", entry, &OTHER));
    }
    let at = required(node, "at", "`other` needs `at`: the object whose members they are", d)?;
    let marked = node.get("marked").map(|marked| entries_of(marked, "`marked`", d));
    let marked = marked.unwrap_or_default().iter();
    let marked = marked.map(|e| (e.key.as_str().into(), text::json(&e.value))).collect();
    Some(OtherKeys {
        place: text::place(at, d)?,
        marked,
        operators: allowed(node, d),
        span: node.span,
    })
}
