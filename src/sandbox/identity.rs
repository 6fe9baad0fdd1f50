//! Changing an identity: how the person is called there, whether it was proved, and which agents may
//! see them.

use serde_json::Value;

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::once::once;
use crate::sandbox::plain::{ids, named};
use crate::sandbox::store::{self, Table};

/// What a merge patch names becomes otherwise.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let patch = call.body()?;
    once(desk, call, || {
        for_the_business(desk)?;
        let mut row = named(desk, call, Table::Identity)?;
        call.check_revision(&row)?;
        let before = row.document.clone();
        for (name, value) in &patch {
            let after = match name.as_str() {
                "agent_ids" => ids(desk, Table::Agent, value, "/agent_ids")?,
                _ => value.clone(),
            };
            // A list that was never written is empty.
            let same = match (row.document.get(name), &after) {
                (None, Value::Array(list)) => list.is_empty(),
                (before, after) => before == Some(after),
            };
            if !same {
                row.set(name, after);
            }
        }
        if row.document != before {
            row.set("updated_at", desk.now.as_str());
            store::save(desk.db, Table::Identity, &mut row)?;
        }
        let object = desk.shown(Table::Identity, &row, &call.all("include"))?;
        desk.one(call, &row, object.into())
    })
}
