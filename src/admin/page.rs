//! What other rooms bring along: an address that tells something, one that is asked to do
//! something, or both.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, ORIGIN};
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

/// How long a body may take: whoever sends one stands next door.
const PATIENCE: Duration = Duration::from_secs(10);

/// An address of the admin listener, put together where its content is known.
///
/// It tells when it is read (GET), and does when it is posted to. What it does is its own business,
/// its right included: the listener only keeps web pages out and bounds the body.
pub struct Page {
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) tell: Option<Tell>,
    pub(super) act: Option<Act>,
}

type Tell = Box<dyn Fn() -> Value + Send + Sync>;

/// What is done on POST.
pub(super) struct Act {
    most: usize,
    run: Box<dyn Fn(Asked) -> Acting + Send + Sync>,
}

type Acting = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A request to do something.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its headers: a signature, where the page wants one.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Of the answer.
    pub status: StatusCode,
    /// Its JSON.
    pub body: Value,
}

impl Page {
    /// The page at `path` (with its leading slash); `about` says on the index what it is.
    #[must_use]
    pub fn new(path: &'static str, about: &'static str) -> Self {
        Self { path, about, tell: None, act: None }
    }

    /// Tells this when it is read; asked each time, so it must not wait for anything.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn() -> Value + Send + Sync + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Does this when it is posted to, with a body of `most` bytes at most.
    #[must_use]
    pub fn doing<F>(mut self, most: usize, run: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let run = Box::new(move |asked| -> Acting { Box::pin(run(asked)) });
        self.act = Some(Act { most, run });
        self
    }

    /// The methods it takes, as `Allow` says them.
    pub(super) fn allow(&self) -> &'static str {
        match (&self.tell, &self.act) {
            (Some(_), Some(_)) => "GET, HEAD, POST",
            (None, Some(_)) => "POST",
            _ => super::READ,
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Act {
    /// Reads the body and does it.
    ///
    /// # Errors
    /// The status that a request gets which is not listened to.
    pub(super) async fn run<B>(&self, headers: HeaderMap, body: B) -> Result<Reply, StatusCode>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>,
    {
        // A browser says where the page came from that posts; nobody else does. No page of the web
        // may move the gateway of whoever looks at it.
        if headers.contains_key(ORIGIN) {
            return Err(StatusCode::FORBIDDEN);
        }
        let said = headers.get(CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse().ok());
        if said.is_some_and(|said: usize| said > self.most) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let reading = tokio::time::timeout(PATIENCE, Limited::new(body, self.most).collect());
        let body = match reading.await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Ok(Err(_broken)) => return Err(StatusCode::BAD_REQUEST),
            Err(_elapsed) => return Err(StatusCode::REQUEST_TIMEOUT),
        };
        Ok((self.run)(Asked { headers, body }).await)
    }
}
