//! A canonical reference by a member that names a resource (`x:slug:handbook`) ↔ its text.
//!
//! Decode refuses what no reference could hold. Encode has no text for a reference of another kind and
//! gives null.

use super::{Coded, Refusal, null, quoted};
use crate::json::{text, write};

/// Most characters of a name.
const MOST: usize = 255;

/// `"x:slug:handbook"` → `"handbook"`.
pub(super) fn encode(token: &str, member: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let reference = text::decode(token);
    let name = reference.strip_prefix("x:").and_then(|rest| rest.strip_prefix(member));
    match name.and_then(|rest| rest.strip_prefix(':')).filter(|name| !name.is_empty()) {
        Some(name) => {
            write::string(out, name);
            Ok(Coded::Value)
        }
        None => null(out),
    }
}

/// `"handbook"` → `"x:slug:handbook"`.
pub(super) fn decode(token: &str, member: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let content = text::content(token).ok_or("must be text")?;
    // The contract's references are of one line.
    let fits = |(at, c): (usize, char)| at < MOST && c != '\n';
    if content.is_empty() || !text::chars(token).enumerate().all(fits) {
        return Err("must be a name of 1 to 255 characters in one line");
    }
    quoted(out, true, |out| {
        out.extend_from_slice(b"x:");
        out.extend_from_slice(member.as_bytes());
        out.push(b':');
        text::chars(token).for_each(|c| write::character(out, c));
    });
    Ok(Coded::Value)
}
