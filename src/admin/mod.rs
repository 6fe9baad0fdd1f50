//! The other listener: for operators and machines, on loopback by default. No stage of the request
//! path stands before it; what it tells and does reaches it as values and closures, and other rooms
//! bring [`Page`]s of their own.

mod index;
mod page;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::Service;

use crate::telemetry::metrics::{Metrics, TEXT};

pub use page::{Asked, Page, Reply};

/// The check of a [`Readiness`] that is about this process alone.
pub const SERVING: &str = "serving";
/// `Allow` of what is only read.
const READ: &str = "GET, HEAD";

/// What the listener tells.
pub struct Params {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/ready`; asked each time, so it must not wait for anything.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// For `/version`; asked each time, as what follows.
    pub version: Box<dyn Fn() -> Version + Send + Sync>,
    /// For `/routes`.
    pub routes: Box<dyn Fn() -> Value + Send + Sync>,
    /// For `/upstreams`: how the backends are; asked each time.
    pub upstreams: Box<dyn Fn() -> Value + Send + Sync>,
    /// For `/config`, secrets left out.
    pub config: Box<dyn Fn() -> Value + Send + Sync>,
    /// What other rooms tell and do.
    pub pages: Vec<Page>,
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params").field("pages", &self.pages).finish_non_exhaustive()
    }
}

/// What is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The release.
    pub version: String,
    /// The revision it was built from.
    pub revision: String,
    /// The digest of the mappings it speaks.
    pub mappings: String,
    /// How often what it runs on was read: 1 since its start, one more with each reload.
    pub generation: u64,
}

/// Whether requests should come here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// What was looked at, and what was found wrong with it (`None`: nothing).
    pub checks: Vec<(String, Option<String>)>,
}

impl Readiness {
    /// Whether nothing was found wrong.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|(_, wrong)| wrong.is_none())
    }
}

/// The service of the admin listener.
#[must_use]
pub fn service(params: Params) -> Admin {
    Admin(Arc::new(params))
}

/// Answers operators.
#[derive(Clone, Debug)]
pub struct Admin(Arc<Params>);

type Answered = Result<Response<Full<Bytes>>, Infallible>;

impl<B> Service<Request<B>> for Admin
where
    B: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Either<Ready<Answered>, BoxFuture<'static, Answered>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.method() == Method::POST {
            let page = self.page(request.uri().path());
            if let Some(index) = page.filter(|index| self.act(*index).is_some()) {
                return Either::Right(Box::pin(self.clone().post(index, request)));
            }
        }
        let path = request.uri().path();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = match (self.answer(path), self.page(path)) {
            (Some(answer), _) if reads => answer,
            (None, None) => Answer::refusal(StatusCode::NOT_FOUND),
            (_, page) => {
                let page = page.and_then(|index| self.0.pages.get(index));
                let allow = page.map_or(READ, Page::allow);
                Answer { allow: Some(allow), ..Answer::refusal(StatusCode::METHOD_NOT_ALLOWED) }
            }
        };
        Either::Left(ready(Ok(answer.response(request.method() == Method::HEAD))))
    }
}

impl Admin {
    /// Which of the pages that were brought along stands there.
    fn page(&self, path: &str) -> Option<usize> {
        self.0.pages.iter().position(|page| page.path == path)
    }

    fn act(&self, index: usize) -> Option<&page::Act> {
        self.0.pages.get(index)?.act.as_ref()
    }

    async fn post<B>(self, index: usize, request: Request<B>) -> Answered
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>,
    {
        let (head, body) = request.into_parts();
        let answer = match self.act(index) {
            Some(act) => match act.run(head.headers, body).await {
                Ok(Reply { status, body }) => Answer { status, ..Answer::json(&body) },
                Err(status) => Answer::refusal(status),
            },
            None => Answer::refusal(StatusCode::NOT_FOUND),
        };
        Ok(answer.response(false))
    }

    fn answer(&self, path: &str) -> Option<Answer> {
        let params = &*self.0;
        Some(match path {
            "/" => Answer::html(index::page(&(params.version)(), &params.pages)),
            "/live" => Answer::json(&json!({ "live": true })),
            "/ready" => Answer::readiness(&(params.ready)()),
            // Without the backends: they are the same for every instance, so that where one fails no
            // instance is better than another, and each has refusals and a cache to answer with.
            "/serving" => {
                let mut found = (params.ready)();
                found.checks.retain(|(name, _)| name == SERVING);
                Answer::readiness(&found)
            }
            "/version" => {
                let Version { version, revision, mappings, generation } = (params.version)();
                Answer::json(&json!({
                    "version": version,
                    "revision": revision,
                    "mappings": mappings,
                    "generation": generation,
                }))
            }
            "/routes" => Answer::json(&(params.routes)()),
            "/upstreams" => Answer::json(&(params.upstreams)()),
            "/config" => Answer::json(&(params.config)()),
            "/metrics" => {
                let body = params.metrics.text();
                Answer { status: StatusCode::OK, media: TEXT, body, allow: None }
            }
            _ => {
                let page = self.page(path).and_then(|index| params.pages.get(index));
                Answer::json(&(page?.tell.as_ref()?)())
            }
        })
    }
}

struct Answer {
    status: StatusCode,
    media: &'static str,
    body: String,
    allow: Option<&'static str>,
}

impl Answer {
    fn json(value: &Value) -> Self {
        // For people who ask with curl, hence the line breaks.
        let body = format!("{value:#}\n");
        Self { status: StatusCode::OK, media: "application/json", body, allow: None }
    }

    fn readiness(found: &Readiness) -> Self {
        let status = match found.is_ready() {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let said = |(name, wrong): &(String, Option<String>)| {
            (name.clone(), wrong.as_deref().unwrap_or("ok").into())
        };
        let checks: serde_json::Map<_, _> = found.checks.iter().map(said).collect();
        Self { status, ..Self::json(&json!({ "ready": found.is_ready(), "checks": checks })) }
    }

    fn html(body: String) -> Self {
        Self { status: StatusCode::OK, media: "text/html; charset=utf-8", body, allow: None }
    }

    fn refusal(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let problem = json!({ "title": title, "status": status.as_u16() });
        Self { status, media: "application/problem+json", ..Self::json(&problem) }
    }

    fn response(self, head_only: bool) -> Response<Full<Bytes>> {
        let length = HeaderValue::from(self.body.len());
        let body = if head_only { Bytes::new() } else { Bytes::from(self.body) };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(http::header::CONTENT_LENGTH, length);
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}
