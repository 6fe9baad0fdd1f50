//! The labels of a conversation by themselves.

use serde_json::{Map, Value, json};

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::changes;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::store::{self, Row, Table};

/// The names.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = desk.conversation(call)?;
    answer(desk, call, &row)
}

/// Exactly these names.
pub(super) fn replace(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    change(desk, call, |_| body.get("labels").cloned().unwrap_or_else(|| json!([])))
}

/// Some names more, some less.
pub(super) fn adjust(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    let given = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (add, remove) = (given("add"), given("remove"));
    change(desk, call, |row| {
        let mut names = names(row);
        names.retain(|name| !remove.contains(name));
        names.extend(add);
        names.into()
    })
}

fn change(
    desk: &Desk<'_>,
    call: &Call<'_>,
    to: impl FnOnce(&Row) -> Value,
) -> Result<Payload, Fault> {
    let mut row = desk.conversation(call)?;
    for_the_business(desk)?;
    let patch = Map::from_iter([("labels".to_owned(), to(&row))]);
    let entries = changes::apply(desk, &desk.who, &mut row, &patch)?;
    if !entries.is_empty() {
        changes::record(desk, &desk.who, &mut row, entries)?;
        row.set("updated_at", desk.now.as_str());
        store::save(desk.db, Table::Conversation, &mut row)?;
    }
    answer(desk, call, &row)
}

fn names(row: &Row) -> Vec<Value> {
    row.document.get("labels").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn answer(desk: &Desk<'_>, call: &Call<'_>, row: &Row) -> Result<Payload, Fault> {
    let labels = names(row);
    desk.answer(
        call,
        json!({"conversation_id": row.id, "conversation_number": row.number, "labels": labels}),
    )
}
