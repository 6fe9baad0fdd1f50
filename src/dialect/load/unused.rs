//! Leftovers that only the text shows: arguments and joins that their record never reads, credentials
//! that no route asks for.

use crate::dialect::route::Route;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Value};

/// Warns of arguments and joins that nothing in their record names.
pub(super) fn roots(records: &[Node], diagnostics: &mut Diagnostics) {
    let entries = records.iter().filter_map(|n| n.get("records")?.as_map()).flatten();
    for record in entries {
        for (key, what) in [("needs", "argument"), ("joins", "join")] {
            let declared = record.value.get(key).and_then(Node::as_map).unwrap_or_default();
            for root in declared {
                let parts = record.value.as_map().unwrap_or_default();
                // Its own declaration is no use of it; another join's is.
                let others = declared.iter().filter(|e| key == "joins" && e.key != root.key);
                let read = parts.iter().filter(|e| e.key != key).chain(others);
                if !read.map(|e| &e.value).any(|node| reads(node, &root.key)) {
                    let message = format!("`{}` never reads the {what} `{}`", record.key, root.key);
                    diagnostics.push(
                        Diagnostic::warning(Code::Unused, root.key_span, message).help(
                            "leave it out here, and in the `give` of whoever uses the record",
                        ),
                    );
                }
            }
        }
    }
}

/// Warns of credentials that no route has.
pub(super) fn credentials(
    entries: &[Entry],
    names: &[Box<str>],
    routes: &[Route],
    diagnostics: &mut Diagnostics,
) {
    for entry in entries {
        let index = names.iter().position(|name| **name == *entry.key);
        if index.is_some() && !routes.iter().any(|route| route.credential == index) {
            let message = format!("no route asks for the credential `{}`", entry.key);
            diagnostics.push(Diagnostic::warning(Code::Unused, entry.key_span, message));
        }
    }
}

/// Whether a text below `node` begins at the root `$name`.
fn reads(node: &Node, name: &str) -> bool {
    let is = |text: &str| {
        text.strip_prefix('$')
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    };
    match &node.value {
        Value::Text(text) => is(text),
        Value::List(items) => items.iter().any(|item| reads(item, name)),
        Value::Map(entries) => entries.iter().any(|e| is(&e.key) || reads(&e.value, name)),
        _ => false,
    }
}
