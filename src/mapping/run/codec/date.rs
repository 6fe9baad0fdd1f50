//! Dates. Exact; decode also takes a date-time and keeps the date that is written in it (the time
//! and the zone are lost).

use super::moment::{Moment, parse_date};
use super::{Coded, Refusal, quoted};
use crate::json::text;

const NOT_A_DATE: Refusal = "must be a date, such as 2026-01-31";

/// `YYYY-MM-DD` → the same.
pub(super) fn encode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    decode(token, out)
}

/// `YYYY-MM-DD`, or a date-time → `YYYY-MM-DD`.
pub(super) fn decode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let text = text::decode(token);
    parse_date(&text).ok_or(NOT_A_DATE)?;
    if text.len() != 10 && Moment::parse(&text).is_none() {
        return Err(NOT_A_DATE);
    }
    let date = text.get(..10).ok_or(NOT_A_DATE)?;
    quoted(out, true, |out| out.extend_from_slice(date.as_bytes()));
    Ok(Coded::Value)
}
