//! One message: reading it, editing it, answering what it asks, reacting to it, taking it back.

use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::compose::spoken;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::csat;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::once::once;
use crate::sandbox::presence::actor;
use crate::sandbox::store::{self, Row, Table};

/// One message.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let conversation = desk.conversation(call)?;
    let row = desk.message_of(call, &conversation)?;
    desk.one(call, &row, desk.message(&row)?)
}

/// One note.
pub(super) fn get_note(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let conversation = desk.conversation(call)?;
    let row = note(desk, call, &conversation)?;
    desk.one(call, &row, desk.message(&row)?)
}

/// Edits a message, or answers what it asks.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        let mut conversation = desk.conversation(call)?;
        let row = desk.message_of(call, &conversation)?;
        revise(desk, call, &mut conversation, row, &body)
    })
}

/// Edits a note.
pub(super) fn update_note(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        let mut conversation = desk.conversation(call)?;
        let row = note(desk, call, &conversation)?;
        revise(desk, call, &mut conversation, row, &body)
    })
}

/// Takes the content of a message away; the entry stays.
pub(super) fn delete(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let mut conversation = desk.conversation(call)?;
    let row = desk.message_of(call, &conversation)?;
    take_back(desk, call, &mut conversation, row)
}

/// Takes the content of a note away; the entry stays.
pub(super) fn delete_note(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let mut conversation = desk.conversation(call)?;
    let row = note(desk, call, &conversation)?;
    take_back(desk, call, &mut conversation, row)
}

/// Sets the one reaction of somebody, or takes it away.
pub(super) fn react(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    let mut conversation = desk.conversation(call)?;
    let mut row = desk.message_of(call, &conversation)?;
    refuse_gone(&row)?;
    let (kind, id) = actor(desk, &conversation, body.get("actor"))?;
    let emoji = body.get("emoji").and_then(Value::as_str);
    let mut reactions =
        row.document.get("reactions").and_then(Value::as_array).cloned().unwrap_or_default();
    let theirs =
        |reaction: &Value| reaction.pointer("/actor/id").and_then(Value::as_str) == id.as_deref();
    let old = reactions.iter().find(|reaction| theirs(reaction));
    if old.and_then(|reaction| reaction.get("emoji")).and_then(Value::as_str) != emoji {
        reactions.retain(|reaction| !theirs(reaction));
        if let Some(emoji) = emoji {
            let number = match kind {
                "contact" => desk.number(Table::Contact, id.as_deref().unwrap_or_default())?,
                "bot" => desk.number(Table::Bot, id.as_deref().unwrap_or_default())?,
                _ => desk.number(Table::Agent, id.as_deref().unwrap_or_default())?,
            };
            let actor = json!({"type": kind, "id": id, "number": number});
            reactions.push(json!({"emoji": emoji, "actor": actor, "at": desk.now}));
        }
        row.set("reactions", reactions);
        save(desk, &mut conversation, &mut row)?;
    }
    desk.one(call, &row, desk.message(&row)?)
}

/// The note that a path names.
fn note(desk: &Desk<'_>, call: &Call<'_>, conversation: &Row) -> Result<Row, Fault> {
    let row = desk.message_of(call, conversation)?;
    Some(row).filter(|row| row.text("kind") == Some("note")).ok_or_else(|| not_found("note"))
}

fn refuse_gone(row: &Row) -> Result<(), Fault> {
    if row.text("deleted_at").is_some() {
        let detail = "The message was deleted";
        return Err(Problem::new(ProblemCode::Unprocessable).detail(detail).into());
    }
    Ok(())
}

/// The business may change what it said, whoever of it said it; what a contact said stays.
fn refuse_foreign(desk: &Desk<'_>, row: &Row) -> Result<(), Fault> {
    for_the_business(desk)?;
    if row.text("kind") == Some("incoming") {
        let detail = "What a contact said cannot be edited";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    Ok(())
}

fn revise(
    desk: &Desk<'_>,
    call: &Call<'_>,
    conversation: &mut Row,
    mut row: Row,
    body: &Map<String, Value>,
) -> Result<Payload, Fault> {
    call.check_revision(&row)?;
    refuse_gone(&row)?;
    let before = row.document.clone();
    if let Some(Value::Object(submitted)) = body.get("submitted") {
        submit(&mut row, submitted)?;
        if ["rating", "comment"].iter().any(|name| submitted.contains_key(*name)) {
            csat::answered(desk, conversation, &row)?;
        }
    }
    if ["text", "html", "markdown"].iter().any(|name| body.contains_key(*name)) {
        refuse_foreign(desk, &row)?;
        if row.text("kind") == Some("activity") {
            return Err(invalid("", "invalid", "what happened cannot be edited"));
        }
        say(&mut row, body)?;
        if row.document != before {
            row.set("edited_at", desk.now.as_str());
        }
    }
    if row.document != before {
        save(desk, conversation, &mut row)?;
    }
    desk.one(call, &row, desk.message(&row)?)
}

fn save(desk: &Desk<'_>, conversation: &mut Row, row: &mut Row) -> Result<(), Fault> {
    row.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Message, row)?;
    conversation.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Conversation, conversation)
}

/// Another text in the place of the first one; the other blocks stay.
fn say(row: &mut Row, body: &Map<String, Value>) -> Result<(), Fault> {
    let said = spoken(body, &[])?;
    let mut blocks =
        row.document.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_text = |block: &Value| block.get("type").and_then(Value::as_str) == Some("text");
    blocks.retain(|block| !is_text(block));
    if let Some(text) = said.get("text").and_then(Value::as_str) {
        blocks.insert(0, json!({"type": "text", "text": text, "format": "plain"}));
    }
    if blocks.is_empty() {
        return Err(invalid("/text", "required", "is required where nothing else is said"));
    }
    row.set("body", said);
    row.set("blocks", blocks);
    Ok(())
}

/// Puts what was answered into the block that asked.
fn submit(row: &mut Row, submitted: &Map<String, Value>) -> Result<(), Fault> {
    let asks = |blocks: &mut Vec<Value>, kind: &str, name: &str| {
        let is = |block: &Value| block.get("type").and_then(Value::as_str) == Some(kind);
        blocks.iter().position(is).ok_or_else(|| {
            let detail = format!("the message has no {kind} to answer");
            invalid(format!("/submitted/{name}"), "invalid", detail)
        })
    };
    let mut blocks =
        row.document.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, given) in submitted {
        let kind = match name.as_str() {
            "selected" => "choices",
            "values" => "form",
            _ => "csat",
        };
        let at = asks(&mut blocks, kind, name)?;
        let Some(Value::Object(block)) = blocks.get_mut(at) else { continue };
        match kind {
            "choices" => choose(block, given)?,
            "form" => fill(block, given)?,
            _ => {
                block.insert(name.clone(), given.clone());
            }
        }
    }
    row.set("blocks", blocks);
    Ok(())
}

fn choose(block: &mut Map<String, Value>, selected: &Value) -> Result<(), Fault> {
    let items = block.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut chosen: Vec<Value> = Vec::new();
    for (index, value) in selected.as_array().into_iter().flatten().enumerate() {
        if !items.iter().any(|item| item.get("value") == Some(value)) {
            let pointer = format!("/submitted/selected/{index}");
            return Err(invalid(pointer, "invalid", "is none of the answers"));
        }
        if !chosen.contains(value) {
            chosen.push(value.clone());
        }
    }
    block.insert("selected".into(), chosen.into());
    Ok(())
}

fn fill(block: &mut Map<String, Value>, values: &Value) -> Result<(), Fault> {
    let Some(fields) = block.get_mut("fields").and_then(Value::as_array_mut) else {
        return Ok(());
    };
    for (index, value) in values.as_array().into_iter().flatten().enumerate() {
        let field = fields.iter_mut().find(|field| field.get("name") == value.get("name"));
        let Some(Value::Object(field)) = field else {
            let pointer = format!("/submitted/values/{index}/name");
            return Err(invalid(pointer, "not_found", "the form has no such field"));
        };
        field.insert("value".into(), value.get("value").cloned().unwrap_or(Value::Null));
    }
    block.insert("submitted".into(), true.into());
    Ok(())
}

fn take_back(
    desk: &Desk<'_>,
    call: &Call<'_>,
    conversation: &mut Row,
    mut row: Row,
) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    call.check_revision(&row)?;
    if row.text("kind") == Some("activity") {
        let detail = "What happened cannot be deleted";
        return Err(Problem::new(ProblemCode::Unprocessable).detail(detail).into());
    }
    if row.text("deleted_at").is_none() {
        row.set("body", json!({"text": null, "format": "plain"}));
        row.set("blocks", json!([]));
        row.set("reactions", json!([]));
        row.set("deleted_at", desk.now.as_str());
        desk.db
            .prepare_cached("DELETE FROM attachment WHERE message_id = ?1")?
            .execute([&row.id])?;
        save(desk, conversation, &mut row)?;
    }
    desk.one(call, &row, desk.message(&row)?)
}
