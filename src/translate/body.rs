//! Reading a client's body: bounded in bytes and time, of an accepted kind.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt;

use crate::canonical::{Problem, ProblemCode};
use crate::error::Error;
use crate::json::{self, scan::Limits};

/// Reads the whole body, each piece of which may take `patience`.
///
/// # Errors
/// 413 when it is longer than `most` bytes, 400 when it breaks off, 408 when it stops coming.
pub async fn read<B>(body: B, most: u64, patience: Duration) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    if body.size_hint().lower() > most {
        return Err(too_large(most));
    }
    let mut body = std::pin::pin!(body);
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    loop {
        let coming = tokio::time::timeout(patience, body.as_mut().frame()).await;
        let frame = coming.map_err(|_elapsed| {
            Problem::new(ProblemCode::RequestTimeout)
                .detail(format!("Nothing of the body came for {} s", patience.as_secs_f32()))
        })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|e| {
            Error::from(Problem::new(ProblemCode::BadRequest).detail("The body broke off"))
                .within(e.to_string())
        })?;
        let Ok(bytes) = frame.into_data() else { continue };
        let so_far = first.as_ref().map_or(0, Bytes::len) + joined.len();
        if (so_far + bytes.len()) as u64 > most {
            return Err(too_large(most));
        }
        match first.take() {
            None if joined.is_empty() => first = Some(bytes),
            None => joined.extend_from_slice(&bytes),
            Some(one) => {
                joined.extend_from_slice(&one);
                joined.extend_from_slice(&bytes);
            }
        }
    }
    Ok(first.unwrap_or_else(|| joined.freeze()))
}

/// The object inside a body of one member with one of these names, `{"team":{…}}`; else the body as
/// it is.
#[must_use]
pub fn unwrapped(body: Bytes, names: &[Box<str>]) -> Bytes {
    if names.is_empty() {
        return body;
    }
    // What is no JSON is refused as a whole, by whoever reads it.
    let Ok(text) = json::scan::validate(&body, Limits::default()) else { return body };
    let mut members = json::walk::members(text.trim_start());
    let (Some((name, inner)), None) = (members.next(), members.next()) else { return body };
    if inner.starts_with('{') && names.iter().any(|n| json::text::eq(name, n)) {
        let inner = body.slice_ref(inner.as_bytes());
        return inner;
    }
    body
}

/// 413 with the limit named.
#[must_use]
pub fn too_large(most: u64) -> Error {
    Problem::new(ProblemCode::PayloadTooLarge)
        .detail(format!("The body is longer than {most} bytes"))
        .into()
}

/// How a body is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`, with what separates its parts.
    Multipart(String),
}

/// How a body of these headers is written: JSON, or where `forms` are accepted one of those; in
/// UTF-8.
///
/// # Errors
/// 415 for any other kind. A missing `Content-Type` is read as JSON.
pub fn accept(headers: &HeaderMap, forms: bool) -> Result<Kind, Error> {
    let refuse =
        |detail: String| Err(Problem::new(ProblemCode::UnsupportedMediaType).detail(detail).into());
    let Some(kind) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else {
        return Ok(Kind::Json);
    };
    let kind = kind.unwrap_or_default();
    let mut parts = kind.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = essence == "application/json"
        || essence == "text/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    let found = match &*essence {
        _ if json => Kind::Json,
        "application/x-www-form-urlencoded" if forms => Kind::Form,
        "multipart/form-data" if forms => match multer::parse_boundary(kind) {
            Ok(boundary) => return Ok(Kind::Multipart(boundary)),
            Err(_) => return refuse("A multipart body must name its boundary".to_owned()),
        },
        _ if forms => {
            return refuse(
                "The body must be JSON (Content-Type: application/json) or a form".to_owned(),
            );
        }
        _ => return refuse("The body must be JSON: Content-Type: application/json".to_owned()),
    };
    let charset = parts
        .find_map(|p| p.trim().to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    match charset.as_deref().map(|c| c.trim_matches('"')) {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(found),
        Some(_) => refuse("Bodies are UTF-8; no other charset is accepted here".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(kind: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())])
    }

    #[test]
    fn only_json_is_accepted() {
        for kind in
            ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"]
        {
            assert_eq!(accept(&headers(kind), false).unwrap(), Kind::Json, "{kind}");
        }
        for kind in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "",
        ] {
            let problem = accept(&headers(kind), false).unwrap_err().into_problem();
            assert_eq!(problem.code, ProblemCode::UnsupportedMediaType, "{kind}");
        }
        assert!(accept(&HeaderMap::new(), false).is_ok());
    }

    #[test]
    fn a_dialect_of_forms_accepts_both_kinds_of_them() {
        for (kind, found) in [
            ("application/x-www-form-urlencoded; charset=UTF-8", Kind::Form),
            ("multipart/form-data; boundary=\"a b\"", Kind::Multipart("a b".to_owned())),
            ("application/json", Kind::Json),
        ] {
            assert_eq!(accept(&headers(kind), true).unwrap(), found, "{kind}");
        }
        for kind in ["multipart/form-data", "application/x-www-form-urlencoded;charset=latin1"] {
            assert!(accept(&headers(kind), true).is_err(), "{kind}");
        }
    }

    #[test]
    fn a_nested_body_is_what_is_in_it() {
        let names = ["team".into(), "label".into()];
        let read = |text: &'static str| unwrapped(Bytes::from(text), &names);
        assert_eq!(read(" { \"team\" : {\"name\":\"x\"} } "), "{\"name\":\"x\"}");
        assert_eq!(read("{\"\\u0074eam\":{}}"), "{}");
        for whole in [
            "{\"team\":{},\"name\":\"x\"}",
            "{\"team\":\"x\"}",
            "{\"teams\":{}}",
            "{\"team\":{} x}",
            "[{\"team\":{}}]",
            "{}",
            "",
        ] {
            assert_eq!(read(whole), whole);
        }
        assert_eq!(unwrapped(Bytes::from("{\"team\":{}}"), &[]), "{\"team\":{}}");
    }

    #[tokio::test]
    async fn a_body_past_the_bound_is_refused_however_it_arrives() {
        const LONG: Duration = Duration::from_secs(1);
        let frames = |sizes: &[usize]| {
            let frames: Vec<_> = sizes
                .iter()
                .map(|n| {
                    Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(vec![b'x'; *n])))
                })
                .collect();
            http_body_util::StreamBody::new(futures_util::stream::iter(frames))
        };
        assert_eq!(read(frames(&[4, 4, 2]), 10, LONG).await.unwrap().len(), 10);
        let problem = read(frames(&[4, 4, 3]), 10, LONG).await.unwrap_err().into_problem();
        assert_eq!(problem.code, ProblemCode::PayloadTooLarge);
        let whole = http_body_util::Full::new(Bytes::from(vec![0; 11]));
        assert!(read(whole, 10, LONG).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_not_waited_for() {
        let piece = |n: u64| async move {
            // Each in time, all together not.
            tokio::time::sleep(Duration::from_secs(n)).await;
            Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"x")))
        };
        let body = |pauses: [u64; 3]| {
            let pieces = futures_util::stream::iter(pauses);
            http_body_util::StreamBody::new(futures_util::StreamExt::then(pieces, piece))
        };
        let patience = Duration::from_secs(10);
        let all = read(std::pin::pin!(body([9, 9, 9])), 10, patience).await;
        assert_eq!(all.unwrap(), "xxx");
        let problem = read(std::pin::pin!(body([9, 11, 0])), 10, patience).await;
        assert_eq!(problem.unwrap_err().into_problem().code, ProblemCode::RequestTimeout);
    }
}
