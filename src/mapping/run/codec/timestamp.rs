//! RFC 3339 ↔ RFC 3339 with a fixed number of digits.
//!
//! Canonical has three digits and UTC. Seconds lose what is below a second when encoding; six
//! digits lose what is below a millisecond when decoding; an offset is turned into UTC. The moment
//! stays the same otherwise.

use super::moment::Moment;
use super::{Coded, Refusal, quoted};

pub(super) const NOT_A_TIME: Refusal =
    "must be a date and time with a zone, such as 2026-01-31T09:30:00Z";

/// Canonical → the dialect's number of digits.
pub(super) fn encode(token: &str, digits: u32, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let moment = Moment::of(token).ok_or(NOT_A_TIME)?;
    quoted(out, true, |out| moment.print(digits, out));
    Ok(Coded::Value)
}

/// Any RFC 3339 → canonical.
pub(super) fn decode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    encode(token, 3, out)
}
