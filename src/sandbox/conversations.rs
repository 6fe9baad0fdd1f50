//! Reading and changing a conversation.

use serde_json::json;

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::changes;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::csat;
use crate::sandbox::desk::{Desk, View};
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::messages::MOST;
use crate::sandbox::once::once;
use crate::sandbox::store::{self, Table};

/// What a contact may change.
const OPEN_TO_CONTACTS: [&str; 4] = ["status", "status_raw", "snooze", "custom_attributes"];

/// One conversation.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let mut row = desk.conversation(call)?;
    changes::wake(&mut row, &desk.now);
    let object = desk.thread(&row, &view(call)?)?;
    desk.one(call, &row, object)
}

/// Changes what a merge patch names.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let patch = call.body()?;
    once(desk, call, || {
        let mut row = desk.conversation(call)?;
        if desk.public_only()
            && let Some(name) = patch.keys().find(|name| !OPEN_TO_CONTACTS.contains(&name.as_str()))
        {
            return Err(invalid(format!("/{name}"), "read_only", "a contact cannot change this"));
        }
        call.check_revision(&row)?;
        let before = row.document.clone();
        changes::wake(&mut row, &desk.now);
        let entries = changes::apply(desk, &desk.who, &mut row, &patch)?;
        if row.document != before {
            changes::record(desk, &desk.who, &mut row, entries)?;
            let ended = row.text("status") == Some("resolved");
            if ended && before.get("status") != row.document.get("status") {
                csat::offer(desk, &mut row)?;
            }
            row.set("updated_at", desk.now.as_str());
            store::save(desk.db, Table::Conversation, &mut row)?;
        }
        let object = desk.thread(&row, &view(call)?)?;
        desk.one(call, &row, object)
    })
}

/// Deletes a conversation and all that belongs to it alone.
pub(super) fn delete(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = desk.conversation(call)?;
    for_the_business(desk)?;
    call.check_revision(&row)?;
    for sql in [
        "DELETE FROM csat WHERE conversation_id = ?1",
        "DELETE FROM attachment WHERE message_id IN
             (SELECT id FROM message WHERE conversation_id = ?1)",
        "DELETE FROM message WHERE conversation_id = ?1",
        "DELETE FROM conversation WHERE id = ?1",
    ] {
        desk.db.prepare_cached(sql)?.execute([&row.id])?;
    }
    desk.answer(call, json!({"id": row.id, "number": row.number}))
}

/// How much of the conversation the answer shows.
pub(super) fn view<'c>(call: &'c Call<'_>) -> Result<View<'c>, Fault> {
    let messages = match call.number("messages_limit", 0..=MOST)? {
        None => 100,
        Some(0) => MOST,
        Some(n) => n,
    };
    let visibility = call.word("messages_visibility", &["public", "all"])?;
    Ok(View { includes: call.all("include"), messages, public: visibility == Some("public") })
}
