//! Rows of enum tables: those of the dialect above count, and rows below that they overrule go.

use crate::syntax::yaml::Entry;
use crate::syntax::{Node, Value};

/// (theirs, canonical)
fn cells(row: &Node) -> Option<(&Value, &Value)> {
    match row.as_list()? {
        [dialect, canonical] => Some((&dialect.value, &canonical.value)),
        _ => None,
    }
}

fn rows<'n>(entries: &'n [Entry], keys: &[&str]) -> Vec<(&'n Value, &'n Value)> {
    let lists = entries.iter().filter(|e| keys.contains(&e.key.as_str()));
    lists.filter_map(|e| e.value.as_list()).flatten().filter_map(cells).collect()
}

/// Takes the rows out that rows above stand for: a canonical word has one row that encodes, a word
/// of the dialect one further spelling. A row that the same list above has keeps its place; see
/// [`joined`].
pub(super) fn overruled(below: &mut [Entry], above: &[Entry]) {
    let encoding = ["rows", "encode_only"];
    let new = rows(above, &encoding);
    let spellings = rows(above, &["rows", "decode_only"]);
    for entry in below {
        let key = entry.key.as_str();
        let same_list = rows(above, &[key]);
        let encodes = encoding.contains(&key);
        if !encodes && key != "decode_only" {
            continue;
        }
        let Value::List(list) = &mut entry.value.value else { continue };
        list.retain(|row| {
            let Some((dialect, canonical)) = cells(row) else { return true };
            if encodes {
                let stays = same_list.iter().any(|(_, c)| *c == canonical);
                stays || !new.iter().any(|(_, c)| *c == canonical)
            } else {
                !spellings.iter().any(|(d, _)| *d == dialect)
            }
        });
    }
}

/// The rows above in the places of the rows below for the same canonical word; new ones go last.
pub(super) fn joined(below: &Node, above: &Node) -> Node {
    let (Some(old), Some(new)) = (below.as_list(), above.as_list()) else { return above.clone() };
    let canonical = |row: &Node| cells(row).map(|(_, c)| c.clone());
    let mut all: Vec<Node> = Vec::with_capacity(old.len() + new.len());
    let mut placed = vec![false; new.len()];
    for row in old {
        let mut met = false;
        for (fresh, placed) in new.iter().zip(&mut placed) {
            if canonical(row).is_some() && canonical(fresh) == canonical(row) {
                met = true;
                if !std::mem::replace(placed, true) {
                    all.push(fresh.clone());
                }
            }
        }
        if !met {
            all.push(row.clone());
        }
    }
    all.extend(new.iter().zip(&placed).filter(|(_, p)| !**p).map(|(n, _)| n.clone()));
    Node { span: above.span, value: Value::List(all) }
}

/// One list after the other.
pub(super) fn appended(below: &Node, above: &Node) -> Node {
    let (Some(old), Some(new)) = (below.as_list(), above.as_list()) else { return above.clone() };
    Node { span: above.span, value: Value::List(old.iter().chain(new).cloned().collect()) }
}
