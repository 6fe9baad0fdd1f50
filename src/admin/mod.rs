//! The other listener: for operators and machines, on loopback by default. No stage of the request
//! path stands before it; what it tells reaches it as values and closures.
//!
//! Left out: reload and events, which change something and need more than an address.

mod pages;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::Service;

use crate::telemetry::metrics::{Metrics, TEXT};

/// What the listener tells.
pub struct Params {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/ready`; asked each time, so it must not wait for anything.
    pub ready: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// For `/version`.
    pub version: Version,
    /// For `/routes`; asked each time, since a reload changes it.
    pub routes: Box<dyn Fn() -> Value + Send + Sync>,
    /// For `/config`, secrets left out.
    pub config: Value,
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params").field("version", &self.version).finish_non_exhaustive()
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

impl<B> Service<Request<B>> for Admin {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let known = self.answer(request.uri().path());
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = match known {
            Some(answer) if reads => answer,
            Some(_) => Answer::refusal(StatusCode::METHOD_NOT_ALLOWED),
            None => Answer::refusal(StatusCode::NOT_FOUND),
        };
        ready(Ok(answer.response(request.method() == Method::HEAD)))
    }
}

impl Admin {
    fn answer(&self, path: &str) -> Option<Answer> {
        let params = &*self.0;
        Some(match path {
            "/" => Answer::html(pages::index(&params.version)),
            "/live" => Answer::json(&json!({ "live": true })),
            "/ready" => {
                let found = (params.ready)();
                let status = match found.is_ready() {
                    true => StatusCode::OK,
                    false => StatusCode::SERVICE_UNAVAILABLE,
                };
                let checks: serde_json::Map<_, _> = found
                    .checks
                    .iter()
                    .map(|(name, wrong)| (name.clone(), wrong.as_deref().unwrap_or("ok").into()))
                    .collect();
                let found = json!({ "ready": found.is_ready(), "checks": checks });
                Answer { status, ..Answer::json(&found) }
            }
            "/version" => Answer::json(&json!({
                "version": params.version.version,
                "revision": params.version.revision,
                "mappings": params.version.mappings,
            })),
            "/routes" => Answer::json(&(params.routes)()),
            "/config" => Answer::json(&params.config),
            "/metrics" => {
                Answer { status: StatusCode::OK, media: TEXT, body: params.metrics.text() }
            }
            _ => return None,
        })
    }
}

struct Answer {
    status: StatusCode,
    media: &'static str,
    body: String,
}

impl Answer {
    fn json(value: &Value) -> Self {
        // For people who ask with curl, hence the line breaks.
        let body = format!("{value:#}\n");
        Self { status: StatusCode::OK, media: "application/json", body }
    }

    fn html(body: String) -> Self {
        Self { status: StatusCode::OK, media: "text/html; charset=utf-8", body }
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
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}
