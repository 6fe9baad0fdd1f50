//! What reports count of a conversation, noted when it happens: answers and endings, and how long
//! each took.

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::store::{self, Row, Table};

/// The events of one conversation, oldest first.
pub(in crate::sandbox) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let conversation = desk.conversation(call)?;
    for_the_business(desk)?;
    let condition = "conversation_id = ?1 ORDER BY number";
    let mut data = Vec::new();
    for row in store::all(desk.db, Table::ReportingEvent, condition, [&conversation.id])? {
        let mut event = desk.object(&row)?;
        let agent = match row.text("agent_id") {
            Some(id) => desk.number(Table::Agent, id)?,
            None => Value::Null,
        };
        event.insert("agent_number".into(), agent);
        data.push(Value::Object(event));
    }
    desk.answer(call, json!({"data": data}))
}

/// A person of the business has answered: for the first time, or somebody who was waiting.
/// To be called before the conversation itself knows.
pub(in crate::sandbox) fn answered(
    db: &Connection,
    conversation: &Row,
    agent: Option<&str>,
    at: &str,
) -> Result<(), Fault> {
    if conversation.text("first_response_at").is_none() {
        return note(
            db,
            conversation,
            "first_response",
            conversation.text("created_at"),
            agent,
            at,
        );
    }
    match conversation.text("waiting_since") {
        None => Ok(()),
        since => note(db, conversation, "reply", since, agent, at),
    }
}

/// The conversation has ended.
pub(in crate::sandbox) fn ended(
    db: &Connection,
    conversation: &Row,
    at: &str,
) -> Result<(), Fault> {
    let agent = conversation.text("assignee_id");
    note(db, conversation, "resolution", conversation.text("created_at"), agent, at)
}

fn note(
    db: &Connection,
    conversation: &Row,
    name: &str,
    since: Option<&str>,
    agent: Option<&str>,
    at: &str,
) -> Result<(), Fault> {
    // What is imported may end before it began; that took no time.
    let since = since.filter(|since| *since <= at).unwrap_or(at);
    let event = Map::from_iter([
        ("name".to_owned(), json!(name)),
        ("value_s".to_owned(), json!(seconds(since, at))),
        ("started_at".to_owned(), json!(since)),
        ("ended_at".to_owned(), json!(at)),
        ("conversation_id".to_owned(), json!(conversation.id)),
        ("inbox_id".to_owned(), json!(conversation.text("inbox_id"))),
        ("agent_id".to_owned(), json!(agent)),
    ]);
    store::insert(db, Table::ReportingEvent, event)?;
    Ok(())
}

/// Seconds between two times of the contract's form.
fn seconds(since: &str, until: &str) -> f64 {
    let moment = |text: &str| text.parse::<Timestamp>().unwrap_or_default();
    super::seconds(moment(until).duration_since(moment(since)))
}
