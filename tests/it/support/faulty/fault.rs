//! Which requests, and what happens to them.

use std::time::Duration;

use bytes::Bytes;
use deskbridge::mapping::law::rng::Rng;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::support::backend::Gate;

/// Which requests a rule fits.
#[derive(Clone, Debug)]
pub(crate) struct When {
    methods: Methods,
    path: Path,
    /// So many of them; `None`: all.
    next: Option<usize>,
    /// Parts of 1,000 that are hit.
    chance: Option<usize>,
}

#[derive(Clone, Debug)]
enum Methods {
    Any,
    Reads,
    Writes,
    One(Method),
    None,
}

#[derive(Clone, Debug)]
enum Path {
    Any,
    Is(String),
    Ends(String),
}

impl When {
    /// Every request.
    pub(crate) fn any() -> Self {
        Self { methods: Methods::Any, path: Path::Any, next: None, chance: None }
    }

    /// GET and HEAD.
    pub(crate) fn reads() -> Self {
        Self { methods: Methods::Reads, ..Self::any() }
    }

    /// Everything else.
    pub(crate) fn writes() -> Self {
        Self { methods: Methods::Writes, ..Self::any() }
    }

    /// This method.
    pub(crate) fn method(method: Method) -> Self {
        Self { methods: Methods::One(method), ..Self::any() }
    }

    /// No request.
    pub(super) fn never() -> Self {
        Self { methods: Methods::None, ..Self::any() }
    }

    /// Of these the ones for a path, without its query.
    pub(crate) fn path(self, path: &str) -> Self {
        Self { path: Path::Is(path.to_owned()), ..self }
    }

    /// Of these the ones whose path, without its query, ends so.
    pub(crate) fn ending(self, end: &str) -> Self {
        Self { path: Path::Ends(end.to_owned()), ..self }
    }

    /// Of these only the next so many.
    pub(crate) fn next(self, count: usize) -> Self {
        Self { next: Some(count), ..self }
    }

    /// Of these so many in 1,000, by the seed.
    pub(crate) fn chance(self, per_mille: usize) -> Self {
        Self { chance: Some(per_mille), ..self }
    }

    pub(super) fn fits(&self, method: &Method, target: &str) -> bool {
        let read = method == Method::GET || method == Method::HEAD;
        let path = target.split('?').next().unwrap_or_default();
        let methods = match &self.methods {
            Methods::Any => true,
            Methods::Reads => read,
            Methods::Writes => !read,
            Methods::One(one) => one == method,
            Methods::None => false,
        };
        methods
            && match &self.path {
                Path::Any => true,
                Path::Is(is) => path == is,
                Path::Ends(end) => path.ends_with(end.as_str()),
            }
    }

    /// Whether it has been followed often enough.
    pub(super) fn spent(&self, followed: usize) -> bool {
        self.next.is_some_and(|next| followed >= next)
    }

    pub(super) fn drawn(&self, lots: &mut Rng) -> bool {
        self.chance.is_none_or(|per_mille| lots.below(1000) < per_mille)
    }
}

/// Where a connection is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The head was read, as nobody knows before which request it is; nothing of the body was.
    Head,
    /// The whole request was read, nothing is answered.
    Request,
    /// The answer's head was sent.
    Headers,
    /// So was half of the body.
    Half,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(super) what: What,
    /// Whether the backend gets the request although its answer is not passed on.
    pub(super) carried_out: bool,
    /// Waits before the request is passed on, or before anything else happens.
    pub(super) before: Duration,
    /// Up to so much longer, by the seed.
    pub(super) jitter: Duration,
    /// Waits before the answer is.
    pub(super) after: Duration,
    /// Waits for this one before the answer is.
    pub(super) gate: Option<Gate>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// The backend's answer, as it is.
    Pass,
    Reset(At),
    /// Half of the body, then an orderly end.
    Half,
    /// The body in pieces of so many bytes, with a pause after each.
    Drip(usize, Duration),
    /// The backend's status and headers with another body.
    Body(Bytes),
    /// The first half of the body, as if it were the whole.
    Truncated,
    /// An answer that is not the backend's.
    Answer(u16, HeaderMap, Bytes),
    /// Nothing, for ever.
    BlackHole,
}

impl Fault {
    fn of(what: What) -> Self {
        let none = Duration::ZERO;
        Self { what, carried_out: false, before: none, jitter: none, after: none, gate: None }
    }

    /// The request is passed on so much later.
    pub(crate) fn latency(time: Duration) -> Self {
        Self { before: time, ..Self::of(What::Pass) }
    }

    /// The answer is passed on so much later.
    pub(crate) fn lag(time: Duration) -> Self {
        Self { after: time, ..Self::of(What::Pass) }
    }

    /// The answer waits for a gate.
    pub(crate) fn held(gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..Self::of(What::Pass) }
    }

    /// The connection is reset. After [`At::Headers`] and [`At::Half`] the backend has carried the
    /// request out; after [`At::Request`] only with [`Self::carried_out`].
    pub(crate) fn reset(at: At) -> Self {
        Self::of(What::Reset(at))
    }

    /// Half of the answer's body, then an orderly end.
    pub(crate) fn half_body() -> Self {
        Self::of(What::Half)
    }

    /// The answer's body in pieces of so many bytes, with a pause after each.
    pub(crate) fn drip(bytes: usize, pause: Duration) -> Self {
        Self::of(What::Drip(bytes.max(1), pause))
    }

    /// The backend's status and headers with this body: wrong JSON, or none.
    pub(crate) fn body(body: impl Into<Bytes>) -> Self {
        Self::of(What::Body(body.into()))
    }

    /// The first half of the body, with its right length.
    pub(crate) fn truncated() -> Self {
        Self::of(What::Truncated)
    }

    /// An answer that is not the backend's.
    pub(crate) fn answer(
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Self {
        let headers = headers
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(v).unwrap()))
            .collect();
        Self::of(What::Answer(status, headers, body.into()))
    }

    /// A page for people instead of JSON, as balancers write it.
    pub(crate) fn html(status: u16) -> Self {
        let page = "<html><head><title>Error</title></head><body><h1>Internal error</h1>\
                    <p>db-7.internal: connection lost</p></body></html>";
        Self::answer(status, &[("content-type", "text/html; charset=utf-8")], page)
    }

    /// Too many requests, try again in so many seconds.
    pub(crate) fn throttled(seconds: u64) -> Self {
        let seconds = seconds.to_string();
        let headers = [("content-type", "text/plain"), ("retry-after", seconds.as_str())];
        Self::answer(429, &headers, "slow down")
    }

    /// Unavailable.
    pub(crate) fn unavailable() -> Self {
        Self::answer(503, &[("content-type", "text/plain")], "no healthy upstream")
    }

    /// The request is read and never answered.
    pub(crate) fn black_hole() -> Self {
        Self::of(What::BlackHole)
    }

    /// The backend gets the request and carries it out; only its answer is lost.
    pub(crate) fn carried_out(self) -> Self {
        Self { carried_out: true, ..self }
    }

    /// All this so much later: the request waits before it is passed on.
    pub(crate) fn delayed(self, time: Duration) -> Self {
        Self { before: time, ..self }
    }

    /// Up to so much later still, by the seed.
    pub(crate) fn jitter(self, most: Duration) -> Self {
        Self { jitter: most, ..self }
    }

    /// Its name, for what was seen.
    pub(super) fn name(&self) -> &'static str {
        match &self.what {
            What::Pass if self.gate.is_some() => "held",
            What::Pass if self.after.is_zero() => "latency",
            What::Pass => "lag",
            What::Reset(At::Head) => "reset at head",
            What::Reset(At::Request) => "reset at request",
            What::Reset(At::Headers) => "reset after headers",
            What::Reset(At::Half) => "reset in body",
            What::Half => "half a body",
            What::Drip(..) => "drip",
            What::Body(_) => "wrong body",
            What::Truncated => "truncated",
            What::Answer(..) => "answer",
            What::BlackHole => "black hole",
        }
    }

    /// Whether the backend's answer is needed.
    pub(super) fn asks(&self) -> bool {
        match self.what {
            What::Reset(At::Head) => false,
            What::Reset(At::Request) | What::Answer(..) | What::BlackHole => self.carried_out,
            _ => true,
        }
    }

    /// Whether the body is taken apart, so that it may not be compressed.
    pub(super) fn looks_inside(&self) -> bool {
        matches!(self.what, What::Body(_) | What::Truncated)
    }

    /// How long the request waits.
    pub(super) fn wait(&self, lots: &mut Rng) -> Duration {
        let most = usize::try_from(self.jitter.as_micros()).unwrap_or(usize::MAX);
        let more = u64::try_from(lots.below(most.saturating_add(1))).unwrap_or_default();
        self.before + Duration::from_micros(more)
    }
}
