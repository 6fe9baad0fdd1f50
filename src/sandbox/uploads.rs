//! Attachments that no message has yet. Here they are addresses: nothing is fetched.

use serde_json::{Map, Value};

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::once::once;
use crate::sandbox::store::{self, Table};

/// What the end of a name says where no media type was given.
const ENDINGS: [(&str, &[&str]); 3] = [
    ("image", &["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "bmp", "heic"]),
    ("audio", &["mp3", "ogg", "oga", "wav", "m4a", "aac", "amr", "opus", "flac"]),
    ("video", &["mp4", "webm", "mov", "mkv", "3gp", "avi", "m4v"]),
];

/// Makes an attachment of an address.
pub(super) fn upload(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        let url = body.get("url").and_then(Value::as_str).unwrap_or_default();
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            let detail = "must begin with http:// or https://";
            return Err(invalid("/url", "invalid", detail));
        }
        let row = store::insert(desk.db, Table::Attachment, known(url, &body))?;
        let mut object = desk.object(&row)?;
        object.entry("message_number").or_insert(Value::Null);
        desk.answer(call, object.into())
    })
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
