//! The bytes of a file, or a part of them.

use std::ops::Range;

use rusqlite::{OptionalExtension as _, params};

use crate::canonical::{Content, Payload};
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::ids::IdRef;
use crate::sandbox::shape::OWN_LINK;

/// The bytes of a file. Its id is all that is asked for: who has the link may read it.
pub(super) fn content(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let reference = call.text("attachment_id").unwrap_or_default();
    // An alias could be counted up; only the id itself is hard to guess.
    let Some(IdRef::Id(id)) = IdRef::parse(reference) else { return Err(not_found("attachment")) };
    type Found = (i64, String, Option<String>, Option<String>);
    let found: Option<Found> = desk
        .db
        .prepare_cached(
            "SELECT length(content), media, document ->> 'file_name', document ->> 'url'
             FROM attachment WHERE id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let (length, media, name, url) = found.ok_or_else(|| not_found("attachment"))?;
    let length = usize::try_from(length).unwrap_or_default();
    let mut content = Content {
        media: media.into(),
        name: name.map(Into::into),
        etag: Some(format!("\"{id}\"").into()),
        ..Content::default()
    };
    if let Some(url) = url.filter(|url| !url.starts_with(OWN_LINK)) {
        // What only has an address elsewhere has no bytes here.
        content.place = Some(url.into());
        return Ok(Payload::file(302, bytes::Bytes::new(), content));
    }
    // Another version of the file would have another id, so a validator is only ever this one.
    let same = call.text("If-Range").is_none_or(|tag| Some(tag) == content.etag.as_deref());
    let wanted =
        call.text("Range").filter(|_| same).map_or(Wanted::All, |range| part(range, length));
    let (status, range) = match wanted {
        Wanted::All => (call.operation.status, 0..length),
        Wanted::Part(range) => {
            let last = range.end.saturating_sub(1);
            content.range = Some(format!("bytes {}-{last}/{length}", range.start).into());
            (206, range)
        }
        Wanted::Beyond => {
            content.range = Some(format!("bytes */{length}").into());
            return Ok(Payload::file(416, bytes::Bytes::new(), content));
        }
    };
    content.length = Some(range.len() as u64);
    // What SQLite holds is never so long that its numbers had no room for it.
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (from, many) = (number(range.start).saturating_add(1), number(range.len()));
    let bytes: Vec<u8> = desk
        .db
        .prepare_cached("SELECT substr(content, ?2, ?3) FROM attachment WHERE id = ?1")?
        .query_row(params![id, from, many], |row| row.get(0))?;
    Ok(Payload::file(status, bytes.into(), content))
}

#[derive(Debug, PartialEq)]
enum Wanted {
    All,
    Part(Range<usize>),
    /// No byte of it is there.
    Beyond,
}

/// What a `Range` asks for. Several ranges, other units and nonsense ask for everything.
fn part(range: &str, length: usize) -> Wanted {
    let Some((unit, set)) = range.split_once('=') else { return Wanted::All };
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::All;
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // A number that has no room is larger than any file.
        digits.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => match count {
            0 => return Wanted::Beyond,
            count => length.saturating_sub(count)..length,
        },
        _ => return Wanted::All,
    };
    if range.start < length { Wanted::Part(range) } else { Wanted::Beyond }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, part};

    #[test]
    fn one_range_is_read_in_its_three_forms() {
        for (text, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-99", Wanted::Part(2..10)),
            ("Bytes = 9-", Wanted::Part(9..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Beyond),
            ("bytes=99999999999999999999-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=3-2", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("items=0-1", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes", Wanted::All),
        ] {
            assert_eq!(part(text, 10), wanted, "{text}");
        }
        assert_eq!(part("bytes=-5", 0), Wanted::Beyond);
    }
}
