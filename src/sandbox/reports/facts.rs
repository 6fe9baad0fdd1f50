//! What a figure is made of: each thing that happened, when, and how long it took.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::params;
use serde_json::{Value, json};

use super::hours::Hours;
use super::seconds;
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, bad_parameter, not_found};
use crate::sandbox::store::{self, Row, Table};

/// What is counted, of what has happened to `c`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    /// Its word in the contract.
    pub(super) name: &'static str,
    /// When it happened, and since when it had been waited for.
    columns: (&'static str, &'static str),
    from: &'static str,
    /// What it is of an agent's.
    agent: &'static str,
    /// It is the average of how long they took, not how many they are.
    pub(super) average: bool,
}

const fn metric(
    name: &'static str,
    columns: (&'static str, &'static str),
    from: &'static str,
    agent: &'static str,
    average: bool,
) -> Metric {
    Metric { name, columns, from, agent, average }
}

const EVENT: (&str, &str) = ("e.ended_at", "e.document ->> 'started_at'");
const EVENTS_AGENT: &str = "e.document ->> 'agent_id' = ?1";
const MESSAGE: (&str, &str) = ("m.created_at", "m.created_at");

/// Every metric of the contract.
pub(super) const METRICS: [Metric; 7] = [
    metric(
        "conversations_count",
        ("c.document ->> 'created_at'", "c.document ->> 'created_at'"),
        "conversation c WHERE true",
        "c.assignee_id = ?1",
        false,
    ),
    metric(
        "incoming_messages_count",
        MESSAGE,
        "message m JOIN conversation c ON c.id = m.conversation_id WHERE m.kind = 'incoming'",
        "c.assignee_id = ?1",
        false,
    ),
    metric(
        "outgoing_messages_count",
        MESSAGE,
        "message m JOIN conversation c ON c.id = m.conversation_id WHERE m.kind = 'outgoing'",
        "m.document ->> '$.author.id' = ?1",
        false,
    ),
    metric("resolutions_count", EVENT, RESOLUTIONS, EVENTS_AGENT, false),
    metric(
        "avg_first_response_time",
        EVENT,
        "reporting_event e JOIN conversation c ON c.id = e.conversation_id
         WHERE e.name = 'first_response'",
        EVENTS_AGENT,
        true,
    ),
    metric("avg_resolution_time", EVENT, RESOLUTIONS, EVENTS_AGENT, true),
    metric(
        "reply_time",
        EVENT,
        "reporting_event e JOIN conversation c ON c.id = e.conversation_id WHERE e.name = 'reply'",
        EVENTS_AGENT,
        true,
    ),
];

const RESOLUTIONS: &str = "reporting_event e JOIN conversation c ON c.id = e.conversation_id
     WHERE e.name = 'resolution'";

/// Of whom or what figures are.
#[derive(Debug)]
pub(super) struct Scope {
    kind: &'static str,
    row: Option<Row>,
}

/// By the words of the contract.
const SCOPES: [(&str, Option<Table>); 5] = [
    ("account", None),
    ("agent", Some(Table::Agent)),
    ("inbox", Some(Table::Inbox)),
    ("label", Some(Table::Label)),
    ("team", Some(Table::Team)),
];

impl Scope {
    /// What a call asks about.
    pub(super) fn of(desk: &Desk<'_>, call: &Call<'_>) -> Result<Self, Fault> {
        let words = SCOPES.map(|(word, _)| word);
        let asked = call.word("scope", &words)?.unwrap_or("account");
        let found = SCOPES.into_iter().find(|(word, _)| *word == asked);
        let Some((kind, Some(table))) = found else {
            return Ok(Self { kind: "account", row: None });
        };
        let Some(reference) = call.text("scope_id") else {
            return Err(bad_parameter("scope_id", format!("which {kind}?")));
        };
        let row = store::find(desk.db, table, reference)?.ok_or_else(|| not_found(kind))?;
        Ok(Self { kind, row: Some(row) })
    }

    /// The contract's `ReportScope`.
    pub(super) fn shown(&self) -> Value {
        let (id, number) = (self.row.as_ref().map(|r| &r.id), self.row.as_ref().map(|r| r.number));
        json!({"type": self.kind, "id": id, "number": number})
    }

    /// The condition on `c` and what its `?1` is.
    fn condition(&self, metric: &Metric) -> (&'static str, &str) {
        let id = self.row.as_ref().map_or("", |row| row.id.as_str());
        match self.kind {
            "agent" => (metric.agent, id),
            "inbox" => ("c.inbox_id = ?1", id),
            "team" => ("c.team_id = ?1", id),
            "label" => (
                "EXISTS (SELECT 1 FROM json_each(c.document, '$.labels') WHERE value = ?1)",
                self.row.as_ref().and_then(|row| row.text("name")).unwrap_or_default(),
            ),
            _ => ("?1 = ''", ""),
        }
    }
}

/// From when to when; half open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range<'r> {
    pub(super) since: Option<&'r str>,
    pub(super) until: Option<&'r str>,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub(super) at: Timestamp,
    /// How long it took.
    pub(super) seconds: f64,
}

/// The working hours of each inbox, where only those count.
pub(super) type WorkingHours = HashMap<String, Option<Hours>>;

/// Those of all inboxes.
pub(super) fn working_hours(desk: &Desk<'_>) -> Result<WorkingHours, Fault> {
    let inboxes = store::all(desk.db, Table::Inbox, "true", [])?;
    Ok(inboxes.into_iter().map(|inbox| (inbox.id.clone(), Hours::of(&inbox))).collect())
}

/// What happened in a time, oldest first.
pub(super) fn facts(
    desk: &Desk<'_>,
    metric: &Metric,
    scope: &Scope,
    range: Range<'_>,
    working_hours: Option<&WorkingHours>,
) -> Result<Vec<Fact>, Fault> {
    let ((at, begun), from) = (metric.columns, metric.from);
    let (condition, of) = scope.condition(metric);
    // Times of the contract sort as text; after every one of them comes `~`.
    let sql = format!(
        "SELECT {at} AS at, {begun}, c.inbox_id FROM {from} AND {condition}
         AND {at} >= ?2 AND {at} < ?3 ORDER BY 1"
    );
    let mut statement = desk.db.prepare_cached(&sql)?;
    let (since, until) = (range.since.unwrap_or(""), range.until.unwrap_or("~"));
    let mut rows = statement.query(params![of, since, until])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        let time = |index: usize| -> Result<Timestamp, Fault> {
            Ok(row.get_ref(index)?.as_str().unwrap_or_default().parse().unwrap_or_default())
        };
        let (at, begun) = (time(0)?, time(1)?);
        let inbox = row.get_ref(2)?.as_str().unwrap_or_default();
        let hours = working_hours.and_then(|all| all.get(inbox)?.as_ref());
        let seconds = match hours {
            Some(hours) => hours.between(begun, at),
            None => seconds(at.duration_since(begun)),
        };
        facts.push(Fact { at, seconds });
    }
    Ok(facts)
}

/// The figure that facts make.
pub(super) fn figure(metric: &Metric, facts: &[Fact]) -> Value {
    if !metric.average {
        return facts.len().into();
    }
    if facts.is_empty() {
        return Value::Null;
    }
    let sum: f64 = facts.iter().map(|fact| fact.seconds).sum();
    // As exact as the times are: to the millisecond.
    let mean = sum / facts.len() as f64;
    json!((mean * 1000.0).round() / 1000.0)
}
