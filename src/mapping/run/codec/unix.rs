//! RFC 3339 ↔ seconds since 1970, whole or with a fraction, as a number or as text.
//!
//! Whole seconds lose what is below a second (rounded down). A fraction carries the canonical
//! milliseconds; finer digits are cut when decoding. No number passes through a double.

use super::moment::Moment;
use super::timestamp::NOT_A_TIME;
use super::{Coded, Refusal, quoted, unquoted};
use crate::json::{text, write};

const NOT_SECONDS: Refusal = "must be a whole number of seconds since 1970";
const NOT_A_FRACTION: Refusal = "must be a number of seconds since 1970";

/// Canonical → `1700000000`.
pub(super) fn encode_seconds(
    token: &str,
    as_text: bool,
    out: &mut Vec<u8>,
) -> Result<Coded, Refusal> {
    let moment = Moment::of(token).ok_or(NOT_A_TIME)?;
    quoted(out, as_text, |out| write::integer(out, moment.seconds));
    Ok(Coded::Value)
}

/// `1700000000` → canonical.
pub(super) fn decode_seconds(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let seconds = text::integer(unquoted(token)).ok_or(NOT_SECONDS)?;
    let moment = Moment::new(seconds, 0).ok_or(NOT_SECONDS)?;
    quoted(out, true, |out| moment.print(3, out));
    Ok(Coded::Value)
}

/// Canonical → `1700000000.123`; always with a fraction, without needless zeros.
pub(super) fn encode_float(
    token: &str,
    as_text: bool,
    out: &mut Vec<u8>,
) -> Result<Coded, Refusal> {
    let moment = Moment::of(token).ok_or(NOT_A_TIME)?;
    // Before 1970 the seconds count down while the fraction counts up.
    let (sign, seconds, nanos) = match (moment.seconds, moment.nanos) {
        (s, 0) if s < 0 => ("-", -s, 0),
        (s, n) if s < 0 => ("-", -s - 1, 1_000_000_000 - n),
        (s, n) => ("", s, n),
    };
    quoted(out, as_text, |out| {
        out.extend_from_slice(sign.as_bytes());
        write::integer(out, seconds);
        out.push(b'.');
        let (mut rest, mut unit) = (nanos, 100_000_000);
        loop {
            out.push(b'0' + (rest / unit) as u8);
            rest %= unit;
            unit /= 10;
            if rest == 0 || unit == 0 {
                break;
            }
        }
    });
    Ok(Coded::Value)
}

/// `1700000000.123` → canonical.
pub(super) fn decode_float(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let moment = decimal(unquoted(token)).ok_or(NOT_A_FRACTION)?;
    quoted(out, true, |out| moment.print(3, out));
    Ok(Coded::Value)
}

fn decimal(number: &str) -> Option<Moment> {
    if !text::is_number(number) || number.contains(['e', 'E']) {
        return None;
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut nanos = 0_u32;
    let mut unit = 100_000_000;
    for digit in fraction.bytes().take(9) {
        nanos += u32::from(digit - b'0') * unit;
        unit /= 10;
    }
    let seconds: i64 = whole.parse().ok()?;
    if whole.starts_with('-') && nanos > 0 {
        return Moment::new(seconds.checked_sub(1)?, 1_000_000_000 - nanos);
    }
    Moment::new(seconds, nanos)
}
