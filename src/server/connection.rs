//! One connection: HTTP/1.1 or HTTP/2 as its first bytes say, watched, drained when asked.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::Service;
use tower::util::{Oneshot, ServiceExt};

use super::Params;
use super::peers::{Open, Peers};
use super::unread::RequestBody;
use super::watched::{Activity, InFlight, Watched};

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
    protocol: Arc<auto::Builder<TokioExecutor>>,
    params: Params,
}

impl Connections {
    pub(super) fn new(params: &Params) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol
            .http1()
            .timer(TokioTimer::new())
            // `Watched` does this: hyper's limit also runs between two requests, so it would be
            // the keep-alive time as well.
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES)
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES as u32)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(ERRORS)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WAIT);
        Self { protocol: Arc::new(protocol), params: params.clone() }
    }

    /// Lets a peer in, if it may have one more connection.
    pub(super) fn admit(&self, peer: IpAddr, peers: &Arc<Peers>) -> Option<Open> {
        let free = self.params.proxies.iter().any(|network| network.contains(peer));
        let most = (!free).then_some(self.params.max_connections_per_address);
        peers.connect(peer, most)
    }

    /// Serves `stream` to its end; after `draining` turns true, only what is in flight.
    pub(super) fn serve<S, B>(
        &self,
        stream: TcpStream,
        service: S,
        peers: Arc<Peers>,
        mut draining: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + use<S, B>
    where
        S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let protocol = Arc::clone(&self.protocol);
        let activity = Arc::new(Activity::default());
        let stream = Watched::new(stream, Arc::clone(&activity), &self.params, peers);
        async move {
            let connection =
                protocol.serve_connection(TokioIo::new(stream), Noticed { service, activity });
            tokio::pin!(connection);
            let told = async {
                let _ = draining.wait_for(|draining| *draining).await;
            };
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = told => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                // A peer that left or sent no HTTP: everyday, and nobody's alarm.
                tracing::debug!(error = %error, "connection ended early");
            }
        }
    }
}

/// A service whose requests the watcher knows of.
struct Noticed<S> {
    service: S,
    activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<http::Request<Incoming>> for Noticed<S>
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>
        + Clone,
{
    type Response = http::Response<B>;
    type Error = Infallible;
    type Future = Answering<S>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        Answering {
            in_flight: Some(self.activity.begin()),
            answering: self.service.clone().oneshot(request.map(RequestBody::new)),
        }
    }
}

pin_project! {
    struct Answering<S: Service<http::Request<RequestBody>>> {
        in_flight: Option<InFlight>,
        #[pin]
        answering: Oneshot<S, http::Request<RequestBody>>,
    }
}

impl<S, B> Future for Answering<S>
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>,
{
    type Output = Result<http::Response<B>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = std::task::ready!(this.answering.poll(cx));
        // Sending it is the stream's to watch: a client that never takes an answer never ends it.
        *this.in_flight = None;
        Poll::Ready(answered)
    }
}
