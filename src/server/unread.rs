//! A request's body, read to its end even where nobody wanted it.
//!
//! Many requests are answered before their body is looked at: a credential is missing, the address
//! is none. hyper would then close the connection behind the answer, while the client, told
//! nothing, already sends its next request down the same one. So what is left is taken and thrown
//! away, if it is little and comes soon; past that the connection closes as before.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::runtime::Handle;

use super::activity::{Activity, Unfinished};

/// Most bytes that are taken for nothing: less than a new connection with TLS in front costs.
const MOST: usize = 64 * 1024;
/// How long they may take.
const WAIT: Duration = Duration::from_secs(5);

/// The body of a request as a service gets it.
#[derive(Debug)]
pub struct RequestBody(Option<(Incoming, Unfinished)>);

impl RequestBody {
    pub(super) fn new(body: Incoming, activity: &Arc<Activity>) -> Self {
        Self((!body.is_end_stream()).then(|| (body, activity.body())))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((body, _)) = self.0.as_mut() else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some((body, unfinished)) = self.0.take() else { return };
        if body.is_end_stream() || body.size_hint().lower() > MOST as u64 {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let mut rest = Limited::new(body, MOST);
                let taken = async { while let Some(Ok(_)) = rest.frame().await {} };
                let _ = tokio::time::timeout(WAIT, taken).await;
                drop(unfinished);
            });
        }
    }
}
