//! What a contact went through, like having been sent the privacy message.

use serde_json::{Value, json};

use crate::canonical::{Payload, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::contacts::{self, for_the_business};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::query::{Fields, Order, given, page};
use crate::sandbox::store::{self, Table};

fn table() -> Result<Table, Fault> {
    Table::of("contact_activity").ok_or_else(|| ProblemCode::Internal.into())
}

/// A page of what a contact went through, the newest first.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    let contact = contacts::named(desk, call)?;
    let fields = Fields::of(desk, table()?);
    let mut wanted = given(&fields, call)?;
    wanted.and(fields.is("contact_id", &contact.id)?);
    let order = Order::parameter(&fields, None, "-number")?;
    let found = page(desk, call, table()?, &wanted, &order)?;
    let data = found.rows.iter().map(|row| desk.object(row).map(Value::Object));
    let data: Vec<Value> = data.collect::<Result<_, _>>()?;
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// One of them.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    let contact = contacts::named(desk, call)?;
    let row = store::find(desk.db, table()?, call.text("activity_id").unwrap_or_default())?;
    let row = row.filter(|row| row.text("contact_id") == Some(&contact.id));
    let row = row.ok_or_else(|| not_found("activity"))?;
    desk.one(call, &row, desk.object(&row)?.into())
}
