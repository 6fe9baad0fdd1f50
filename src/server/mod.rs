//! Listeners: accept connections, serve them, and end well. Knows hyper and tower, nothing of
//! helpdesks.
//!
//! ```text
//! accept ─ a place among `max_connections` ─ connection: HTTP/1.1 or HTTP/2 ─ the service
//!    │                                          │ watched: silent and stalled peers are cut off
//!    └─ shutdown: close the listener, let requests in flight end, cut off what is left after `grace`
//! ```
//!
//! Left out: TLS (a proxy in front ends it) and upgrades.

mod activity;
mod connection;
mod current;
mod framing;
mod network;
mod peers;
mod places;
mod taking;
mod unread;
mod watched;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;

pub use current::Current;
pub use network::Network;
pub use peers::{Peers, Refusal, household};
pub use unread::RequestBody;

use connection::Connections;
use places::Places;

/// First pause after an accept that failed for want of something (files, memory); doubled up to
/// [`LONGEST_PAUSE`], so that a full file table does not spin the listener.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a listener allows its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Most connections at once; the next ones wait in the kernel's queue. Default 10,000.
    pub max_connections: usize,
    /// Most connections of one address (of one /64 with IPv6) at once; the next is closed at once.
    /// Default 1,000.
    pub max_connections_per_address: usize,
    /// Addresses that may have as many as they like: proxies. Default none.
    pub proxies: Vec<Network>,
    /// From the first byte of a request's head to its last; also from accept to the first byte.
    /// Default 10 s.
    pub header_timeout: Duration,
    /// How long a connection may stay without a request in flight, and how long a peer may take
    /// no byte of an answer; one that takes an answer slowly is waited for so long in all, and a
    /// second more for each KiB that it took. Default 75 s: longer than the keep-alive of the usual
    /// proxies (60 s), so that they close first and never write into a closing connection.
    pub idle_timeout: Duration,
    /// How long requests in flight may take after the shutdown began. Default 20 s.
    pub grace: Duration,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            proxies: Vec::new(),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            grace: Duration::from_secs(20),
        }
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    Clean,
    /// So many connections were cut off when the grace period ran out.
    CutOff(usize),
}

/// Serves until `shutdown` resolves, then stops accepting and lets requests in flight end for at
/// most [`Params::grace`]. `make` gives each connection its service, knowing the peer. When `params`
/// change, the number of connections does at once, their time limits do for those that come. What
/// there is and what is refused is counted in `peers`.
pub async fn serve<M, S, B>(
    listener: TcpListener,
    make: M,
    shutdown: impl Future<Output = ()>,
    mut params: watch::Receiver<Params>,
    peers: &Arc<Peers>,
) -> Drained
where
    M: Fn(SocketAddr) -> S,
    S: Service<http::Request<RequestBody>, Response = http::Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let now = params.borrow_and_update().clone();
    let mut connections = Connections::new(&now);
    let mut places = Places::new(now.max_connections);
    let (drain, draining) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut pause = FIRST_PAUSE;
    tokio::pin!(shutdown);
    loop {
        let place = places.take();
        let accepting = async { (place.await, listener.accept().await) };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Ended connections are reaped as we go.
            Some(_) = tasks.join_next() => continue,
            Ok(()) = params.changed() => {
                let now = params.borrow_and_update().clone();
                connections = Connections::new(&now);
                places.allow(now.max_connections);
                continue;
            }
            accepted = accepting => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                let Some(open) = connections.admit(peer.ip(), peers) else { continue };
                // Answers are written whole; waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                let served =
                    connections.serve(stream, make(peer), Arc::clone(peers), draining.clone());
                tasks.spawn(async move {
                    served.await;
                    drop((open, place));
                });
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept a connection");
                tokio::select! {
                    biased;
                    () = &mut shutdown => break,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    // New connections are refused from here on, so that a balancer turns to another instance.
    drop(listener);
    let _ = drain.send(true);
    let all = async { while tasks.join_next().await.is_some() {} };
    let grace = params.borrow().grace;
    match tokio::time::timeout(grace, all).await {
        Ok(()) => Drained::Clean,
        Err(_) => {
            let left = tasks.len();
            tasks.shutdown().await;
            Drained::CutOff(left)
        }
    }
}

/// The connection ended before it was accepted: nothing is wrong with the listener.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused)
}
