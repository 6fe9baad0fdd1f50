//! What a paged answer is written as, and a walk over all pages.

use super::{Joined, Part, Style};
use crate::canonical::Sight;
use crate::canonical::contract::Location;
use crate::dialect::load::calls::{self, Written};
use crate::dialect::load::{Context, yaml};
use crate::dialect::route::Walk;
use crate::mapping::{Compiled, Numbered, Scope};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Fields, Node, Value, closest};

/// Most pages that a walk may join.
const MOST_PAGES: usize = 20;

/// `reply: { page: name, each: record }`: the envelope of the kind.
pub(in crate::dialect::load) fn reply(
    page: &Node,
    spec: &Node,
    joined: &[Joined<'_>],
    scope: &Scope,
    sight: Option<&Sight>,
    cx: &mut Context<'_>,
) -> Option<Compiled> {
    let found = joined.iter().find(|j| Some(j.pagination.name) == page.as_text());
    let Some(Joined { pagination, call }) = found else {
        let name = page.as_text().unwrap_or_default();
        let message = format!("no call of this route is paged by `{name}`");
        let problem = Diagnostic::error(Code::PagingPair, page.span, message);
        let near = closest(name, joined.iter().map(|j| j.pagination.name));
        cx.diagnostics.push(match near {
            Some(near) => problem.suggest(Some(near)),
            None => problem.help(format!("join it under `query`: `page: {{ page: {name} }}`")),
        });
        return None;
    };
    if spec.get("each").is_none() || spec.get("at").is_some() {
        let message = "a page's reply has `each`, and its entries are those of the paged call";
        cx.error(Code::PagingPair, spec.span, message);
        return None;
    }
    let mut entries = spec.as_map().unwrap_or_default().to_vec();
    let mut say = |key: &str, value: String| {
        if !entries.iter().any(|e| e.key == key) {
            let value = yaml::text(page.span, value);
            entries.push(Entry { key: key.to_owned(), key_span: page.span, value });
        }
    };
    say("at", format!("${call}.data"));
    if pagination.style == Style::Anchor {
        say("sort_by", "sequence".to_owned());
    }
    let entries = Node { span: spec.span, value: Value::Map(entries) };
    let number = pagination.parts.iter().find(|(part, _)| *part == Part::Number);
    match number {
        Some((_, parameter)) if pagination.style == Style::Laravel => {
            let page = Numbered { call, parameter, span: page.span };
            cx.library.encode_page(&entries, page, scope, sight, cx.diagnostics)
        }
        _ => cx.library.encode(&entries, scope, sight, cx.diagnostics),
    }
}

/// `walk: { pages: 5 }` of a call: its pages, joined.
pub(in crate::dialect::load) fn walk(call: &Written<'_>, cx: &mut Context<'_>) -> Option<Walk> {
    let node = call.walk?;
    let mut fields = Fields::of(node, "`walk`", cx.diagnostics)?;
    fields.required("pages");
    let pages = fields.count("pages");
    fields.finish();
    let pages = pages.filter(|n| (2..=MOST_PAGES).contains(n)).and_then(|n| u8::try_from(n).ok());
    let Some(pages) = pages else {
        let message = format!("`pages` is how many pages are joined: 2 to {MOST_PAGES}");
        cx.error(Code::WrongType, node.span, message);
        return None;
    };
    let operation = cx.contract.get(call.operation);
    let cursor = operation.parameter("cursor");
    let numbered = calls::position(operation, Location::Query, "page");
    let by_number = call.given.iter().any(|(index, _)| Some(*index) == numbered);
    let paged = operation.answer.is_some_and(|answer| {
        let member = |id, name: &str| {
            let found = cx.contract.properties(id).iter().find(|p| &*p.name == name);
            found.map(|p| p.schema)
        };
        let next = member(answer, "page").and_then(|page| member(page, "next"));
        next.is_some() && member(answer, "data").is_some()
    });
    match cursor {
        Some(cursor) if operation.safe && paged && !by_number => Some(Walk { pages, cursor }),
        _ => {
            let message = match by_number {
                true => "a client's page and all pages exclude each other".to_owned(),
                false => format!("`{}` does not answer in pages", operation.name),
            };
            cx.diagnostics.push(
                Diagnostic::error(Code::PagingPair, node.span, message)
                    .help("a walk follows `page.next` of a read by its parameter `cursor`"),
            );
            None
        }
    }
}
