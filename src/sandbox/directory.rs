//! Plain resources: those that a list and a look at one are all there is to, by the contract alone.
//!
//! A resource is a row of [`RESOURCES`]; which filters and orders its list has, the contract says.

use serde_json::json;

use crate::canonical::contract::Location;
use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::query::{Fields, Order, given, page};
use crate::sandbox::store::{self, Row, Table};

/// The first word of an operation's name, its table, and whether a contact may see such things.
const RESOURCES: [(&str, Table, bool); 4] = [
    ("inboxes", Table::Inbox, true),
    ("agents", Table::Agent, false),
    ("teams", Table::Team, false),
    ("labels", Table::Label, false),
];

/// A page of a kind of resource.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let table = table(desk, call)?;
    let fields = Fields::of(desk, table);
    let mut wanted = given(&fields, call)?;
    if let Some(identity) = &desk.who.identity {
        wanted.and(fields.is("id", identity.text("inbox_id").unwrap_or_default())?);
    }
    if let Some(inboxes) = desk.who.inboxes.as_ref().filter(|_| table == Table::Inbox) {
        let ids: Vec<&str> = inboxes.iter().map(String::as_str).collect();
        wanted.and(fields.is_one_of("id", &ids)?);
    }
    let order = Order::parameter(&fields, call.values("sort").first().copied(), "number")?;
    let found = page(desk, call, table, &wanted, &order)?;
    let includes = call.all("include");
    let data: Vec<_> =
        found.rows.iter().map(|row| desk.shown(table, row, &includes)).collect::<Result<_, _>>()?;
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// One resource.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let table = table(desk, call)?;
    let row = named(desk, call, table)?;
    let foreign = match (&desk.who.identity, &desk.who.inboxes) {
        (Some(identity), _) => identity.text("inbox_id") != Some(&row.id),
        (None, Some(inboxes)) => table == Table::Inbox && !inboxes.contains(&row.id),
        (None, None) => false,
    };
    if foreign {
        return Err(not_found(table.name()));
    }
    let object = desk.shown(table, &row, &call.all("include"))?;
    desk.one(call, &row, object.into())
}

/// The resource that the last name in the path of an operation stands for.
pub(super) fn named(desk: &Desk<'_>, call: &Call<'_>, table: Table) -> Result<Row, Fault> {
    let last = call.operation.parameters_in(Location::Path).last();
    let reference = last.and_then(|(_, parameter)| call.text(&parameter.name));
    store::find(desk.db, table, reference.unwrap_or_default())?
        .ok_or_else(|| not_found(table.name()))
}

fn table(desk: &Desk<'_>, call: &Call<'_>) -> Result<Table, Fault> {
    let resource = call.operation.name.split('.').next().unwrap_or_default();
    let found = RESOURCES.iter().find(|(name, _, _)| *name == resource);
    let (_, table, open) = found.ok_or(ProblemCode::NotSupportedByUpstream)?;
    if desk.who.identity.is_some() && !open {
        let detail = "Contacts do not see the people and words of the business";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    Ok(*table)
}
