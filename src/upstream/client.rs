//! One exchange over a pooled connection, bounded in bytes. How long it may take and whether another
//! one follows is decided around it.

use std::error::Error as StdError;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::upstream::Params;
use crate::upstream::connect::Connector;
use crate::upstream::file;
use crate::upstream::resilience::attempt::Limit;
use crate::upstream::sent::Sent;

/// Most bytes of an answer's head.
const MOST_HEAD: usize = 64 << 10;
/// Most headers of an answer.
const MOST_HEADERS: usize = 100;

/// Connections to one backend.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pool: Pool<Connector, Sent>,
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
}

/// Why nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection: the backend has seen nothing of the request.
    #[error("cannot connect")]
    Connect(#[source] hyper_util::client::legacy::Error),
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
    pub(super) fn new(params: &Params) -> Self {
        let connector = Connector::new(params.tls.as_ref(), params.connect_timeout);
        // Without `pool_timer` an idle connection is kept for ever. hyper takes another connection by
        // itself where the pooled one was closed before anything was written to it, and only then.
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(params.pool_idle)
            .timer(TokioTimer::new())
            .http1_max_buf_size(MOST_HEAD)
            .http1_max_headers(MOST_HEADERS)
            .build(connector);
        Self { pool, max_answer_bytes: params.max_answer_bytes }
    }

    /// Sends a request and reads the whole answer; of one that is a file only the head.
    pub(super) async fn exchange(
        &self,
        request: http::Request<Sent>,
        binary: bool,
    ) -> Result<Received, Failure> {
        let answer = self.pool.request(request).await.map_err(|error| {
            if error.is_connect() { Failure::Connect(error) } else { Failure::Broken(error.into()) }
        })?;
        let (head, body) = answer.into_parts();
        if binary && file::is_one(head.status) {
            return Ok(Received::File(head.status, head.headers, body));
        }
        let most = self.max_answer_bytes;
        if body.size_hint().lower() > most as u64 {
            return Err(Failure::TooLarge(most));
        }
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Failure::TooLarge(most)
            } else {
                Failure::Cut(error)
            }
        })?;
        let body = body.to_bytes();
        Ok(Received::Whole(Answer { status: head.status, headers: head.headers, body }))
    }
}
