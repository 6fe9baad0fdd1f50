//! The tree of a filter: conditions joined by `and`, `or` and `not`.

use serde_json::Value;

use super::field::Fields;
use super::{Sql, leaf};
use crate::sandbox::fault::{Fault, invalid};
use crate::syntax::closest;

/// Deepest nesting.
const DEEPEST: usize = 8;
/// Most nodes of one filter.
const MOST: usize = 200;
/// Most values in the SQL of one filter; SQLite takes three times as many.
const MOST_VALUES: usize = 10_000;

/// A filter as one condition. `pointer` is where it stands in the request's body.
pub(super) fn compile(fields: &Fields<'_>, filter: &Value, pointer: &str) -> Result<Sql, Fault> {
    let sql = Tree { fields, nodes: 0 }.node(filter, pointer, 1)?;
    if sql.values.len() > MOST_VALUES {
        return Err(invalid(pointer, "too_many", "compares with too many values"));
    }
    Ok(sql)
}

struct Tree<'f, 'd> {
    fields: &'f Fields<'d>,
    nodes: usize,
}

impl Tree<'_, '_> {
    fn node(&mut self, filter: &Value, pointer: &str, depth: usize) -> Result<Sql, Fault> {
        self.nodes += 1;
        if depth > DEEPEST {
            let detail = format!("is nested more than {DEEPEST} deep");
            return Err(invalid(pointer, "too_deep", detail));
        }
        if self.nodes > MOST {
            return Err(invalid(pointer, "too_many", format!("is more than {MOST} conditions")));
        }
        let Value::Object(members) = filter else {
            return Err(invalid(pointer, "wrong_type", "must be an object"));
        };
        let known: &[&str] = if members.contains_key("op") {
            &["op", "filters"]
        } else {
            &["field", "cmp", "value"]
        };
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            let detail = match closest(name, known.iter().copied()) {
                Some(near) => format!("is not known here; did you mean `{near}`?"),
                None => "is not known here".to_owned(),
            };
            return Err(invalid(format!("{pointer}/{}", escaped(name)), "unknown", detail));
        }
        let missing = |name: &&&str| **name != "value" && !members.contains_key(**name);
        if let Some(name) = known.iter().find(missing) {
            return Err(invalid(format!("{pointer}/{name}"), "required", "must be there"));
        }
        let Some(op) = members.get("op") else {
            return leaf::compile(self.fields, members, pointer);
        };
        let Some(below) = members.get("filters").and_then(Value::as_array) else {
            return Err(invalid(format!("{pointer}/filters"), "wrong_type", "must be a list"));
        };
        let mut all = Vec::with_capacity(below.len().min(MOST));
        for (index, filter) in below.iter().enumerate() {
            all.push(self.node(filter, &format!("{pointer}/filters/{index}"), depth + 1)?);
        }
        match op.as_str() {
            Some("and") => Ok(Sql::joined(&all, " AND ", "true")),
            Some("or") => Ok(Sql::joined(&all, " OR ", "false")),
            // None of them holds.
            Some("not") => {
                let any = Sql::joined(&all, " OR ", "false");
                Ok(Sql::default().text("NOT (").piece(&any).text(")"))
            }
            _ => Err(invalid(format!("{pointer}/op"), "invalid", "must be one of and, or, not")),
        }
    }
}

/// A name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
