//! The extension of a file's name, lower-case, without the dot. Encode only: the rest of the name
//! is lost.

use super::{Coded, Refusal, null, quoted};
use crate::json::text;

/// `"Scan.PDF"` → `"pdf"`; null when there is no extension of letters and digits.
pub(super) fn encode(token: &str, out: &mut Vec<u8>) -> Result<Coded, Refusal> {
    let name = text::decode(token);
    let extension = name.rsplit_once('.').filter(|(stem, extension)| {
        let word = !extension.is_empty() && extension.bytes().all(|b| b.is_ascii_alphanumeric());
        word && !stem.is_empty() && !stem.ends_with('/')
    });
    let Some((_, extension)) = extension else { return null(out) };
    quoted(out, true, |out| out.extend(extension.bytes().map(|b| b.to_ascii_lowercase())));
    Ok(Coded::Value)
}
