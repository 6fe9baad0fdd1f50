//! Templates that a channel approves: making one, filling one, and what one does to the time in which
//! the business may write.

use std::borrow::Cow;

use jiff::SignedDuration;
use rusqlite::params;
use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::changes::referred;
use crate::sandbox::compose;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::ids;
use crate::sandbox::once::once;
use crate::sandbox::plain::Plain;
use crate::sandbox::store::{self, Row, Table};

/// The channel that has templates, counts whom the business writes to first, and is open for a day
/// after a message of the contact.
const CHANNEL: &str = "whatsapp";
const OPEN: SignedDuration = SignedDuration::from_hours(24);
const IN_CHANNEL: &str = "document ->> '$.channels[0].type' = ?1";

/// Submits a new template; one that names no inbox is of the oldest whose channel has templates.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let mut body = call.body()?;
    once(desk, call, || {
        if body.get("inbox_ids").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            let inbox = inbox(desk)?;
            let detail = "no inbox has a channel with templates";
            let inbox = inbox.ok_or_else(|| invalid("/inbox_ids", "required", detail))?;
            body.insert("inbox_ids".into(), json!([inbox.id]));
        }
        let mut row = Row { id: String::new(), number: 0, revision: 0, document: Map::new() };
        for property in desk.contract().properties(plain.stored.schema) {
            if let Some(default) = &property.default {
                row.set(&property.name, default.clone());
            }
        }
        row.set("created_at", desk.now.as_str());
        row.set("updated_at", desk.now.as_str());
        // What the channel calls it follows from its number.
        let number = store::last(desk.db, plain.table)?.saturating_add(1);
        row.set("provider_id", ids::uuid(number));
        row.set("namespace", "sandbox");
        plain.write(desk, &mut row, &body)?;
        for (place, inbox) in row
            .document
            .get("inbox_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let id = inbox.as_str().unwrap_or_default();
            let condition = format!("{IN_CHANNEL} AND id = ?2");
            if store::one(desk.db, Table::Inbox, &condition, params![CHANNEL, id])?.is_none() {
                let detail = "the channel of this inbox has no templates";
                return Err(invalid(format!("/inbox_ids/{place}"), "invalid", detail));
            }
        }
        let row = store::insert(desk.db, plain.table, row.document)?;
        plain.answer(desk, call, &row)
    })
}

/// Asks the contact to go on, by a template that is kept for it.
pub(super) fn restart(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    once(desk, call, || {
        for_the_business(desk)?;
        let mut conversation = desk.conversation(call)?;
        let refused = |detail: &str| Problem::new(ProblemCode::Unprocessable).detail(detail);
        if !has_templates(desk, &conversation)? {
            return Err(refused("The channel of the conversation has no templates").into());
        }
        let window = desk.reply_window(&conversation);
        if window.get("can_reply") == Some(&Value::Bool(true)) {
            return Err(refused("The conversation has not expired yet").into());
        }
        let table = Table::of("channel_template").ok_or(ProblemCode::Internal)?;
        let template = store::one(
            desk.db,
            table,
            "document ->> '$.group' = 'restart'
             AND EXISTS (SELECT 1 FROM json_each(document, '$.inbox_ids') WHERE value = ?1)
             ORDER BY number",
            params![conversation.text("inbox_id")],
        )?;
        let template = template.ok_or_else(|| refused("There is no template to restart with"))?;
        let used = json!({"name": template.text("name"), "language": template.text("language")});
        let mut body = Map::new();
        body.insert("kind".into(), "outgoing".into());
        body.insert("blocks".into(), json!([{"type": "template", "template": used}]));
        let message = compose::add(desk, &mut conversation, &body)?;
        desk.one(call, &message, desk.message(&message)?)
    })
}

/// The oldest inbox whose channel has templates.
pub(super) fn inbox(desk: &Desk<'_>) -> Result<Option<Row>, Fault> {
    store::one(desk.db, Table::Inbox, &format!("{IN_CHANNEL} ORDER BY number"), [CHANNEL])
}

/// The templates that a message uses, each with its place among the blocks.
pub(super) fn used(
    body: &Map<String, Value>,
) -> impl Iterator<Item = (usize, &Map<String, Value>)> {
    let blocks = body.get("blocks").and_then(Value::as_array).into_iter().flatten().enumerate();
    blocks.filter_map(|(place, block)| Some((place, block.get("template")?.as_object()?)))
}

/// Whether the channel of a conversation has templates.
fn has_templates(desk: &Desk<'_>, conversation: &Row) -> Result<bool, Fault> {
    let inbox = conversation.text("inbox_id").unwrap_or_default();
    let condition = format!("{IN_CHANNEL} AND id = ?2");
    Ok(store::one(desk.db, Table::Inbox, &condition, params![CHANNEL, inbox])?.is_some())
}

/// The body of a message, with the text that its template becomes.
pub(super) fn filled<'b>(
    desk: &Desk<'_>,
    conversation: &Row,
    body: &'b Map<String, Value>,
) -> Result<Cow<'b, Map<String, Value>>, Fault> {
    let Some((place, template)) = used(body).next() else { return Ok(Cow::Borrowed(body)) };
    if desk.public_only() {
        return Err(invalid(format!("/blocks/{place}"), "invalid", "a contact uses no templates"));
    }
    // Another channel knows no templates; what is said beside one is all there is to send.
    if !has_templates(desk, conversation)? {
        return Ok(Cow::Borrowed(body));
    }
    let said = ["text", "html", "markdown"];
    if said.iter().any(|name| body.get(*name).is_some_and(Value::is_string)) {
        return Ok(Cow::Borrowed(body));
    }
    let text = become_text(desk, conversation, template)
        .map_err(|fault| fault.under(&format!("/blocks/{place}/template")))?;
    let mut body = body.clone();
    body.insert("text".into(), text.into());
    Ok(Cow::Owned(body))
}

fn become_text(
    desk: &Desk<'_>,
    conversation: &Row,
    template: &Map<String, Value>,
) -> Result<String, Fault> {
    let word = |name: &str| template.get(name).and_then(Value::as_str);
    let table = Table::of("channel_template").ok_or(ProblemCode::Internal)?;
    let found = store::one(
        desk.db,
        table,
        "document ->> '$.name' = ?1 AND coalesce(document ->> '$.language' = ?2, true)
         AND EXISTS (SELECT 1 FROM json_each(document, '$.inbox_ids') WHERE value = ?3)
         ORDER BY number",
        params![word("name"), word("language"), conversation.text("inbox_id")],
    )?;
    let found =
        found.ok_or_else(|| invalid("/name", "not_found", "this inbox has no such template"))?;
    if found.text("status") == Some("rejected") {
        return Err(invalid("/name", "invalid", "the channel has rejected this template"));
    }
    let given = template.get("parameters").unwrap_or(&Value::Null);
    let mut lines = Vec::new();
    let parts = found.document.get("components").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            lines.push(fill(text, |number| parameter(given, kind, number))?);
        }
    }
    Ok(lines.join("\n"))
}

/// A value of a part: the channel's own list of parts with lists of parameters, or names by number,
/// of the part or of all.
fn parameter<'v>(given: &'v Value, kind: &str, number: &str) -> Option<&'v str> {
    let value = match given {
        Value::Array(parts) => {
            let of = |part: &&Value| {
                let written = part.get("type").and_then(Value::as_str);
                written.is_some_and(|written| written.eq_ignore_ascii_case(kind))
            };
            let at = number.parse::<usize>().ok()?.checked_sub(1)?;
            parts.iter().find(of)?.get("parameters")?.get(at)?
        }
        Value::Object(names) => {
            let part = names.get(&kind.to_ascii_lowercase()).and_then(Value::as_object);
            part.unwrap_or(names).get(number)?
        }
        _ => return None,
    };
    value.as_str().or_else(|| value.get("text")?.as_str())
}

/// `{{1}}` is the first value.
fn fill<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, Fault> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (number, then) = after.split_once("}}").unwrap_or((after, ""));
        let number = number.trim();
        let Some(value) = value(number) else {
            let detail = format!("{{{{{number}}}}} has no value");
            return Err(invalid("/parameters", "required", detail));
        };
        filled.push_str(value);
        rest = then;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A message of the contact opens the channel for a day; until the contact answers one that the
/// business begins with, it stays closed.
pub(super) fn move_window(
    desk: &Desk<'_>,
    conversation: &mut Row,
    kind: &str,
    body: &Map<String, Value>,
) -> Result<(), Fault> {
    let begins = used(body).next().is_some();
    if kind != "incoming" && !begins {
        return Ok(());
    }
    if !has_templates(desk, conversation)? {
        return Ok(());
    }
    let until = conversation.document.get("reply_window").and_then(|window| window.get("until"));
    if kind == "incoming" {
        let now: Result<jiff::Timestamp, _> = desk.now.parse();
        let until = now.ok().and_then(|now| now.checked_add(OPEN).ok()).map(stamp);
        conversation.set("reply_window", json!({"until": until}));
    } else if until.is_none_or(Value::is_null) {
        conversation.set("reply_window", json!({"until": desk.now}));
    }
    Ok(())
}

/// How many people the business wrote to first in the last day, of each inbox that counts them.
pub(super) fn usage(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    let mut inboxes =
        store::all(desk.db, Table::Inbox, &format!("{IN_CHANNEL} ORDER BY number"), [CHANNEL])?;
    if let Some(reference) = call.text("inbox_id") {
        let named = referred(desk, Table::Inbox, &reference.into(), "/inbox_id").ok().flatten();
        let named = named.ok_or_else(|| not_found("inbox"))?;
        inboxes.retain(|inbox| inbox.id == named.id);
    }
    let since = call.now.checked_sub(OPEN).map(stamp).unwrap_or_default();
    let mut data = Vec::new();
    for inbox in inboxes {
        let used: i64 = desk
            .db
            .prepare_cached(
                "SELECT count(DISTINCT conversation_id) FROM message
                 WHERE document ->> '$.inbox_id' = ?1 AND kind = 'outgoing' AND created_at > ?2
                   AND EXISTS (SELECT 1 FROM json_each(document, '$.blocks')
                               WHERE value ->> 'type' = 'template')",
            )?
            .query_row(params![inbox.id, since], |row| row.get(0))?;
        let limit =
            inbox.document.get("channels").and_then(|c| c.pointer("/0/config/conversation_limit"));
        let limit = limit.and_then(Value::as_i64);
        data.push(json!({
            "inbox_id": inbox.id,
            "inbox_number": inbox.number,
            "business_initiated": {
                "used": used,
                "limit": limit,
                "exhausted": limit.is_some_and(|limit| used >= limit),
            },
        }));
    }
    desk.answer(call, json!({"data": data}))
}
