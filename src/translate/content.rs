//! A file as an answer, with the headers that make it harmless: whoever sent it chose its name, its
//! type and its bytes, and it is given out under the address of the gateway.

use std::fmt::Write as _;

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::canonical::{Content, ProblemCode, Response};
use crate::error::Error;

use super::Answer;
use super::cache_status::{self, CACHE_STATUS};
use super::head::Asked;
use super::outgoing::Outgoing;

/// Pictures that are no documents with scripts in them.
const PICTURES: [&str; 8] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "image/heic",
    "image/x-icon",
];
/// What stands as it is in the name of a file (RFC 8187).
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A whole answer of a file, or of what is to be said of one.
///
/// # Errors
/// A status that is none.
pub fn answer(asked: Asked<'_>, response: &Response, content: &Content) -> Result<Answer, Error> {
    let payload = &response.payload;
    let status = StatusCode::from_u16(payload.status)
        .map_err(|e| Error::from(ProblemCode::Internal).because(e))?;
    let whole = status == StatusCode::OK || status == StatusCode::PARTIAL_CONTENT;
    let etag = content.etag.as_deref().filter(|_| whole);
    let unchanged = etag.is_some_and(|etag| asked.has(etag.as_bytes()));
    let length = content.length.or_else(|| u64::try_from(payload.body.len()).ok());
    let body = match content.take() {
        // Dropped, it ends what brings it.
        _ if unchanged || asked.method == Method::HEAD => Outgoing::whole(bytes::Bytes::new()),
        Some(flow) => Outgoing::Flow(flow, content.length),
        None => Outgoing::whole(payload.body.clone()),
    };
    let mut answer = Answer::new(body);
    *answer.status_mut() = if unchanged { StatusCode::NOT_MODIFIED } else { status };
    let headers = answer.headers_mut();
    headers.reserve(12);
    let mut set = |name: HeaderName, value: &str| {
        // What cannot stand in a header is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    // The address is the permission: it is told to nobody.
    set(REFERRER_POLICY, "no-referrer");
    set(CACHE_STATUS, cache_status::value(response.outcome).to_str().unwrap_or_default());
    if let Some(place) = &content.place {
        set(LOCATION, place);
        set(CACHE_CONTROL, "no-store");
        return Ok(answer);
    }
    if let Some(etag) = etag {
        set(ETAG, etag);
    }
    // The bytes of an address never change.
    set(CACHE_CONTROL, if whole { "private, max-age=86400, immutable" } else { "no-store" });
    if unchanged {
        return Ok(answer);
    }
    set(ACCEPT_RANGES, "bytes");
    if let Some(range) = &content.range {
        set(CONTENT_RANGE, range);
    }
    if whole {
        set(CONTENT_TYPE, "application/octet-stream");
        set(CONTENT_TYPE, &content.media);
        set(CONTENT_DISPOSITION, &disposition(&content.media, content.name.as_deref()));
        if let Some(length) = length.filter(|_| asked.method == Method::HEAD) {
            set(CONTENT_LENGTH, &length.to_string());
        }
    }
    Ok(answer)
}

/// Shown in place is only what cannot act; everything else is saved.
fn disposition(media: &str, name: Option<&str>) -> String {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let shown = PICTURES.contains(&&*essence)
        || essence.starts_with("audio/")
        || essence.starts_with("video/")
        || essence == "text/plain";
    let mut text = String::from(if shown { "inline" } else { "attachment" });
    let Some(name) = name else { return text };
    let plain =
        |c: char| if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    // A `String` grows as it must.
    let _ = write!(text, "; filename=\"{ascii}\"");
    if ascii != name {
        let _ = write!(text, "; filename*=UTF-8''{}", utf8_percent_encode(name, NAME));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn what_can_act_is_saved_and_never_shown() {
        for (media, word) in [
            ("image/png", "inline"),
            ("IMAGE/JPEG; q=1", "inline"),
            ("audio/ogg", "inline"),
            ("text/plain; charset=utf-8", "inline"),
            ("image/svg+xml", "attachment"),
            ("text/html", "attachment"),
            ("application/xhtml+xml", "attachment"),
            ("application/pdf", "attachment"),
            ("", "attachment"),
        ] {
            assert_eq!(disposition(media, None), word, "{media}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        let told = disposition("image/png", Some("a\"; x=\"\r\n.png"));
        assert_eq!(
            told,
            "inline; filename=\"a_; x=___.png\"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0A.png"
        );
        let told = disposition("text/html", Some("grüße 1.html"));
        let wanted =
            "attachment; filename=\"gr__e 1.html\"; filename*=UTF-8''gr%C3%BC%C3%9Fe%201.html";
        assert_eq!(told, wanted);
        assert_eq!(disposition("image/png", Some("a.png")), "inline; filename=\"a.png\"");
    }
}
