//! The outermost layer.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::forwarded::{Arrived, Proxies};
use crate::telemetry::access_log;
use crate::telemetry::client::Shown;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::record::{Head, REQUEST_ID, Record};
use crate::telemetry::request_id::RequestId;
use crate::telemetry::trace::Trace;
use crate::telemetry::{ClientAddress, Params};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The status in log and metrics of a request whose client left before it was answered.
pub(super) const CLIENT_LEFT: u16 = 499;

/// A request with the notes that the layers below fill in.
#[derive(Debug)]
pub struct Traced<B> {
    /// Method, address, headers, as they came in.
    pub head: Head,
    /// The body, unread.
    pub body: B,
    /// Blank, but for the id and the trace.
    pub record: Record,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The client: the peer, or whom a trusted proxy speaks for.
    pub client: IpAddr,
}

/// The outermost layer: id, trace, access line, counters.
#[must_use]
pub fn layer(metrics: Arc<Metrics>, params: &Params, proxies: Proxies) -> TelemetryLayer {
    let Params { server_timing, client_address, .. } = *params;
    TelemetryLayer { metrics, proxies, server_timing, client_address }
}

/// Makes [`Telemetry`].
#[derive(Clone, Debug)]
pub struct TelemetryLayer {
    metrics: Arc<Metrics>,
    proxies: Proxies,
    server_timing: bool,
    client_address: ClientAddress,
}

impl<S> Layer<S> for TelemetryLayer {
    type Service = Telemetry<S>;

    fn layer(&self, inner: S) -> Telemetry<S> {
        Telemetry { inner, layer: self.clone() }
    }
}

/// A service all of whose requests are noted.
#[derive(Clone, Debug)]
pub struct Telemetry<S> {
    inner: S,
    layer: TelemetryLayer,
}

impl<S, B, A> Service<Arrived<B>> for Telemetry<S>
where
    S: Service<Traced<B>, Response = http::Response<A>, Error = Infallible>,
    A: Body,
{
    type Response = http::Response<A>;
    type Error = Infallible;
    type Future = Noting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, arrived: Arrived<B>) -> Self::Future {
        let Arrived { request, peer } = arrived;
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let (id, trace) = sent(&head.headers);
        let id = id.unwrap_or_else(|| RequestId::generate(started));
        let client = self.layer.proxies.origin(peer, &head.headers).client;
        let method = method_word(&head.method);
        let (record, head) = Record::new(id, trace, started, head);
        let notes = Notes {
            metrics: Arc::clone(&self.layer.metrics),
            record: record.clone(),
            method,
            client: self.layer.client_address.shown(client),
            started,
            ended: false,
        };
        notes.metrics.in_flight.inc();
        Noting {
            notes,
            server_timing: self.layer.server_timing,
            inner: self.inner.call(Traced { head, body, record, peer, client }),
        }
    }
}

pin_project! {
    /// A request being answered.
    #[derive(Debug)]
    pub struct Noting<F> {
        notes: Notes,
        server_timing: bool,
        #[pin]
        inner: F,
    }
}

impl<F, A> Future for Noting<F>
where
    F: Future<Output = Result<http::Response<A>, Infallible>>,
    A: Body,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let bytes = response.body().size_hint().exact();
        this.notes.end(response.status().as_u16(), bytes);
        let headers = response.headers_mut();
        identify(headers, this.notes.record.request_id());
        if *this.server_timing
            && let Some(timing) = this.notes.server_timing()
        {
            headers.insert(SERVER_TIMING, timing);
        }
        Poll::Ready(Ok(response))
    }
}

/// What is noted when the request ends, also by being dropped.
#[derive(Debug)]
struct Notes {
    metrics: Arc<Metrics>,
    record: Record,
    method: &'static str,
    client: Option<Shown>,
    started: Instant,
    ended: bool,
}

impl Notes {
    fn end(&mut self, status: u16, bytes: Option<u64>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.started.elapsed();
        self.metrics.answered(&self.record, status, took);
        let asked = access_log::Asked { method: self.method, client: self.client };
        access_log::write(&self.record, asked, status, took, bytes);
    }

    /// The gateway's own part and the wait for backends, in milliseconds.
    fn server_timing(&self) -> Option<HeaderValue> {
        let total = self.started.elapsed();
        let (upstream, _) = self.record.upstream_time();
        let gateway = total.saturating_sub(upstream);
        let mut text = String::with_capacity(48);
        let _ = write!(
            text,
            "gateway;dur={:.3}, upstream;dur={:.3}",
            gateway.as_secs_f64() * 1e3,
            upstream.as_secs_f64() * 1e3
        );
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        self.end(CLIENT_LEFT, None);
        self.metrics.in_flight.dec();
    }
}

/// The id and the trace that a client sent; of several lines the first. In one walk: a head has few
/// lines, and to look for each by its name is to digest the name.
fn sent(headers: &HeaderMap) -> (Option<RequestId>, Option<Trace>) {
    let (mut id, mut trace) = (None, None);
    for (name, value) in headers {
        match name.as_str() {
            "x-request-id" => id = id.or(Some(value)),
            "traceparent" => trace = trace.or(Some(value)),
            _ => {}
        }
    }
    (id.and_then(RequestId::sent), trace.and_then(|value| Trace::parse(value.as_bytes())))
}

/// Says which request was answered. Nearly every head has the line already, and is walked through as
/// in [`sent`].
fn identify(headers: &mut HeaderMap, id: &RequestId) {
    match headers.iter_mut().find(|(name, _)| **name == REQUEST_ID) {
        Some((_, value)) if id.is(value) => {}
        Some((_, value)) => *value = id.header(),
        None => _ = headers.insert(REQUEST_ID, id.header()),
    }
}

/// A method that a client made up is `other`: it is written into the log.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}
