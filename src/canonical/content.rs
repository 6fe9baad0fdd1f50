//! The bytes of a file as an answer: what is said of them, and those that are still to come.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::error::Error;

/// Bytes that come one after the other, and are held by nobody.
pub type Flow = BoxStream<'static, Result<Bytes, Error>>;

/// What an answer that is a file says of it.
#[derive(Default)]
pub struct Content {
    /// Its media type, as whoever stored it says.
    pub media: Box<str>,
    /// Its name.
    pub name: Option<Box<str>>,
    /// The strong validator, quotes included.
    pub etag: Option<Box<str>>,
    /// Which part of it this is (`Content-Range`).
    pub range: Option<Box<str>>,
    /// How many bytes there are in this answer, where that is known.
    pub length: Option<u64>,
    /// Where the bytes are instead.
    pub place: Option<Box<str>>,
    /// The bytes that are still to come; see [`Content::take`].
    pub flow: Mutex<Option<Flow>>,
}

impl Content {
    /// With the bytes that are still to come.
    #[must_use]
    pub fn flowing(self, flow: Flow) -> Self {
        Self { flow: Mutex::new(Some(flow)), ..self }
    }

    /// The bytes that are still to come, for the first who asks.
    #[must_use]
    pub fn take(&self) -> Option<Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No name and no place: they are what a client sent.
        let Self { media, range, length, .. } = self;
        f.debug_struct("Content")
            .field("media", media)
            .field("range", range)
            .field("length", length)
            .finish_non_exhaustive()
    }
}
