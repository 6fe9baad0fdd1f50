//! Moving a conversation to another inbox or another contact.

use serde_json::{Map, Value, json};

use crate::sandbox::changes::{Entry, referred};
use crate::sandbox::desk::{Desk, Who};
use crate::sandbox::fault::Fault;
use crate::sandbox::opening::identity_in;
use crate::sandbox::store::{self, Row, Table};

/// Moves a conversation where the patch says so. With whom it is then is the contact's identity in
/// the inbox.
pub(super) fn apply(
    desk: &Desk<'_>,
    who: &Who,
    row: &mut Row,
    patch: &Map<String, Value>,
    entries: &mut Vec<Entry>,
) -> Result<(), Fault> {
    let inbox = wanted(desk, row, patch, Table::Inbox, "inbox_id")?;
    let contact = wanted(desk, row, patch, Table::Contact, "contact_id")?;
    let (Some(inbox), Some(contact)) = (inbox, contact) else { return Ok(()) };
    let from = (row.document.get("inbox_id").cloned(), row.document.get("contact_id").cloned());
    let to = (json!(inbox.id), json!(contact.id));
    if from == (Some(to.0.clone()), Some(to.1.clone())) {
        return Ok(());
    }
    let pointer = if from.1 == Some(to.1.clone()) { "/inbox_id" } else { "/contact_id" };
    let identity = identity_in(desk, &contact, &inbox, pointer)?;
    row.set("contact_identity_id", identity.id);
    let name = &who.name;
    for (what, attribute, from, to, other) in [
        ("inbox_changed", "inbox_id", from.0, to.0, &inbox),
        ("contact_changed", "contact_id", from.1, to.1, &contact),
    ] {
        let from = from.unwrap_or(Value::Null);
        if from == to {
            continue;
        }
        row.set(attribute, to.clone());
        let other = other.text("name").unwrap_or("somebody without a name");
        let text = format!("{name} moved the conversation to {other}");
        entries.push(Entry { what, attribute, from, to, text });
    }
    Ok(())
}

/// The resource that the patch names, else the one it is now.
fn wanted(
    desk: &Desk<'_>,
    row: &Row,
    patch: &Map<String, Value>,
    table: Table,
    member: &str,
) -> Result<Option<Row>, Fault> {
    match patch.get(member) {
        Some(value) => referred(desk, table, value, &format!("/{member}")),
        None => store::find(desk.db, table, row.text(member).unwrap_or_default()),
    }
}
