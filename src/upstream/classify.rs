//! What an answer is: a payload, a refusal to pass on, or a failure of the backend.
//!
//! A failure says nothing of the backend to the client; what is known of it is for the log.

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::canonical::{Outcome, Payload, ProblemCode, Response, Revision};
use crate::error::Error;
use crate::json::{scan, text, walk};
use crate::upstream::address::Address;
use crate::upstream::client::Answer;
use crate::upstream::refusal;

/// Longest media type that is passed on.
const LONGEST_MEDIA: usize = 127;

/// Judges an answer.
pub(super) fn answer(address: &Address, answer: Answer) -> Result<Response, Error> {
    if !answer.status.is_success() {
        return Err(refusal::error(&answer));
    }
    if answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(invalid("an answer with a content coding, which was not asked for"));
    }
    let status = answer.status.as_u16();
    let payload = if address.binary {
        let media = media(&answer)
            .filter(|media| media.len() <= LONGEST_MEDIA)
            .unwrap_or("application/octet-stream");
        Payload::binary(status, answer.body.clone(), media.into())
    } else if address.json {
        json(status, &answer)?
    } else {
        Payload::new(status, bytes::Bytes::new(), None)
    };
    // The cache says what it did; alone, this is an answer that nobody stored.
    Ok(Response { payload: Arc::new(payload), outcome: Outcome::Miss { stored: false } })
}

fn json(status: u16, answer: &Answer) -> Result<Payload, Error> {
    if !is_json(answer) {
        return Err(invalid("a success that is not JSON"));
    }
    let document = scan::validate(&answer.body, scan::Limits::default())
        .map_err(|e| invalid("a body that is not acceptable JSON").because(e))?;
    Ok(Payload::new(status, answer.body.clone(), revision(document)))
}

/// The root's `revision`, where the answer is one resource.
fn revision(document: &str) -> Option<Revision> {
    let root = document.trim_start_matches([' ', '\t', '\r', '\n']);
    let (_, value) = walk::members(root).find(|(name, _)| text::eq(name, "revision"))?;
    value.starts_with('"').then(|| Revision::from(&*text::decode(value)))
}

fn media(answer: &Answer) -> Option<&str> {
    answer.headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// Whether the media type is `application/json` or ends in `+json`.
pub(super) fn is_json(answer: &Answer) -> bool {
    media(answer).is_some_and(|media| {
        let essence = media.split(';').next().unwrap_or_default().trim();
        let suffix = essence.len().checked_sub("+json".len()).and_then(|at| essence.get(at..));
        essence.eq_ignore_ascii_case("application/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    })
}

fn invalid(context: &str) -> Error {
    Error::from(ProblemCode::UpstreamInvalid).within(context)
}
