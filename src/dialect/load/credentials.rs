//! `credentials:` of `dialect.yaml`.

use std::sync::Arc;

use crate::canonical::OperationId;
use crate::canonical::contract::{Kind, SchemaId};
use crate::canonical::problem::ProblemCode;
use crate::json::place::{Hop, Place as JsonPlace};
use crate::mapping::plan::Program;
use crate::mapping::{Root, RootKind, Scope};
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, Value, closest};

use super::Context;
use super::calls::{self, Written};
use super::{errors, sight, yaml};
use crate::dialect::catalog::documents::LOOK_UPS;
use crate::dialect::route::{Call, Inputs};
use crate::dialect::scheme::{Credential, Place};

/// What a principal can be asked for (`$principal.x`).
pub(super) const FACTS: [&str; 10] = [
    "kind",
    "account",
    "inbox",
    "identity",
    "contact",
    "verified",
    "proof_required",
    "agent",
    "conversation",
    "survey",
];

/// A credential and what routes must know of it.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) credential: Credential,
    pub(super) default: bool,
    pub(super) guard: Option<OperationId>,
    /// The facts of its principals.
    pub(super) facts: Vec<Box<str>>,
}

/// Reads every credential. One that is wrong is reported and left out.
pub(super) fn read(entries: &[Entry], cx: &mut Context<'_>) -> Vec<Offer> {
    let offers: Vec<(Offer, Span)> =
        entries.iter().filter_map(|e| offer(e, cx).map(|o| (o, e.key_span))).collect();
    let mut defaults = offers.iter().filter(|(o, _)| o.default);
    if let (Some((_, first)), Some((_, second))) = (defaults.next(), defaults.next()) {
        cx.diagnostics.push(
            Diagnostic::error(Code::DuplicateKey, *second, "only one credential is the default")
                .related(*first, "this one is already"),
        );
    }
    offers.into_iter().map(|(offer, _)| offer).collect()
}

fn offer(entry: &Entry, cx: &mut Context<'_>) -> Option<Offer> {
    let contract = cx.contract;
    let mut fields = Fields::of(&entry.value, "a credential", cx.diagnostics)?;
    fields.required("in");
    let place = fields.get("in");
    let look_ups = fields.map("resolve").unwrap_or_default();
    fields.required("yields");
    let yields = fields.get("yields");
    let agree = fields.map("agree").unwrap_or_default();
    let refused = fields.get("refused");
    let guard = fields.get("guard");
    let sees = fields.map("sees");
    let admits = fields.list("admits");
    let errors = fields.get("errors");
    let default = fields.boolean("default").unwrap_or_default();
    fields.finish();

    let place = place.and_then(|node| self::place(node, cx.diagnostics));
    let guard = guard.and_then(|node| calls::operation(node, contract, cx.diagnostics));
    let refused = refused.and_then(|node| code(node, cx.diagnostics));
    let written: Vec<Written<'_>> = look_ups
        .iter()
        .filter_map(|e| calls::read(&e.key, e.key_span, &e.value, true, cx))
        .collect();
    let mut inputs = Inputs::default();
    let pairs = pairs(agree, entry.key_span);
    let (resolve, yielded, agree) = resolve(written, yields?, &pairs, &mut inputs, cx);
    let facts = facts(yields?, place.as_ref(), cx.diagnostics);
    let sight = sees.map(|entries| Arc::new(sight::read(entries, &facts, cx)));
    let admits = match admits {
        Some(words) => self::admits(words, cx.diagnostics),
        None => usual(yields?),
    };
    let errors = errors.map(|node| errors::rows(node, cx));
    Some(Offer {
        credential: Credential {
            name: entry.key.as_str().into(),
            place: place?,
            resolve: resolve?,
            yields: yielded?,
            agree,
            inputs,
            bound: bound(yields?),
            refused: refused.unwrap_or(ProblemCode::Unauthorized),
            sight,
            admits,
            errors,
        },
        default,
        guard,
        facts,
    })
}

/// Kinds of principals.
const KINDS: [&str; 5] = ["agent", "bot", "contact", "gateway", "platform"];

/// Where nothing else is said, platform applications have credentials of their own, and others
/// none of theirs.
fn usual(yields: &Node) -> Vec<Box<str>> {
    let platform = yields.get("kind").and_then(Node::as_text) == Some("platform");
    KINDS.iter().filter(|kind| (**kind == "platform") == platform).map(|k| (*k).into()).collect()
}

fn admits(words: &[Node], diagnostics: &mut Diagnostics) -> Vec<Box<str>> {
    let mut kinds = Vec::new();
    for node in words {
        let word = node.as_text().unwrap_or_default();
        if KINDS.contains(&word) {
            kinds.push(word.into());
            continue;
        }
        diagnostics.push(
            Diagnostic::error(
                Code::UnknownWord,
                node.span,
                format!("`{word}` is no kind of principal; kinds are {}", KINDS.join(", ")),
            )
            .suggest(closest(word, KINDS)),
        );
    }
    kinds
}

fn place(node: &Node, diagnostics: &mut Diagnostics) -> Option<Place> {
    let mut fields = Fields::of(node, "`in`", diagnostics)?;
    let path = fields.get("path");
    let header = fields.get("header");
    let scheme = fields.text("scheme");
    fields.finish();
    match (path, header, scheme) {
        (Some(path), None, None) => Some(Place::Path(texts(path, diagnostics))),
        (None, Some(header), None) => {
            let lower = texts(header, diagnostics);
            Some(Place::Header(lower.iter().map(|n| n.to_ascii_lowercase().into()).collect()))
        }
        (None, Some(header), Some(scheme)) => {
            let named = texts(header, diagnostics);
            if !matches!(named.as_slice(), [n] if n.eq_ignore_ascii_case("authorization")) {
                diagnostics.push(Diagnostic::error(
                    Code::WrongType,
                    header.span,
                    "a scheme stands in the header `authorization`",
                ));
            }
            Some(Place::Scheme(scheme.into()))
        }
        _ => {
            diagnostics.push(
                Diagnostic::error(Code::MissingKey, node.span, "a credential stands in one place")
                    .help("write `{ path: [ a, b ] }`, `{ header: name }` or `{ header: authorization, scheme: bearer }`"),
            );
            None
        }
    }
}

/// A text, or a list of them.
fn texts(node: &Node, diagnostics: &mut Diagnostics) -> Vec<Box<str>> {
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let mut texts = Vec::new();
    for item in items {
        match item.as_text() {
            Some(text) => texts.push(text.into()),
            None => diagnostics.push(wrong_type(item, "a name is text")),
        }
    }
    texts
}

/// The problem code that `node` names; reported where there is none.
pub(super) fn code(node: &Node, diagnostics: &mut Diagnostics) -> Option<ProblemCode> {
    let word = node.as_text().unwrap_or_default();
    let code = ProblemCode::from_word(word);
    if code.is_none() {
        diagnostics.push(
            Diagnostic::error(Code::UnknownWord, node.span, format!("`{word}` is no problem code"))
                .suggest(closest(word, ProblemCode::ALL.iter().map(|c| c.word()))),
        );
    }
    code
}

/// `agree` as a table of facts: both sides of each line, one after the other.
fn pairs(agree: &[Entry], span: Span) -> Node {
    let side = |span: Span, key: String, place: Node| Entry { key, key_span: span, value: place };
    let entries = agree.iter().enumerate().flat_map(|(index, entry)| {
        let left = yaml::text(entry.key_span, entry.key.as_str());
        [
            side(entry.key_span, format!("{index}a"), left),
            side(entry.value.span, format!("{index}b"), entry.value.clone()),
        ]
    });
    Node { span, value: Value::Map(entries.collect()) }
}

type Resolved = (Option<Vec<Call>>, Option<Program>, Option<Program>);

/// Compiles the look-ups and what they yield. Document 0 is the inputs, then one per look-up.
fn resolve(
    mut written: Vec<Written<'_>>,
    yields: &Node,
    agree: &Node,
    inputs: &mut Inputs,
    cx: &mut Context<'_>,
) -> Resolved {
    let mut scope = Scope::default();
    scope.roots.push(Root { name: "inputs".into(), kind: RootKind::Inputs, optional: false });
    for look_up in &written {
        let mut root = look_up.root(cx.contract);
        if let (Some(take), RootKind::Canonical(answer)) = (look_up.take, root.kind) {
            root.kind = element(take, answer, cx).map_or(RootKind::Any, RootKind::Canonical);
        }
        scope.roots.push(root);
    }
    // Once to learn what is read of which answer, once more with what that asks to be included.
    let first: Vec<_> = written.iter().map(|w| w.params(&scope, cx)).collect();
    let yielded = cx.library.facts(yields, &scope, cx.diagnostics);
    let agreed = match agree.as_map() {
        Some([_, ..]) => cx.library.facts(agree, &scope, cx.diagnostics),
        _ => None,
    };
    for compiled in first.iter().flatten().chain(&yielded).chain(&agreed) {
        inputs.absorb(compiled);
        for (document, name) in &compiled.includes {
            let index = document.checked_sub(LOOK_UPS);
            if let Some(look_up) = index.and_then(|i| written.get_mut(i)) {
                look_up.includes.push(name.clone());
            }
        }
    }
    let mut calls = Some(Vec::new());
    for (index, look_up) in written.iter().enumerate() {
        look_up.check(cx);
        let operation = cx.contract.get(look_up.operation);
        if !operation.safe {
            let message = format!("`{}` changes something; a look-up only reads", operation.name);
            cx.error(Code::BadCondition, look_up.span, message);
        }
        let take = look_up.take.map(|node| {
            let own = LOOK_UPS + index;
            let mut scope = Scope { alias: Some(own), ..scope.clone() };
            scope.roots.truncate(own);
            scope.roots.push(look_up.root(cx.contract));
            cx.library.pick(node, &scope, cx.diagnostics).map(|c| c.program)
        });
        let params = look_up.params(&scope, cx);
        let after: Vec<usize> = (0..written.len())
            .filter(|i| params.as_ref().is_some_and(|p| calls::reads(p, LOOK_UPS + i)))
            .collect();
        if after.iter().any(|i| *i >= index) {
            cx.error(Code::UnknownRoot, look_up.span, "a look-up reads only those above it");
        }
        let (Some(params), true) = (params, take.as_ref().is_none_or(Option::is_some)) else {
            calls = None;
            continue;
        };
        if let Some(calls) = &mut calls {
            calls.push(Call {
                name: look_up.name.into(),
                operation: look_up.operation,
                when: None,
                params: params.program,
                body: None,
                fresh: false,
                widen: operation.cache.widen,
                after,
                again: None,
                take: take.flatten(),
                walk: None,
                whole: false,
            });
        }
    }
    (calls, yielded.map(|c| c.program), agreed.map(|c| c.program))
}

/// The type at a place of an answer.
fn element(take: &Node, answer: SchemaId, cx: &Context<'_>) -> Option<SchemaId> {
    let place: JsonPlace = take.as_text()?.parse().ok()?;
    place.hops.iter().try_fold(answer, |schema, hop| {
        match (hop, &cx.contract.schema(schema).kind) {
            (Hop::Member(name), _) => cx.contract.property(schema, name).map(|p| p.schema),
            (Hop::Index(_), Kind::List { items, .. }) => Some(*items),
            _ => None,
        }
    })
}

/// The facts of the principals: what `yields` says, and what the keyring knows of a secret.
fn facts(yields: &Node, place: Option<&Place>, diagnostics: &mut Diagnostics) -> Vec<Box<str>> {
    let entries = yields.as_map().unwrap_or_default();
    for entry in entries.iter().filter(|e| !FACTS.contains(&&*e.key)) {
        diagnostics.push(
            Diagnostic::error(
                Code::UnknownWord,
                entry.key_span,
                format!("a principal has no `{}`", entry.key),
            )
            .suggest(closest(&entry.key, FACTS)),
        );
    }
    if !entries.iter().any(|e| e.key == "kind") {
        let message = "`yields` must have the key `kind`: agent, contact, public or platform";
        diagnostics.push(Diagnostic::error(Code::MissingKey, yields.span, message));
    }
    let mut facts: Vec<Box<str>> = entries.iter().map(|e| e.key.as_str().into()).collect();
    if !matches!(place, Some(Place::Path(_))) {
        facts.extend(["account", "agent"].map(Box::from));
    }
    facts
}

/// Facts taken from the address: they must agree with what the keyring knows.
fn bound(yields: &Node) -> Vec<Box<str>> {
    let from_path = |e: &&Entry| {
        let source = e.value.as_text().or_else(|| e.value.get("at").and_then(Node::as_text));
        source.is_some_and(|s| s.starts_with("$path."))
    };
    let entries = yields.as_map().unwrap_or_default();
    entries.iter().filter(from_path).map(|e| e.key.as_str().into()).collect()
}
