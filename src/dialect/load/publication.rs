//! `documented.yaml` and the files of `documented/` as one document: paths and components of all of
//! them, what else there is from one.

use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Value};

/// How deep files share maps: `paths`, a path, and `components`, a kind of them. What stands below
/// is of one file.
const SHARED: usize = 2;

/// All files as one; `None` where there is none.
pub(super) fn gathered(files: &[Node], diagnostics: &mut Diagnostics) -> Option<Node> {
    let (first, rest) = files.split_first()?;
    let mut whole = first.clone();
    for file in rest {
        add(&mut whole, file, 0, diagnostics);
    }
    Some(whole)
}

fn add(whole: &mut Node, file: &Node, depth: usize, diagnostics: &mut Diagnostics) {
    let (Value::Map(own), Value::Map(more)) = (&mut whole.value, &file.value) else { return };
    for entry in more {
        let Some(known) = own.iter_mut().find(|e| e.key == entry.key) else {
            own.push(entry.clone());
            continue;
        };
        let maps =
            matches!((&known.value.value, &entry.value.value), (Value::Map(_), Value::Map(_)));
        if maps && depth < SHARED {
            add(&mut known.value, &entry.value, depth + 1, diagnostics);
        } else if is_line(known) {
            *known = entry.clone();
        } else if !is_line(entry) {
            let message = format!("`{}` is written in two files", entry.key);
            diagnostics.push(
                Diagnostic::error(Code::DuplicateKey, entry.key_span, message)
                    .related(known.key_span, "the first one"),
            );
        }
    }
}

/// An operation that is only listed: another file may write it out.
fn is_line(entry: &Entry) -> bool {
    entry.value.get("operationId").is_some() && entry.value.get("responses").is_none()
}
