//! Numbers that one side writes as text. Exact: the digits are copied, however many there are.
//!
//! `number_text`: canonical number ↔ the same digits as text. `integer_text`: canonical text ↔ integer; text
//! that is no whole number has no integer and encodes as null. `at_most_N`: a count that a dialect
//! does not show beyond a number; encode only. `text`: a dialect that sends numbers
//! where text is meant; encode gives text (the number's type is lost).

use super::{Coded, Refusal, null, quoted, unquoted, whole};
use crate::json::text::{self, Kind};

const NOT_WHOLE: Refusal = "must be a whole number";
const NO_NUMBER: Refusal = "must be a number";

fn digits(token: &str, in_quotes: bool, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let number = unquoted(token);
    if !whole(number) {
        return Err(NOT_WHOLE);
    }
    quoted(out, in_quotes, |out| out.extend_from_slice(number.as_bytes()));
    Ok(Coded::Value)
}

fn number(token: &str, in_quotes: bool, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let number = unquoted(token);
    if !text::is_number(number) {
        return Err(NO_NUMBER);
    }
    quoted(out, in_quotes, |out| out.extend_from_slice(number.as_bytes()));
    Ok(Coded::Value)
}

/// 1.50 → `"1.50"`.
pub(super) fn encode_number_text(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    number(token, true, out)
}

/// `"1.50"` or 1.50 → 1.50. Whether it must be whole is the contract's to say.
pub(super) fn decode_number_text(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    number(token, false, out)
}

/// 17 → 10 where ten is the most.
pub(super) fn at_most(
    token: &str,
    most: u32,
    as_text: bool,
    out: &mut Vec<u8>,
) -> Result<Coded, Refusal> {
    let number = unquoted(token);
    // A number of more digits than fit is more than most.
    if whole(number) && text::integer(number).map_or(!number.starts_with('-'), |n| n > most.into())
    {
        quoted(out, as_text, |out| {
            out.extend_from_slice(itoa::Buffer::new().format(most).as_bytes())
        });
        return Ok(Coded::Value);
    }
    digits(token, as_text, out)
}

/// `"17"` → 17, `"x"` → null.
pub(super) fn encode_integer_text(
    token: &str,
    as_text: bool,
    out: &mut Vec<u8>,
) -> Result<Coded, Refusal> {
    match digits(token, as_text, out) {
        Err(NOT_WHOLE) => null(out),
        done => done,
    }
}

/// 17 or `"17"` → `"17"`.
pub(super) fn decode_integer_text(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    digits(token, true, out)
}

/// Copied.
pub(super) fn encode_text(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    out.extend_from_slice(token.as_bytes());
    Ok(Coded::Value)
}

/// 17 → `"17"`, text → the same.
pub(super) fn decode_text(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    match text::kind(token) {
        Kind::String => encode_text(token, out),
        Kind::Integer => digits(token, true, out),
        _ => Err("must be text or a whole number"),
    }
}
