//! `errors:` of `dialect.yaml` and of a route: how a dialect writes problems.

use crate::canonical::problem::ProblemCode;
use crate::mapping::{Root, RootKind, Scope};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Fields, Node, Span, closest};

use super::{Context, pages, yaml};
use crate::dialect::envelope::{Envelope, EnvelopeBody, Envelopes};
use crate::dialect::route::Route;

/// Refinements of a code that error tables may distinguish.
const CAUSES: [&str; 6] = ["missing", "invalid", "account", "role", "route", "condition"];
/// Media types of a problem.
const MEDIA: [&str; 2] = ["application/json", "application/problem+json"];
/// The schema of a problem in the contract.
const PROBLEM: &str = "Problem";

/// Reads the table. `standard`: problems are sent as `application/problem+json` and as they are
/// where the table does not say otherwise.
pub(super) fn read(
    node: Option<&Node>,
    span: Span,
    standard: bool,
    cx: &mut Context<'_>,
) -> Envelopes {
    let entries = node.and_then(Node::as_map).unwrap_or_default();
    let mut rows: Vec<Envelope> = entries.iter().filter_map(|e| row(e, standard, cx)).collect();
    if !entries.iter().any(|e| e.key == "default") {
        if standard {
            let spec = yaml::map(span, [("at", yaml::text(span, "$"))]);
            rows.extend(program(&spec, MEDIA[1], cx).map(|body| Envelope {
                code: None,
                cause: None,
                status: None,
                field: None,
                body,
            }));
        } else {
            cx.diagnostics.push(
                Diagnostic::error(
                    Code::MissingErrorTable,
                    node.map_or(span, |n| n.span),
                    "the table `errors` must have a row `default`",
                )
                .help("write `errors: { default: { record: problem } }` and a record over Problem"),
            );
        }
    }
    Envelopes::new(rows)
}

/// Reads the table of one route, whose rows go before those of the dialect. A row that can never be
/// used there is told of.
pub(super) fn of_route(node: &Node, route: &Route, cx: &mut Context<'_>) -> Envelopes {
    let Some(entries) = node.as_map().filter(|entries| !entries.is_empty()) else {
        cx.error(Code::WrongType, node.span, "`errors` of a route is a map of rows");
        return Envelopes::default();
    };
    let mut rows = Vec::new();
    for entry in entries {
        let Some(row) = row(entry, false, cx) else { continue };
        if let Some(why) = unreachable(&row, route, cx) {
            let message = format!("`{}` is never answered here: {why}", entry.key);
            let told = Diagnostic::error(Code::DeadErrorRow, entry.key_span, message);
            cx.diagnostics.push(told.label("never used"));
        }
        rows.push(row);
    }
    Envelopes::new(rows)
}

/// Why a row of a route's table can never be used, where that is certain.
fn unreachable(row: &Envelope, route: &Route, cx: &Context<'_>) -> Option<&'static str> {
    use ProblemCode as P;
    const OF_CREDENTIALS: [&str; 4] = ["missing", "invalid", "account", "role"];
    const OF_WRITES: [ProblemCode; 4] =
        [P::Conflict, P::PreconditionFailed, P::IdempotencyKeyReused, P::IdempotencyInProgress];
    let code = row.code?;
    let cause = row.cause.as_deref();
    let writes = route.calls.iter().any(|call| !cx.contract.get(call.operation).safe);
    if cause == Some("route") || code == P::MethodNotAllowed {
        return Some("it is for addresses that no route has");
    }
    if route.credential.is_none()
        && (code == P::Unauthorized || cause.is_some_and(|c| OF_CREDENTIALS.contains(&c)))
    {
        return Some("this route asks for no credential");
    }
    if route.body.is_none() && matches!(code, P::MalformedJson | P::UnsupportedMediaType) {
        return Some("this route reads no body");
    }
    (OF_WRITES.contains(&code) && !writes).then_some("this route writes nothing")
}

/// Reads a table that is laid before the dialect's own: it need not say everything.
pub(super) fn rows(node: &Node, cx: &mut Context<'_>) -> Envelopes {
    let entries = node.as_map().unwrap_or_default();
    Envelopes::new(entries.iter().filter_map(|entry| row(entry, false, cx)).collect())
}

fn row(entry: &Entry, standard: bool, cx: &mut Context<'_>) -> Option<Envelope> {
    let (key, field) = match entry.key.split_once('@') {
        Some((key, field)) => (key, Some(field.into())),
        None => (entry.key.as_str(), None),
    };
    let (code, cause) = self::key(key, entry, cx)?;
    const OWN: [&str; 6] = ["status", "body", "text", "empty", "media", "html"];
    let spec = yaml::without(&entry.value, &OWN);
    let mut fields = Fields::of(&entry.value, "a row of `errors`", cx.diagnostics)?;
    let status = fields.count("status");
    let media = fields.word("media", &MEDIA);
    let constant = fields.get("body");
    let text = fields.text("text");
    let empty = fields.boolean("empty").unwrap_or(false);
    let html = fields.get("html");
    // The other keys are the mapping's own, and told by it.
    let status_span = fields.get("status").map_or(entry.key_span, |n| n.span);
    let media = media.unwrap_or(if standard { MEDIA[1] } else { MEDIA[0] });
    let status = status.and_then(|s| u16::try_from(s).ok().or(Some(0)));
    if let Some(status) = status
        && !(400..=599).contains(&status)
    {
        cx.error(Code::WrongType, status_span, "the status of a problem is 400 to 599");
    }
    let others = spec.as_map().is_some_and(|m| !m.is_empty());
    let body = match (constant, text, empty, others) {
        (Some(constant), None, false, false) => {
            EnvelopeBody::Constant(constant.to_json().to_string().into_bytes().into(), media)
        }
        (None, Some(text), false, false) => {
            EnvelopeBody::Constant(text.as_bytes().into(), "text/plain; charset=utf-8")
        }
        (None, None, true, false) => EnvelopeBody::Constant(Box::default(), media),
        (None, None, false, true) => match (html, program(&spec, media, cx)?) {
            (Some(html), EnvelopeBody::Program(program, _)) => {
                EnvelopeBody::Page(program, pages::named(html, &spec, cx)?)
            }
            (_, body) => body,
        },
        _ => {
            let message = "a row of `errors` has one of `record` (or `fields`), `body`, `text` and `empty: true`";
            cx.error(Code::MissingKey, entry.key_span, message);
            return None;
        }
    };
    Some(Envelope { code, cause, field, status, body })
}

fn key(
    key: &str,
    entry: &Entry,
    cx: &mut Context<'_>,
) -> Option<(Option<ProblemCode>, Option<Box<str>>)> {
    if key == "default" {
        return Some((None, None));
    }
    let (word, cause) = match key.split_once('.') {
        None => (key, None),
        Some((word, cause)) => (word, Some(cause)),
    };
    let Some(code) = ProblemCode::from_word(word) else {
        let known = ProblemCode::ALL.iter().map(|c| c.word()).chain(["default"]);
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownWord,
                entry.key_span,
                format!("`{word}` is no problem code"),
            )
            .suggest(closest(word, known)),
        );
        return None;
    };
    if let Some(cause) = cause.filter(|c| !CAUSES.contains(c)) {
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownWord,
                entry.key_span,
                format!("`{cause}` is no cause; causes are {}", CAUSES.join(", ")),
            )
            .suggest(closest(cause, CAUSES)),
        );
    }
    Some((Some(code), cause.map(Box::from)))
}

fn program(spec: &Node, media: &'static str, cx: &mut Context<'_>) -> Option<EnvelopeBody> {
    let Some(problem) = cx.contract.schema_named(PROBLEM) else {
        let message =
            format!("the contract has no schema `{PROBLEM}` that errors could be made from");
        cx.error(Code::UnknownReference, spec.span, message);
        return None;
    };
    let root = Root { name: Box::default(), kind: RootKind::Canonical(problem), optional: false };
    let scope = Scope { roots: vec![root], ..Scope::default() };
    let compiled = cx.library.encode(spec, &scope, None, cx.diagnostics)?;
    Some(EnvelopeBody::Program(Box::new(compiled.program), media))
}

#[cfg(test)]
mod tests;
