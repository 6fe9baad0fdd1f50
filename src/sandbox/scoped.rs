//! Resources of which there is one for each word of a member (`x-stored` with `scope`): they are there
//! from the beginning, with what the contract says of a new one, and are stored when they change.

use serde_json::{Map, Value};

use crate::canonical::Payload;
use crate::canonical::contract::Location;
use crate::sandbox::Serve;
use crate::sandbox::call::Call;
use crate::sandbox::changes::merge;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::once::once;
use crate::sandbox::plain::Plain;
use crate::sandbox::store::{self, Row};

/// What is done with one, by the last word of an operation's name.
pub(super) const VERBS: [(&str, Serve); 2] =
    [("get", Serve::Read(get)), ("update", Serve::Write(update))];

fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let (_, row) = find(desk, call, &plain)?;
    plain.answer(desk, call, &row)
}

fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let patch = call.body()?;
    once(desk, call, || {
        let (word, mut row) = find(desk, call, &plain)?;
        call.check_revision(&row)?;
        if let Some(other) = patch.keys().find(|name| **name != word) {
            let detail = format!("is not among the settings of `{word}`");
            return Err(invalid(format!("/{other}"), "unknown", detail));
        }
        let before = row.document.clone();
        for (name, value) in &patch {
            let mut after = row.document.get(name).cloned().unwrap_or(Value::Null);
            merge(&mut after, value);
            row.set(name, after);
        }
        if row.document != before {
            row.set("updated_at", desk.now.as_str());
            if row.id.is_empty() {
                row = store::insert(desk.db, plain.table, row.document)?;
            } else {
                store::save(desk.db, plain.table, &mut row)?;
            }
        }
        plain.answer(desk, call, &row)
    })
}

/// The one whose word the path has, and that word.
fn find(desk: &Desk<'_>, call: &Call<'_>, plain: &Plain<'_>) -> Result<(String, Row), Fault> {
    let last = call.operation.parameters_in(Location::Path).last();
    let word = last.and_then(|(_, parameter)| call.text(&parameter.name)).unwrap_or_default();
    let scope = plain.stored.scope.as_deref().unwrap_or_default();
    let condition = format!("document ->> '$.{scope}' = ?1");
    if let Some(row) = store::one(desk.db, plain.table, &condition, [word])? {
        return Ok((word.to_owned(), row));
    }
    let contract = desk.contract();
    let held = contract.property(plain.stored.schema, word).filter(|_| word != scope);
    let held = held.ok_or_else(|| not_found(plain.table.name()))?;
    let mut values = Map::new();
    for property in contract.properties(held.schema) {
        let value = property.default.clone().unwrap_or(Value::Null);
        values.insert(property.name.to_string(), value);
    }
    let mut row = Row { id: String::new(), number: 0, revision: 0, document: Map::new() };
    row.set(scope, word);
    row.set(word, values);
    Ok((word.to_owned(), row))
}
