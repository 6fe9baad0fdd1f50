//! What is sent: a body that is whole, or a file in a form, passed on as it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use uuid::Uuid;

use crate::canonical::Upload;
use crate::canonical::upload::Pieces;

/// The body of a request to a backend.
#[derive(Debug)]
pub(super) enum Sent {
    /// All of it is here.
    Whole(Full<Bytes>),
    /// A file. Boxed: hardly a request is one.
    Form(Box<Form>),
}

impl Default for Sent {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

/// A form of one part, which is a file. Its bytes are taken when the first is asked for: an attempt
/// that found no connection leaves them where they are.
#[derive(Debug)]
pub(super) struct Form {
    head: Option<Bytes>,
    file: Upload,
    pieces: Option<Pieces>,
    tail: Option<Bytes>,
}

impl Form {
    /// The form with a file as its part `name`, and the media type of the whole.
    pub(super) fn new(name: &str, file: &Upload) -> (Self, Option<HeaderValue>) {
        let boundary = Uuid::new_v4().simple().to_string();
        let named = file.name().map(|name| format!("; filename=\"{}\"", quoted(name)));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{}\r\nContent-Type: {}\r\n\r\n",
            // Without a name it would be no file.
            named.as_deref().unwrap_or("; filename=\"file\""),
            file.media(),
        );
        let form = Self {
            head: Some(head.into()),
            file: file.clone(),
            pieces: None,
            tail: Some(format!("\r\n--{boundary}--\r\n").into()),
        };
        let media = format!("multipart/form-data; boundary={boundary}");
        (form, HeaderValue::try_from(media).ok())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(head)));
        }
        if self.pieces.is_none() && self.tail.is_some() {
            self.pieces = self.file.take();
        }
        match &mut self.pieces {
            Some(pieces) => match ready!(pieces.poll_next(cx)) {
                Some(piece) => Poll::Ready(Some(piece.map_err(io::Error::other))),
                None => {
                    self.pieces = None;
                    Poll::Ready(self.tail.take().map(Ok))
                }
            },
            // Somebody else has taken them: nothing that could be sent would be the file.
            None if self.tail.take().is_some() => {
                Poll::Ready(Some(Err(io::Error::other("the file was sent before"))))
            }
            None => Poll::Ready(None),
        }
    }
}

/// A name between quotes, as browsers write it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(whole) => {
                let frame = ready!(Pin::new(whole).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Form(form) => {
                let piece = ready!(form.poll(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Form(form) => form.tail.is_none() && form.pieces.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            // How long a file is, is known when it ends.
            Self::Form(_) => SizeHint::default(),
        }
    }
}
