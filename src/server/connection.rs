//! One connection: HTTP/1.1 or HTTP/2 as its first bytes say, watched, drained when asked.
//!
//! ```text
//! waiting ── first bytes ──▶ HTTP/1.1 (hyper) ── quiet for a while ──▶ waiting …
//!    │                  └──▶ HTTP/2 (hyper), to its end
//! no buffer
//! ```
//!
//! Most open connections wait most of their time, and hyper holds two buffers of 8 KiB for each, and
//! room for an answer under way. So a connection of HTTP/1.1 without a request is taken from hyper
//! when it rests, and given to it anew when bytes come.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Either;
use http::Version;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower::Service;
use tower::util::{Oneshot, ServiceExt};

use super::Params;
use super::activity::{Activity, InFlight, Sending};
use super::framing::Protocol;
use super::peers::{Open, Peers};
use super::unread::RequestBody;
use super::watched::Watched;

/// Largest head of a request. hyper's own limit of some 400 KiB is a gift to whoever opens many
/// connections.
const HEAD_BYTES: usize = 64 * 1024;
/// Requests in flight on one HTTP/2 connection.
const STREAMS: u32 = 200;
/// Streams that a client opened and reset before they were looked at; and those that it made the
/// gateway reset. Past them the connection ends: whoever does that wants work done for nothing.
const RESETS: usize = 20;
const ERRORS: usize = 1024;
/// HTTP/2 has no time limit for a head, so a dead peer must be found by asking it.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_WAIT: Duration = Duration::from_secs(10);

/// How connections of one listener are served.
#[derive(Debug)]
pub(super) struct Connections {
    protocols: Arc<Protocols>,
    params: Params,
}

#[derive(Debug)]
struct Protocols {
    one: http1::Builder,
    two: http2::Builder<TokioExecutor>,
}

impl Connections {
    pub(super) fn new(params: &Params) -> Self {
        let mut one = http1::Builder::new();
        one.timer(TokioTimer::new())
            // `Watched` does this: hyper's limit also runs between two requests, so it would be
            // the keep-alive time as well.
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES);
        let mut two = http2::Builder::new(TokioExecutor::new());
        two.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES as u32)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(ERRORS)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WAIT);
        Self { protocols: Arc::new(Protocols { one, two }), params: params.clone() }
    }

    /// Lets a peer in, if it may have one more connection.
    pub(super) fn admit(&self, peer: IpAddr, peers: &Arc<Peers>) -> Option<Open> {
        let free = self.params.proxies.iter().any(|network| network.contains(peer));
        let most = (!free).then_some(self.params.max_connections_per_address);
        peers.connect(peer, most)
    }

    /// Serves `stream` to its end; after `draining` turns true, only what is in flight.
    pub(super) fn serve<T, S, B>(
        &self,
        stream: T,
        service: S,
        peers: Arc<Peers>,
        draining: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + use<T, S, B>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let protocols = Arc::clone(&self.protocols);
        let activity = Arc::new(Activity::default());
        let stream = Watched::new(stream, Arc::clone(&activity), &self.params, peers);
        let service = Noticed { service: RefCell::new(service), activity };
        async move {
            let ended = protocols.serve(stream, service, draining).await;
            if let Err(error) = ended {
                // A peer that left or sent no HTTP: everyday, and nobody's alarm.
                tracing::debug!(error = %error, "connection ended early");
            }
        }
    }
}

impl Protocols {
    async fn serve<T, S, B>(
        &self,
        mut stream: Watched<T>,
        mut service: Noticed<S>,
        mut draining: watch::Receiver<bool>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let activity = Arc::clone(&service.activity);
        let changes = draining.clone();
        let told = async move {
            let _ = draining.wait_for(|draining| *draining).await;
        };
        let mut told = pin!(Told { told, changes, waker: None });
        loop {
            let begun = poll_fn(|cx| match told.as_mut().poll(cx) {
                // Nothing of a request is here.
                Poll::Ready(()) => Poll::Ready(Ok(None)),
                Poll::Pending => stream.poll_begin(cx),
            });
            match begun.await? {
                None => return Ok(()),
                Some(Protocol::Http1) => {
                    let serving = self.one.serve_connection(TokioIo::new(stream), service);
                    let mut serving = Box::new(serving);
                    let mut ending = false;
                    let served = poll_fn(|cx| {
                        if !ending && told.as_mut().poll(cx).is_ready() {
                            ending = true;
                            Pin::new(&mut *serving).graceful_shutdown();
                        }
                        match Pin::new(&mut *serving).poll(cx) {
                            Poll::Ready(ended) => Poll::Ready(Some(ended)),
                            Poll::Pending if activity.take_rest() => Poll::Ready(None),
                            Poll::Pending => {
                                activity.waits();
                                Poll::Pending
                            }
                        }
                    });
                    if let Some(ended) = served.await {
                        return Ok(ended?);
                    }
                    let parts = serving.into_parts();
                    // There is nothing but ends of lines, which may follow a request; nothing else
                    // is ever read a second time.
                    if !parts.read_buf.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                        return Ok(());
                    }
                    (stream, service) = (parts.io.into_inner(), parts.service);
                }
                Some(Protocol::Http2) => {
                    // Boxed: few are, and all the others would be as large.
                    let mut serving =
                        Box::pin(self.two.serve_connection(TokioIo::new(stream), service));
                    let mut ending = false;
                    let served = poll_fn(|cx| {
                        if !ending && told.as_mut().poll(cx).is_ready() {
                            ending = true;
                            serving.as_mut().graceful_shutdown();
                        }
                        let served = serving.as_mut().poll(cx);
                        activity.waits();
                        served
                    });
                    return Ok(served.await?);
                }
            }
        }
    }
}

pin_project! {
    /// Waits to be told of the end. Asked whenever the connection does anything, and so looks at a
    /// number instead of standing in a queue again.
    struct Told<F> {
        #[pin]
        told: F,
        changes: watch::Receiver<bool>,
        waker: Option<Waker>,
    }
}

impl<F: Future> Future for Told<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let stands = this.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if stands && matches!(this.changes.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        *this.waker = Some(cx.waker().clone());
        this.told.poll(cx)
    }
}

/// A service whose requests the watcher knows of.
struct Noticed<S> {
    /// Asked by the connection alone, and not within itself.
    service: RefCell<S>,
    activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<http::Request<Incoming>> for Noticed<S>
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>
        + Clone,
{
    type Response = http::Response<Sending<B>>;
    type Error = Infallible;
    type Future = Answering<S>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let in_flight = Some(self.activity.begin());
        let request = request.map(|body| RequestBody::new(body, &self.activity));
        // Whoever is ready is asked here: a request is large, and would be moved to wait and back.
        // HTTP/2 asks for many at a time, each in a task of its own.
        let mut service = self.service.borrow_mut();
        let answering = if request.version() < Version::HTTP_2
            && service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            Either::Left(service.call(request))
        } else {
            Either::Right(service.clone().oneshot(request))
        };
        Answering { in_flight, answering }
    }
}

pin_project! {
    struct Answering<S: Service<http::Request<RequestBody>>> {
        in_flight: Option<InFlight>,
        #[pin]
        answering: Either<S::Future, Oneshot<S, http::Request<RequestBody>>>,
    }
}

impl<S, B> Future for Answering<S>
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>,
{
    type Output = Result<http::Response<Sending<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(answered) = std::task::ready!(this.answering.poll(cx));
        // Sending it is the stream's to watch: a client that never takes an answer never ends it.
        let unfinished = this.in_flight.take().and_then(InFlight::answered);
        Poll::Ready(Ok(answered.map(|body| Sending::new(body, unfinished))))
    }
}
