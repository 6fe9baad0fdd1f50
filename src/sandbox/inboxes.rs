//! Inboxes: plain resources with a channel, a name in addresses that nobody can guess, and people and
//! conversations that go with them.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use uuid::Uuid;

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::changes::merge;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::identities::Wanted;
use crate::sandbox::ids;
use crate::sandbox::plain::{self, Plain};
use crate::sandbox::store::{self, Row, Table};

/// Where secrets of the main channel are kept: no member of the contract, so never shown.
const SECRETS: &str = "channel_secrets";

/// With what names are made that are the same at every look, and that nobody can guess.
static KEY: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);

/// A new inbox with its channel.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    plain::make(desk, call, |row| {
        let mut body = call.body()?;
        let number = store::last(desk.db, Table::Inbox)?.saturating_add(1);
        let Some(Value::Object(channel)) = body.remove("channel") else { return Ok(body) };
        if !body.contains_key("identifier") {
            row.set("identifier", identifier(desk, number));
        }
        let new = json!({
            "id": ids::word("chn", number), "number": number, "type": null, "provider": null,
            "address": null, "raw": null, "config": {},
        });
        row.set("channels", vec![new]);
        write(row, channel);
        Ok(body)
    })
}

/// What changes of an inbox, and of its main channel.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    plain::change(desk, call, |row| {
        let mut patch = call.body()?;
        if let Some(Value::Object(channel)) = patch.remove("channel") {
            write(row, channel);
        }
        Ok(patch)
    })
}

/// Deletes an inbox with its conversations and the identities in it.
pub(super) fn delete(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let inbox = Plain::of(desk, call)?.named(desk, call)?;
    call.check_revision(&inbox)?;
    let of_it = "(SELECT id FROM conversation WHERE inbox_id = ?1)";
    for sql in [
        format!(
            "DELETE FROM attachment WHERE message_id IN
             (SELECT id FROM message WHERE conversation_id IN {of_it})"
        ),
        format!("DELETE FROM message WHERE conversation_id IN {of_it}"),
        "DELETE FROM conversation WHERE inbox_id = ?1".to_owned(),
        "DELETE FROM identity WHERE inbox_id = ?1".to_owned(),
    ] {
        desk.db.prepare_cached(&sql)?.execute([&inbox.id])?;
    }
    plain::delete(desk, call)
}

/// Writes a merge patch of the main channel.
fn write(row: &mut Row, mut patch: Map<String, Value>) {
    if let Some(secrets) = patch.remove("secrets") {
        let mut kept = row.document.remove(SECRETS).unwrap_or(Value::Null);
        merge(&mut kept, &secrets);
        row.set(SECRETS, kept);
    }
    let main = row.document.get_mut("channels").and_then(|all| all.get_mut(0));
    if let Some(main) = main {
        merge(main, &patch.into());
    }
}

/// What public addresses call the inbox with a number.
fn identifier(desk: &Desk<'_>, number: i64) -> String {
    let uuid = match desk.repeatable() {
        // Far from the numbers that sessions are made of.
        true => ids::uuid(number.saturating_add(1 << 40)),
        false => Uuid::new_v4().to_string(),
    };
    uuid.replace('-', "")
}

/// The inboxes in which a contact can be written to: those that know it, and those that would by an
/// address of it. Nobody can begin to write to a visitor of a page.
pub(super) fn reachable(
    desk: &Desk<'_>,
    contact: &Row,
    identities: &[Row],
    with_inbox: bool,
) -> Result<Value, Fault> {
    let mut found: Vec<Value> = Vec::new();
    for inbox in store::all(desk.db, Table::Inbox, "true ORDER BY number", [])? {
        if !desk.sees_inbox(&inbox.id) {
            continue;
        }
        let channel = plain::channel_of(&inbox);
        // The latest one is the one that was written from last.
        let known = identities.iter().rfind(|one| one.text("inbox_id") == Some(&inbox.id));
        let source_id = match known {
            Some(known) => known.text("source_id").unwrap_or_default().to_owned(),
            None if !matches!(channel, "api" | "email" | "whatsapp" | "sms" | "phone") => continue,
            None if channel == "api" => session(desk, &inbox, contact),
            None => match Wanted::any(inbox.clone()).source_id(desk, contact, channel) {
                Ok(source_id) => source_id,
                Err(Fault::Refused(_)) => continue,
                Err(fault) => return Err(fault),
            },
        };
        let mut object = json!({
            "inbox_id": inbox.id, "inbox_number": inbox.number, "channel_type": channel,
            "source_id": source_id, "identity_id": known.map(|known| &known.id),
            "identity_number": known.map(|known| known.number),
        });
        if let (true, Some(object)) = (with_inbox, object.as_object_mut()) {
            object.insert("inbox".into(), desk.shown(Table::Inbox, &inbox, &[])?.into());
        }
        found.push(object);
    }
    Ok(found.into())
}

/// What an inbox without addresses would call a contact.
fn session(desk: &Desk<'_>, inbox: &Row, contact: &Row) -> String {
    let key = if desk.repeatable() { Uuid::nil() } else { *KEY };
    // A key of any length will do.
    let Ok(mut code) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    code.update(inbox.id.as_bytes());
    code.update(contact.id.as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(code.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
