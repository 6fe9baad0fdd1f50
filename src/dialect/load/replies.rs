//! What a client gets: `reply` of a route.

use crate::canonical::{FieldProblem, Problem, ProblemCode, Sight};
use crate::mapping::{Compiled, Scope};
use crate::syntax::{Code, Diagnostic, Fields, Node, closest};

use super::paging::{self, Joined};
use super::{Context, pages, yaml};
use crate::dialect::route::{Reply, ReplyBody};

/// Keys of a reply that are not the mapping's.
const OWN: [&str; 11] = [
    "when", "status", "headers", "empty", "json", "text", "page", "html", "problem", "detail",
    "field",
];

/// A reply and the programs it was made with.
pub(super) struct Written {
    pub(super) reply: Reply,
    /// Of the body.
    pub(super) body: Option<Facts>,
    /// Of the condition.
    pub(super) when: Option<Facts>,
}

/// What is known of a program that was already put in its place.
pub(super) struct Facts {
    pub(super) includes: Vec<(usize, Box<str>)>,
    pub(super) inputs: Vec<(Box<str>, Box<str>)>,
    /// Indexes of the documents it reads.
    pub(super) documents: Vec<usize>,
}

impl Facts {
    pub(super) fn of(compiled: &Compiled) -> Self {
        let documents = 0..compiled.program.documents.len();
        Self {
            includes: compiled.includes.clone(),
            inputs: compiled.inputs.clone(),
            documents: documents.filter(|i| super::calls::reads(compiled, *i)).collect(),
        }
    }
}

/// Reads one reply or a list of them.
pub(super) fn read(
    node: &Node,
    scope: &Scope,
    sight: Option<&Sight>,
    joined: &[Joined<'_>],
    cx: &mut Context<'_>,
) -> Vec<Written> {
    let Some(items) = node.as_list() else {
        return one(node, scope, sight, joined, cx).into_iter().collect();
    };
    if let Some((last, before)) = items.split_last() {
        for item in before.iter().filter(|i| i.get("when").is_none()) {
            cx.error(Code::BadCondition, item.span, "a reply without `when` hides those below it");
        }
        if last.get("when").is_some() {
            let message = "the last reply must have no `when`, or there may be none at all";
            cx.error(Code::BadCondition, last.span, message);
        }
    } else {
        cx.error(Code::MissingKey, node.span, "a route has at least one reply");
    }
    items.iter().filter_map(|item| one(item, scope, sight, joined, cx)).collect()
}

fn one(
    node: &Node,
    scope: &Scope,
    sight: Option<&Sight>,
    joined: &[Joined<'_>],
    cx: &mut Context<'_>,
) -> Option<Written> {
    let spec = yaml::without(node, &OWN);
    let mut fields = Fields::of(node, "a reply", cx.diagnostics)?;
    let when = fields.get("when");
    let status = fields.count("status").unwrap_or(200);
    let status_node = fields.get("status");
    let headers = fields.map("headers").unwrap_or_default();
    let empty = fields.boolean("empty").unwrap_or_default();
    let json = fields.get("json");
    let text = fields.text("text");
    let page = fields.get("page");
    let html = fields.get("html");
    let said = Said {
        code: fields.get("problem"),
        detail: fields.text("detail"),
        field: fields.text("field"),
    };
    let mut written = Vec::new();
    for entry in headers {
        match entry.value.as_text() {
            Some(value) if is_header(&entry.key, value) => {
                written.push((entry.key.as_str().into(), value.into()));
            }
            _ => cx.error(Code::WrongType, entry.value.span, "a header is a name and a text"),
        }
    }
    let status = u16::try_from(status).ok().filter(|s| (200..=399).contains(s));
    if status.is_none() {
        let span = status_node.map_or(node.span, |n| n.span);
        cx.error(Code::WrongType, span, "the status of a reply is 200 to 399");
    }
    for (name, more) in [("detail", said.detail), ("field", said.field)] {
        if said.code.is_none() && more.is_some() {
            let message = format!("a `{name}` says more of a `problem`: name its code");
            cx.error(Code::MissingKey, node.span, message);
        }
    }
    let problem = match said.code {
        Some(word) => Some(problem(word, &said, cx)?),
        None => None,
    };
    let mapped = spec.as_map().is_some_and(|m| !m.is_empty());
    let mut facts = None;
    let body = match (empty, json, text, mapped) {
        (false, None, None, false) if problem.is_some() => ReplyBody::Problem(Box::new(problem?)),
        _ if problem.is_some() => {
            cx.error(Code::UnknownOperator, node.span, "a `problem` is a reply without a body");
            return None;
        }
        (true, None, None, false) => ReplyBody::Empty,
        (false, Some(json), None, false) => {
            let bytes = json.to_json().to_string().into_bytes();
            ReplyBody::Constant(bytes.into(), "application/json")
        }
        (false, None, Some(text), false) => {
            ReplyBody::Constant(text.as_bytes().into(), "text/plain; charset=utf-8")
        }
        (false, None, None, true) => {
            let compiled = match page {
                Some(page) => paging::reply(page, &spec, joined, scope, sight, cx)?,
                None => cx.library.encode(&spec, scope, sight, cx.diagnostics)?,
            };
            facts = Some(Facts::of(&compiled));
            match html {
                Some(html) => {
                    let filled = pages::named(html, &spec, cx)?;
                    written.extend(filled.headers().iter().cloned());
                    ReplyBody::Page(Box::new(compiled.program), filled)
                }
                None => ReplyBody::Program(Box::new(compiled.program)),
            }
        }
        (false, None, None, false) => {
            let message =
                "a reply has a table, `record`, `each`, `empty`, `json`, `text` or `problem`";
            cx.error(Code::MissingKey, node.span, message);
            return None;
        }
        _ => {
            let message = "a reply has one body: a table, `empty`, `json` or `text`";
            cx.error(Code::UnknownOperator, node.span, message);
            return None;
        }
    };
    let when = match when {
        None => None,
        Some(when) => Some(cx.library.condition(when, scope, cx.diagnostics)?),
    };
    let when_facts = when.as_ref().map(Facts::of);
    let reply = Reply {
        when: when.map(|c| c.program),
        status: status.unwrap_or(200),
        headers: written,
        body,
        keepable: false,
    };
    Some(Written { reply, body: facts, when: when_facts })
}

/// What a reply without a body says.
struct Said<'n> {
    code: Option<&'n Node>,
    detail: Option<&'n str>,
    /// What of the request is missing.
    field: Option<&'n str>,
}

/// What is wrong, where a reply says that something is.
fn problem(word: &Node, said: &Said<'_>, cx: &mut Context<'_>) -> Option<Problem> {
    let Some(code) = word.as_text().and_then(ProblemCode::from_word) else {
        let message = format!("`{}` is no problem code", word.as_text().unwrap_or_default());
        let near =
            closest(word.as_text().unwrap_or_default(), ProblemCode::ALL.iter().map(|c| c.word()));
        let wrong = Diagnostic::error(Code::UnknownWord, word.span, message);
        cx.diagnostics.push(wrong.suggest(near));
        return None;
    };
    let problem = Problem::new(code);
    let detail = said.detail;
    Some(match (said.field, detail) {
        (Some(field), _) => problem.field(FieldProblem {
            parameter: Some(field.to_owned()),
            field: Some(field.to_owned()),
            code: "required".to_owned(),
            detail: detail.unwrap_or("must be there").to_owned(),
            ..FieldProblem::default()
        }),
        (None, Some(detail)) => problem.detail(detail),
        (None, None) => problem,
    })
}

fn is_header(name: &str, value: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && value.bytes().all(|b| (0x20..0x7f).contains(&b))
}
