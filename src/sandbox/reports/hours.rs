//! Working hours: how much of a time that was waited lies within those of an inbox.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use super::seconds;
use crate::sandbox::store::Row;

/// Farthest that days are counted; a wait of longer than that counts whole.
const DAYS: usize = 4_000;
/// Minutes of a day.
const DAY: i64 = 24 * 60;

/// The working hours of an inbox.
pub(super) struct Hours {
    zone: TimeZone,
    /// For each day from Sunday on: from minute to minute.
    days: [Vec<(i64, i64)>; 7],
}

impl Hours {
    /// Those of an inbox that has some.
    pub(super) fn of(inbox: &Row) -> Option<Self> {
        let listed = inbox.document.get("working_hours").and_then(Value::as_array)?;
        if !inbox.is("working_hours_enabled") {
            return None;
        }
        let zone = inbox.text("timezone").and_then(super::periods::zone).unwrap_or(TimeZone::UTC);
        let mut days: [Vec<(i64, i64)>; 7] = Default::default();
        for day in listed {
            let number = day.get("day_of_week").and_then(Value::as_u64);
            let Some(place) = number.and_then(|n| days.get_mut(usize::try_from(n).ok()?)) else {
                continue;
            };
            let is = |name: &str| day.get(name).and_then(Value::as_bool).unwrap_or(false);
            if is("closed_all_day") {
                continue;
            }
            if is("open_all_day") {
                place.push((0, DAY));
                continue;
            }
            let intervals = day.get("intervals").and_then(Value::as_array);
            place.extend(intervals.into_iter().flatten().filter_map(|interval| {
                let minute = |name: &str| clock(interval.get(name)?.as_str()?);
                Some((minute("start")?, minute("end")?))
            }));
        }
        Some(Self { zone, days })
    }

    /// How many seconds between two moments lie within them.
    pub(super) fn between(&self, since: Timestamp, until: Timestamp) -> f64 {
        self.counted(since, until).unwrap_or_else(|| seconds(until.duration_since(since)))
    }

    fn counted(&self, since: Timestamp, until: Timestamp) -> Option<f64> {
        let mut date = since.to_zoned(self.zone.clone()).date();
        let last = until.to_zoned(self.zone.clone()).date();
        let mut sum = 0.0;
        for _ in 0..DAYS {
            if date > last {
                return Some(sum);
            }
            let day = usize::try_from(date.weekday().to_sunday_zero_offset()).ok()?;
            for (from, to) in self.days.get(day)? {
                let moment = |minute: i64| {
                    let at = date.at(0, 0, 0, 0).checked_add(minute.minutes()).ok()?;
                    Some(at.to_zoned(self.zone.clone()).ok()?.timestamp())
                };
                let (from, to) = (moment(*from)?.max(since), moment(*to)?.min(until));
                if from < to {
                    sum += seconds(to.duration_since(from));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// `HH:MM` as minutes of the day; 24:00 is its end.
fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let all = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    (0..=DAY).contains(&all).then_some(all)
}
