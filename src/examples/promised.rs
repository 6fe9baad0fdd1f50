//! What came out against what the vendor's documents promise, said at the line of the example.

use crate::dialect::documented::Documented;
use crate::json::{text, walk};
use crate::syntax::{Code, Diagnostic, Diagnostics, Span};

use super::file::{Body, Example, Written};

/// Checks an answer.
pub(super) fn check(
    documented: &Documented,
    operation: usize,
    example: &Example,
    status: u16,
    body: &[u8],
    found: &mut Diagnostics,
) {
    let name = documented.operations.get(operation).map_or("", |o| &o.name);
    let silent = documented.promise(operation, status).is_none();
    for fault in documented.check_answer(operation, status, body) {
        let span = match &example.reply {
            _ if silent => example.status_span,
            Body::Json(written) => place(written, &fault.pointer),
            Body::Bytes(_, span) | Body::Shows(_, span) | Body::Empty(span) => *span,
        };
        let what = match &*fault.pointer {
            "" if silent => "the status",
            "" => "the answer",
            pointer => pointer,
        };
        let message = format!("`{name}` is documented otherwise: {what} {}", fault.detail);
        found.push(Diagnostic::error(Code::NotAsDocumented, span, message).help(
            "correct the mapping; or, where it departs on purpose, write `x-differs: <why>` in documented.yaml",
        ));
    }
}

/// Where a pointer points to in the written text; of a member that is not there, its object.
fn place(written: &Written, pointer: &str) -> Span {
    let source = written.source.as_str();
    let mut token = source.trim_matches([' ', '\t', '\r', '\n']);
    if !token.starts_with(['{', '[']) {
        return written.span;
    }
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        let inner = if token.starts_with('[') {
            name.parse().ok().and_then(|index| walk::elements(token).nth(index))
        } else {
            walk::members(token).find(|(key, _)| text::eq(key, &name)).map(|(_, value)| value)
        };
        match inner {
            Some(inner) => token = inner,
            None => break,
        }
    }
    // A token is a part of the source.
    let from = (token.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
    written.span.part(from, from + token.len())
}
