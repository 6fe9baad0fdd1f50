//! The body of an answer: whole and in memory, but for a file, which is passed on as it comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::canonical::content::Flow;
use crate::error::Error;

/// The body of an answer.
pub enum Outgoing {
    /// All of it is here.
    Whole(Full<Bytes>),
    /// A file, and its length where that is known.
    Flow(Flow, Option<u64>),
}

impl Outgoing {
    /// A body that is here.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => f.debug_tuple("Whole").field(&whole.size_hint().exact()).finish(),
            Self::Flow(_, length) => f.debug_tuple("Flow").field(length).finish(),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Whole(whole) => {
                let frame = ready!(Pin::new(whole).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Flow(flow, _) => {
                let piece = ready!(flow.as_mut().poll_next(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(whole) if whole.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Flow(_, length) => length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
