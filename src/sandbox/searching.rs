//! Finding messages by what they say, over all conversations.

use jiff::SignedDuration;
use rusqlite::types::Value as Bound;
use serde_json::{Value, json};

use crate::canonical::Payload;
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::changes::referred;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::query::fold;
use crate::sandbox::store::{self, Row, Table};

/// Most messages that are looked at more closely.
const NEAREST: i64 = 1_000;
/// How many are found where the body does not say.
const FOUND: u64 = 50;
/// Characters of a preview.
const PREVIEW: usize = 160;
/// Characters before what was found.
const LEAD: usize = 40;

/// The messages that hold every word, the best first.
pub(super) fn search(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    for_the_business(desk)?;
    let asked = body.get("q").and_then(Value::as_str).unwrap_or_default();
    let words: Vec<String> = asked.split_whitespace().map(fold).collect();
    let mut conditions = vec!["document ->> '$.body.text' IS NOT NULL".to_owned()];
    let mut values: Vec<Bound> = Vec::new();
    for word in &words {
        conditions.push("instr(fold(document ->> '$.body.text'), ?) > 0".to_owned());
        values.push(Bound::Text(word.clone()));
    }
    let within = body.get("conversation_id").unwrap_or(&Value::Null);
    if let Some(row) = referred(desk, Table::Conversation, within, "/conversation_id")? {
        conditions.push("conversation_id = ?".to_owned());
        values.push(Bound::Text(row.id));
    }
    if let Some(days) = body.get("max_age_days").and_then(Value::as_i64) {
        let since = call.now.checked_sub(SignedDuration::from_hours(days.saturating_mul(24)));
        conditions.push("created_at >= ?".to_owned());
        values.push(Bound::Text(since.map(stamp).unwrap_or_default()));
    }
    if let Some(types) = body.get("author_types").and_then(Value::as_array) {
        let marks = vec!["?"; types.len()].join(", ");
        conditions.push(format!("document ->> '$.author.type' IN ({marks})"));
        values.extend(types.iter().filter_map(Value::as_str).map(|t| Bound::Text(t.to_owned())));
    }
    // Only what the one who asks may see.
    if let Some(inboxes) = &desk.who.inboxes {
        let marks = vec!["?"; inboxes.len()].join(", ");
        conditions.push(format!("document ->> '$.inbox_id' IN ({marks})"));
        values.extend(inboxes.iter().map(|id| Bound::Text(id.clone())));
    }
    let condition = format!(
        "{} ORDER BY created_at DESC, number DESC LIMIT {NEAREST}",
        conditions.join(" AND ")
    );
    let values = rusqlite::params_from_iter(values);
    let rows = store::all(desk.db, Table::Message, &condition, values)?;
    let mut scored: Vec<(f64, Row)> =
        rows.into_iter().map(|row| (score(said(&row), &words), row)).collect();
    // Stable: of equals the newest stays first.
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let limit = body.get("limit").and_then(Value::as_u64).unwrap_or(FOUND);
    scored.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut data = Vec::new();
    for (score, row) in scored {
        data.push(hit(desk, &row, score, &words)?);
    }
    desk.answer(call, json!({"data": data}))
}

fn said(row: &Row) -> &str {
    row.document.get("body").and_then(|body| body.get("text")?.as_str()).unwrap_or_default()
}

/// How well a text fits: how much of it the words are, of a hundred.
#[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^52")]
fn score(text: &str, words: &[String]) -> f64 {
    let text = fold(text);
    let letters: usize =
        words.iter().map(|word| text.matches(word.as_str()).count() * word.len()).sum();
    let share = letters as f64 / text.len().max(1) as f64;
    (share.min(1.0) * 1_000.0).round() / 10.0
}

fn hit(desk: &Desk<'_>, row: &Row, score: f64, words: &[String]) -> Result<Value, Fault> {
    let conversation = row.text("conversation_id").unwrap_or_default();
    let conversation = store::one(desk.db, Table::Conversation, "id = ?1", [conversation])?;
    let member = |name: &str| conversation.as_ref().and_then(|c| c.text(name));
    let find = |table, name: &str| match member(name) {
        Some(id) => store::one(desk.db, table, "id = ?1", [id]),
        None => Ok(None),
    };
    let contact = find(Table::Contact, "contact_id")?;
    let identity = find(Table::Identity, "contact_identity_id")?;
    let inbox = find(Table::Inbox, "inbox_id")?;
    let channel =
        inbox.as_ref().and_then(|inbox| inbox.document.get("channels")?.pointer("/0/type"));
    Ok(json!({
        "message_id": row.id,
        "message_number": row.number,
        "conversation_id": conversation.as_ref().map(|c| &c.id),
        "conversation_number": conversation.as_ref().map(|c| c.number),
        "channel_type": channel.cloned().unwrap_or_else(|| "other".into()),
        "contact_id": contact.as_ref().map(|c| &c.id),
        "contact_number": contact.as_ref().map(|c| c.number),
        "contact_name": contact.as_ref().and_then(|c| c.text("name")),
        "contact_identity_id": identity.as_ref().map(|i| &i.id),
        "contact_identity_number": identity.as_ref().map(|i| i.number),
        "preview": preview(said(row), words),
        "score": score,
    }))
}

/// The text around the first word that was found.
fn preview(text: &str, words: &[String]) -> String {
    let letters: Vec<char> = text.chars().collect();
    let word = words.first().map_or("", String::as_str);
    let at = (0..letters.len()).find(|at| {
        let rest: String = letters.iter().skip(*at).take(word.chars().count()).collect();
        fold(&rest) == word
    });
    let from = at.unwrap_or(0).saturating_sub(LEAD);
    let from = if letters.len() <= PREVIEW { 0 } else { from };
    letters.iter().skip(from).take(PREVIEW).collect()
}
