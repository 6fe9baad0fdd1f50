//! The timeline of a conversation: reading it in pages, and adding an entry at its end.

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, bad_parameter};
use crate::sandbox::ids::IdRef;
use crate::sandbox::store::{self, Row, Table};

/// Most messages of one answer.
pub(super) const MOST: i64 = 1_000;
/// Farthest entry that a page number reaches.
const FARTHEST: i64 = 10_000;
const KINDS: [&str; 5] = ["incoming", "outgoing", "note", "activity", "template"];

/// A page of the timeline.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let conversation = desk.conversation(call)?;
    let ascending = call.word("order", &["asc", "desc"])? != Some("desc");
    let mut conditions = Vec::new();
    if let Some(number) = anchor(desk, call, &conversation, "before")? {
        conditions.push(format!("number < {number}"));
    }
    if let Some(number) = anchor(desk, call, &conversation, "after")? {
        conditions.push(format!("number > {number}"));
    }
    let kinds = call.all("kind");
    if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(kind)) {
        return Err(bad_parameter("kind", format!("`{kind}` is no kind of message")));
    }
    if !kinds.is_empty() {
        conditions.push(format!("kind IN ('{}')", kinds.join("', '")));
    }
    if let Some(visibility) = call.word("visibility", &["public", "internal"])? {
        conditions.push(format!("visibility = '{visibility}'"));
    }
    if desk.public_only() {
        conditions.push("visibility = 'public'".to_owned());
    }
    timeline(desk, call, &conversation, conditions, ascending)
}

/// A page of the notes, newest first.
pub(super) fn list_notes(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let conversation = desk.conversation(call)?;
    for_the_business(desk)?;
    timeline(desk, call, &conversation, vec!["kind = 'note'".to_owned()], false)
}

/// The page that a call asks for, of the entries that conditions leave.
fn timeline(
    desk: &Desk<'_>,
    call: &Call<'_>,
    conversation: &Row,
    mut conditions: Vec<String>,
    ascending: bool,
) -> Result<Payload, Fault> {
    let limit = call.number("limit", 1..=MOST)?.unwrap_or(50);
    let number = call.number("page", 1..=FARTHEST)?;
    conditions.insert(0, "conversation_id = ?1".to_owned());
    let total = match call.word("count", &["none", "exact"])? {
        Some("exact") => {
            let all = conditions.join(" AND ");
            Some(store::count(desk.db, Table::Message, &all, [&conversation.id])?)
        }
        _ => None,
    };
    let query = query_mark(conversation, &conditions, ascending);
    let cursor = call.text("cursor").map(|text| Cursor::read(text, &query)).transpose()?;
    if number.is_some() && cursor.is_some() {
        return Err(bad_parameter("page", "goes without `cursor`"));
    }
    if number.is_some_and(|number| number.saturating_mul(limit) > FARTHEST) {
        let detail = format!("pages reach as far as entry {FARTHEST}; a cursor goes on");
        return Err(bad_parameter("page", detail));
    }
    let skipped = number.map_or(0, |number| (number - 1) * limit);
    let back = cursor.as_ref().is_some_and(|c| c.back);
    // Going back reads the other way round and turns the page over.
    let upwards = ascending != back;
    if let Some(cursor) = &cursor {
        let compare = if upwards { '>' } else { '<' };
        conditions.push(format!("sequence {compare} {}", cursor.sequence));
    }
    let sql = format!(
        "{} ORDER BY sequence {} LIMIT {} OFFSET {skipped}",
        conditions.join(" AND "),
        if upwards { "ASC" } else { "DESC" },
        limit + 1,
    );
    let mut found = store::all(desk.db, Table::Message, &sql, [&conversation.id])?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    if back {
        found.reverse();
    }
    let link = |row: Option<&Row>, way: char| {
        let sequence = row?.document.get("sequence")?.as_i64()?;
        Some(format!("{query}{way}{sequence}"))
    };
    let next = link(found.last(), 'n').filter(|_| more || back);
    let begins = cursor.is_none() && skipped == 0;
    let prev = link(found.first(), 'p').filter(|_| if back { more } else { !begins });
    let data = found.iter().map(|row| desk.message(row)).collect::<Result<Vec<_>, _>>()?;
    let page =
        json!({"next": next, "prev": prev, "limit": limit, "number": number, "total": total});
    desk.answer(call, json!({"data": data, "page": page}))
}

/// The number of the message that `before` or `after` names. A number needs no message of this
/// conversation: numbers rise along a timeline, so it divides every one.
fn anchor(
    desk: &Desk<'_>,
    call: &Call<'_>,
    conversation: &Row,
    name: &str,
) -> Result<Option<i64>, Fault> {
    let Some(reference) = call.text(name) else { return Ok(None) };
    if let Some(IdRef::Number(number)) = IdRef::parse(reference) {
        return Ok(Some(number));
    }
    store::find(desk.db, Table::Message, reference)?
        .filter(|m| m.text("conversation_id") == Some(&conversation.id))
        .map(|m| Some(m.number))
        .ok_or_else(|| bad_parameter(name, "this conversation has no such message"))
}

/// A place in a list, and the list it belongs to.
struct Cursor {
    back: bool,
    sequence: i64,
}

impl Cursor {
    fn read(text: &str, query: &str) -> Result<Self, Fault> {
        let foreign = || bad_parameter("cursor", "not a cursor of this list");
        let rest = text.strip_prefix(query).ok_or_else(foreign)?;
        let (back, number) = match (rest.strip_prefix('n'), rest.strip_prefix('p')) {
            (Some(number), _) => (false, number),
            (_, Some(number)) => (true, number),
            _ => return Err(foreign()),
        };
        Ok(Self { back, sequence: number.parse().map_err(|_| foreign())? })
    }
}

/// Tells the lists of different questions apart.
fn query_mark(conversation: &Row, conditions: &[String], ascending: bool) -> String {
    let text = format!("{} {ascending} {}", conversation.id, conditions.join(" "));
    Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Adds an entry at the end of a timeline. The conversation itself is the caller's to save.
pub(super) fn append(
    db: &Connection,
    conversation: &mut Row,
    mut message: Map<String, Value>,
    at: &str,
) -> Result<Row, Fault> {
    let next: i64 = db
        .prepare_cached(
            "SELECT coalesce(max(sequence), -1) + 1 FROM message WHERE conversation_id = ?1",
        )?
        .query_row(params![conversation.id], |row| row.get(0))?;
    message.insert("sequence".into(), next.into());
    message.insert("conversation_id".into(), conversation.id.as_str().into());
    let inbox = conversation.document.get("inbox_id").cloned().unwrap_or(Value::Null);
    message.insert("inbox_id".into(), inbox);
    for name in ["created_at", "updated_at", "sent_at"] {
        message.entry(name).or_insert_with(|| at.into());
    }
    // An imported entry does not turn the clock back.
    if conversation.text("last_activity_at").is_none_or(|last| last < at) {
        conversation.set("last_activity_at", at);
    }
    store::insert(db, Table::Message, message)
}
