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
    let number = unquoted(token);
    // "007" would come back as 7.
    let exact = !number.starts_with('0') && !number.starts_with('-');
    let number = text::unsigned(number).filter(|n| exact && (1..=MOST).contains(n));
    let number = number.ok_or(NOT_A_NUMBER)?;
    quoted(out, true, |out| {
        out.extend_from_slice(b"n:");
        write::integer(out, number);
    });
    Ok(Coded::Value)
}
