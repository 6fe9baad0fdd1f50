//! The only place where a failure becomes an answer, in the words of the caller's dialect.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{CatchUnwind, Either};
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, StatusCode};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::canonical::{Problem, ProblemCode};
use crate::dialect::Dialect;
use crate::dialect::catalog::Catalog;
use crate::dialect::envelope::EnvelopeBody;
use crate::dialect::page;
use crate::dialect::scheme::Place;
use crate::error::{Blame, Error};
use crate::mapping::plan::Program;
use crate::telemetry::record::Record;

use super::cache_status::{self, CACHE_STATUS, PROXY_STATUS};
use super::inflate::CODING;
use super::outgoing::Outgoing;
use super::scratch::translate;
use super::{Answer, authority, problems};
use crate::call::{Call, Claim};

/// Media type of a problem that no dialect writes.
const PROBLEM_JSON: &str = "application/problem+json";

/// The layer.
pub fn layer<S>() -> impl Layer<S, Service = Rescue<S>> + Clone {
    tower::layer::layer_fn(|inner| Rescue { inner })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Rescue<S> {
    inner: S,
}

impl<S, B> Service<Call<B>> for Rescue<S>
where
    S: Service<Call<B>, Response = Answer, Error = Error>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Rescued<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<B>) -> Self::Future {
        let caller = Caller {
            catalog: Arc::clone(&call.catalog),
            mount: call.claim.mount(),
            route: match &call.claim {
                Claim::Route(claimed) => Some(claimed.route),
                _ => None,
            },
            credential: call.credential(),
            record: call.record.clone(),
            head: call.head.method == Method::HEAD,
        };
        // What is at hand is answered in here already.
        let inner = match std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(call))) {
            Ok(answer) => Either::Left(AssertUnwindSafe(answer).catch_unwind()),
            Err(panic) => Either::Right(ready(Err(panic))),
        };
        Rescued { inner, caller }
    }
}

/// What a panic was told.
type Panic = Box<dyn Any + Send>;

/// Status, media type, body and further headers of a refusal.
type Envelope<'a> = (u16, &'static str, Bytes, &'a [(Box<str>, Box<str>)]);

/// Who gets the refusal.
#[derive(Debug)]
struct Caller {
    catalog: Arc<Catalog>,
    mount: Option<usize>,
    /// Number of the route that claims the request.
    route: Option<u32>,
    /// What it asks for, of its dialect.
    credential: Option<usize>,
    record: Record,
    head: bool,
}

pin_project! {
    /// An answer on its way, failures caught.
    #[derive(Debug)]
    pub struct Rescued<F: Future> {
        #[pin]
        inner: Either<CatchUnwind<AssertUnwindSafe<F>>, Ready<Result<F::Output, Panic>>>,
        caller: Caller,
    }
}

impl<F: Future<Output = Result<Answer, Error>>> Future for Rescued<F> {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let error = match std::task::ready!(this.inner.poll(cx)) {
            Ok(Ok(answer)) => return Poll::Ready(Ok(answer)),
            Ok(Err(error)) => error,
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|s| (*s).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                Error::from(ProblemCode::Internal).within(format!("panic: {text}"))
            }
        };
        Poll::Ready(Ok(this.caller.answer(error)))
    }
}

impl Caller {
    fn answer(&self, error: Error) -> Answer {
        self.log(&error);
        let hop = error.known_hop();
        let problem = error.into_problem();
        if self.record.upstream_time().1 == 0 {
            self.record.refused(problem.code.word());
        }
        let dialect = self.dialect();
        let (status, media, body, more) =
            dialect.and_then(|d| self.envelope(d, &problem)).unwrap_or_else(|| {
                (problem.code.status(), PROBLEM_JSON, problems::to_json(&problem).into(), &[])
            });
        let length = HeaderValue::from(body.len());
        let mut answer = Answer::new(Outgoing::whole(if self.head { Bytes::new() } else { body }));
        *answer.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        for (name, value) in more {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        if self.head {
            headers.insert(http::header::CONTENT_LENGTH, length);
        }
        if let Some(seconds) = problem.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if problem.cause == Some(authority::CAUSE) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if problem.cause == Some(CODING) {
            // RFC 9110, 12.5.3: in an answer it says what a request may have.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if !problem.allow.is_empty()
            && let Ok(methods) = HeaderValue::from_str(&problem.allow.join(", "))
        {
            headers.insert(ALLOW, methods);
        }
        if status == 401 && dialect.is_some_and(takes_bearer) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(outcome) = self.record.known_cache()
            && !(problem.code == ProblemCode::NotFound && dialect.is_some_and(is_probed))
        {
            headers.insert(CACHE_STATUS, cache_status::value(outcome));
        }
        if self.record.upstream_time().1 > 0
            && let Some(trouble) = cache_status::trouble(problem.code, hop)
        {
            headers.insert(PROXY_STATUS, trouble);
        }
        answer
    }

    /// The dialect that claims the request; what nobody claims gets the canonical one's words.
    fn dialect(&self) -> Option<&Arc<Dialect>> {
        let dialects = &self.catalog.dialects;
        match self.mount.and_then(|m| self.catalog.mounts.get(m)) {
            Some(mount) => dialects.get(mount.dialect),
            None => dialects.iter().find(|d| &*d.name == "canonical"),
        }
    }

    fn envelope<'a>(&'a self, dialect: &'a Dialect, problem: &Problem) -> Option<Envelope<'a>> {
        // What a route says of a code goes before what its credential says, and that before all that
        // its dialect says.
        let of_route = self.route.and_then(|number| self.catalog.route(number));
        let credential = self.credential.and_then(|index| dialect.credentials.get(index));
        let of_credential = credential.and_then(|credential| credential.errors.as_ref());
        let envelope = of_route
            .and_then(|route| route.envelopes.find(problem))
            .or_else(|| of_credential?.find(problem))
            .or_else(|| dialect.envelopes.find(problem))?;
        let status = envelope.status.unwrap_or_else(|| problem.code.status());
        match &envelope.body {
            EnvelopeBody::Constant(bytes, media) => {
                Some((status, media, Bytes::copy_from_slice(bytes), &[]))
            }
            EnvelopeBody::Program(program, media) => {
                Some((status, media, self.written(dialect, program, problem)?, &[]))
            }
            EnvelopeBody::Page(program, page) => {
                let values = self.written(dialect, program, problem)?;
                match page.render(&values) {
                    Ok(text) => Some((status, page::MEDIA, text.into(), page.headers())),
                    Err(why) => {
                        tracing::error!(dialect = &*dialect.name, why, "a page is not filled in");
                        None
                    }
                }
            }
        }
    }

    /// What a program makes of a problem.
    fn written(&self, dialect: &Dialect, program: &Program, problem: &Problem) -> Option<Bytes> {
        let json = problems::to_json(problem);
        match translate(program, &[Some((&*json).into())], &self.record, Bytes::copy_from_slice) {
            Ok(body) => Some(body),
            Err(faults) => {
                tracing::error!(
                    dialect = &*dialect.name,
                    ?faults,
                    "an error record does not encode"
                );
                None
            }
        }
    }

    fn log(&self, error: &Error) {
        let source = std::error::Error::source(error).map(ToString::to_string);
        let route = self.record.known_route();
        let (dialect, route) =
            route.as_ref().map_or(("", ""), |(dialect, route)| (&**dialect, &**route));
        let (code, context) = (error.problem().code.word(), error.context());
        match error.blame() {
            Blame::Client => tracing::debug!(dialect, route, code, context, source, "refused"),
            Blame::Upstream => {
                tracing::warn!(dialect, route, code, context, source, "the backend failed")
            }
            Blame::Gateway => {
                tracing::error!(dialect, route, code, context, source, "the gateway failed")
            }
        }
    }
}

/// Whether addresses are credentials here. Then 404 says nothing more: what the cache knows of
/// somebody else's conversation would tell that there is one.
fn is_probed(dialect: &Arc<Dialect>) -> bool {
    dialect.credentials.iter().any(|c| matches!(&c.place, Place::Path(_)))
}

fn takes_bearer(dialect: &Arc<Dialect>) -> bool {
    dialect
        .credentials
        .iter()
        .any(|c| matches!(&c.place, Place::Scheme(s) if s.eq_ignore_ascii_case("bearer")))
}
