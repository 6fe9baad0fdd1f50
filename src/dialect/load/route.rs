//! One route: its calls, its body, its replies, and what they need of each other.

use crate::canonical::Contract;
use crate::canonical::contract::{Location, Operation, RequestBody, SchemaId};
use crate::mapping::{Compiled, Root, RootKind, Scope};
use crate::syntax::{Code, Diagnostic, Node, Span, Value, closest};

use super::calls::{self, Written};
use super::credentials::Offer;
use super::line::Line;
use super::replies::{self, Facts};
use super::routes::Asked;
use super::{Context, files, paging, routes, yaml};
use crate::dialect::catalog::documents::{BODY, CALLS, REQUEST};
use crate::dialect::envelope::Envelopes;
use crate::dialect::route::{
    Arity, Body, Call, Inputs, Origin, QueryParameter, Reply, ReplyBody, Route, Template,
};

/// The hidden call that a credential's `guard` asks for.
const GUARD: &str = "guard";

/// Compiles a route. What is wrong is reported; a route that is wrong is left out.
pub(super) fn compile(
    written: &routes::Written<'_>,
    line: Line,
    credential: Option<usize>,
    credentials: &[Offer],
    cx: &mut Context<'_>,
) -> Option<(Route, Asked)> {
    let offer = credential.and_then(|i| credentials.get(i));
    let expected = written.calls.len();
    let mut calls: Vec<Written<'_>> = written
        .calls
        .iter()
        .filter_map(|(name, span, node)| calls::read(name, *span, node, false, cx))
        .collect();
    // A call that could not be read would be missed by every part that names it.
    if calls.len() < expected {
        return None;
    }
    let (mut known, joined) = paging::join(written, &mut calls, cx.paginations, cx)?;
    known.extend(query(written, &mut calls, cx));
    files::sole(written.files, &mut calls, cx)?;
    let guard = guard(&calls, offer, cx.contract);
    let guarded = guard.is_some();
    calls.splice(0..0, guard);
    let (scope, body) = scope(written, &calls, guarded, cx);
    let sight = offer.and_then(|o| o.credential.sight.as_deref());

    // Once to learn what is read of which answer …
    let mut inputs = Inputs::default();
    let verbatim =
        written.reply.is_none() && calls.last().is_some_and(|c| is_bytes(c, cx.contract));
    let replies = match written.reply {
        Some(node) => replies::read(node, &scope, sight, &joined, cx),
        None if verbatim => Vec::new(),
        None => {
            cx.error(Code::MissingKey, written.name_span, "a route must have the key `reply`");
            return None;
        }
    };
    for facts in replies.iter().flat_map(|r| r.body.iter().chain(&r.when)) {
        learn(facts, &mut calls, &mut inputs);
    }
    let decoded = body.as_ref().and_then(|(node, schema, patch, _)| {
        cx.library.decode(node, &scope, *schema, *patch, cx.diagnostics)
    });
    for facts in decoded.iter().map(Facts::of) {
        learn(&facts, &mut calls, &mut inputs);
    }
    let parts: Vec<Parts> = (0..calls.len()).map(|i| parts(&calls, i, &scope, cx)).collect();
    for facts in parts.iter().flat_map(Parts::all).map(Facts::of) {
        learn(&facts, &mut calls, &mut inputs);
    }
    let files = match written.files {
        Some(node) => {
            let (files, read) = files::read(node, &calls, &scope, cx)?;
            learn(&read, &mut calls, &mut inputs);
            Some(files)
        }
        None => None,
    };
    let read = |part: &Parts| part.all().any(|c| calls::reads(c, REQUEST));
    let reads = parts.iter().position(read).and_then(|index| calls.get(index));
    let received = received(&calls, reads.map(|call| call.span), &scope, cx);
    // … and once more with what that asks to be included.
    let mut compiled = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        compiled.push(call(&calls, index, part, &scope, cx));
    }
    let mut asked = Asked::new();
    for call in &calls {
        call.check(cx);
        asked.push((call.operation, call.included(cx.contract)));
    }
    let body = match (body, decoded) {
        (Some((.., required)), Some(decoded)) => {
            Some(Body { program: decoded.program, required, form: None, whole: None })
        }
        (Some(_), None) => return None,
        (None, _) => received,
    };
    let answers = answers(replies, &calls, verbatim, cx.contract);
    let known = known_query(known, &line.template, &inputs);
    let operations = || calls.iter().map(|call| cx.contract.get(call.operation));
    let safe = operations().all(|operation| operation.safe);
    let no_store =
        operations().any(|operation| operation.cache.no_store) || (line.method == "GET" && !safe);
    let route = Route {
        name: written.name.into(),
        number: 0,
        method: line.method,
        template: line.template,
        credential,
        body,
        files,
        query: known,
        guard: guarded.then_some(0),
        calls: compiled.into_iter().collect::<Option<_>>()?,
        safe,
        no_store,
        replies: answers,
        envelopes: Envelopes::default(),
        inputs,
        documents: None,
        span: written.request.span,
        origin: Origin::Own,
    };
    routes::check_inputs(&route, &line.spans, written.request, offer, cx);
    Some((route, asked))
}

/// A client's body that only calls read, each for itself: it is received, and passed on as it is.
/// `reads` is a call that has something of it in another place than its own body.
fn received(
    calls: &[Written<'_>],
    reads: Option<Span>,
    scope: &Scope,
    cx: &mut Context<'_>,
) -> Option<Body> {
    let decodes = |c: &&Written<'_>| c.body.is_some_and(|body| body.get("record").is_some());
    let takes = |c: &Written<'_>| cx.contract.get(c.operation).body.as_ref();
    let (required, span) = match calls.iter().find(decodes) {
        Some(call) => (takes(call).is_some_and(|b| b.required), call.span),
        None => (false, reads?),
    };
    let whole = yaml::text(span, "$request.body");
    let copied = cx.library.pick(&whole, scope, cx.diagnostics)?;
    Some(Body { program: copied.program, required, form: None, whole: None })
}

/// What of a call does not depend on what is included.
struct Parts {
    when: Option<Compiled>,
    body: Option<Compiled>,
    params: Option<Compiled>,
    complete: bool,
}

impl Parts {
    fn all(&self) -> impl Iterator<Item = &Compiled> {
        self.when.iter().chain(&self.body).chain(&self.params)
    }
}

fn parts(calls: &[Written<'_>], index: usize, scope: &Scope, cx: &mut Context<'_>) -> Parts {
    let none = Parts { when: None, body: None, params: None, complete: false };
    let Some(call) = calls.get(index) else { return none };
    let when = call.when.map(|node| cx.library.condition(node, scope, cx.diagnostics));
    let takes = cx.contract.get(call.operation).body.as_ref();
    let body = call.body.zip(takes).map(|(node, takes)| match node.get("record") {
        Some(_) => cx.library.decode(node, scope, takes.schema, takes.patch, cx.diagnostics),
        None => cx.library.compose(node, scope, takes.schema, takes.patch, cx.diagnostics),
    });
    let params = call.params(scope, cx);
    let complete = when.as_ref().is_none_or(Option::is_some)
        && body.as_ref().is_none_or(Option::is_some)
        && params.is_some();
    Parts { when: when.flatten(), body: body.flatten(), params, complete }
}

fn call(
    calls: &[Written<'_>],
    index: usize,
    parts: Parts,
    scope: &Scope,
    cx: &mut Context<'_>,
) -> Option<Call> {
    let call = calls.get(index)?;
    let read = |i: &usize| parts.all().any(|c| calls::reads(c, CALLS + i));
    let after: Vec<usize> = (0..calls.len()).filter(read).collect();
    if let Some(later) = after.iter().find(|i| **i >= index).and_then(|i| calls.get(*i)) {
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownRoot,
                call.span,
                format!("this call reads `${}`, which has not run yet", later.name),
            )
            .help("a call reads the answers of calls above it"),
        );
    }
    let again = call.again.and_then(|(node, most)| {
        let name = node.as_text().unwrap_or_default();
        let found = calls.iter().take(index).position(|c| c.name == name);
        if found.is_none() {
            let above = calls.iter().take(index).map(|c| c.name);
            cx.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownRoot,
                    node.span,
                    format!("no call above this one is named `{name}`"),
                )
                .suggest(closest(name, above)),
            );
        }
        Some((found?, most))
    });
    if !parts.complete {
        return None;
    }
    let operation = cx.contract.get(call.operation);
    let walk = paging::walk(call, cx);
    Some(Call {
        name: call.name.into(),
        operation: call.operation,
        when: parts.when.map(|c| c.program),
        params: call.params(scope, cx)?.program,
        body: parts.body.map(|c| c.program),
        fresh: call.fresh,
        widen: operation.cache.widen,
        after,
        again,
        take: None,
        walk,
        whole: call.is_whole(operation),
    })
}

/// Notes what a program reads: inputs, and members that a call must ask to be included.
fn learn(facts: &Facts, calls: &mut [Written<'_>], inputs: &mut Inputs) {
    for (part, name) in &facts.inputs {
        inputs.add(part, name);
    }
    for (document, name) in &facts.includes {
        let index = document.checked_sub(CALLS);
        if let Some(call) = index.and_then(|i| calls.get_mut(i)) {
            call.includes.push(name.clone());
        }
    }
}

/// Gives each call the query parameters that its operation has. Gives the route's own.
fn query<'n>(
    written: &routes::Written<'n>,
    calls: &mut [Written<'n>],
    cx: &mut Context<'_>,
) -> Vec<QueryParameter> {
    let mut known = Vec::new();
    for entry in written.query.iter().filter(|e| paging::joins(e).is_none()) {
        let at = entry.value.get("at").unwrap_or(&entry.value);
        let Some(name) = at.as_text().and_then(|t| t.strip_prefix("$.")) else {
            let problem = Diagnostic::error(
                Code::BadPlace,
                at.span,
                "a line of `query` says which canonical parameter it is",
            );
            cx.diagnostics.push(problem.help(format!("write it as in `{}: $.limit`", entry.key)));
            continue;
        };
        let to = entry.value.get("to");
        if let Some(to) = to
            && !calls.iter().any(|c| Some(c.name) == to.as_text())
        {
            let name = to.as_text().unwrap_or_default();
            let message = format!("no call here is named `{name}`");
            cx.diagnostics.push(
                Diagnostic::error(Code::UnknownRoot, to.span, message)
                    .suggest(closest(name, calls.iter().map(|c| c.name))),
            );
            continue;
        }
        let source = yaml::input(at.span, "query", &entry.key);
        let node = match &entry.value.value {
            Value::Map(_) => with_at(&entry.value, source),
            _ => source,
        };
        let mut arity = None;
        for call in calls.iter_mut() {
            if to.is_some_and(|to| to.as_text() != Some(call.name)) {
                continue;
            }
            let operation = cx.contract.get(call.operation);
            let location = Location::Query;
            let Some(index) = calls::position(operation, location, name) else { continue };
            let list = operation.parameters.get(index).is_some_and(|p| p.list);
            // A word of a table may stand for several values of a list; of words, the last counts.
            let words = entry.value.get("enum").is_some();
            let commas =
                matches!(entry.value.get("commas").map(|n| &n.value), Some(Value::Bool(true)));
            arity = Some(match (list && !words, commas) {
                (true, true) => Arity::Commas,
                (true, false) => Arity::Repeated,
                (false, _) => Arity::One,
            });
            if let Some(own) = call.query.iter().find(|e| e.key == name) {
                cx.diagnostics.push(
                    Diagnostic::error(
                        Code::TwoWriters,
                        entry.key_span,
                        format!("the call `{}` already says what `{name}` is", call.name),
                    )
                    .related(own.key_span, "here"),
                );
            }
            call.given.push((index, node.clone()));
        }
        match arity {
            Some(arity) => known.push(QueryParameter { name: entry.key.as_str().into(), arity }),
            None => unused(name, at, calls, cx),
        }
    }
    known
}

fn with_at(node: &Node, at: Node) -> Node {
    let mut node = yaml::without(node, &["to", "commas"]);
    if let Value::Map(entries) = &mut node.value {
        for entry in entries.iter_mut().filter(|e| e.key == "at") {
            entry.value = at.clone();
        }
    }
    node
}

fn unused(name: &str, at: &Node, calls: &[Written<'_>], cx: &mut Context<'_>) {
    let location = Location::Query;
    let operations: Vec<&Operation> = calls.iter().map(|c| cx.contract.get(c.operation)).collect();
    let known = operations.iter().flat_map(|o| o.parameters_in(location)).map(|(_, p)| &*p.name);
    cx.diagnostics.push(
        Diagnostic::error(
            Code::UnusedParameter,
            at.span,
            format!("no call here has the query parameter `{name}`"),
        )
        .suggest(closest(name, known)),
    );
}

/// Parameters of the query table, and those that programs read by `$query`.
fn known_query(
    mut table: Vec<QueryParameter>,
    template: &Template,
    inputs: &Inputs,
) -> Vec<QueryParameter> {
    for name in template.query.iter().map(|t| &t.name).chain(&inputs.query) {
        if !table.iter().any(|q| q.name == *name) {
            table.push(QueryParameter { name: name.clone(), arity: Arity::One });
        }
    }
    table
}

/// The call that the credential wants made first: where what is asked for lies below something the
/// guard reads, and either is not that thing itself, or would be changed before it is seen.
fn guard<'n>(
    calls: &[Written<'n>],
    offer: Option<&Offer>,
    contract: &Contract,
) -> Option<Written<'n>> {
    let id = offer?.guard?;
    let operation = contract.get(id);
    let shown = |o: &Operation| o.answer.map(|a| contract.schema(a).name.clone());
    let open = |c: &Written<'_>| {
        let asked = contract.get(c.operation);
        !asked.safe || shown(asked) != shown(operation)
    };
    if !calls.iter().any(open) {
        return None;
    }
    // The first call that names what the guard reads says how to find it.
    let location = Location::Path;
    let like = calls.iter().find(|c| {
        operation.parameters_in(location).all(|(_, p)| c.path.iter().any(|e| *e.key == *p.name))
    })?;
    Some(Written {
        name: GUARD,
        span: like.span,
        operation: id,
        // Other entries are for the call's own operation; the guard's parameters pick theirs.
        path: like.path,
        query: &[],
        headers: &[],
        body: None,
        when: None,
        fresh: false,
        again: None,
        take: None,
        sends_file: false,
        walk: None,
        given: Vec::new(),
        includes: Vec::new(),
    })
}

/// A client's body: its node, the type it decodes to, whether it is a patch, whether it is required.
type ClientBody<'n> = (&'n Node, SchemaId, bool, bool);

/// The documents of every program of the route, and the client's body.
fn scope<'n>(
    written: &routes::Written<'n>,
    calls: &[Written<'_>],
    guarded: bool,
    cx: &mut Context<'_>,
) -> (Scope, Option<ClientBody<'n>>) {
    let whole = |c: &&Written<'_>| c.body.and_then(Node::as_text) == Some("$body");
    let takes = |c: &Written<'_>| cx.contract.get(c.operation).body.as_ref();
    let target: Option<&RequestBody> =
        calls.iter().filter(whole).find_map(takes).or_else(|| calls.iter().find_map(takes));
    let required = calls.iter().filter(whole).any(|c| takes(c).is_some_and(|b| b.required));
    let body = match (written.body, target) {
        (Some(node), Some(target)) => Some((node, target.schema, target.patch, required)),
        (Some(node), None) => {
            cx.error(Code::Unused, node.span, "no call of this route takes a body");
            None
        }
        (None, _) => None,
    };
    let root = |name: &str, kind, optional| Root { name: name.into(), kind, optional };
    // Without a body its document keeps its place, under a name that no text can say.
    let decoded = match &body {
        Some((_, schema, ..)) => root("body", RootKind::Canonical(*schema), !required),
        None => root("-", RootKind::Any, true),
    };
    let mut roots = vec![
        root("inputs", RootKind::Inputs, false),
        root("request", RootKind::Request, true),
        decoded,
    ];
    roots.extend(calls.iter().map(|c| c.root(cx.contract)));
    let first = CALLS + usize::from(guarded);
    let alias = (roots.len() == first + 1).then_some(first);
    (Scope { roots, alias }, body)
}

fn is_bytes(call: &Written<'_>, contract: &Contract) -> bool {
    contract.get(call.operation).binary
}

/// The replies, each with whether its rendering may be kept.
fn answers(
    replies: Vec<replies::Written>,
    calls: &[Written<'_>],
    verbatim: bool,
    contract: &Contract,
) -> Vec<Reply> {
    if verbatim {
        let reply = Reply {
            when: None,
            status: 200,
            headers: Vec::new(),
            body: ReplyBody::Verbatim,
            keepable: false,
        };
        return vec![reply];
    }
    let read = matches!(calls, [call] if contract.get(call.operation).safe);
    // Beside it there may be refusals, which are no renderings.
    let single = read && replies.iter().filter(|reply| reply.body.is_some()).count() == 1;
    let keep = |r: &replies::Written| {
        let plain = |f: &Facts| !f.documents.iter().any(|d| *d == REQUEST || *d == BODY);
        single && r.body.as_ref().is_some_and(plain)
    };
    let kept: Vec<bool> = replies.iter().map(keep).collect();
    let mark = |(written, keepable): (replies::Written, bool)| Reply { keepable, ..written.reply };
    replies.into_iter().zip(kept).map(mark).collect()
}
