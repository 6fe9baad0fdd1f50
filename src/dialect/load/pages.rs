//! `html: name` of a reply or an error: which page it is, and whether it is given what it reads.

use std::sync::Arc;

use crate::dialect::page::Page;
use crate::dialect::route::{ReplyBody, Route};
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Span, closest};

use super::{Context, Pages};

/// The page that `node` names. `table` is what it is filled in from: where its keys are written there,
/// they must be all that the page reads.
pub(super) fn named(node: &Node, table: &Node, cx: &mut Context<'_>) -> Option<Arc<Page>> {
    let name = node.as_text().unwrap_or_default();
    let Some((_, page)) = cx.pages.get(name) else {
        let known = cx.pages.keys().map(|name| &**name);
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownReference,
                node.span,
                format!("there is no page `pages/{name}.html`"),
            )
            .suggest(closest(name, known)),
        );
        return None;
    };
    if let Some(fields) = table.get("fields").and_then(Node::as_map) {
        let given = |read: &str| {
            fields.iter().any(|f| f.key.split('.').next().is_some_and(|first| first == read))
        };
        for read in page.reads().iter().filter(|read| !given(read)) {
            let message = format!("the page `{name}` reads `{read}`, which is not written here");
            let known = fields.iter().map(|f| f.key.as_str());
            let told = Diagnostic::error(Code::BadPage, node.span, message);
            cx.diagnostics.push(told.suggest(closest(read, known)));
        }
    }
    Some(Arc::clone(page))
}

/// Tells of pages that no route answers with.
pub(super) fn report_unused(pages: &Pages, routes: &[Route], diagnostics: &mut Diagnostics) {
    let used = |page: &Arc<Page>| routes.iter().any(|route| answers_with(route, page));
    for (name, (source, _)) in pages.iter().filter(|(_, (_, page))| !used(page)) {
        let message = format!("no route answers with the page `{name}`");
        diagnostics.push(Diagnostic::warning(Code::Unused, Span::start_of(*source), message));
    }
}

fn answers_with(route: &Route, page: &Arc<Page>) -> bool {
    let of_reply =
        |body: &ReplyBody| matches!(body, ReplyBody::Page(_, own) if Arc::ptr_eq(own, page));
    let of_error = route.envelopes.pages().any(|own| Arc::ptr_eq(own, page));
    of_error || route.replies.iter().any(|reply| of_reply(&reply.body))
}
