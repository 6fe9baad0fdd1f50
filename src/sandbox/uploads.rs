//! Attachments that no message has yet: files that were sent, which are kept, and addresses, of which
//! nothing is fetched.

use bytes::{Bytes, BytesMut};
use jiff::SignedDuration;
use rusqlite::params;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::canonical::{Payload, Problem, ProblemCode, Upload};
use crate::error::Error;
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::once::once;
use crate::sandbox::shape::OWN_LINK;
use crate::sandbox::store::{self, Row, Table};

/// The media type that says nothing.
const ANY: &str = "application/octet-stream";
/// What may show a file without being a message, beside what only the contract knows.
const OWNERS: [&str; 4] = ["contact", "agent", "bot", "inbox"];

/// What the end of a name says where no media type was given.
const ENDINGS: [(&str, &[&str]); 3] = [
    ("image", &["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "bmp", "heic"]),
    ("audio", &["mp3", "ogg", "oga", "wav", "m4a", "aac", "amr", "opus", "flac"]),
    ("video", &["mp4", "webm", "mov", "mkv", "3gp", "avi", "m4v"]),
];

/// Largest file, in bytes.
const LONGEST: usize = 64 << 20;
/// All that is kept of files that were sent, in bytes.
const MOST: i64 = 512 << 20;
/// How long a file that was sent is kept for somebody to claim it.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The bytes of a file that is being sent.
pub(super) async fn receive(file: &Upload) -> Result<Bytes, Error> {
    let Some(mut pieces) = file.take() else {
        return Err(Error::from(ProblemCode::Internal).within("a file was sent twice"));
    };
    let mut all = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|error| Error::from(ProblemCode::BadRequest).within(error.to_string()))?;
        if all.len().saturating_add(piece.len()) > LONGEST {
            let detail = format!("A file has at most {LONGEST} bytes here");
            return Err(Problem::new(ProblemCode::PayloadTooLarge).detail(detail).into());
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// Makes an attachment of a file that was sent, or of an address.
pub(super) fn upload(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    if let Some(file) = &call.request.upload {
        return once(desk, call, || sent(desk, call, file));
    }
    let body = call.body()?;
    once(desk, call, || {
        let url = body.get("url").and_then(Value::as_str).unwrap_or_default();
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            let detail = "must begin with http:// or https://";
            return Err(invalid("/url", "invalid", detail));
        }
        let row = insert(desk, None, known(url, &body))?;
        shown(desk, call, &row)
    })
}

fn shown(desk: &Desk<'_>, call: &Call<'_>, row: &Row) -> Result<Payload, Fault> {
    let mut object = desk.object(row)?;
    object.entry("message_number").or_insert(Value::Null);
    desk.answer(call, object.into())
}

/// Nobody can guess the id, unless nothing may be left to chance.
fn insert(desk: &Desk<'_>, id: Option<String>, file: Map<String, Value>) -> Result<Row, Fault> {
    store::insert_as(desk.db, Table::Attachment, id.or_else(|| unguessable(desk)), file)
}

fn unguessable(desk: &Desk<'_>) -> Option<String> {
    (!desk.repeatable()).then(|| format!("att_{}", Uuid::new_v4().simple()))
}

fn sent(desk: &Desk<'_>, call: &Call<'_>, file: &Upload) -> Result<Payload, Fault> {
    let content = &call.request.body;
    forget(desk, call)?;
    let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    let held: i64 = desk
        .db
        .prepare_cached("SELECT coalesce(sum(length(content)), 0) FROM attachment")?
        .query_row([], |row| row.get(0))?;
    if held.saturating_add(size) > MOST {
        let detail = format!("All files together have at most {MOST} bytes here");
        return Err(Problem::new(ProblemCode::PayloadTooLarge).detail(detail).into());
    }
    let id = unguessable(desk).unwrap_or_else(|| {
        let last = store::last(desk.db, Table::Attachment).unwrap_or_default();
        Table::Attachment.id(last.saturating_add(1))
    });
    let media = file.media().to_ascii_lowercase();
    let essence = media.split(';').next().unwrap_or_default().trim();
    let kind = kind(Some(essence).filter(|m| *m != ANY), file.name());
    let members = [
        ("kind", json!(kind)),
        ("file_name", json!(file.name())),
        ("content_type", json!(essence)),
        ("size", json!(size)),
        ("url", json!(format!("{OWN_LINK}{}/attachments/{id}/content", desk.account))),
        ("uploaded_at", json!(desk.now)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    let row = insert(desk, Some(id), Map::from_iter(members))?;
    desk.db
        .prepare_cached("UPDATE attachment SET media = ?2, content = ?3 WHERE id = ?1")?
        .execute(params![row.id, essence, &**content])?;
    shown(desk, call, &row)
}

/// Deletes files that were sent and that nobody has claimed for a day: no message, and no picture
/// of anybody or anything.
fn forget(desk: &Desk<'_>, call: &Call<'_>) -> Result<(), Fault> {
    let oldest = call.now.checked_sub(KEPT).map_or_else(|_| String::new(), stamp);
    let late = "message_id IS NULL AND purpose = 'message' AND document ->> 'uploaded_at' < ?1";
    let stored = desk.contract().stored().iter().map(|stored| &*stored.kind);
    let owners: Vec<&str> = OWNERS.into_iter().chain(stored).collect();
    for file in store::all(desk.db, Table::Attachment, late, [oldest])? {
        let shown = owners.iter().try_fold(false, |shown, owner| {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {owner} WHERE instr(document, ?1))");
            let found: bool =
                desk.db.prepare_cached(&sql)?.query_row([&file.id], |row| row.get(0))?;
            Ok::<_, Fault>(shown || found)
        })?;
        if !shown {
            desk.db.prepare_cached("DELETE FROM attachment WHERE id = ?1")?.execute([&file.id])?;
        }
    }
    Ok(())
}

/// What the body says, and what follows from it.
fn known(url: &str, body: &Map<String, Value>) -> Map<String, Value> {
    let mut file = body.clone();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let name = match text("file_name") {
        Some(name) => Some(name.to_owned()),
        None => end_of(url),
    };
    if text("kind").is_none() {
        let kind = kind(text("content_type"), name.as_deref());
        file.insert("kind".into(), kind.into());
    }
    file.insert("file_name".into(), name.into());
    file
}

/// The last step of a path.
fn end_of(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?.split_once("://")?.1;
    let (_, path) = path.split_once('/')?;
    path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

fn kind(media: Option<&str>, name: Option<&str>) -> &'static str {
    if let Some(media) = media {
        let top = media.split('/').next().unwrap_or_default();
        return ENDINGS.iter().find(|(kind, _)| *kind == top).map_or("file", |(kind, _)| kind);
    }
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    let found = ENDINGS.iter().find(|(_, endings)| endings.contains(&ending.as_str()));
    found.map_or("file", |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::{end_of, kind};

    #[test]
    fn kinds_come_from_the_media_type_then_from_the_name() {
        assert_eq!(kind(Some("image/png"), Some("a.mp3")), "image");
        assert_eq!(kind(Some("application/pdf"), Some("a.png")), "file");
        assert_eq!(kind(None, Some("Voice.OGG")), "audio");
        assert_eq!((kind(None, Some("png")), kind(None, None)), ("file", "file"));
    }

    #[test]
    fn names_come_from_the_address() {
        assert_eq!(end_of("https://a.example/b/c.pdf?x=/y#z").as_deref(), Some("c.pdf"));
        assert_eq!(end_of("https://a.example/b/"), None);
        assert_eq!(end_of("https://a.example"), None);
    }
}
