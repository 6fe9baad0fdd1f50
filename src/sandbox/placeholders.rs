//! Filling the places of a text with what is known of a conversation's contact, and of the time.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::store::{self, Row, Table};

/// Answers the text with its places filled.
pub(super) fn parse(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    for_the_business(desk)?;
    let conversation = desk.conversation(call)?;
    let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
    let list = |name: &str| body.get(name).and_then(Value::as_array).into_iter().flatten();
    let nullable: Vec<&str> = list("nullable").filter_map(Value::as_str).collect();
    let known = Known::of(desk, call, &conversation)?;
    let mut words = BTreeMap::new();
    for (place, one) in list("placeholders").enumerate() {
        let member = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let value = known.value(member("field"), member("format"));
        let value = value.map_err(|fault| fault.at(&format!("/placeholders/{place}/format")))?;
        words.insert(member("word"), value);
    }
    let mut filled = String::with_capacity(text.len());
    let mut missing: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let word = after.split_once('$').map(|(word, then)| (word, then, words.get(word)));
        match word {
            Some((_, then, Some(Some(value)))) => {
                filled.push_str(value);
                rest = then;
            }
            Some((word, then, Some(None))) => {
                if !nullable.contains(&word) && !missing.contains(&word) {
                    missing.push(word);
                }
                rest = then;
            }
            // No place: the second `$` may begin one.
            Some((_, _, None)) | None => {
                filled.push('$');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    if let Some(word) = missing.first() {
        let detail = format!("the place ${word}$ has no value");
        return Err(invalid("/text", "unresolved", detail));
    }
    desk.answer(call, json!({"text": filled}))
}

/// What places can be filled with.
struct Known {
    contact: Map<String, Value>,
    now: Zoned,
}

impl Known {
    fn of(desk: &Desk<'_>, call: &Call<'_>, conversation: &Row) -> Result<Self, Fault> {
        let find = |table, member: &str| match conversation.text(member) {
            Some(id) => store::one(desk.db, table, "id = ?1", [id]),
            None => Ok(None),
        };
        let inbox = find(Table::Inbox, "inbox_id")?;
        let zone = inbox.as_ref().and_then(|inbox| inbox.text("timezone"));
        let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let now: Timestamp = call.now;
        let contact = find(Table::Contact, "contact_id")?.map(|row| row.document);
        Ok(Self { contact: contact.unwrap_or_default(), now: now.to_zoned(zone) })
    }

    /// The value of a field; nothing where there is none.
    fn value(&self, field: &str, format: &str) -> Result<Option<String>, Fault> {
        if field == "now" {
            let pattern = match format {
                "dotted_date" => "%d.%m.%Y",
                "time" => "%H:%M",
                _ => "%Y-%m-%d",
            };
            return Ok(Some(self.now.strftime(pattern).to_string()));
        }
        let name = field.strip_prefix("contact.").unwrap_or_default();
        let value = match self.contact.get(name) {
            Some(Value::Object(address)) => address.get("formatted").and_then(Value::as_str),
            Some(value) => value.as_str(),
            None => None,
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
        match (name, format) {
            ("date_of_birth", "dotted_date") => {
                let day: Result<jiff::civil::Date, _> = value.parse();
                let day = day.map_err(|_| Problem::new(ProblemCode::UpstreamInvalid))?;
                Ok(Some(day.strftime("%d.%m.%Y").to_string()))
            }
            ("date_of_birth", _) | (_, "") => Ok(Some(value.to_owned())),
            _ => Err(invalid("/format", "invalid", "is of a day or a moment, which this is not")),
        }
    }
}
