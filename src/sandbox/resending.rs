//! What a message of the business went through: its failures, and sending it once more.

use rusqlite::params;
use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::compose;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::ids::IdRef;
use crate::sandbox::once::once;
use crate::sandbox::store::{self, Row, Table};

/// Sends what the business said once more, as a message of the one who asks.
pub(super) fn resend(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    once(desk, call, || {
        for_the_business(desk)?;
        let mut conversation = desk.conversation(call)?;
        let old = desk.message_of(call, &conversation)?;
        let said = matches!(old.text("kind"), Some("outgoing" | "template"));
        if !said || old.text("visibility") != Some("public") || old.text("deleted_at").is_some() {
            let detail = "Only a public message of the business can be sent again";
            return Err(Problem::new(ProblemCode::Unprocessable).detail(detail).into());
        }
        let copies = copy_files(desk, &old)?;
        let mut blocks =
            old.document.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
        // A template has become the text that stands beside it.
        blocks.retain(|block| block.get("type").and_then(Value::as_str) != Some("template"));
        for block in &mut blocks {
            let Some(id) = block.get_mut("attachment_id") else { continue };
            if let Some((_, copy)) = copies.iter().find(|(old, _)| *id == **old) {
                *id = copy.as_str().into();
            }
        }
        let mut body = Map::new();
        body.insert("kind".into(), "outgoing".into());
        body.insert("blocks".into(), blocks.into());
        if let Some(answered) = old.text("in_reply_to_id") {
            body.insert("in_reply_to_id".into(), answered.into());
        }
        let message = compose::add(desk, &mut conversation, &body)?;
        desk.one(call, &message, desk.message(&message)?)
    })
}

/// Files of a message belong to it alone; another message gets copies. Old and new ids.
fn copy_files(desk: &Desk<'_>, message: &Row) -> Result<Vec<(String, String)>, Fault> {
    let files =
        store::all(desk.db, Table::Attachment, "message_id = ?1 ORDER BY number", [&message.id])?;
    let mut copies = Vec::new();
    for file in files {
        let mut document = file.document.clone();
        document.insert("message_id".into(), Value::Null);
        let mut copy = store::insert(desk.db, Table::Attachment, document)?;
        // A link into the sandbox names the file by its id.
        if let Some(url) = copy.text("url").filter(|url| url.contains(&file.id)) {
            let url = url.replace(&file.id, &copy.id);
            copy.set("url", url);
            store::save(desk.db, Table::Attachment, &mut copy)?;
        }
        desk.db.execute(
            "UPDATE attachment SET (purpose, media, content) =
                 (SELECT purpose, media, content FROM attachment WHERE id = ?1) WHERE id = ?2",
            params![file.id, copy.id],
        )?;
        copies.push((file.id, copy.id));
    }
    Ok(copies)
}

/// Every failure of a message; the latest is the one that is kept.
pub(super) fn errors(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let latest = latest(desk, call)?;
    let data: Vec<Value> = latest.into_iter().collect();
    desk.answer(call, json!({"data": data}))
}

/// One failure of a message.
pub(super) fn error(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let reference = call.text("error_id").unwrap_or_default();
    let found = latest(desk, call)?.filter(|error| match IdRef::parse(reference) {
        Some(IdRef::Number(number)) => error.get("number") == Some(&number.into()),
        Some(IdRef::Id(id)) => error.get("id") == Some(&id.into()),
        _ => false,
    });
    desk.answer(call, found.ok_or_else(|| not_found("error"))?)
}

fn latest(desk: &Desk<'_>, call: &Call<'_>) -> Result<Option<Value>, Fault> {
    for_the_business(desk)?;
    let conversation = desk.conversation(call)?;
    let message = desk.message_of(call, &conversation)?;
    let delivery = message.document.get("delivery");
    let error = delivery.and_then(|delivery| delivery.get("error"));
    Ok(error.filter(|error| error.is_object()).cloned())
}
