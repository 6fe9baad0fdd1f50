//! Satisfaction surveys: one of a conversation, asked for by somebody or sent when it is resolved, and
//! answered once, by the message that asks or by its own address.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::changes::referred;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::ids::IdRef;
use crate::sandbox::messages::append;
use crate::sandbox::once::once;
use crate::sandbox::query::{Fields, Order, Sql, given, page};
use crate::sandbox::store::{self, Row, Table};

/// So long after it was made a survey takes an answer.
const OPEN: SignedDuration = SignedDuration::from_hours(14 * 24);
/// What the contact is asked.
const QUESTION: &str = "Please rate this conversation";

/// Which account and conversation the UUID of a conversation stands for. Only the UUID itself: what can
/// be counted up is nobody's secret.
pub(super) fn resolve_conversation(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let uuid = call.text("uuid").unwrap_or_default().to_ascii_lowercase();
    let found = store::one(desk.db, Table::Conversation, "uuid = ?1", [uuid])?;
    let row = found.ok_or_else(|| not_found("conversation"))?;
    let found = json!({
        "account_id": desk.account.to_string(),
        "account_number": desk.account,
        "id": row.id,
        "number": row.number,
    });
    desk.answer(call, found)
}

/// A page of surveys.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let fields = Fields::of(desk, Table::Csat);
    let mut wanted = given(&fields, call)?;
    for (name, cmp) in [("since", "gte"), ("until", "lt")] {
        if let Some(at) = call.text(name) {
            let filter = json!({"field": "created_at", "cmp": cmp, "value": at});
            wanted.filter(&fields, &filter, "")?;
        }
    }
    match call.word("answered", &["true", "false"])? {
        Some("true") => wanted.and(Sql::new("csat.document ->> 'responded_at' IS NOT NULL", [])),
        Some(_) => wanted.and(Sql::new("csat.document ->> 'responded_at' IS NULL", [])),
        None => {}
    }
    let of = |condition: &str| {
        format!(
            "EXISTS (SELECT 1 FROM conversation
             WHERE conversation.id = csat.conversation_id AND {condition})"
        )
    };
    if let Some(own) = &desk.who.identity {
        let (member, id) = match own.is("verified") {
            true => ("contact_id", own.text("contact_id").unwrap_or_default()),
            false => ("contact_identity_id", own.id.as_str()),
        };
        wanted.and(Sql::new(of(&format!("conversation.{member} = ?")), [id.to_owned().into()]));
    }
    if let Some(inboxes) = &desk.who.inboxes {
        let holes = vec!["?"; inboxes.len()].join(", ");
        let values = inboxes.iter().map(|id| id.clone().into());
        wanted.and(Sql::new(of(&format!("conversation.inbox_id IN ({holes})")), values));
    }
    let sort = call.values("sort").first().copied();
    let order = Order::parameter(&fields, sort, "-created_at")?;
    let found = page(desk, call, Table::Csat, &wanted, &order)?;
    let data: Vec<_> = found.rows.iter().map(|row| shown(desk, row)).collect::<Result<_, _>>()?;
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// One survey.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let (row, _) = named(desk, call)?;
    answer(desk, call, &row)
}

/// Makes the survey of a conversation, or finds it; sends the question where it is to and was not yet.
pub(super) fn request(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        for_the_business(desk)?;
        let named = body.get("conversation_id").unwrap_or(&Value::Null);
        let found = referred(desk, Table::Conversation, named, "/conversation_id")?;
        let foreign = |row: &Row| {
            let inbox = row.text("inbox_id").unwrap_or_default();
            desk.who.inboxes.as_ref().is_some_and(|own| !own.iter().any(|id| id == inbox))
        };
        let mut conversation = found.filter(|row| !foreign(row)).ok_or_else(|| {
            invalid("/conversation_id", "not_found", "there is no such conversation")
        })?;
        let mut row = of(desk, &conversation)?;
        let send = body.get("send").and_then(Value::as_bool).unwrap_or(true);
        if send && row.text("message_id").is_none() {
            if conversation.text("status") == Some("closed") {
                return Err(crate::sandbox::changes::closed());
            }
            ask(desk, &mut conversation, &mut row)?;
        }
        conversation.set("updated_at", desk.now.as_str());
        store::save(desk.db, Table::Conversation, &mut conversation)?;
        answer(desk, call, &row)
    })
}

/// Records what the contact says of the conversation, in the message that asks, too.
pub(super) fn submit(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    let (mut row, mut conversation) = named(desk, call)?;
    if body.get("rating").and_then(|rating| rating.get("value")).is_none_or(Value::is_null) {
        return Err(invalid("/rating/value", "required", "how was it?"));
    }
    let comment = body.get("comment").or_else(|| row.document.get("comment")).cloned();
    let rating = body.get("rating").cloned().unwrap_or_default();
    note(desk, &mut row, &conversation, rating, comment.unwrap_or_default())?;
    if let Some(id) = row.text("message_id")
        && let Some(mut message) = store::find(desk.db, Table::Message, id)?
        && let Some(Value::Array(blocks)) = message.document.get_mut("blocks")
        && let Some(Value::Object(block)) = blocks.iter_mut().find(|block| asks(block))
    {
        for name in ["rating", "comment"] {
            let value = row.document.get(name).cloned().unwrap_or_default();
            block.insert(name.to_owned(), value);
        }
        message.set("updated_at", desk.now.as_str());
        store::save(desk.db, Table::Message, &mut message)?;
    }
    conversation.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Conversation, &mut conversation)?;
    answer(desk, call, &row)
}

/// A message was added: where it asks for a rating, it is the conversation's survey.
pub(super) fn asked(desk: &Desk<'_>, conversation: &Row, message: &mut Row) -> Result<(), Fault> {
    let blocks = message.document.get_mut("blocks").and_then(Value::as_array_mut);
    let Some(Value::Object(block)) = blocks.into_iter().flatten().find(|block| asks(block)) else {
        return Ok(());
    };
    let mut row = of(desk, conversation)?;
    block.insert("csat_id".to_owned(), row.id.as_str().into());
    store::save(desk.db, Table::Message, message)?;
    if row.text("message_id").is_none() {
        row.set("message_id", message.id.as_str());
        store::save(desk.db, Table::Csat, &mut row)?;
    }
    Ok(())
}

/// A conversation was resolved: its contact is asked once, where the inbox asks.
pub(super) fn offer(desk: &Desk<'_>, conversation: &mut Row) -> Result<(), Fault> {
    let inbox = conversation.text("inbox_id").unwrap_or_default();
    let inbox = store::find(desk.db, Table::Inbox, inbox)?;
    if !inbox.is_some_and(|inbox| inbox.is("csat_enabled")) {
        return Ok(());
    }
    let mut row = of(desk, conversation)?;
    if row.text("message_id").is_some() {
        return Ok(());
    }
    ask(desk, conversation, &mut row)
}

/// A message that asks was answered: its block says what.
pub(super) fn answered(desk: &Desk<'_>, conversation: &Row, message: &Row) -> Result<(), Fault> {
    let blocks = message.document.get("blocks").and_then(Value::as_array);
    let Some(block) = blocks.into_iter().flatten().find(|block| asks(block)) else {
        return Ok(());
    };
    let member = |name: &str| block.get(name).cloned().unwrap_or_default();
    let mut row = of(desk, conversation)?;
    note(desk, &mut row, conversation, member("rating"), member("comment"))
}

/// The id of a conversation's survey; null where there is none.
pub(super) fn id_of(desk: &Desk<'_>, conversation: &Row) -> Result<Value, Fault> {
    let found = store::one(desk.db, Table::Csat, "conversation_id = ?1", [&conversation.id])?;
    Ok(found.map_or(Value::Null, |row| row.id.into()))
}

fn asks(block: &Value) -> bool {
    block.get("type").and_then(Value::as_str) == Some("csat")
}

/// The survey of a conversation, made where there is none.
fn of(desk: &Desk<'_>, conversation: &Row) -> Result<Row, Fault> {
    let known = store::one(desk.db, Table::Csat, "conversation_id = ?1", [&conversation.id])?;
    if let Some(row) = known {
        return Ok(row);
    }
    let now: Timestamp = desk.now.parse().unwrap_or_default();
    let expires_at = now.checked_add(OPEN).map_or(Value::Null, |at| stamp(at).into());
    let member = |name: &str| conversation.document.get(name).cloned().unwrap_or_default();
    let members = [
        ("conversation_id", json!(conversation.id)),
        ("agent_id", member("assignee_id")),
        ("team_id", member("team_id")),
        ("expires_at", expires_at),
        ("created_at", json!(desk.now)),
        ("updated_at", json!(desk.now)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    store::insert(desk.db, Table::Csat, Map::from_iter(members))
}

/// Puts the question at the end of the timeline.
fn ask(desk: &Desk<'_>, conversation: &mut Row, row: &mut Row) -> Result<(), Fault> {
    let message = json!({
        "kind": "template",
        "visibility": "public",
        "author": {"type": "system", "id": null, "name": "System"},
        "body": {"text": QUESTION, "format": "plain"},
        "blocks": [
            {"type": "text", "text": QUESTION, "format": "plain"},
            {"type": "csat", "csat_id": row.id, "display": "emoji", "rating": null, "comment": null},
        ],
        "delivery": {"status": "sent"},
    });
    let Value::Object(message) = message else { return Ok(()) };
    let message = append(desk.db, conversation, message, &desk.now)?;
    row.set("message_id", message.id);
    row.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Csat, row)
}

/// Writes an answer down, while the survey is open.
fn note(
    desk: &Desk<'_>,
    row: &mut Row,
    conversation: &Row,
    rating: Value,
    comment: Value,
) -> Result<(), Fault> {
    if is_over(desk, row) {
        let detail = "The time to answer the survey is over";
        return Err(Problem::new(ProblemCode::Gone).detail(detail).into());
    }
    if !rating.is_null() {
        row.set("responded_at", desk.now.as_str());
        // Whoever has the conversation when it is rated is who was rated.
        for (name, holder) in [("agent_id", "assignee_id"), ("team_id", "team_id")] {
            let holder = conversation.document.get(holder).cloned().unwrap_or_default();
            row.set(name, holder);
        }
    }
    row.set("rating", rating);
    row.set("comment", comment);
    row.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Csat, row)
}

fn is_over(desk: &Desk<'_>, row: &Row) -> bool {
    row.text("expires_at").is_some_and(|until| *until <= *desk.now)
}

/// The survey that a path names with its conversation, if that is open to the one who asks.
fn named(desk: &Desk<'_>, call: &Call<'_>) -> Result<(Row, Row), Fault> {
    let reference = call.text("csat_id").unwrap_or_default();
    let none = || not_found("survey");
    if IdRef::parse(reference).is_none() {
        return Err(none());
    }
    let row = store::find(desk.db, Table::Csat, reference)?.ok_or_else(none)?;
    let conversation = row.text("conversation_id").unwrap_or_default();
    let conversation = store::find(desk.db, Table::Conversation, conversation)?;
    let open = conversation.filter(|conversation| desk.is_open_conversation(conversation));
    Ok((row, open.ok_or_else(none)?))
}

fn answer(desk: &Desk<'_>, call: &Call<'_>, row: &Row) -> Result<Payload, Fault> {
    desk.one(call, row, shown(desk, row)?.into())
}

/// A survey with what follows from its conversation and from the time.
fn shown(desk: &Desk<'_>, row: &Row) -> Result<Map<String, Value>, Fault> {
    let mut row = row.clone();
    let conversation = row.text("conversation_id").unwrap_or_default();
    if let Some(conversation) = store::find(desk.db, Table::Conversation, conversation)? {
        let uuid = conversation.text("uuid").unwrap_or_default();
        let link = format!("{}/survey/responses/{uuid}", desk.public_url());
        row.set("invitation", format!("{QUESTION}: {link}"));
        row.set("survey_url", link);
        row.set("code", uuid);
        row.set("contact_id", json!(conversation.text("contact_id")));
    }
    let status = match (row.text("responded_at"), is_over(desk, &row)) {
        (Some(_), _) => "received",
        (None, true) => "expired",
        (None, false) => "offered",
    };
    row.set("status", status);
    desk.shown(Table::Csat, &row, &[])
}
