//! The head of a rendered answer.
//!
//! Nearly all answers have the same lines, and differ in what three of them say. To put lines into a
//! map is to digest their names, so that head is put together once, and copied.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::call::Call;
use crate::call::lines::{Line, Lines};
use crate::canonical::payload::Coding;
use crate::canonical::{Outcome, ProblemCode};
use crate::dialect::route::{Reply, Route};
use crate::error::Error;
use crate::telemetry::record::{REQUEST_ID, Record};

use super::Answer;
use super::cache_status::{self, CACHE_STATUS, PROXY_STATUS};
use super::calls::Results;
use super::coding;
use super::outgoing::Outgoing;
use super::render::{JSON, Rendered, outcome};

/// What the client asked with, as far as it shapes the answer's head.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    headers: &'a HeaderMap,
    lines: Lines,
    record: &'a Record,
}

impl<'a> Asked<'a> {
    /// What this call asks with.
    #[must_use]
    pub fn of<B>(call: &'a Call<B>) -> Self {
        let Call { head, lines, record, .. } = call;
        Self { method: &head.method, headers: &head.headers, lines: *lines, record }
    }

    /// Whether it asks for what does not change anything.
    #[must_use]
    pub fn reads(self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// The coding it would rather have than none.
    #[must_use]
    pub fn wanted(self) -> Option<Coding> {
        self.lines.has(Line::AcceptEncoding).then(|| coding::wanted(self.headers)).flatten()
    }

    /// Whether the client has what this validator stands for.
    #[must_use]
    pub fn has(self, etag: &[u8]) -> bool {
        self.lines.has(Line::IfNoneMatch) && matches(self.headers, etag)
    }
}

/// `If-None-Match` (RFC 9110, 13.1.2): weak comparison, any of a list, or `*`.
fn matches(headers: &HeaderMap, etag: &[u8]) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii).any(|candidate| {
            candidate == b"*" || candidate.strip_prefix(b"W/").unwrap_or(candidate) == etag
        })
    })
}

const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");
const BY_CODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// The lines that differ from answer to answer.
const DIFFERS: [HeaderName; 3] = [REQUEST_ID, CACHE_STATUS, ETAG];

/// The heads of nearly all answers that are read; those of bodies that could be compressed, and of
/// those that could not. What is empty differs, and stands first: whoever looks for a request's id, or
/// says what differs, has not far to go.
static USUAL: LazyLock<[HeaderMap; 2]> = LazyLock::new(|| {
    [false, true].map(|varies| {
        let mut headers = HeaderMap::new();
        for differs in DIFFERS {
            headers.insert(differs, HeaderValue::from_static(""));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        if varies {
            headers.insert(VARY, BY_CODING);
        }
        headers.insert(CACHE_CONTROL, REVALIDATED);
        headers
    })
});

fn usual(varies: bool, etag: HeaderValue, outcome: Outcome, record: &Record) -> HeaderMap {
    let [plain, varied] = &*USUAL;
    let mut headers = if varies { varied.clone() } else { plain.clone() };
    // A map gives its lines in the order in which they were put in, and so does a copy of it.
    let differ = [record.request_id().header(), cache_status::value(outcome), etag];
    for (value, own) in headers.values_mut().zip(differ) {
        *value = own;
    }
    headers
}

/// The whole answer.
///
/// # Errors
/// 500 where a reply's own header cannot be written.
pub fn answer(
    asked: Asked<'_>,
    route: &Route,
    reply: &Reply,
    rendered: Rendered,
    results: &Results,
) -> Result<Answer, Error> {
    let outcome = outcome(results);
    let read = asked.reads() && !route.no_store;
    let etag = rendered.etag.and_then(|etag| HeaderValue::from_maybe_shared(etag).ok());
    let unchanged = read && etag.as_ref().is_some_and(|etag| asked.has(etag.as_bytes()));
    let head = asked.method == Method::HEAD;
    let length = rendered.body.len();
    let sent = if unchanged || head { Bytes::new() } else { rendered.body };
    let mut answer = Answer::new(Outgoing::whole(sent));
    *answer.status_mut() = if unchanged {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::from_u16(reply.status)
            .map_err(|e| Error::from(ProblemCode::Internal).because(e))?
    };
    let plain = rendered.media.is_none() && rendered.coding.is_none() && reply.headers.is_empty();
    // One that a browser's script may read has further lines, and room for them.
    let plain = plain && !unchanged && !head && !asked.lines.has(Line::Origin);
    let plain = plain && !asked.record.request_id().is_empty();
    let etag = match (etag, outcome) {
        (Some(etag), Some(outcome)) if plain && read && !is_failing(outcome) => {
            *answer.headers_mut() = usual(rendered.varies, etag, outcome, asked.record);
            return Ok(answer);
        }
        (etag, _) => etag,
    };
    let headers = answer.headers_mut();
    headers.reserve(8);
    if !unchanged {
        let media = match rendered.media {
            None => HeaderValue::from_static(JSON),
            Some(media) => HeaderValue::from_str(&media)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
        };
        headers.insert(CONTENT_TYPE, media);
        if let Some(coding) = rendered.coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.word()));
        }
        if head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    // What the route says itself is stricter.
    let mut said = route.no_store;
    for (name, value) in &reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(
                Error::from(ProblemCode::Internal).within("a reply's header cannot be written")
            );
        };
        said |= name == CACHE_CONTROL;
        headers.insert(name, value);
    }
    if rendered.varies {
        headers.insert(VARY, BY_CODING);
    }
    if route.no_store {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if read {
        if !said {
            headers.insert(CACHE_CONTROL, REVALIDATED);
        }
        if let Some(etag) = etag {
            headers.insert(ETAG, etag);
        }
    }
    if let Some(outcome) = outcome {
        headers.insert(CACHE_STATUS, cache_status::value(outcome));
        if let Outcome::Stale { trouble: Some(trouble), .. } = outcome
            && let Some(word) = cache_status::trouble(trouble.code, trouble.hop)
        {
            headers.insert(PROXY_STATUS, word);
        }
    }
    Ok(answer)
}

/// Whether an old answer stands in for one that failed, which is told of it.
fn is_failing(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Stale { trouble: Some(_), .. })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::telemetry::request_id::RequestId;

    #[test]
    fn each_answer_says_its_own_in_the_usual_head() {
        let of = |varies: bool, seconds: u64, tag: &'static str| {
            let (hit, tag) = (Duration::from_secs(seconds), HeaderValue::from_static(tag));
            let id = RequestId::sent(&HeaderValue::from(seconds)).unwrap();
            let head = http::Request::new(()).into_parts().0;
            let (record, _) = Record::new(id, None, Instant::now(), head);
            let headers = usual(varies, tag, Outcome::Hit(hit), &record);
            let line = |(name, value): (&HeaderName, &HeaderValue)| {
                format!("{name}: {}", value.to_str().unwrap())
            };
            let mut lines: Vec<String> = headers.iter().map(line).collect();
            lines.sort_unstable();
            lines
        };
        let due = [
            "cache-control: private, no-cache",
            "cache-status: deskbridge; hit; ttl=7",
            "content-type: application/json",
            "etag: \"a\"",
            "vary: Accept-Encoding",
            "x-request-id: 7",
        ];
        assert_eq!(of(true, 7, "\"a\""), due);
        let other = of(false, 8, "\"b\"");
        assert_eq!((other.len(), other.contains(&"etag: \"b\"".to_owned())), (5, true));
        assert_eq!(of(true, 7, "\"a\""), due, "what one answer said stays with it");
    }
}
