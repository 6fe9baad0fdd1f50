//! An answer's bytes, shared by everyone who reads them, with the renderings made of them.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use smallvec::SmallVec;

use super::Outcome;

/// Most renderings kept on one payload; the oldest goes first.
const MOST_RENDERINGS: usize = 8;

/// A canonical answer and what the cache did to get it. Refusals are errors, not responses.
#[derive(Clone, Debug)]
pub struct Response {
    /// The answer itself.
    pub payload: Arc<Payload>,
    /// What the cache did.
    pub outcome: Outcome,
}

/// The bytes of a successful canonical answer.
#[derive(Debug)]
pub struct Payload {
    /// The canonical status, 200 to 299.
    pub status: u16,
    /// JSON, or nothing where the operation answers nothing.
    pub body: Bytes,
    /// The media type of a body that is not JSON (an attachment's content).
    pub media: Option<Box<str>>,
    /// The resource's revision, without quotes, where the answer is one resource.
    pub revision: Option<Revision>,
    renderings: Mutex<Vec<(RenderingKey, Rendering)>>,
    rendered_bytes: AtomicUsize,
    /// What `auth::visible` needs of the root object, found once: member → its JSON text.
    pub facts: OnceLock<Vec<(Box<str>, Bytes)>>,
}

/// A resource's revision: a short text, which needs no memory of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Revision(SmallVec<[u8; 24]>);

impl From<&str> for Revision {
    fn from(text: &str) -> Self {
        Self(SmallVec::from_slice(text.as_bytes()))
    }
}

impl Deref for Revision {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Which rendering: the catalog that made it, the route, and a digest of the reply's bound inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenderingKey {
    /// Number of the catalog; a reload takes the next.
    pub catalog: u64,
    /// Number of the route in it.
    pub route: u32,
    /// Keyed digest of the inputs that the reply reads (parameters, principal, configuration).
    pub inputs: u64,
}

/// A body as one dialect's client gets it.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// The bytes sent.
    pub body: Bytes,
    /// The strong validator, quotes included.
    pub etag: Bytes,
}

impl Payload {
    /// An answer without renderings.
    #[must_use]
    pub fn new(status: u16, body: Bytes, revision: Option<Revision>) -> Self {
        Self {
            status,
            body,
            media: None,
            revision,
            renderings: Mutex::new(Vec::new()),
            rendered_bytes: AtomicUsize::new(0),
            facts: OnceLock::new(),
        }
    }

    /// An answer that is not JSON.
    #[must_use]
    pub fn binary(status: u16, body: Bytes, media: Box<str>) -> Self {
        Self { media: Some(media), ..Self::new(status, body, None) }
    }

    /// The rendering made for `key`, if it is still kept.
    #[must_use]
    pub fn rendering(&self, key: RenderingKey) -> Option<Rendering> {
        let kept = self.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(k, _)| *k == key).map(|(_, r)| r.clone())
    }

    /// Keeps a rendering, dropping the oldest beyond eight.
    pub fn keep(&self, key: RenderingKey, rendering: Rendering) {
        let mut kept = self.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().any(|(k, _)| *k == key) {
            return;
        }
        if kept.len() >= MOST_RENDERINGS {
            let (_, dropped) = kept.remove(0);
            self.rendered_bytes.fetch_sub(dropped.body.len(), Ordering::Relaxed);
        }
        self.rendered_bytes.fetch_add(rendering.body.len(), Ordering::Relaxed);
        kept.push((key, rendering));
    }

    /// Bytes held, renderings included.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.body.len() + self.rendered_bytes.load(Ordering::Relaxed) + size_of::<Self>()
    }
}
