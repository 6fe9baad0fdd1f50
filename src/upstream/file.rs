//! An answer that is a file: its head is judged, its bytes are passed on as they come.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, LOCATION,
};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use crate::canonical::content::Flow;
use crate::canonical::{Content, Outcome, Payload, ProblemCode, Response};
use crate::error::{Error, Hop};
use crate::upstream::classify::invalid;

/// Longest media type, range and validator that is passed on.
const LONGEST: usize = 127;
/// Longest address that is passed on.
const LONGEST_PLACE: usize = 4096;

/// Whether an answer with this status is a file, or a word about one.
pub(super) fn is_one(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::OK
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::RANGE_NOT_SATISFIABLE
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
    )
}

/// The answer. Each piece of it may take `patience`.
pub(super) fn answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: Incoming,
    patience: Duration,
) -> Result<Response, Error> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(invalid("a file with a content coding, which was not asked for"));
    }
    let text = |name: &HeaderName, longest: usize| -> Option<Box<str>> {
        let value = headers.get(name)?.to_str().ok()?;
        (value.len() <= longest).then(|| Box::from(value))
    };
    let mut content = Content {
        media: text(&CONTENT_TYPE, LONGEST).unwrap_or_else(|| "application/octet-stream".into()),
        // Only a strong one says that the bytes are the same.
        etag: text(&ETAG, LONGEST).filter(|etag| etag.starts_with('"')),
        range: text(&CONTENT_RANGE, LONGEST),
        name: text(&CONTENT_DISPOSITION, LONGEST_PLACE).and_then(|said| named(&said)),
        ..Content::default()
    };
    let status = match status {
        StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT => {
            let place = text(&LOCATION, LONGEST_PLACE);
            let place = place.filter(|p| p.starts_with("https://") || p.starts_with("http://"));
            content.place = Some(place.ok_or_else(|| invalid("a redirect to no address"))?);
            StatusCode::FOUND.as_u16()
        }
        StatusCode::PARTIAL_CONTENT if content.range.is_none() => {
            return Err(invalid("a part of a file that does not say which"));
        }
        status => status.as_u16(),
    };
    if matches!(status, 200 | 206) {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        content.length = length.and_then(|length| length.parse().ok());
        content = content.flowing(flow(body, patience));
    }
    let mut payload = Payload::file(status, Bytes::new(), content);
    // Nobody but the one who asked gets these bytes.
    payload.no_store = true;
    Ok(Response { payload: Arc::new(payload), outcome: Outcome::Miss { stored: false } })
}

/// The name of a file (RFC 6266): the one that says its characters, else the plain one.
fn named(disposition: &str) -> Option<Box<str>> {
    let (mut plain, mut whole): (Option<Box<str>>, Option<Box<str>>) = (None, None);
    let mut rest = disposition;
    while let Some((_, after)) = rest.split_once(';') {
        let (key, value) = after.split_once('=')?;
        let value = value.trim_start();
        let end = match value.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(value.len(), |at| at.saturating_add(2)),
            None => value.find(';').unwrap_or(value.len()),
        };
        let (value, after) = value.split_at_checked(end)?;
        rest = after;
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value.into()),
            "filename*" => {
                let coded = value.get(..7).filter(|c| c.eq_ignore_ascii_case("utf-8''"));
                let coded = coded.and_then(|_| value.get(7..));
                let text = coded.and_then(|c| percent_decode_str(c).decode_utf8().ok());
                whole = text.map(|text| text.into_owned().into());
            }
            _ => {}
        }
    }
    whole.or(plain).filter(|name| !name.is_empty())
}

fn flow(body: Incoming, patience: Duration) -> Flow {
    let next = move |body: Option<Incoming>| async move {
        let mut body = body?;
        loop {
            let frame = match tokio::time::timeout(patience, body.frame()).await {
                Ok(None) => return None,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Some((Err(cut(error.to_string())), None)),
                Err(_elapsed) => return Some((Err(cut("nothing came".to_owned())), None)),
            };
            if let Ok(piece) = frame.into_data() {
                return Some((Ok(piece), Some(body)));
            }
        }
    };
    Box::pin(stream::unfold(Some(body), next))
}

fn cut(why: String) -> Error {
    let error = Error::from(ProblemCode::UpstreamError).hop(Hop::Error("http_response_incomplete"));
    error.within(format!("a file broke off: {why}"))
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (text, name) in [
            ("inline; filename=\"see; me.png\"", Some("see; me.png")),
            ("attachment; filename=a.txt; x=1", Some("a.txt")),
            (
                "inline; filename=\"gr__e.html\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.html",
                Some("grüße.html"),
            ),
            ("attachment; filename*=utf-8''a%20b; filename=\"a_b\"", Some("a b")),
            ("attachment; filename*=latin1''a; filename=b", Some("b")),
            ("attachment; filename=\"\"", None),
            ("attachment; filename=\"open", Some("open")),
            ("attachment; filename", None),
            ("inline", None),
        ] {
            assert_eq!(named(text).as_deref(), name, "{text}");
        }
    }
}
