//! One exchange over a pooled connection, bounded in bytes and time. How long it may take and whether
//! another one follows is decided around it.

use std::error::Error as StdError;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http::Uri;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::upstream::Params;
use crate::upstream::connect::{Connector, Unreached};
use crate::upstream::file;
use crate::upstream::pool::Pool;
use crate::upstream::resilience::attempt::{Limit, Patience};
use crate::upstream::sent::Sent;

/// Connections to one backend.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pool: Pool,
    max_answer_bytes: usize,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Received {
    /// An answer, to its last byte.
    Whole(Answer),
    /// The head of a file, and the bytes that are still to come.
    File(StatusCode, HeaderMap, Incoming),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// When it ended.
    pub(super) at: Instant,
}

/// Why nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection: the backend has seen nothing of the request.
    #[error("cannot connect")]
    Connect(#[source] Unreached),
    /// The connection broke; the backend may have carried out the request.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer began and did not end; the backend may have carried out the request.
    #[error("the answer broke off")]
    Cut(#[source] Box<dyn StdError + Send + Sync>),
    /// The time was over; the backend may have carried out the request.
    #[error("no whole answer in time ({0})")]
    Timeout(Limit),
    /// The answer is too large.
    #[error("the answer is larger than {0} bytes (max_answer_bytes)")]
    TooLarge(usize),
}

impl Client {
    pub(super) fn new(params: &Params, origin: Uri) -> Self {
        let connector = Connector::new(params.tls.as_ref(), params.connect_timeout);
        let pool = Pool::new(connector, origin, params.pool_idle);
        Self { pool, max_answer_bytes: params.max_answer_bytes }
    }

    /// Sends a request and reads the whole answer; of one that is a file only the head. The request
    /// is taken from where it is: handed on by value, each future on the way would have a place for
    /// it.
    pub(super) async fn exchange(
        &self,
        request: &mut http::Request<Sent>,
        binary: bool,
        patience: &Patience,
    ) -> Result<Received, Failure> {
        let (mut wire, answer) = self.pool.send(request, patience).await?;
        let (head, body) = answer.into_parts();
        if binary && file::is_one(head.status) {
            self.pool.lend(wire);
            return Ok(Received::File(head.status, head.headers, body));
        }
        let body = wire.read(body, self.max_answer_bytes, patience).await?;
        let at = Instant::now();
        self.pool.keep(wire, at).await;
        Ok(Received::Whole(Answer { status: head.status, headers: head.headers, body, at }))
    }
}
