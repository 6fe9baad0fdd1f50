//! What an exchange came to: a payload, a refusal to pass on, or trouble. The one place that knows
//! what may be asked again, and what counts against a backend.
//!
//! A failure says nothing of the backend to the client; what is known of it is for the log.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::canonical::{Outcome, Payload, Problem, ProblemCode, Response, Revision};
use crate::error::{Error, Hop};
use crate::json::{scan, text, walk};
use crate::upstream::address::Address;
use crate::upstream::client::{Answer, Failure};
use crate::upstream::hop;
use crate::upstream::refusal;
use crate::upstream::resilience::attempt::Limit;
use crate::upstream::resilience::breaker::KeptAway;

/// An attempt without a payload.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What the client is told, and the log.
    pub(super) error: Error,
    pub(super) kind: Kind,
    /// The backend wants to be left alone for so long.
    pub(super) retry_after: Option<Duration>,
}

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No connection.
    Connect,
    /// TLS was not agreed on: a certificate that is not believed, ours or theirs.
    Untrusted,
    /// The connection broke, or what came over it is no HTTP.
    Broken,
    /// Its time was over.
    Timeout,
    /// The client's time was over, before the call's own.
    CutShort,
    /// An answer outside the contract.
    Invalid,
    /// 500, and what else is no word of the contract.
    Failed,
    /// 502
    BadGateway,
    /// 503
    Unavailable,
    /// 504
    GatewayTimeout,
    /// 429
    RateLimited,
    /// An answer that is none of the others: not found, not valid, not supported.
    Refused,
    /// Kept away by the breaker.
    Open,
}

/// What an attempt says of the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works.
    Success,
    /// It does not.
    Failure,
    /// Nothing.
    Silence,
}

/// The words of kinds for which a call is repeated.
pub const REASONS: &[&str] = &[
    "connect",
    "broken",
    "timeout",
    "bad_gateway",
    "unavailable",
    "gateway_timeout",
    "rate_limited",
];

impl Kind {
    /// Its word in metrics, logs and pages.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Untrusted => "untrusted",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::CutShort => "cut_short",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
            Self::BadGateway => "bad_gateway",
            Self::Unavailable => "unavailable",
            Self::GatewayTimeout => "gateway_timeout",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::Open => "open",
        }
    }

    /// Whether the call may be asked again. Without a connection nothing was sent, so anything may;
    /// else only what changes nothing.
    pub(super) fn may_be_repeated(self, safe: bool) -> bool {
        match self {
            Self::Connect => true,
            Self::Broken
            | Self::Timeout
            | Self::BadGateway
            | Self::Unavailable
            | Self::GatewayTimeout
            | Self::RateLimited => safe,
            // Nothing was sent, and the next handshake would be the same.
            Self::Untrusted => false,
            Self::CutShort | Self::Invalid | Self::Failed | Self::Refused | Self::Open => false,
        }
    }

    /// What it says of the backend.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Connect
            | Self::Untrusted
            | Self::Broken
            | Self::Timeout
            | Self::Invalid
            | Self::Failed
            | Self::BadGateway
            | Self::Unavailable
            | Self::GatewayTimeout => Verdict::Failure,
            Self::RateLimited | Self::Refused => Verdict::Success,
            Self::CutShort | Self::Open => Verdict::Silence,
        }
    }

    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            429 => Self::RateLimited,
            501 => Self::Refused,
            502 => Self::BadGateway,
            503 => Self::Unavailable,
            504 => Self::GatewayTimeout,
            400..=499 => Self::Refused,
            500..=599 => Self::Failed,
            // A redirect, a 304 to a question without a condition.
            _ => Self::Invalid,
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let hop = hop::of(&failure);
        let (code, kind) = match &failure {
            Failure::Connect(_) if hop::is_tls(hop) => (ProblemCode::Unavailable, Kind::Untrusted),
            Failure::Connect(_) => (ProblemCode::Unavailable, Kind::Connect),
            Failure::Broken(_) | Failure::Cut(_) => (ProblemCode::UpstreamError, Kind::Broken),
            Failure::Timeout(Limit::Client) => (ProblemCode::UpstreamTimeout, Kind::CutShort),
            Failure::Timeout(_) => (ProblemCode::UpstreamTimeout, Kind::Timeout),
            Failure::TooLarge(_) => (ProblemCode::UpstreamInvalid, Kind::Invalid),
        };
        let error = Error::from(code).within(hop::reason(&failure)).hop(Hop::Error(hop));
        Self { error, kind, retry_after: None }
    }
}

impl From<KeptAway> for Trouble {
    fn from(KeptAway(wait): KeptAway) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        let problem = Problem::new(ProblemCode::Unavailable).retry_after(seconds);
        let error = Error::from(problem).within("not asked: the breaker is open");
        let hop = Hop::Error("destination_unavailable");
        Self { error: error.hop(hop), kind: Kind::Open, retry_after: None }
    }
}

/// Judges an answer.
pub(super) fn answer(address: &Address, answer: Answer) -> Result<Response, Trouble> {
    if !answer.status.is_success() {
        let error = refusal::error(&answer).hop(Hop::Status(answer.status.as_u16()));
        let retry_after = error.problem().retry_after_s.map(|s| Duration::from_secs(s.into()));
        return Err(Trouble { error, kind: Kind::of(answer.status), retry_after });
    }
    payload(address, answer).map_err(outside)
}

/// An answer outside the contract.
pub(super) fn outside(error: Error) -> Trouble {
    Trouble { error, kind: Kind::Invalid, retry_after: None }
}

/// A file that ended before its end: whoever sends it left, or is told of it elsewhere.
pub(super) fn left_off() -> Trouble {
    let error = Error::from(ProblemCode::BadRequest).within("the file broke off");
    Trouble { error, kind: Kind::CutShort, retry_after: None }
}

fn payload(address: &Address, answer: Answer) -> Result<Response, Error> {
    if answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(invalid("an answer with a content coding, which was not asked for"));
    }
    let status = answer.status.as_u16();
    let mut payload = if address.binary {
        return Err(invalid("a success that is no file"));
    } else if address.json {
        json(status, &answer)?
    } else {
        Payload::new(status, bytes::Bytes::new(), None)
    };
    payload.no_store = no_store(&answer.headers);
    // The cache says what it did; alone, this is an answer that nobody stored.
    Ok(Response { payload: Arc::new(payload), outcome: Outcome::Miss { stored: false } })
}

/// Whether a directive of `Cache-Control` (RFC 9111, 5.2.2.5) forbids to store the answer. Nothing
/// else there binds the gateway: how long an answer holds is the contract's word.
fn no_store(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-store"))
}

fn json(status: u16, answer: &Answer) -> Result<Payload, Error> {
    if !is_json(answer) {
        return Err(invalid("a success that is not JSON"));
    }
    let (document, accepted) = scan::accept(&answer.body, scan::Limits::default())
        .map_err(|e| invalid("a body that is not acceptable JSON").because(e))?;
    // Whatever the contract answers with is one.
    if !document.trim_start().starts_with('{') {
        return Err(invalid("a body that is no object"));
    }
    Ok(Payload::new(status, answer.body.clone(), revision(document)).accepted(accepted))
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

pub(super) fn invalid(context: &str) -> Error {
    let error = Error::from(ProblemCode::UpstreamInvalid).within(context);
    error.hop(Hop::Error("http_protocol_error"))
}
