//! What happened in a month, counted from the timelines.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use rusqlite::params;
use serde_json::json;

use crate::canonical::Payload;
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, not_found};

/// How long counts of a month are kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(180 * 24);

const WRITTEN: &str = "SELECT count(*) FROM message WHERE kind = 'incoming'
     AND created_at >= ?1 AND created_at < ?2";
const ANSWERED: &str = "SELECT count(*) FROM message WHERE kind IN ('outgoing', 'template')
     AND visibility = 'public' AND document ->> '$.author.type' IN ('agent', 'integration')
     AND created_at >= ?1 AND created_at < ?2";
/// Contacts by when they first wrote.
const PEOPLE: &str =
    "SELECT count(*) FILTER (WHERE first >= ?1), count(*) FILTER (WHERE first < ?1)
     FROM (SELECT min(message.created_at) AS first,
                  max(message.created_at >= ?1 AND message.created_at < ?2) AS wrote
           FROM message JOIN conversation ON conversation.id = message.conversation_id
           WHERE message.kind = 'incoming' AND message.created_at < ?2
           GROUP BY conversation.contact_id)
     WHERE wrote";
/// Messages after a day of silence, or after none at all.
const FRESH: &str = "SELECT count(*) FROM (
         SELECT created_at, lag(created_at) OVER (PARTITION BY conversation_id ORDER BY sequence) AS before
         FROM message WHERE kind IN ('incoming', 'outgoing', 'template') AND visibility = 'public'
           AND created_at < ?2)
     WHERE created_at >= ?1
       AND (before IS NULL OR julianday(created_at) - julianday(before) > 1)";
/// From the first of the messages that waited to the answer, in minutes.
const WAITED: &str = "WITH said AS (
         SELECT conversation_id, sequence, created_at, kind = 'incoming' AS asks,
                lag(kind = 'incoming') OVER (PARTITION BY conversation_id ORDER BY sequence) AS asked
         FROM message WHERE kind IN ('incoming', 'outgoing') AND visibility = 'public'),
     turns AS (
         SELECT conversation_id, created_at, asks,
                lag(created_at) OVER (PARTITION BY conversation_id ORDER BY sequence) AS since
         FROM said WHERE asked IS NULL OR asks <> asked)
     SELECT avg((julianday(created_at) - julianday(since)) * 1440) FROM turns
     WHERE NOT asks AND since IS NOT NULL AND created_at >= ?1 AND created_at < ?2";
const CONSENT: &str =
    "SELECT count(*) FILTER (WHERE document -> '$.custom_attributes.marketing_opt_in' = 'true'),
            count(*) FILTER (WHERE document -> '$.custom_attributes.marketing_opt_in' = 'false')
     FROM contact WHERE document ->> '$.created_at' < ?1";

/// The counts of a month.
pub(super) fn month(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    let number = |name, most| call.number(name, 1..=most);
    let (year, month) = (number("year", 9_998)?, number("month", 12)?);
    let first = Date::new(
        year.and_then(|n| n.try_into().ok()).unwrap_or_default(),
        month.and_then(|n| n.try_into().ok()).unwrap_or_default(),
        1,
    );
    let gone = || not_found("month");
    let first = first.map_err(|_| gone())?;
    let next = first.checked_add(1.month()).map_err(|_| gone())?;
    let begin = |day: Date| day.to_zoned(TimeZone::UTC).map(|z| z.timestamp()).map_err(|_| gone());
    let (begins, ends) = (begin(first)?, begin(next)?);
    if begins > call.now || ends.checked_add(KEPT).is_ok_and(|kept| kept < call.now) {
        return Err(gone());
    }
    let span = params![stamp(begins), stamp(ends)];
    let count = |sql: &str| -> Result<i64, Fault> {
        Ok(desk.db.prepare_cached(sql)?.query_row(span, |row| row.get(0))?)
    };
    let two = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (new, existing) = desk.db.prepare_cached(PEOPLE)?.query_row(span, two)?;
    let (willing, unwilling) = desk.db.prepare_cached(CONSENT)?.query_row([stamp(ends)], two)?;
    let waited: Option<f64> = desk.db.prepare_cached(WAITED)?.query_row(span, |row| row.get(0))?;
    desk.answer(
        call,
        json!({
            "year": year,
            "month": month,
            "customer_messages_count": count(WRITTEN)?,
            "new_customers_count": new,
            "existing_customers_count": existing,
            "fresh_conversations_count": count(FRESH)?,
            "agent_messages_count": count(ANSWERED)?,
            "average_agent_response_time_minutes": waited.map(|minutes| (minutes * 10.0).round() / 10.0),
            "marketing_opt_in_profiles_count": willing,
            "marketing_opt_out_profiles_count": unwilling,
        }),
    )
}
