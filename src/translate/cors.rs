//! Cross-origin requests: preflights are answered before any credential is asked for, and answers
//! say who may read them. Which origins may is the dialect's habit.
//!
//! Stands above `rescue`, because a widget must be able to read a refusal too.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::dialect::Cors as Habit;

use crate::call::lines::Line;
use crate::call::{Call, Claim};

use super::Answer;
use super::outgoing::Outgoing;

/// The layer.
pub fn layer<S>() -> impl Layer<S, Service = Cors<S>> + Clone {
    tower::layer::layer_fn(|inner| Cors { inner })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Cors<S> {
    inner: S,
}

impl<S, B> Service<Call<B>> for Cors<S>
where
    S: Service<Call<B>, Response = Answer>,
{
    type Response = Answer;
    type Error = S::Error;
    type Future = Either<Ready<Result<Answer, S::Error>>, Marked<S::Future>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<B>) -> Self::Future {
        // Most clients are no browsers, and name no origin.
        let asked = call.head.method == Method::OPTIONS || call.lines.has(Line::Origin);
        let habit = call.mounted().filter(|_| asked).and_then(|(mount, dialect)| {
            let path = call.head.uri.path();
            let base = dialect.base(path.strip_prefix(&*mount.prefix).unwrap_or(path));
            let holds = |habit: &&Habit| {
                let first = dialect.bases.first().zip(base).is_some_and(|(a, b)| a.name == b.name);
                first || base.is_some_and(|base| habit.roots.contains(&base.name))
            };
            dialect.quirks.cors.as_ref().filter(holds)
        });
        let allowed = habit.and_then(|habit| Allowed::of(habit, &call));
        if call.head.method == Method::OPTIONS
            && let Some(answer) = options(&call, habit, allowed.as_ref())
        {
            return Either::Left(ready(Ok(answer)));
        }
        Either::Right(Marked { inner: self.inner.call(call), allowed })
    }
}

/// Who may read an answer, and which of its headers.
#[derive(Clone, Debug)]
pub struct Allowed {
    origin: HeaderValue,
    expose: Option<HeaderValue>,
}

impl Allowed {
    /// What to say where the request comes from an origin that is allowed.
    fn of<B>(habit: &Habit, call: &Call<B>) -> Option<Self> {
        let origin = call.head.headers.get(ORIGIN)?;
        let origin = if habit.origins.iter().any(|o| &**o == "*") {
            HeaderValue::from_static("*")
        } else if habit.origins.iter().any(|o| o.as_bytes() == origin.as_bytes()) {
            origin.clone()
        } else {
            return None;
        };
        let expose = Some(&*habit.expose).filter(|names| !names.is_empty());
        let expose = expose.and_then(|names| HeaderValue::from_str(names).ok());
        Some(Self { origin, expose })
    }
}

/// What OPTIONS answers: the methods of a known address, and to a preflight who may use them.
fn options<B>(call: &Call<B>, habit: Option<&Habit>, allowed: Option<&Allowed>) -> Option<Answer> {
    let Claim::Method { allow, .. } = &call.claim else { return None };
    let methods = HeaderValue::from_str(&allow.join(", ")).ok()?;
    let mut answer = Answer::new(Outgoing::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    if let (Some(habit), Some(allowed)) = (habit, allowed)
        && call.head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(habit.max_age));
        if let Some(wanted) = call.head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        mark(&mut answer, allowed);
    }
    answer.headers_mut().insert(ALLOW, methods);
    Some(answer)
}

fn mark(answer: &mut Answer, allowed: &Allowed) {
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed.origin.clone());
    if let Some(expose) = &allowed.expose {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
    }
    if allowed.origin.as_bytes() != b"*" {
        let both = headers.contains_key(VARY);
        let words = if both { "Accept-Encoding, Origin" } else { "Origin" };
        headers.insert(VARY, HeaderValue::from_static(words));
    }
}

pin_project! {
    /// An answer on its way, to be marked with the origin that may read it. Refusals made below
    /// are marked too: the script must be able to read why.
    #[derive(Debug)]
    pub struct Marked<F> {
        #[pin]
        inner: F,
        allowed: Option<Allowed>,
    }
}

impl<F, E> Future for Marked<F>
where
    F: Future<Output = Result<Answer, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = std::task::ready!(this.inner.poll(cx));
        if let (Ok(answer), Some(allowed)) = (&mut result, &*this.allowed) {
            mark(answer, allowed);
        }
        Poll::Ready(result)
    }
}
