//! Text whose case means nothing. Decode loses the case; encode copies.

use super::{Coded, Refusal, quoted};
use crate::json::{text, write};

/// Copied.
pub(super) fn encode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    out.extend_from_slice(token.as_bytes());
    Ok(Coded::Value)
}

/// Lower-cased, character by character.
pub(super) fn decode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    text::content(token).ok_or("must be text")?;
    quoted(out, true, |out| {
        for lower in text::chars(token).flat_map(char::to_lowercase) {
            write::character(out, lower);
        }
    });
    Ok(Coded::Value)
}
