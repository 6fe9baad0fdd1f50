//! Reports: figures counted from what has happened, when they are asked for.
//!
//! A figure is made of facts: conversations and messages that are there, and what was noted of
//! answers and endings when they came about. Nothing is added up before it is asked for, so nothing
//! can disagree with what the conversations themselves show.

pub(super) mod events;
mod facts;
mod hours;
mod periods;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::facts::{Fact, METRICS, Range, Scope, WorkingHours, facts, figure};
use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, bad_parameter, not_found};
use crate::sandbox::store::{self, Row, Table};

/// A conversation that is open at `?1`: also one whose snooze is over.
const OPEN: &str = "document ->> 'state' = 'active' AND (status = 'open' OR (status = 'snoozed'
    AND document ->> '$.snooze.until' <= ?1
    AND coalesce(document ->> '$.snooze.set_at', '') < document ->> '$.snooze.until'))";
/// In which nobody has answered, or the contact waits again.
const UNATTENDED: &str = "(document ->> 'first_response_at' IS NULL
    OR document ->> 'waiting_since' IS NOT NULL)";
/// Farthest agent that a page number reaches.
const FARTHEST: i64 = 10_000;

/// A figure over time.
pub(super) fn series(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    refuse_limited(desk)?;
    let names = METRICS.map(|metric| metric.name);
    let name = call.word("metric", &names)?;
    let metric = METRICS.iter().find(|metric| Some(metric.name) == name);
    let metric = metric.ok_or_else(|| bad_parameter("metric", "is required"))?;
    let lengths = periods::LENGTHS.map(|(word, _)| word);
    let group_by = call.word("group_by", &lengths)?.unwrap_or("day");
    let length = periods::LENGTHS.into_iter().find(|(word, _)| *word == group_by);
    let (_, length) = length.ok_or_else(|| bad_parameter("group_by", "is no period"))?;
    let timezone = call.text("timezone").unwrap_or("UTC");
    let zone = periods::zone(timezone)
        .ok_or_else(|| bad_parameter("timezone", "a time zone or `+HH:MM` is due"))?;
    let scope = Scope::of(desk, call)?;
    let range = range(call)?;
    let hours = business_hours(desk, call)?;
    let all = facts(desk, metric, &scope, range, hours.as_ref())?;

    let first = range.since.and_then(moment).or_else(|| all.first().map(|fact| fact.at));
    // What happens at the very end belongs to the next time.
    let before = SignedDuration::from_nanos(1);
    let last = match range.until.and_then(moment) {
        Some(until) => until.checked_sub(before).ok(),
        None => all.last().map(|fact| fact.at).max(moment(&desk.now)),
    };
    let begins = match (first, last) {
        (Some(first), Some(last)) => periods::periods(length, &zone, first, last),
        _ => Some(Vec::new()),
    };
    let begins = begins.ok_or_else(|| {
        bad_parameter("group_by", format!("there are more than {} such periods", periods::MOST))
    })?;
    let mut points = Vec::with_capacity(begins.len());
    let mut left = all.as_slice();
    for (index, at) in begins.iter().enumerate() {
        let next = begins.get(index + 1);
        let count = left.partition_point(|fact| next.is_none_or(|next| fact.at < *next));
        let (these, rest) = left.split_at_checked(count).unwrap_or((left, &[]));
        left = rest;
        points.push(json!({
            "at": stamp(*at), "value": figure(metric, these), "count": these.len(),
        }));
    }
    let answer = json!({
        "metric": metric.name,
        "scope": scope.shown(),
        "since": range.since,
        "until": range.until,
        "timezone": timezone,
        "group_by": group_by,
        "points": points,
    });
    desk.answer(call, answer)
}

/// Every figure of a time, and of the time before.
pub(super) fn summary(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    refuse_limited(desk)?;
    let scope = Scope::of(desk, call)?;
    let range = range(call)?;
    let hours = business_hours(desk, call)?;
    let of = |range: Option<Range<'_>>| figures(desk, &scope, range, hours.as_ref());
    let began = began(desk, range);
    let before = began.as_deref().map(|began| Range { since: Some(began), until: range.since });
    let answer = json!({
        "scope": scope.shown(),
        "since": range.since,
        "until": range.until,
        "summary": of(Some(range))?,
        "previous": of(before)?,
    });
    desk.answer(call, answer)
}

/// The contract's `ReportFigures`; without a range of nothing.
fn figures(
    desk: &Desk<'_>,
    scope: &Scope,
    range: Option<Range<'_>>,
    hours: Option<&WorkingHours>,
) -> Result<Value, Fault> {
    let mut figures = Map::new();
    for metric in &METRICS {
        let these: Vec<Fact> = match range {
            Some(range) => facts(desk, metric, scope, range, hours)?,
            None => Vec::new(),
        };
        figures.insert(metric.name.to_owned(), figure(metric, &these));
    }
    Ok(figures.into())
}

/// When a time began that is as long as a range and lies just before it.
fn began(desk: &Desk<'_>, range: Range<'_>) -> Option<String> {
    let since = moment(range.since?)?;
    let until = moment(range.until.unwrap_or(&desk.now))?.max(since);
    since.checked_sub(until.duration_since(since)).ok().map(stamp)
}

/// How many conversations wait now.
pub(super) fn conversations(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    refuse_limited(desk)?;
    call.word("scope", &["account"])?;
    let count =
        |condition: &str| store::count(desk.db, Table::Conversation, condition, [&desk.now]);
    let answer = json!({
        "open": count(OPEN)?,
        "unattended": count(&format!("{OPEN} AND {UNATTENDED}"))?,
        "unassigned": count(&format!("{OPEN} AND assignee_id IS NULL"))?,
        "pending": count("document ->> 'state' = 'active' AND status = 'pending' AND ?1 <> ''")?,
    });
    desk.answer(call, answer)
}

/// How many conversations each agent has now.
pub(super) fn agents(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    refuse_limited(desk)?;
    call.word("scope", &["agent"])?;
    let limit = call.limit()?;
    let number = call.number("page", 1..=FARTHEST)?.unwrap_or(1);
    if number.saturating_mul(limit) > FARTHEST {
        return Err(bad_parameter("page", format!("pages reach as far as agent {FARTHEST}")));
    }
    let agents = match call.text("agent_id") {
        Some(reference) => {
            let one = store::find(desk.db, Table::Agent, reference)?;
            vec![one.ok_or_else(|| not_found("agent"))?]
        }
        None => store::all(desk.db, Table::Agent, "document ->> 'active' ORDER BY number", [])?,
    };
    let open = format!("{OPEN} AND assignee_id = ?2");
    let unattended = format!("{open} AND {UNATTENDED}");
    let mut counted: Vec<(i64, i64, Row)> = Vec::with_capacity(agents.len());
    for agent in agents {
        let of = [&desk.now, &agent.id];
        let open = store::count(desk.db, Table::Conversation, &open, of)?;
        let unattended = store::count(desk.db, Table::Conversation, &unattended, of)?;
        counted.push((open, unattended, agent));
    }
    // Of equals, the one with the lower number comes first: they stand in that order.
    counted.sort_by_key(|(open, ..)| std::cmp::Reverse(*open));
    let at = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut data = Vec::new();
    for (open, unattended, agent) in
        counted.into_iter().skip(at((number - 1) * limit)).take(at(limit))
    {
        let agent = desk.shown(Table::Agent, &agent, &[])?;
        let metrics = json!({"open": open, "unattended": unattended});
        data.push(json!({"agent": agent, "metrics": metrics}));
    }
    let page = json!({"next": null, "prev": null, "limit": limit, "number": number, "total": null});
    desk.answer(call, json!({"data": data, "page": page}))
}

/// Figures are over all conversations, so they are for those who may see all.
fn refuse_limited(desk: &Desk<'_>) -> Result<(), Fault> {
    for_the_business(desk)?;
    if desk.who.inboxes.is_some() {
        let detail = "Reports are for those who see every inbox";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    Ok(())
}

/// From when to when a call asks about.
fn range<'c>(call: &'c Call<'_>) -> Result<Range<'c>, Fault> {
    let time = |name| match call.text(name) {
        Some(text) if moment(text).is_none() || text.len() != "2026-01-31T09:30:00.000Z".len() => {
            Err(bad_parameter(name, "a time like `2026-01-31T09:30:00.000Z` is due"))
        }
        found => Ok(found),
    };
    Ok(Range { since: time("since")?, until: time("until")? })
}

fn business_hours(desk: &Desk<'_>, call: &Call<'_>) -> Result<Option<WorkingHours>, Fault> {
    match call.word("business_hours", &["true", "false"])? {
        Some("true") => facts::working_hours(desk).map(Some),
        _ => Ok(None),
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn seconds(time: SignedDuration) -> f64 {
    (time.as_millis() as f64) / 1000.0
}
