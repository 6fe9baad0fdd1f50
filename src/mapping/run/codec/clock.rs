//! Hour and minute of a time of day. Encode only: either is half of it.

use super::{Coded, Refusal, null};
use crate::json::text;

/// `"09:30"` → 9; null where it is no time of day. 24:00 is the end of the day.
pub(super) fn hour(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    part(token, 0, out)
}

/// `"09:30"` → 30.
pub(super) fn minute(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    part(token, 1, out)
}

fn part(token: &str, index: usize, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let time = text::decode(token);
    let parts = time.split_once(':').and_then(|(hour, minute)| {
        let number = |digits: &str, most: u8| {
            let two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u8>().ok().filter(|n| two && *n <= most)
        };
        Some([number(hour, 24)?, number(minute, 59)?])
    });
    let Some(number) = parts.and_then(|parts| parts.get(index).copied()) else { return null(out) };
    out.extend_from_slice(number.to_string().as_bytes());
    Ok(Coded::Value)
}
