//! A failure in canonical words (RFC 9457). An envelope of a dialect gives it a status and a body.

use std::fmt;

macro_rules! codes {
    ($($name:ident $word:literal $status:literal $title:literal,)*) => {
        /// The stable code of a problem, as the contract lists it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $(#[doc = $title] $name,)*
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The canonical status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// A sentence without a full stop.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The code with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    BadRequest "bad_request" 400 "The request cannot be understood",
    MalformedJson "malformed_json" 400 "The body is not valid JSON",
    ValidationFailed "validation_failed" 422 "The request is not valid",
    Unauthorized "unauthorized" 401 "A valid credential is needed",
    PaymentRequired "payment_required" 402 "The account does not cover this",
    Forbidden "forbidden" 403 "This credential may not do that",
    NotFound "not_found" 404 "There is no such thing",
    MethodNotAllowed "method_not_allowed" 405 "This address does not take that method",
    RequestTimeout "request_timeout" 408 "The request took too long to arrive",
    Conflict "conflict" 409 "The request conflicts with the present state",
    PreconditionFailed "precondition_failed" 412 "The resource has changed since it was read",
    Gone "gone" 410 "This is no longer here",
    StateTooOld "state_too_old" 410 "The state is too old to go on from",
    UnsupportedMediaType "unsupported_media_type" 415 "This kind of body is not accepted here",
    PayloadTooLarge "payload_too_large" 413 "The body is larger than is accepted here",
    Unprocessable "unprocessable" 422 "The request cannot be carried out",
    IdempotencyKeyReused "idempotency_key_reused" 422 "This idempotency key was used for another request",
    IdempotencyInProgress "idempotency_in_progress" 409 "A request with this idempotency key is under way",
    ReplyWindowClosed "reply_window_closed" 422 "The channel does not accept a message now",
    NotSupportedByUpstream "not_supported_by_upstream" 501 "The backend cannot do that",
    NotMappable "not_mappable" 500 "The answer cannot be written in this API",
    RateLimited "rate_limited" 429 "Too many requests",
    Internal "internal" 500 "Something went wrong in the gateway",
    UpstreamError "upstream_error" 502 "The backend failed",
    UpstreamUnauthorized "upstream_unauthorized" 502 "The backend does not accept the gateway's credential",
    UpstreamInvalid "upstream_invalid" 502 "The backend's answer is not valid",
    UpstreamTimeout "upstream_timeout" 504 "The backend did not answer in time",
    Unavailable "unavailable" 503 "The service is not available now",
}

/// What went wrong, for a client to read. Nothing of the inside is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind.
    pub code: ProblemCode,
    /// A refinement that error tables may distinguish: `missing` or `invalid` (a credential),
    /// `account`, `role`, `route`.
    pub cause: Option<&'static str>,
    /// What went wrong this time; `None` leaves the title to speak.
    pub detail: Option<String>,
    /// The parts of the request that were wrong.
    pub errors: Vec<FieldProblem>,
    /// When to come back, in seconds.
    pub retry_after_s: Option<u32>,
    /// The methods this address takes, for 405.
    pub allow: Vec<&'static str>,
}

/// One wrong part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldProblem {
    /// RFC 6901 pointer into the body: the canonical one below the seam, the caller's above it.
    pub pointer: Option<String>,
    /// The name of a path or query parameter.
    pub parameter: Option<String>,
    /// The name of a header.
    pub header: Option<String>,
    /// The part's name as the caller wrote it.
    pub field: Option<String>,
    /// `required`, `invalid`, `too_long`, `too_large`, `unknown`, `read_only`, `not_found`, `taken`, …
    pub code: String,
    /// What is wrong with it, in words that can be shown.
    pub detail: String,
}

impl Problem {
    /// A problem that says no more than its kind.
    #[must_use]
    pub fn new(code: ProblemCode) -> Self {
        Self {
            code,
            cause: None,
            detail: None,
            errors: Vec::new(),
            retry_after_s: None,
            allow: Vec::new(),
        }
    }

    /// Says what went wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Refines the kind for error tables.
    #[must_use]
    pub fn cause(mut self, cause: &'static str) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Names a wrong part.
    #[must_use]
    pub fn field(mut self, field: FieldProblem) -> Self {
        self.errors.push(field);
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.word())?;
        if let Some(cause) = self.cause {
            write!(f, ".{cause}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}
