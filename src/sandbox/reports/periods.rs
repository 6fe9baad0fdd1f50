//! Days, weeks and months of a time zone: which periods a time has, and which one a moment is in.

use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, ToSpan as _, Zoned};

/// Most periods of one answer.
pub(super) const MOST: usize = 10_000;

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// By the word of the contract.
pub(super) const LENGTHS: [(&str, Length); 5] = [
    ("hour", Length::Hour),
    ("day", Length::Day),
    ("week", Length::Week),
    ("month", Length::Month),
    ("year", Length::Year),
];

/// A zone by its name, or by how far it is from UTC: `+05:30`.
pub(super) fn zone(text: &str) -> Option<TimeZone> {
    let Some(sign) = text.chars().next().filter(|c| matches!(c, '+' | '-')) else {
        return TimeZone::get(text).ok();
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |digits: &str, most: i32| {
        let two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|n| two && *n <= most)
    };
    let seconds = number(hours, 23)? * 3600 + number(minutes, 59)? * 60;
    let offset = Offset::from_seconds(if sign == '-' { -seconds } else { seconds }).ok()?;
    Some(TimeZone::fixed(offset))
}

impl Length {
    fn step(self) -> Span {
        match self {
            Self::Hour => 1.hour(),
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Year => 1.year(),
        }
    }

    /// When the period began that a moment is in.
    fn begin(self, at: &Zoned) -> Result<Zoned, jiff::Error> {
        let day = at.date();
        let day = match self {
            Self::Hour => {
                // In the hour that a clock is put back to, the one of the two that it is.
                let into = i64::from(at.minute()) * 60 + i64::from(at.second());
                let begun = at.checked_sub(into.seconds())?;
                return begun.checked_sub(i64::from(at.subsec_nanosecond()).nanoseconds());
            }
            Self::Day => day,
            Self::Week => {
                day.checked_sub(i64::from(day.weekday().since(Weekday::Sunday)).days())?
            }
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        };
        day.to_zoned(at.time_zone().clone())
    }
}

/// When each period begins, from the one that `first` is in to the one that `last` is in; nothing
/// where they are too many.
pub(super) fn periods(
    length: Length,
    zone: &TimeZone,
    first: Timestamp,
    last: Timestamp,
) -> Option<Vec<Timestamp>> {
    let mut begins = Vec::new();
    let mut at = length.begin(&first.to_zoned(zone.clone())).ok()?;
    while at.timestamp() <= last {
        if begins.len() == MOST {
            return None;
        }
        begins.push(at.timestamp());
        // Looked for anew, so that a day that begins at one o'clock moves none of those after it.
        at = length.begin(&at.checked_add(length.step()).ok()?).ok()?;
    }
    Some(begins)
}
