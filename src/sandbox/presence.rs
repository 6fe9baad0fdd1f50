//! Who has seen a conversation up to where, and who types in it.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;
use serde_json::{Map, Value};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::changes::{self, referred};
use crate::sandbox::conversations::view;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::store::{self, Row, Table};

/// Just before a message: what came before it is seen, the message is not.
const JUST_BEFORE: SignedDuration = SignedDuration::from_millis(1);

/// Notes up to where somebody has seen a conversation.
pub(super) fn seen(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = if call.request.body.is_empty() { Map::new() } else { call.body()? };
    let mut row = desk.conversation(call)?;
    let before = row.document.clone();
    changes::wake(&mut row, &desk.now);
    let (kind, id) = actor(desk, &row, body.get("actor"))?;
    let unread = body.get("unread").and_then(Value::as_bool).unwrap_or(false);
    let up_to = up_to(desk, &row, &body, unread)?;
    let mut names = match kind {
        "contact" => vec!["contact_last_seen_at"],
        _ => vec!["agent_last_seen_at"],
    };
    if kind != "contact" && row.text("assignee_id") == id.as_deref() && id.is_some() {
        names.push("assignee_last_seen_at");
    }
    for name in names {
        let Some(at) = &up_to else { continue };
        // What was seen stays seen, unless it is unread on purpose.
        if unread || row.text(name).is_none_or(|last| last < at.as_str()) {
            row.set(name, at.as_str());
        }
    }
    if kind == "contact" && !unread {
        receipts(desk, &row)?;
    }
    if row.document != before {
        store::save(desk.db, Table::Conversation, &mut row)?;
    }
    let object = desk.thread(&row, &view(call)?)?;
    desk.one(call, &row, object)
}

/// Takes note of nothing: there is nobody here to show it to.
pub(super) fn typing(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    let row = desk.conversation(call)?;
    actor(desk, &row, body.get("actor"))?;
    if desk.public_only() && body.get("visibility").and_then(Value::as_str) == Some("internal") {
        return Err(invalid("/visibility", "invalid", "a contact's typing is public"));
    }
    Ok(Payload::new(call.operation.status, bytes::Bytes::new(), None))
}

/// In whose name it is said: the one the body names, where the one who asks may say so.
pub(super) fn actor(
    desk: &Desk<'_>,
    conversation: &Row,
    named: Option<&Value>,
) -> Result<(&'static str, Option<String>), Fault> {
    let Some(named) = named.filter(|named| !named.is_null()) else {
        if desk.who.id.is_none() {
            return Err(invalid("/actor", "required", "who?"));
        }
        return Ok((desk.who.kind, desk.who.id.clone()));
    };
    let (table, kind) = match named.get("type").and_then(Value::as_str) {
        Some("contact") => (Table::Contact, "contact"),
        Some("agent") => (Table::Agent, "agent"),
        Some("bot") => (Table::Bot, "bot"),
        _ => {
            let detail = "a contact, an agent or a bot is due";
            return Err(invalid("/actor/type", "invalid", detail));
        }
    };
    let id = named.get("id").unwrap_or(&Value::Null);
    let person = conversation.text("contact_id").unwrap_or_default();
    let id = match referred(desk, table, id, "/actor/id")? {
        Some(row) => row.id,
        None if kind == desk.who.kind => desk.who.id.clone().unwrap_or_default(),
        None if kind == "contact" => person.to_owned(),
        None => return Err(invalid("/actor/id", "required", format!("which {kind}?"))),
    };
    if kind == "contact" && id != person {
        return Err(invalid("/actor/id", "invalid", "the conversation is another contact's"));
    }
    if desk.who.kind != "system" && desk.who.id.as_deref() != Some(&id) {
        let detail = "One speaks in one's own name";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    Ok((kind, Some(id)))
}

/// The time up to which everything is seen; nothing where there is no message to count from.
fn up_to(
    desk: &Desk<'_>,
    conversation: &Row,
    body: &Map<String, Value>,
    unread: bool,
) -> Result<Option<String>, Fault> {
    let pointer = "/up_to_message_id";
    let named = body.get("up_to_message_id").unwrap_or(&Value::Null);
    let message = match referred(desk, Table::Message, named, pointer)? {
        Some(message) if message.text("conversation_id") != Some(&conversation.id) => {
            return Err(invalid(pointer, "not_found", "this conversation has no such message"));
        }
        Some(message) => Some(message),
        None if unread => store::one(
            desk.db,
            Table::Message,
            "conversation_id = ?1 AND kind = 'incoming' ORDER BY sequence DESC",
            [&conversation.id],
        )?,
        None => return Ok(Some(desk.now.clone())),
    };
    let at = message.as_ref().and_then(|message| message.text("created_at"));
    if !unread {
        return Ok(at.map(str::to_owned));
    }
    let before = at.and_then(|at| at.parse::<Timestamp>().ok()?.checked_sub(JUST_BEFORE).ok());
    Ok(before.map(stamp))
}

/// What the contact has seen was read.
fn receipts(desk: &Desk<'_>, conversation: &Row) -> Result<(), Fault> {
    let seen = conversation.text("contact_last_seen_at").unwrap_or_default();
    let arrived = store::all(
        desk.db,
        Table::Message,
        "conversation_id = ?1 AND visibility = 'public' AND created_at <= ?2
         AND document ->> '$.delivery.status' IN ('sent', 'delivered')",
        params![conversation.id, seen],
    )?;
    for mut message in arrived {
        if let Some(delivery) = message.document.get_mut("delivery").and_then(Value::as_object_mut)
        {
            delivery.insert("status".into(), "read".into());
        }
        store::save(desk.db, Table::Message, &mut message)?;
    }
    Ok(())
}
