//! What the backend did not want or could not do, in the gateway's own words.
//!
//! A problem (RFC 9457) whose code fits its status is passed on, its texts bounded. Everything else
//! is told by the status alone. What blames the gateway's own request (its credential, its media
//! type) never looks like the client's fault.

use std::time::SystemTime;

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;

use crate::canonical::{FieldProblem, Problem, ProblemCode};
use crate::error::Error;
use crate::upstream::classify::is_json;
use crate::upstream::client::Answer;

/// Longest body that is read as a problem.
const LONGEST_PROBLEM: usize = 64 << 10;
/// Most wrong parts that are passed on.
const MOST_PARTS: usize = 32;
/// Most characters of a sentence.
const LONGEST_TEXT: usize = 500;
/// Most characters of a name, code or pointer.
const LONGEST_NAME: usize = 200;
/// A client is told to come back in no less and no more seconds.
const WAIT: std::ops::RangeInclusive<i64> = 1..=3_600;

#[derive(Deserialize)]
struct Written {
    code: String,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<WrittenPart>,
    #[serde(default)]
    retry_after_s: Option<i64>,
}

#[derive(Deserialize)]
struct WrittenPart {
    #[serde(default)]
    pointer: Option<String>,
    #[serde(default)]
    parameter: Option<String>,
    #[serde(default)]
    header: Option<String>,
    #[serde(default)]
    field: Option<String>,
    code: String,
    #[serde(default)]
    detail: String,
}

/// The error that an answer other than a success becomes.
pub(super) fn error(answer: &Answer) -> Error {
    let written = read(answer);
    let known = written.as_ref().and_then(|w| ProblemCode::from_word(&w.code));
    let code = code(answer.status, known);
    let mut problem = Problem::new(code);
    if let Some(written) = written.filter(|_| passes(code) && known == Some(code)) {
        problem.detail = written.detail.map(|text| bounded(text, LONGEST_TEXT));
        problem.errors = written.errors.into_iter().take(MOST_PARTS).map(part).collect();
        problem.retry_after_s = wait(written.retry_after_s);
    }
    if matches!(code, ProblemCode::RateLimited | ProblemCode::Unavailable) {
        problem.retry_after_s = retry_after(answer).or(problem.retry_after_s);
    }
    let media = answer.headers.get(CONTENT_TYPE).and_then(|m| m.to_str().ok()).unwrap_or("-");
    let media = bounded(media.to_owned(), LONGEST_NAME);
    Error::from(problem).within(format!("status {}, {media}", answer.status.as_u16()))
}

fn code(status: StatusCode, known: Option<ProblemCode>) -> ProblemCode {
    use ProblemCode as P;
    if let Some(code) = known.filter(|code| code.status() == status.as_u16() && passes(*code)) {
        return code;
    }
    match status.as_u16() {
        400 if known == Some(P::MalformedJson) => P::UpstreamInvalid, // we wrote that body
        400 => P::BadRequest,
        401 | 403 => P::UpstreamUnauthorized,
        402 => P::PaymentRequired,
        404 => P::NotFound,
        405 | 501 => P::NotSupportedByUpstream,
        408 | 504 => P::UpstreamTimeout,
        409 => P::Conflict,
        410 => P::Gone,
        412 => P::PreconditionFailed,
        413 => P::PayloadTooLarge,
        422 => P::Unprocessable,
        429 => P::RateLimited,
        503 => P::Unavailable,
        500..=599 => P::UpstreamError,
        // A redirect, a 304 to a question without a condition, a refusal of what only we choose.
        _ => P::UpstreamInvalid,
    }
}

/// Whether the backend's own words about it may reach the client.
fn passes(code: ProblemCode) -> bool {
    use ProblemCode as P;
    matches!(
        code,
        P::BadRequest
            | P::ValidationFailed
            | P::PaymentRequired
            | P::Forbidden // of the actor; of our own credential a backend says `unauthorized`
            | P::NotFound
            | P::Conflict
            | P::PreconditionFailed
            | P::Gone
            | P::StateTooOld
            | P::PayloadTooLarge
            | P::Unprocessable
            | P::IdempotencyKeyReused
            | P::IdempotencyInProgress
            | P::ReplyWindowClosed
            | P::NotSupportedByUpstream
            | P::RateLimited
    )
}

fn read(answer: &Answer) -> Option<Written> {
    if !is_json(answer) || answer.body.len() > LONGEST_PROBLEM {
        return None;
    }
    serde_json::from_slice(&answer.body).ok()
}

fn part(part: WrittenPart) -> FieldProblem {
    let name = |name: Option<String>| name.map(|name| bounded(name, LONGEST_NAME));
    FieldProblem {
        pointer: name(part.pointer),
        parameter: name(part.parameter),
        header: name(part.header),
        field: name(part.field),
        code: bounded(part.code, LONGEST_NAME),
        detail: bounded(part.detail, LONGEST_TEXT),
    }
}

/// At most so many characters, none of them a control.
fn bounded(text: String, most: usize) -> String {
    if text.len() <= most && !text.contains(char::is_control) {
        return text;
    }
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn wait(seconds: Option<i64>) -> Option<u32> {
    u32::try_from(seconds?.clamp(*WAIT.start(), *WAIT.end())).ok()
}

/// `Retry-After`: seconds, or a date.
fn retry_after(answer: &Answer) -> Option<u32> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return wait(Some(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = jiff::Timestamp::try_from(SystemTime::now()).ok()?;
    wait(Some(date.as_second().saturating_sub(now.as_second())))
}
