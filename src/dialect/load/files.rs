//! `files` of a route: which parts of a form may be files, and what takes them.

use crate::mapping::Scope;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Fields, Node};

use super::calls::{self, Written};
use super::replies::Facts;
use super::{Context, yaml};
use crate::dialect::catalog::documents::REQUEST;
use crate::dialect::form::Guide;
use crate::dialect::route::{Files, Said};

/// What a problem calls it.
const FILES: &str = "files";

/// Marks the call that is all that the route does, where the files name no operation of their own.
/// `None` where there is no such call.
pub(super) fn sole(
    node: Option<&Node>,
    calls: &mut [Written<'_>],
    cx: &mut Context<'_>,
) -> Option<()> {
    let Some(node) = node.filter(|node| node.get("operation").is_none()) else { return Some(()) };
    let [call] = calls else {
        let message = "`files` without an `operation` stands beside one call, which takes the file";
        cx.error(Code::MissingKey, node.span, message);
        return None;
    };
    if let Some(body) = call.body {
        let message = "a call that takes the file has no body";
        cx.error(Code::UnknownParameter, body.span, message);
        return None;
    }
    call.sends_file = true;
    Some(())
}

/// Reads it. Gives what its parameters read besides.
pub(super) fn read(
    node: &Node,
    calls: &[Written<'_>],
    scope: &Scope,
    cx: &mut Context<'_>,
) -> Option<(Files, Facts)> {
    let parts: Option<Vec<Box<str>>> = node.get("in").and_then(Node::as_list).and_then(|list| {
        list.iter().map(|part| part.as_text().map(Into::into)).collect::<Option<Vec<_>>>()
    });
    let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
        cx.error(
            Code::MissingKey,
            node.span,
            "`files` says with `in` which parts are files: a list",
        );
        return None;
    };
    let said = node.get("said").map(|node| said(node, cx));
    if matches!(said, Some(None)) {
        return None;
    }
    let inner = yaml::without(node, &["in", "said"]);
    let own;
    let (written, alone) = match calls.iter().find(|call| call.sends_file) {
        Some(call) => {
            // Nothing else may stand here.
            Fields::of(&inner, FILES, cx.diagnostics)?.finish();
            (call, true)
        }
        None => {
            let read = calls::read(FILES, node.span, &inner, true, cx)?;
            own = Written { sends_file: true, ..read };
            own.check(cx);
            (&own, false)
        }
    };
    let operation = cx.contract.get(written.operation);
    if operation.file.is_none() {
        let message = format!("`{}` takes no file", operation.name);
        cx.error(Code::UnknownParameter, node.span, message);
        return None;
    }
    // A file is sent on before anything else of the form is known.
    let roots = scope.roots.iter().take(REQUEST).cloned().collect();
    let before = Scope { roots, ..Scope::default() };
    let compiled = written.params(&before, cx)?;
    let facts = Facts::of(&compiled);
    let (operation, params) = (written.operation, compiled.program);
    Some((
        Files { parts, operation, params, alone, said: said.flatten(), guide: Guide::default() },
        facts,
    ))
}

/// `{ type: { image: image/*, document: "*" } }`
fn said(node: &Node, cx: &mut Context<'_>) -> Option<Said> {
    let read = match node.as_map() {
        Some([only]) => only.value.as_map().and_then(|words| {
            let word =
                |word: &Entry| Some((word.key.as_str().into(), word.value.as_text()?.into()));
            let words: Option<Vec<_>> = words.iter().map(word).collect();
            Some(Said { name: only.key.as_str().into(), words: words.filter(|w| !w.is_empty())? })
        }),
        _ => None,
    };
    if read.is_none() {
        let message = "`said` is one value of the form, and a media type for each of its words";
        cx.error(Code::WrongType, node.span, message);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::super::tests::{good, load_routes, problem, route};
    use super::*;

    const PATH: &str =
        "{ account_id: $principal.account, conversation_id: { at: $path.number, as: alias } }";

    fn message(files: &str) -> String {
        format!(
            "routes:\n  one:\n    request: POST /a/{{account}}/{{number:int}}\n    files: {files}\n    call: {{ operation: messages.create, path: {PATH}, body: {{ text: $request.body.text }} }}\n    reply: {{ empty: true }}\n"
        )
    }

    fn alone(files: &str, call: &str) -> String {
        format!(
            "routes:\n  one:\n    request: POST /a/{{account}}\n    files: {files}\n    call: {{ {call}, path: {{ account_id: $principal.account }} }}\n    reply: {{ empty: true }}\n"
        )
    }

    #[test]
    fn files_go_before_the_calls_or_are_the_call() {
        let own = "{ in: [ \"f[]\", g ], operation: attachments.upload, path: { account_id: $principal.account } }";
        let catalog = good(&message(own));
        let files = route(&catalog, "one").files.as_ref().unwrap();
        assert_eq!(files.parts, ["f[]".into(), "g".into()]);
        let upload = catalog.contract.operation("attachments.upload").unwrap();
        assert!(files.operation == upload && !files.alone && files.said.is_none());
        let said = "{ in: [ f ], said: { type: { picture: image/*, any: '*' } } }";
        let catalog = good(&alone(said, "operation: attachments.upload"));
        let files = route(&catalog, "one").files.as_ref().unwrap();
        assert!(files.alone && files.operation == upload);
        let words = vec![("picture".into(), "image/*".into()), ("any".into(), "*".into())];
        assert_eq!(files.said, Some(Said { name: "type".into(), words }));
    }

    #[test]
    fn what_cannot_take_a_file_is_told() {
        for (routes, code, at) in [
            (message("{ operation: attachments.upload }"), Code::MissingKey, "operation"),
            (message("{ in: [], operation: attachments.upload }"), Code::MissingKey, "in: []"),
            (
                message(
                    "{ in: [ f ], operation: contacts.list, path: { account_id: $principal.account } }",
                ),
                Code::UnknownParameter,
                "contacts.list",
            ),
            (
                message("{ in: [ f ], operation: attachments.upload }"),
                Code::MissingParameter,
                "in: [ f ]",
            ),
            (message("{ in: [ f ] }"), Code::UnknownParameter, "text: $request.body.text"),
            (
                alone("{ in: [ f ], colour: red }", "operation: attachments.upload"),
                Code::UnknownKey,
                "colour",
            ),
            (
                alone("{ in: [ f ], said: { type: image } }", "operation: attachments.upload"),
                Code::WrongType,
                "type: image",
            ),
        ] {
            let (found, text, _) = problem(&load_routes(&routes));
            assert_eq!(found, code, "{routes}");
            assert!(text.contains(at), "{text} for {at}");
        }
    }
}
