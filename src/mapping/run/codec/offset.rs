//! How far a clock is from UTC, in hours (`5.5`) ↔ `+05:30`. Both directions are exact: hours are
//! whole minutes or nothing.

use super::{Coded, Refusal, null, quoted, unquoted};
use crate::json::text;

const NOT_HOURS: Refusal = "must be hours between -24 and 24 that are whole minutes";

/// `"+05:30"` → 5.5; null where it is a name of a zone.
pub(super) fn encode(token: &str, as_text: bool, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let offset = text::decode(token);
    let Some(minutes) = minutes(&offset) else { return null(out) };
    // A third of an hour has no end; four digits tell every minute.
    let exact = format!("{:.4}", f64::from(minutes) / 60.0);
    let written = exact.trim_end_matches('0').trim_end_matches('.');
    let written = if written == "-0" { "0" } else { written };
    quoted(out, as_text, |out| out.extend_from_slice(written.as_bytes()));
    Ok(Coded::Value)
}

/// 5.5 or `"5.5"` → `"+05:30"`.
pub(super) fn decode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let text = unquoted(token);
    let plain = !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-'));
    let hours: f64 = text.parse().ok().filter(|_| plain).ok_or(NOT_HOURS)?;
    let minutes = (hours * 60.0).round();
    // Four digits of an hour tell every minute.
    if hours.abs() >= 24.0 || (minutes - hours * 60.0).abs() > 0.006 {
        return Err(NOT_HOURS);
    }
    let sign = if minutes < 0.0 { '-' } else { '+' };
    let minutes = minutes.abs();
    quoted(out, true, |out| {
        let (hours, rest) = ((minutes / 60.0).trunc(), minutes % 60.0);
        out.extend_from_slice(format!("{sign}{hours:02}:{rest:02}").as_bytes());
    });
    Ok(Coded::Value)
}

fn minutes(offset: &str) -> Option<i32> {
    let (negative, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (false, rest),
        ("-", rest) => (true, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str, most: i32| {
        let two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|n| two && *n <= most)
    };
    let all = number(hours, 23)? * 60 + number(minutes, 59)?;
    Some(if negative { -all } else { all })
}
