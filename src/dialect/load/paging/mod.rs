//! `pagination`: how clients of a dialect ask for a part of a list, and which calls that is.
//!
//! A line of a route's query joins with `page: { page: name }`. What the call is asked with is then
//! written out as if the route had said it, so that everything below knows expressions alone.

mod give;
mod reply;
#[cfg(test)]
mod tests;

use std::cell::Cell;

use crate::canonical::contract::{Kind, Location, Operation};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, Value, closest};

use super::calls::{self, Written};
use super::{Context, routes};
use crate::dialect::route::{Arity, QueryParameter};

pub(in crate::dialect::load) use reply::{reply, walk};

/// Of an anchored list: by neither anchor, by one, by both.
const SIZES: [&str; 4] = ["none", "before", "after", "both"];

/// One way of paging.
#[derive(Debug)]
pub(in crate::dialect::load) struct Pagination<'n> {
    name: &'n str,
    span: Span,
    style: Style,
    /// The client's parameters by what they say; those that its clients do not have are left out.
    parts: Vec<(Part, &'n str)>,
    /// Of numbered pages the usual one, of anchored ones as [`SIZES`].
    sizes: Vec<usize>,
    /// Most entries that a client may ask for.
    most: Option<usize>,
    size_span: Span,
    used: Cell<bool>,
    /// What it says is wrong, and was told.
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// A number; a bare list.
    Page,
    /// A number; data, links and numbers, as that framework writes them.
    Laravel,
    /// The entries before or after one, oldest first.
    Anchor,
}

/// What a client's parameter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Number,
    Size,
    Before,
    After,
}

/// A call that a pagination asks.
pub(in crate::dialect::load) struct Joined<'a> {
    pagination: &'a Pagination<'a>,
    call: &'a str,
}

/// Reads `pagination` of `dialect.yaml`.
pub(in crate::dialect::load) fn read<'n>(
    entries: &'n [Entry],
    d: &mut Diagnostics,
) -> Vec<Pagination<'n>> {
    let lost = |entry: &'n Entry| Pagination {
        name: &entry.key,
        span: entry.key_span,
        style: Style::Page,
        parts: Vec::new(),
        sizes: Vec::new(),
        most: None,
        size_span: entry.key_span,
        used: Cell::new(true),
        lost: true,
    };
    entries.iter().map(|entry| one(entry, d).unwrap_or_else(|| lost(entry))).collect()
}

fn one<'n>(entry: &'n Entry, d: &mut Diagnostics) -> Option<Pagination<'n>> {
    let mut fields = Fields::of(&entry.value, "a pagination", d)?;
    fields.required("kind");
    let style = match fields.word("kind", &["page", "laravel", "anchor"])? {
        "page" => Style::Page,
        "laravel" => Style::Laravel,
        _ => Style::Anchor,
    };
    let names: &[(Part, &'static str)] = match style {
        Style::Anchor => &[(Part::Before, "before"), (Part::After, "after")],
        _ => &[(Part::Number, "page"), (Part::Size, "per_page")],
    };
    let parts: Vec<_> =
        names.iter().filter_map(|(part, key)| Some((*part, fields.text(key)?))).collect();
    let size = fields.required("size");
    let most_node = fields.get("most").filter(|_| style != Style::Anchor);
    let most = most_node.and_then(|_| fields.count("most"));
    fields.finish();
    let size = size?;
    let numbers: Vec<Option<usize>> = match style {
        Style::Anchor => SIZES.iter().map(|key| size.get(key).and_then(number)).collect(),
        _ => vec![number(size)],
    };
    let Some(sizes) = numbers.into_iter().collect::<Option<Vec<_>>>() else {
        let message = match style {
            Style::Anchor => {
                "`size` is { none, before, after, both }: most entries by what is given"
            }
            _ => "`size` is a whole number from 1",
        };
        d.push(Diagnostic::error(Code::WrongType, size.span, message));
        return None;
    };
    if !parts.iter().any(|(part, _)| *part != Part::Size) {
        let message = "a pagination says by which parameters a client asks";
        d.push(Diagnostic::error(Code::MissingKey, entry.key_span, message).help(match style {
            Style::Anchor => "for example `before: before`",
            _ => "for example `page: page`",
        }));
        return None;
    }
    if most.is_some_and(|most| sizes.first().is_some_and(|size| most < *size)) {
        let span = most_node.map_or(entry.value.span, |node| node.span);
        d.push(Diagnostic::error(Code::WrongType, span, "`most` is no less than `size`"));
        return None;
    }
    let (name, span) = (entry.key.as_str(), entry.key_span);
    Some(Pagination {
        name,
        span,
        style,
        parts,
        sizes,
        most,
        size_span: size.span,
        used: Cell::new(false),
        lost: false,
    })
}

fn number(node: &Node) -> Option<usize> {
    let Value::Integer(number) = node.value else { return None };
    usize::try_from(number).ok().filter(|n| *n > 0)
}

/// Warns of what no route joined.
pub(in crate::dialect::load) fn report_unused(all: &[Pagination<'_>], d: &mut Diagnostics) {
    for pagination in all.iter().filter(|p| !p.used.get()) {
        let message = format!("nothing uses the pagination `{}`", pagination.name);
        d.push(Diagnostic::warning(Code::Unused, pagination.span, message));
    }
}

/// The name of the pagination that a line of a query joins.
pub(in crate::dialect::load) fn joins(line: &Entry) -> Option<&Node> {
    line.value.get("page")
}

/// A line that joined.
struct Line<'a> {
    part: Part,
    entry: &'a Entry,
    to: Option<&'a Node>,
}

/// Gives calls what the lines of the query that join a pagination say. Gives the client's parameters
/// and which call each pagination asks; nothing where a line could not be followed, because what
/// names its pagination would only be told the same.
pub(in crate::dialect::load) fn join<'a>(
    written: &routes::Written<'a>,
    calls: &mut [Written<'a>],
    all: &'a [Pagination<'a>],
    cx: &mut Context<'_>,
) -> Option<(Vec<QueryParameter>, Vec<Joined<'a>>)> {
    let before = cx.diagnostics.len();
    let mut sound = true;
    let (mut parameters, mut joined) = (Vec::new(), Vec::new());
    let mut found: Vec<(&Pagination<'a>, Vec<Line<'a>>)> = Vec::new();
    for entry in written.query {
        let Some(node) = joins(entry) else { continue };
        let Some(pagination) = named(node, all, cx).filter(|p| !p.lost) else {
            sound = false;
            continue;
        };
        let part = pagination.parts.iter().find(|(_, name)| *name == entry.key);
        let Some((part, _)) = part else {
            let names = pagination.parts.iter().map(|(_, name)| *name);
            let message = format!("`{}` is no parameter of `{}`", entry.key, pagination.name);
            cx.diagnostics.push(
                Diagnostic::error(Code::UnknownWord, entry.key_span, message)
                    .suggest(closest(&entry.key, names))
                    .related(pagination.span, "its parameters are said here"),
            );
            continue;
        };
        parameters.push(QueryParameter { name: entry.key.as_str().into(), arity: Arity::One });
        let line = Line { part: *part, entry, to: entry.value.get("to") };
        match found.iter_mut().find(|(p, _)| std::ptr::eq(*p, pagination)) {
            Some((_, lines)) => lines.push(line),
            None => found.push((pagination, vec![line])),
        }
    }
    if !sound || cx.diagnostics.len() > before {
        return None;
    }
    for (pagination, lines) in found {
        let Some(call) = call(pagination, &lines, calls, cx) else { continue };
        joined.push(Joined { pagination, call: call.name });
        give::give(pagination, &lines, call, cx);
    }
    (cx.diagnostics.len() == before).then_some((parameters, joined))
}

fn named<'a>(
    node: &Node,
    all: &'a [Pagination<'a>],
    cx: &mut Context<'_>,
) -> Option<&'a Pagination<'a>> {
    let name = node.as_text().unwrap_or_default();
    let found = all.iter().find(|p| p.name == name);
    match found {
        Some(pagination) => pagination.used.set(true),
        None => cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownPagination,
                node.span,
                format!("dialect.yaml has no pagination `{name}`"),
            )
            .suggest(closest(name, all.iter().map(|p| p.name))),
        ),
    }
    found
}

/// What the operation of a call must take.
fn needed(style: Style) -> &'static [&'static str] {
    match style {
        Style::Page => &["page", "limit"],
        Style::Laravel => &["page", "limit", "count"],
        Style::Anchor => &["before", "after", "limit", "order"],
    }
}

fn lacking(operation: &Operation, style: Style) -> Vec<&'static str> {
    let has = |name: &&str| calls::position(operation, Location::Query, name).is_some();
    needed(style).iter().copied().filter(|name| !has(name)).collect()
}

/// The call that a pagination asks: the one it is sent `to`, or the only one that can be asked so.
fn call<'c, 'a>(
    pagination: &Pagination<'_>,
    lines: &[Line<'a>],
    calls: &'c mut [Written<'a>],
    cx: &mut Context<'_>,
) -> Option<&'c mut Written<'a>> {
    let first = lines.first()?;
    let span = joins(first.entry).map_or(first.entry.key_span, |node| node.span);
    let to = lines.iter().find_map(|line| line.to);
    if pagination.style != Style::Anchor && !lines.iter().any(|l| l.part == Part::Number) {
        let number = pagination.parts.iter().find(|(part, _)| *part == Part::Number);
        let number = number.map_or("page", |(_, name)| *name);
        let message = format!("`{}` needs the parameter that says which page", pagination.name);
        cx.diagnostics.push(
            Diagnostic::error(Code::PagingPair, span, message)
                .help(format!("add `{number}: {{ page: {} }}`", pagination.name)),
        );
        return None;
    }
    let names: Vec<&str> = calls.iter().map(|c| c.name).collect();
    let fits = |c: &Written<'_>| lacking(cx.contract.get(c.operation), pagination.style).is_empty();
    let index = match to {
        Some(node) => {
            let name = node.as_text().unwrap_or_default();
            let Some(index) = names.iter().position(|n| *n == name) else {
                let message = format!("no call here is named `{name}`");
                cx.diagnostics.push(
                    Diagnostic::error(Code::UnknownRoot, node.span, message)
                        .suggest(closest(name, names.iter().copied())),
                );
                return None;
            };
            index
        }
        None => {
            let mut able = calls.iter().enumerate().filter(|(_, c)| fits(c)).map(|(i, _)| i);
            match (able.next(), able.next()) {
                (Some(_), Some(_)) => {
                    let message =
                        format!("several calls here could be paged by `{}`", pagination.name);
                    cx.diagnostics.push(
                        Diagnostic::error(Code::PagingPair, span, message)
                            .help("say which one with `to`"),
                    );
                    return None;
                }
                (one, _) => one.unwrap_or(0),
            }
        }
    };
    let call = calls.get_mut(index)?;
    let operation = cx.contract.get(call.operation);
    let lacking = lacking(operation, pagination.style);
    if !lacking.is_empty() {
        let message = format!(
            "`{}` cannot be paged by `{}`: it has no parameter {}",
            operation.name,
            pagination.name,
            lacking.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "),
        );
        cx.diagnostics.push(
            Diagnostic::error(Code::PagingPair, span, message)
                .related(pagination.span, "this kind needs them")
                .help("take a kind that the operation knows, or another operation"),
        );
        return None;
    }
    bounds(pagination, operation, span, cx);
    Some(call)
}

/// Reports sizes that the operation does not give.
fn bounds(pagination: &Pagination<'_>, operation: &Operation, span: Span, cx: &mut Context<'_>) {
    let index = calls::position(operation, Location::Query, "limit");
    let schema = index.and_then(|i| operation.parameters.get(i)).map(|p| p.schema);
    let Some(Kind::Integer { max, .. }) = schema.map(|s| &cx.contract.schema(s).kind) else {
        return;
    };
    let asked = pagination.sizes.iter().copied().chain(pagination.most).max().unwrap_or(1);
    if i64::try_from(asked).is_ok_and(|asked| asked <= *max) {
        return;
    }
    let message = format!(
        "`{}` gives at most {max} entries a page, and `{}` asks for {asked}",
        operation.name, pagination.name
    );
    cx.diagnostics.push(
        Diagnostic::error(Code::PagingPair, span, message)
            .related(pagination.size_span, "its sizes are said here"),
    );
}
