//! In which order resources are listed.

use serde_json::Value;

use super::Sql;
use super::field::{Fields, Kind};
use crate::sandbox::fault::{Fault, bad_parameter, invalid};

/// Most fields of one order.
const MOST: usize = 3;

/// One field of an order. What has no value comes last, whichever way it goes.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Order {
    pub(super) key: Sql,
    pub(super) descending: bool,
}

impl Order {
    /// The order that a parameter names: `name`, `-name`. `default` is what leaving it out means.
    pub(in crate::sandbox) fn parameter(
        fields: &Fields<'_>,
        given: Option<&str>,
        default: &str,
    ) -> Result<Vec<Self>, Fault> {
        let text = given.unwrap_or(default);
        match one(fields, text, "") {
            Ok(order) => Ok(vec![order]),
            Err(_) => Err(bad_parameter("sort", format!("`{text}` is no order of this list"))),
        }
    }
}

/// The order of a search's body.
pub(super) fn read(
    fields: &Fields<'_>,
    sort: &[Value],
    default: &str,
) -> Result<Vec<Order>, Fault> {
    if sort.is_empty() {
        return Order::parameter(fields, None, default);
    }
    if sort.len() > MOST {
        return Err(invalid("/sort", "too_many", format!("must have at most {MOST} elements")));
    }
    let each = |(index, field): (usize, &Value)| {
        one(fields, super::field::text_of(Some(field)), &format!("/sort/{index}"))
    };
    sort.iter().enumerate().map(each).collect()
}

fn one(fields: &Fields<'_>, text: &str, pointer: &str) -> Result<Order, Fault> {
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let field = fields.find(name, pointer)?;
    if field.kind == Kind::Names {
        return Err(invalid(pointer, "invalid", "nothing is ordered by this"));
    }
    let value = &field.value;
    let key = match field.kind {
        Kind::Text => Sql::default().text("fold(").piece(value).text(")"),
        // Words have the order of the contract's list.
        Kind::Word => {
            let words = fields.contract().words(field.schema);
            let mut key = Sql::default().text("CASE ").piece(value);
            for (rank, word) in (0_i64..).zip(words) {
                key = key.text(" WHEN ").value(word.to_string()).text(" THEN ").value(rank);
            }
            key.text(" END")
        }
        _ => value.clone(),
    };
    let key = match &field.within {
        None => key,
        Some((table, id)) => Sql::default()
            .text("(SELECT ")
            .piece(&key)
            .text(&format!(" FROM {0} WHERE {0}.id = ", table.name()))
            .piece(id)
            .text(")"),
    };
    Ok(Order { key, descending })
}
