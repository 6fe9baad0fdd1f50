//! The conditions that the parameters of a list state.
//!
//! A parameter with the name of a field asks for one of its values; what the contract says of a
//! parameter that is left out holds here too. Four more have a meaning of their own in every list.

use rusqlite::types::Value as Bound;
use serde_json::Value;

use super::field::{Fields, Kind};
use super::page::OF_THE_PAGE;
use super::{Sql, Where, fold};
use crate::canonical::contract::Location;
use crate::sandbox::call::Call;
use crate::sandbox::fault::Fault;

/// The word of a list parameter for "has none".
const NONE: &str = "none";
/// Fields whose text is compared without regard to case; every other one must be exactly it.
const ANY_CASE: [&str; 2] = ["email", "uuid"];

/// Every condition that the call's parameters state, but those of `q` and of names that are no
/// field: these are the operation's own.
pub(in crate::sandbox) fn given(fields: &Fields<'_>, call: &Call<'_>) -> Result<Where, Fault> {
    let mut wanted = Where::default();
    for (_, parameter) in call.operation.parameters_in(Location::Query) {
        let name = &*parameter.name;
        let values = call.values(name);
        if values.is_empty() || OF_THE_PAGE.contains(&name) {
            continue;
        }
        let document = format!("{}.document", fields.table.name());
        match name {
            "label" => {
                let any = call.text("label_match") == Some("any");
                let each = values.iter().map(|name| has_label(&document, name)).collect::<Vec<_>>();
                wanted.and(Sql::joined(&each, if any { " OR " } else { " AND " }, "true"));
            }
            "external_id" => {
                let (system, id) =
                    values.first().and_then(|v| v.split_once(':')).unwrap_or_default();
                wanted.and(Sql::new(
                    format!(
                        "EXISTS (SELECT 1 FROM json_each({document}, '$.external_ids') AS name
                         WHERE name.value ->> 'system' = ? AND name.value ->> 'id' = ?)"
                    ),
                    [Bound::Text(system.to_owned()), Bound::Text(id.to_owned())],
                ));
            }
            "updated_since" => {
                let since = Value::from(*values.first().unwrap_or(&""));
                let filter =
                    serde_json::json!({"field": "updated_at", "cmp": "gte", "value": since});
                wanted.filter(fields, &filter, "")?;
            }
            _ => {
                if let Some(condition) = one_of(fields, name, &values)? {
                    wanted.and(condition);
                }
            }
        }
    }
    Ok(wanted)
}

/// A condition on the field with this name, if there is one: that it has one of these values.
fn one_of(fields: &Fields<'_>, name: &str, values: &[&str]) -> Result<Option<Sql>, Fault> {
    let Ok(field) = fields.find(name, "") else { return Ok(None) };
    let mut ways = Vec::new();
    for text in values {
        let value = || Sql::default().piece(&field.value);
        ways.push(match field.kind {
            Kind::Word if *text == NONE => value().text(" IS NULL"),
            Kind::Text if ANY_CASE.contains(&name) => {
                Sql::default().text("fold(").piece(&field.value).text(") = ").value(fold(text))
            }
            Kind::Text | Kind::Word | Kind::Time | Kind::Date | Kind::Free => {
                value().text(" = ").value((*text).to_owned())
            }
            Kind::Number => value().text(" = ").value(text.parse::<i64>().unwrap_or_default()),
            Kind::Boolean => value().text(" = ").value(i64::from(*text == "true")),
            Kind::Id(table) => value().text(" = ").value(fields.id(table, text)?),
            Kind::Names => Sql::default()
                .text("EXISTS (SELECT 1 FROM json_each(")
                .piece(&field.value)
                .text(") AS name WHERE name.value = ")
                .value((*text).to_owned())
                .text(")"),
        });
    }
    let any = Sql::joined(&ways, " OR ", "false");
    Ok(Some(Sql::default().text("coalesce((").piece(&any).text("), 0)")))
}

impl Fields<'_> {
    /// That a field is exactly this.
    pub(in crate::sandbox) fn is(&self, name: &str, value: &str) -> Result<Sql, Fault> {
        self.is_one_of(name, &[value])
    }

    /// That a field is exactly one of these.
    pub(in crate::sandbox) fn is_one_of(&self, name: &str, values: &[&str]) -> Result<Sql, Fault> {
        Ok(one_of(self, name, values)?.unwrap_or_else(|| Sql::new("false", [])))
    }
}

fn has_label(document: &str, name: &str) -> Sql {
    Sql::new(
        format!(
            "EXISTS (SELECT 1 FROM json_each({document}, '$.labels') AS name WHERE name.value = ?)"
        ),
        [Bound::Text(name.to_owned())],
    )
}
