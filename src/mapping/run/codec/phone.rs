//! A phone number with its country, however a client writes it ← text or a whole number. Decode only.
//!
//! `phone` gives E.164 (`+4917139200021`), `phone_digits` what channels call the same number: without
//! the plus. Neither says whether anybody has it.

use super::{Coded, Refusal, quoted, unquoted};

const NO_PHONE: Refusal = "must be a phone number with its country, like +4917139200021";
/// How many digits one has: the shortest in use, and the most that E.164 has.
const FEWEST: usize = 6;
const MOST: usize = 15;

/// `4917139200021` or `"+4917139200021"` → `"+4917139200021"`.
pub(super) fn decode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    write(token, "+", out)
}

/// `"+4917139200021"` → `"4917139200021"`.
pub(super) fn decode_digits(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    write(token, "", out)
}

fn write(token: &str, before: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let number = unquoted(token);
    let digits = number.strip_prefix('+').unwrap_or(number);
    let fits = (FEWEST..=MOST).contains(&digits.len()) && !digits.starts_with('0');
    if !fits || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NO_PHONE);
    }
    quoted(out, true, |out| {
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(digits.as_bytes());
    });
    Ok(Coded::Value)
}
