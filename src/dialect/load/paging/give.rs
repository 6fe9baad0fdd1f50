//! What a paged call is asked with, written out as expressions.

use super::{Line, Pagination, Part, Style};
use crate::canonical::contract::Location;
use crate::dialect::load::calls::{self, Written};
use crate::dialect::load::{Context, yaml};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Node, Span, Value};

/// What a call is asked with.
pub(super) fn give<'a>(
    pagination: &Pagination<'_>,
    lines: &[Line<'a>],
    call: &mut Written<'a>,
    cx: &mut Context<'_>,
) {
    let line = |part: Part| lines.iter().find(|l| l.part == part).map(|l| l.entry);
    let span = lines.first().map_or(pagination.span, |l| l.entry.key_span);
    let own = pagination.sizes.first().copied().unwrap_or(1);
    let given: Vec<(&str, Node)> = match pagination.style {
        Style::Page | Style::Laravel => {
            let number = line(Part::Number).map(|e| whole(e, 1, None));
            let limit = match line(Part::Size) {
                Some(entry) => whole(entry, own, Some(pagination.most.unwrap_or(own))),
                None => integer(span, own),
            };
            let count = (pagination.style == Style::Laravel).then(|| yaml::text(span, "exact"));
            let all = [("page", number), ("limit", Some(limit)), ("count", count)];
            all.into_iter().filter_map(|(name, node)| Some((name, node?))).collect()
        }
        Style::Anchor => anchors(pagination, line(Part::Before), line(Part::After), span),
    };
    let operation = cx.contract.get(call.operation);
    for (name, node) in given {
        if let Some(own) = call.query.iter().find(|e| e.key == name) {
            let message = format!("`{}` already says what `{name}` is", pagination.name);
            cx.diagnostics.push(
                Diagnostic::error(Code::TwoWriters, own.key_span, message)
                    .related(span, "joined here"),
            );
        }
        if let Some(index) = calls::position(operation, Location::Query, name) {
            call.given.push((index, node));
        }
    }
}

/// Before one, after one, between two (the first of them included), or the newest; always as they
/// were written, oldest first, whichever end is asked for.
fn anchors(
    pagination: &Pagination<'_>,
    before: Option<&Entry>,
    after: Option<&Entry>,
    span: Span,
) -> Vec<(&'static str, Node)> {
    let input = |entry: &Entry| yaml::input(entry.key_span, "query", &entry.key);
    let at = |entry: &Entry, codec: &str| {
        vec![("at", input(entry)), ("as", yaml::text(entry.key_span, codec))]
    };
    let when = |tests: &[(&Entry, &str)]| {
        let test = |(entry, word): &(&Entry, &str)| Entry {
            key: input(entry).as_text().unwrap_or_default().to_owned(),
            key_span: entry.key_span,
            value: yaml::text(entry.key_span, *word),
        };
        let tests = Value::Map(tests.iter().map(test).collect());
        ("when", Node { span, value: tests })
    };
    let fixed = |node: Node, tests: &[(&Entry, &str)]| {
        let mut entries = vec![("const", node)];
        entries.extend((!tests.is_empty()).then(|| when(tests)));
        yaml::map(span, entries)
    };
    let size = |at: usize| integer(span, pagination.sizes.get(at).copied().unwrap_or(1));
    let mut sizes = Vec::new();
    if let (Some(before), Some(after)) = (before, after) {
        sizes.push(fixed(size(3), &[(before, "set"), (after, "set")]));
    }
    sizes.extend(after.map(|after| fixed(size(2), &[(after, "set")])));
    sizes.extend(before.map(|before| fixed(size(1), &[(before, "set")])));
    sizes.push(fixed(size(0), &[]));
    let mut orders: Vec<Node> = Vec::new();
    orders.extend(after.map(|after| fixed(yaml::text(span, "asc"), &[(after, "set")])));
    orders.push(fixed(yaml::text(span, "desc"), &[]));
    let first_of = |items: Vec<Node>| {
        yaml::map(span, [("first_of", Node { span, value: Value::List(items) })])
    };
    let mut given = vec![("limit", first_of(sizes)), ("order", first_of(orders))];
    given.extend(before.map(|before| ("before", yaml::map(span, at(before, "alias")))));
    given.extend(after.map(|after| {
        let node = match before {
            None => yaml::map(span, at(after, "alias")),
            Some(before) => {
                let alternative = |codec: &str, word: &str| {
                    let mut entries = at(after, codec);
                    entries.push(when(&[(before, word)]));
                    yaml::map(span, entries)
                };
                first_of(vec![alternative("alias_below", "set"), alternative("alias", "unset")])
            }
        };
        ("after", node)
    }));
    given
}

/// A whole number that a client sends.
fn whole(entry: &Entry, otherwise: usize, most: Option<usize>) -> Node {
    let span = entry.key_span;
    let mut within = vec![("otherwise", integer(span, otherwise))];
    within.extend(most.map(|most| ("most", integer(span, most))));
    let at = yaml::input(span, "query", &entry.key);
    yaml::map(
        span,
        [("at", at), ("within", yaml::map(span, within)), ("default", integer(span, otherwise))],
    )
}

fn integer(span: Span, number: usize) -> Node {
    Node { span, value: Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)) }
}
