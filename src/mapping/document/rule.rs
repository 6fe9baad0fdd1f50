//! One rule: a place, or a map of operators.

use crate::json::place::Place;
use crate::mapping::plan::{Omit, Test};
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span, Value, closest};

use super::codecs;
use super::operators::{self, OPERATORS, Operator};
use super::record::read_table;
use super::text::{self, PlaceText, place};
use super::union::read_union;
use super::{
    Condition, Element, ListOps, Op, Presence, Raw, Rule, Source, TakeText, ValueText, Word,
};

/// Reads a rule. `beside` are keys of the block that are somebody else's.
pub(crate) fn read_rule(node: &Node, beside: &[&str], d: &mut Diagnostics) -> Option<Rule> {
    match &node.value {
        Value::Text(_) => {
            let source = Source::At(place(node, d)?);
            Some(Rule {
                span: node.span,
                source,
                op: Op::Value(ValueText::default()),
                list: ListOps::default(),
                presence: Presence::default(),
                only: None,
                give: Vec::new(),
                when: Vec::new(),
            })
        }
        Value::Map(entries) => read_map(node, entries, beside, d),
        _ => {
            d.push(
                wrong_type(node, "a rule is a place such as `$.status`, or a map of operators")
                    .help("a fixed value is written `{ const: … }`"),
            );
            None
        }
    }
}

fn read_map(node: &Node, entries: &[Entry], beside: &[&str], d: &mut Diagnostics) -> Option<Rule> {
    let before = d.len();
    for entry in entries {
        if operators::find(&entry.key).is_none() && !beside.contains(&entry.key.as_str()) {
            let all = OPERATORS.iter().map(|operator| operator.name);
            d.push(
                Diagnostic::error(
                    Code::UnknownOperator,
                    entry.key_span,
                    format!("there is no operator `{}`", entry.key),
                )
                .suggest(closest(&entry.key, all)),
            );
        }
    }
    let source = read_source(node, entries, d);
    exclusive(entries, |key| operators::find(key).is_some_and(Operator::makes), d);
    let op = read_op(node, d);
    let rule = Rule {
        span: node.span,
        source: source?,
        op: op?,
        list: read_list(node, d),
        presence: read_presence(node, entries, d),
        only: node.get("only").and_then(|n| text::only(n, d)),
        give: node.get("give").map(|give| read_give(give, d)).unwrap_or_default(),
        when: Vec::new(),
    };
    (d.len() == before).then_some(rule)
}

fn is_source(key: &str) -> bool {
    operators::find(key).is_some_and(Operator::is_source)
}

/// Reports a second key of a set of which a rule has one.
fn exclusive(entries: &[Entry], of_set: impl Fn(&str) -> bool, d: &mut Diagnostics) {
    let mut present = entries.iter().filter(|e| of_set(&e.key));
    if let Some(first) = present.next() {
        for second in present {
            // `fields` is a source of its own, and what is made of `at`, `pick` or `find`.
            if second.key == "fields" || first.key == "fields" {
                let other = if second.key == "fields" { &first.key } else { &second.key };
                if ["at", "pick", "find"].contains(&other.as_str()) {
                    continue;
                }
            }
            d.push(
                Diagnostic::error(
                    Code::UnknownOperator,
                    second.key_span,
                    format!("`{}` and `{}` exclude each other", first.key, second.key),
                )
                .related(first.key_span, "already said here"),
            );
        }
    }
}

fn read_source(node: &Node, entries: &[Entry], d: &mut Diagnostics) -> Option<Source> {
    exclusive(entries, is_source, d);
    if let Some(value) = node.get("when_set") {
        let Some(at) = node.get("at") else {
            d.push(Diagnostic::error(
                Code::MissingKey,
                node.span,
                "`when_set` needs `at`: the place that is looked at",
            ));
            return None;
        };
        return Some(Source::WhenSet(value.clone(), place(at, d)?));
    }
    if let Some(at) = node.get("at") {
        return place(at, d).map(Source::At);
    }
    if let Some(value) = node.get("const") {
        return Some(Source::Const(value.clone()));
    }
    if let Some(list) = node.get("first_of") {
        let Some(items) = list.as_list() else {
            d.push(wrong_type(list, "`first_of` is a list of places"));
            return None;
        };
        let rules: Vec<_> = items.iter().map(|i| read_alternative(i, d)).collect();
        return rules.into_iter().collect::<Option<_>>().map(Source::FirstOf);
    }
    if let Some(other) = node.get("same_as") {
        return word(other, "`same_as` names a key of this object", d).map(Source::SameAs);
    }
    if let Some(at) = node.get("is_set") {
        return place(at, d).map(Source::IsSet);
    }
    if let Some(list) = node.get("count") {
        return place(list, d).map(Source::Count);
    }
    if let Some(list) = node.get("pick") {
        return place(list, d).map(Source::Pick);
    }
    if let Some(list) = node.get("find") {
        let by = required(node, "by", "`find` needs `by`: the member to compare", d);
        let key = required(node, "key", "`find` needs `key`: the place to compare with", d);
        let list = place(list, d)?;
        return Some(Source::Find { list, by: text::path(by?, d)?, key: place(key?, d)? });
    }
    if let Some(name) = node.get("relation") {
        return word(name, "`relation` names a relation of this record", d).map(Source::Relation);
    }
    if node.get("drop").is_some() {
        return Some(Source::Drop);
    }
    if node.get("fields").is_some() {
        return Some(Source::None);
    }
    if ["record", "each", "one_of", "enum", "as", "raw"].iter().any(|k| node.get(k).is_some()) {
        let place = Place { root: "".into(), hops: Vec::new() };
        return Some(Source::At(PlaceText { place, span: node.span }));
    }
    d.push(
        Diagnostic::error(
            Code::MissingKey,
            node.span,
            "a rule must say where its value comes from",
        )
        .help("add `at: $.place`, `const: value`, `record`, `each` or `fields`"),
    );
    None
}

/// A rule of `first_of`, which may say when it counts.
fn read_alternative(node: &Node, d: &mut Diagnostics) -> Option<Rule> {
    let mut rule = read_rule(node, &["when"], d)?;
    if let Some(when) = node.get("when") {
        rule.when = text::tests(when, d)?;
    }
    Some(rule)
}

fn read_op(node: &Node, d: &mut Diagnostics) -> Option<Op> {
    if let Some(name) = node.get("record") {
        return word(name, "`record` names a record", d).map(Op::Record);
    }
    if let Some(name) = node.get("conditions") {
        return word(name, "`conditions` names a table of conditions.yaml", d).map(Op::Conditions);
    }
    if let Some(table) = node.get("fields") {
        return read_table(table, d).map(Op::Fields);
    }
    if let Some(union) = node.get("one_of") {
        return read_union(union, d).map(|u| Op::OneOf(Box::new(u)));
    }
    if let Some(group) = node.get("group") {
        let by = required(group, "by", "`group` needs `by`: the key of a group", d);
        let value = required(group, "value", "`group` needs `value`: what is collected", d);
        return Some(Op::Group { by: text::path(by?, d)?, value: text::path(value?, d)? });
    }
    if let Some(join) = node.get("join") {
        let (separator, _) = word(join, "`join` is the text between two", d)?;
        let value = match node.get("value") {
            Some(value) => Some(text::path(value, d)?),
            None => None,
        };
        return Some(Op::Join { separator, value });
    }
    if let Some(each) = node.get("each") {
        let element = match &each.value {
            Value::Text(_) => Element::Word(word(each, "", d)?),
            _ => Element::Rule(Box::new(read_rule(&at_itself(each), &[], d)?)),
        };
        return Some(Op::Each(Box::new(element)));
    }
    let lists = ["where", "sort_by", "reverse", "at_most"].iter().any(|k| node.get(k).is_some());
    let takes = matches!(node.get("take").and_then(Node::as_text), Some("first" | "last"));
    let picks = node.get("pick").is_some() || node.get("find").is_some();
    if (lists || takes) && !picks {
        return Some(Op::Each(Box::new(Element::Copy)));
    }
    read_value(node, d).map(Op::Value)
}

/// A rule map for an element, which stands for itself where nothing else is said.
fn at_itself(node: &Node) -> Node {
    let mut node = node.clone();
    if let Value::Map(entries) = &mut node.value
        && !entries.iter().any(|e| is_source(&e.key))
    {
        let at = Node { span: node.span, value: Value::Text("$".into()) };
        entries.push(Entry { key: "at".into(), key_span: node.span, value: at });
    }
    node
}

/// The operators of a single value.
pub(super) fn read_value(node: &Node, d: &mut Diagnostics) -> Option<ValueText> {
    let mut value = ValueText::default();
    if let Some(codec) = node.get("as") {
        value.codec = Some(codecs::codec(codec, d)?);
    }
    if let Some(write) = node.get("write") {
        value.write_text = true;
        if write.as_text() != Some("string") {
            d.push(Diagnostic::error(Code::UnknownWord, write.span, "`write` is `string`"));
        }
    }
    if let Some(table) = node.get("enum") {
        value.table = Some(word(table, "`enum` names a table of enums.yaml", d)?);
    }
    if let Some(raw) = node.get("raw") {
        let text = raw.as_text().unwrap_or_default();
        value.raw = match text {
            "object" => Some(Raw::Object),
            "list" => Some(Raw::List),
            "any" => Some(Raw::Any),
            _ => {
                d.push(
                    Diagnostic::error(
                        Code::UnknownWord,
                        raw.span,
                        "`raw` is one of object, list, any",
                    )
                    .suggest(closest(text, ["object", "list", "any"])),
                );
                None
            }
        };
    }
    if let Some(within) = node.get("within") {
        value.within = Some(text::within(within, d)?);
    }
    if let Some(types) = node.get("accept") {
        value.accept = text::types(types, d);
    }
    Some(value)
}

fn read_list(node: &Node, d: &mut Diagnostics) -> ListOps {
    let mut list = ListOps::default();
    let picks = node.get("pick").is_some() || node.get("find").is_some();
    if let Some(filter) = node.get("where") {
        list.filter = read_conditions(filter, d);
    }
    if let Some(by) = node.get("sort_by") {
        list.sort_by = text::path(by, d);
    }
    if let Some(take) = node.get("take") {
        list.take = match (take.as_text(), picks) {
            (Some("first"), false) => Some(TakeText::First),
            (Some("last"), false) => Some(TakeText::Last),
            (_, true) => text::path(take, d).map(TakeText::Place),
            (other, false) => {
                d.push(
                    Diagnostic::error(Code::UnknownWord, take.span, "`take` is first or last")
                        .suggest(closest(other.unwrap_or_default(), ["first", "last"])),
                );
                None
            }
        };
    }
    list.reverse = flag(node, "reverse", d);
    if let Some(most) = node.get("at_most") {
        match most.value {
            Value::Integer(n) if n > 0 => list.at_most = u32::try_from(n).ok(),
            _ => d.push(wrong_type(most, "`at_most` is a whole number above 0")),
        }
    }
    list
}

/// `where`: equalities of places of an element.
fn read_conditions(node: &Node, d: &mut Diagnostics) -> Vec<Condition> {
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "`where` is a map from places of an element to values"));
        return Vec::new();
    };
    let mut conditions = Vec::new();
    for entry in entries {
        let at = text::path_text(&entry.key, entry.key_span, d);
        let (span, named) = (entry.value.span, entry.value.as_text());
        let (test, same) = match named.filter(|text| text.starts_with('$')) {
            Some(place) => (Some(Test::Any), text::place_text(place, span, d)),
            None => (text::test(&entry.value, d), None),
        };
        if let (Some(at), Some(test)) = (at, test) {
            conditions.push(Condition { at, test, same, span });
        }
    }
    conditions
}

fn read_presence(node: &Node, entries: &[Entry], d: &mut Diagnostics) -> Presence {
    exclusive(entries, |key| ["null_as", "default", "required"].contains(&key), d);
    let list = |key: &str, d: &mut Diagnostics| match node.get(key) {
        None => Vec::new(),
        Some(node) => match node.as_list() {
            Some(items) => items.iter().map(text::json).collect(),
            None => {
                d.push(wrong_type(node, &format!("`{key}` is a list of values")));
                Vec::new()
            }
        },
    };
    let omit = node.get("omit").and_then(|omit| match omit.as_text() {
        Some("when_null") => Some(Omit::Null),
        Some("when_empty") => Some(Omit::Empty),
        other => {
            d.push(
                Diagnostic::error(
                    Code::UnknownWord,
                    omit.span,
                    "`omit` is when_null or when_empty",
                )
                .suggest(closest(other.unwrap_or_default(), ["when_null", "when_empty"])),
            );
            None
        }
    });
    Presence {
        null_as: node.get("null_as").cloned(),
        also_null: list("also_null", d),
        omit,
        default: node.get("default").cloned(),
        missing_as: node.get("missing_as").cloned(),
        ignore: list("ignore", d),
        required: flag(node, "required", d),
        null_with: node.get("null_with").and_then(|n| place(n, d)),
    }
}

/// `give`: arguments and the places that fill them.
pub(crate) fn read_give(give: &Node, d: &mut Diagnostics) -> Vec<(Word, PlaceText)> {
    let Some(entries) = give.as_map() else {
        d.push(wrong_type(give, "`give` is a map from arguments to places"));
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|e| Some(((e.key.as_str().into(), e.key_span), place(&e.value, d)?)))
        .collect()
}

fn flag(node: &Node, key: &str, d: &mut Diagnostics) -> bool {
    match node.get(key) {
        None => false,
        Some(Node { value: Value::Bool(b), .. }) => *b,
        Some(other) => {
            d.push(wrong_type(other, &format!("`{key}` is true or false")));
            false
        }
    }
}

/// A word that must be text.
pub(super) fn word(node: &Node, expected: &str, d: &mut Diagnostics) -> Option<Word> {
    let Some(text) = node.as_text() else {
        d.push(wrong_type(node, expected));
        return None;
    };
    Some((text.into(), node.span))
}

/// The value of a key that must be there.
pub(super) fn required<'n>(
    node: &'n Node,
    key: &str,
    message: &str,
    d: &mut Diagnostics,
) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        d.push(Diagnostic::error(Code::MissingKey, first_key(node), message));
    }
    found
}

/// Where a block begins for the reader: its first key.
pub(super) fn first_key(node: &Node) -> Span {
    node.as_map().and_then(<[Entry]>::first).map_or(node.span, |e| e.key_span)
}

/// A key that a block does not have.
pub(super) fn unknown_key(what: &str, entry: &Entry, keys: &[&str]) -> Diagnostic {
    Diagnostic::error(
        Code::UnknownKey,
        entry.key_span,
        format!("{what} has no key `{}`", entry.key),
    )
    .label("not a key of this block")
    .suggest(closest(&entry.key, keys.iter().copied()))
}
