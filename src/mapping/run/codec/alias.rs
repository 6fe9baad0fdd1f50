//! A canonical reference by number (`n:5`) ↔ an integer.
//!
//! Decode is exact for 1 to 2^53 - 1 and refuses the rest. Encode has no integer for a reference of
//! another kind and gives null.

use super::{Coded, Refusal, null, quoted, unquoted};
use crate::json::{text, write};

const MOST: u64 = (1 << 53) - 1;
const NOT_A_NUMBER: Refusal = "must be a whole number from 1 to 9007199254740991";

/// `"n:5"` → 5.
pub(super) fn encode(token: &str, as_text: bool, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let reference = text::decode(token);
    let number = reference.strip_prefix("n:").and_then(text::unsigned);
    match number.filter(|n| (1..=MOST).contains(n)) {
        Some(number) => {
            quoted(out, as_text, |out| write::integer(out, number));
            Ok(Coded::Value)
        }
        None => null(out),
    }
}

/// 5 or `"5"` → `"n:5"`.
pub(super) fn decode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    Ok(reference(number(token)?, out))
}

/// 5 or `"5"` → `"n:4"`; nothing is below 1.
pub(super) fn decode_below(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    match number(token)? {
        1 => null(out),
        number => Ok(reference(number - 1, out)),
    }
}

fn number(token: &str) -> Result<u64, Refusal> {
    let number = unquoted(token);
    // "007" would come back as 7.
    let exact = !number.starts_with('0') && !number.starts_with('-');
    let number = text::unsigned(number).filter(|n| exact && (1..=MOST).contains(n));
    number.ok_or(NOT_A_NUMBER)
}

fn reference(number: u64, out: &mut Vec<u8>) -> Coded {
    quoted(out, true, |out| {
        out.extend_from_slice(b"n:");
        write::integer(out, number);
    });
    Coded::Value
}
