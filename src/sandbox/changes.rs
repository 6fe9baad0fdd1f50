//! The rules of a changing conversation: what goes with a new status, and the sentence that tells
//! of each change in the timeline.

use serde_json::{Map, Value, json};

use crate::canonical::{Problem, ProblemCode};
use crate::sandbox::desk::{Desk, Who};
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::messages::append;
use crate::sandbox::moving;
use crate::sandbox::plain::found;
use crate::sandbox::reports::events;
use crate::sandbox::store::{Row, Table};

/// A change worth telling.
#[derive(Debug)]
pub(super) struct Entry {
    /// A word of the contract's `ActivityDetail.type`.
    pub(super) what: &'static str,
    pub(super) attribute: &'static str,
    pub(super) from: Value,
    pub(super) to: Value,
    pub(super) text: String,
}

/// Applies a merge patch in the name of somebody.
pub(super) fn apply(
    desk: &Desk<'_>,
    who: &Who,
    row: &mut Row,
    patch: &Map<String, Value>,
) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    if patch.contains_key("status") || patch.contains_key("snooze") {
        status(desk, who, row, patch, &mut entries)?;
    }
    if patch.contains_key("inbox_id") || patch.contains_key("contact_id") {
        moving::apply(desk, who, row, patch, &mut entries)?;
    }
    for (name, value) in patch {
        let pointer = format!("/{name}");
        match name.as_str() {
            "status" | "snooze" | "inbox_id" | "contact_id" => {}
            "assignee_id" => assign(desk, who, row, value, &pointer, &mut entries)?,
            "team_id" => team(desk, who, row, value, &pointer, &mut entries)?,
            "bot_id" => {
                let bot = referred(desk, Table::Bot, value, &pointer)?;
                row.set("bot_id", bot.map(|bot| bot.id));
            }
            "labels" => labels(who, row, value, &mut entries),
            "priority" => priority(who, row, value, &mut entries),
            _ => {
                let mut merged = row.document.get(name).cloned().unwrap_or(Value::Null);
                merge(&mut merged, value);
                row.set(name, merged);
            }
        }
    }
    Ok(entries)
}

/// Writes the entries into the timeline, in the same name.
pub(super) fn record(
    desk: &Desk<'_>,
    who: &Who,
    row: &mut Row,
    entries: Vec<Entry>,
) -> Result<(), Fault> {
    for entry in entries {
        let over = |status: &Value| matches!(status.as_str(), Some("resolved" | "closed"));
        if entry.attribute == "status" && over(&entry.to) && !over(&entry.from) {
            events::ended(desk.db, row, &desk.now)?;
        }
        let activity = json!({
            "kind": "activity",
            "visibility": "internal",
            "author": author(who),
            "body": {"text": entry.text, "format": "plain"},
            "blocks": [{"type": "text", "text": entry.text, "format": "plain"}],
            "activity": {
                "type": entry.what,
                "attribute": entry.attribute,
                "from": entry.from,
                "to": entry.to,
            },
        });
        if let Value::Object(activity) = activity {
            append(desk.db, row, activity, &desk.now)?;
        }
    }
    Ok(())
}

/// Someone as the author of a stored message.
pub(super) fn author(who: &Who) -> Value {
    json!({"type": who.kind, "id": who.id, "name": who.name})
}

/// Opens a conversation whose snooze has ended. An end that had already passed when it was set is
/// none: such a snooze lasts until the next reply.
pub(super) fn wake(row: &mut Row, now: &str) {
    let snooze = row.document.get("snooze").unwrap_or(&Value::Null);
    let time = |name: &str| snooze.get(name).and_then(Value::as_str);
    let over = time("until").is_some_and(|until| until <= now && time("set_at") < Some(until));
    if row.text("status") == Some("snoozed") && over {
        row.set("status", "open");
        row.set("status_raw", Value::Null);
        row.set("snooze", Value::Null);
    }
}

/// A closed conversation takes nothing more.
pub(super) fn closed() -> Fault {
    let detail = "The conversation is closed for good; a new one can be begun";
    Problem::new(ProblemCode::Unprocessable).detail(detail).into()
}

/// What a message of the contact does to the status, if anything.
pub(super) fn reopen(desk: &Desk<'_>, who: &Who, row: &mut Row) -> Result<Vec<Entry>, Fault> {
    let snooze = row.document.get("snooze").unwrap_or(&Value::Null);
    let wakes = snooze.get("wake_on_reply").and_then(Value::as_bool).unwrap_or(true)
        || snooze.get("until").is_none_or(Value::is_null)
        || snooze.get("until").and_then(Value::as_str).is_some_and(|until| *until <= *desk.now);
    let reopens = match row.text("status") {
        Some("resolved") => true,
        Some("snoozed") => wakes,
        _ => false,
    };
    if !reopens {
        return Ok(Vec::new());
    }
    // A bot that has the conversation answers first.
    let status = if row.text("bot_id").is_some() { "pending" } else { "open" };
    let patch = Map::from_iter([("status".to_owned(), Value::from(status))]);
    apply(desk, who, row, &patch)
}

fn status(
    desk: &Desk<'_>,
    who: &Who,
    row: &mut Row,
    patch: &Map<String, Value>,
    entries: &mut Vec<Entry>,
) -> Result<(), Fault> {
    let before = row.text("status").unwrap_or("open").to_owned();
    let old_snooze = row.document.get("snooze").cloned().unwrap_or(Value::Null);
    let given = patch.get("status").and_then(Value::as_str);
    let wanted = patch.get("snooze");
    // Nulls below a snooze that is not there say nothing.
    let sets = wanted.and_then(Value::as_object).is_some_and(|s| s.values().any(|v| !v.is_null()));
    let status = match (given, wanted) {
        (Some(status), _) => status,
        (None, Some(_)) if sets => "snoozed",
        (None, Some(Value::Null)) if before == "snoozed" => "open",
        _ => &before,
    };
    if status != "snoozed" && sets {
        let detail = "only a snoozed conversation has a snooze";
        return Err(invalid("/snooze", "invalid", detail));
    }
    let mut snooze = Value::Null;
    if status == "snoozed" {
        let agent = Some(who).filter(|who| who.kind == "agent");
        let set_by = agent.map_or_else(Map::new, |who| {
            let members = [("set_by_id", json!(who.id)), ("set_by_number", json!(who.number))];
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        });
        snooze = match &old_snooze {
            Value::Object(_) if before == "snoozed" && wanted != Some(&Value::Null) => {
                old_snooze.clone()
            }
            _ => json!({"until": null, "wake_on_reply": false}),
        };
        if let Some(wanted @ Value::Object(_)) = wanted {
            merge_into_object(&mut snooze, wanted);
        }
        if snooze != old_snooze
            && let Value::Object(snooze) = &mut snooze
        {
            snooze.insert("set_at".into(), desk.now.as_str().into());
            snooze.extend(set_by);
        }
    }
    if status == before && snooze == old_snooze {
        return Ok(());
    }
    if before == "closed" {
        return Err(closed());
    }
    let name = &who.name;
    let until = snooze.get("until").and_then(Value::as_str);
    let (what, text) = match (status, &*before) {
        ("snoozed", _) => (
            "snoozed",
            match until {
                Some(until) => format!("{name} snoozed the conversation until {until}"),
                None => format!("{name} snoozed the conversation until the next reply"),
            },
        ),
        ("open", "snoozed") => ("unsnoozed", format!("{name} ended the snooze")),
        ("open", _) => ("status_changed", format!("{name} reopened the conversation")),
        ("pending", _) => ("status_changed", format!("{name} set the conversation to pending")),
        ("closed", _) => ("status_changed", format!("{name} closed the conversation")),
        _ => ("status_changed", format!("{name} marked the conversation resolved")),
    };
    let (from, to) = (json!(before), json!(status));
    let status = status.to_owned();
    if status != before {
        // The old system's own word spoke of the old status.
        row.set("status_raw", Value::Null);
    }
    if status != before && matches!(&*status, "resolved" | "closed") {
        row.set("resolved_at", desk.now.as_str());
        row.set("waiting_since", Value::Null);
        row.set("waiting_on", Value::Null);
        if status == "closed" {
            row.set("closed_at", desk.now.as_str());
        }
    }
    row.set("status", status);
    row.set("snooze", snooze);
    entries.push(Entry { what, attribute: "status", from, to, text });
    Ok(())
}

fn assign(
    desk: &Desk<'_>,
    who: &Who,
    row: &mut Row,
    value: &Value,
    pointer: &str,
    entries: &mut Vec<Entry>,
) -> Result<(), Fault> {
    let agent = referred(desk, Table::Agent, value, pointer)?;
    let from = json!(row.text("assignee_id"));
    let to = json!(agent.as_ref().map(|agent| &agent.id));
    if from == to {
        return Ok(());
    }
    let name = &who.name;
    let (what, text) = match &agent {
        None => ("unassigned", format!("{name} removed the assignee")),
        Some(agent) if who.id.as_ref() == Some(&agent.id) => {
            ("assigned", format!("{name} took the conversation"))
        }
        Some(agent) => {
            let agent = agent.text("name").unwrap_or_default();
            ("assigned", format!("{name} assigned the conversation to {agent}"))
        }
    };
    row.set("assignee_id", to.clone());
    // Nobody knows yet what the new one has read.
    row.set("assignee_last_seen_at", Value::Null);
    entries.push(Entry { what, attribute: "assignee_id", from, to, text });
    Ok(())
}

fn team(
    desk: &Desk<'_>,
    who: &Who,
    row: &mut Row,
    value: &Value,
    pointer: &str,
    entries: &mut Vec<Entry>,
) -> Result<(), Fault> {
    let team = referred(desk, Table::Team, value, pointer)?;
    let from = json!(row.text("team_id"));
    let to = json!(team.as_ref().map(|team| &team.id));
    if from == to {
        return Ok(());
    }
    let name = &who.name;
    let text = match &team {
        None => format!("{name} removed the team"),
        Some(team) => {
            format!("{name} gave the conversation to {}", team.text("name").unwrap_or_default())
        }
    };
    row.set("team_id", to.clone());
    entries.push(Entry { what: "team_changed", attribute: "team_id", from, to, text });
    Ok(())
}

fn priority(who: &Who, row: &mut Row, value: &Value, entries: &mut Vec<Entry>) {
    let from = row.document.get("priority").cloned().unwrap_or(Value::Null);
    if from == *value {
        return;
    }
    let name = &who.name;
    let text = match value.as_str() {
        Some(priority) => format!("{name} set the priority to {priority}"),
        None => format!("{name} removed the priority"),
    };
    row.set("priority", value.clone());
    row.set("priority_raw", Value::Null);
    let to = value.clone();
    entries.push(Entry { what: "priority_changed", attribute: "priority", from, to, text });
}

fn labels(who: &Who, row: &mut Row, value: &Value, entries: &mut Vec<Entry>) {
    let names = |value: Option<&Value>| {
        let mut names: Vec<String> = Vec::new();
        for name in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !names.iter().any(|n| n == name) {
                names.push(name.to_owned());
            }
        }
        names
    };
    let (old, new) = (names(row.document.get("labels")), names(Some(value)));
    let without = |of: &[String], other: &[String]| {
        let names: Vec<&str> =
            of.iter().filter(|n| !other.contains(n)).map(String::as_str).collect();
        names.join(", ")
    };
    let (added, removed) = (without(&new, &old), without(&old, &new));
    let name = &who.name;
    let text = match (added.is_empty(), removed.is_empty()) {
        (true, true) => return,
        (false, true) => format!("{name} added {added}"),
        (true, false) => format!("{name} removed {removed}"),
        (false, false) => format!("{name} added {added} and removed {removed}"),
    };
    let (from, to) = (json!(old), json!(new));
    row.set("labels", to.clone());
    entries.push(Entry { what: "labels_changed", attribute: "labels", from, to, text });
}

/// The resource that a member of a body refers to; null refers to none.
pub(super) fn referred(
    desk: &Desk<'_>,
    table: Table,
    value: &Value,
    pointer: &str,
) -> Result<Option<Row>, Fault> {
    let Some(reference) = value.as_str() else { return Ok(None) };
    let found = found(desk, table, reference)?;
    match found {
        Some(row) => Ok(Some(row)),
        None => {
            let detail = format!("there is no such {}", table.name().replace('_', " "));
            Err(invalid(pointer, "not_found", detail))
        }
    }
}

/// A merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(_) => merge_into_object(target, patch),
        value => *target = value.clone(),
    }
}

fn merge_into_object(target: &mut Value, patch: &Value) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
