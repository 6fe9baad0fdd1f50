//! An answer's bytes, shared by everyone who reads them, with the renderings made of them.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use smallvec::SmallVec;

use super::{Content, Outcome};

/// Most renderings kept on one payload, each with its compressed forms; the oldest goes first.
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
    /// The canonical status, 200 to 299; of a file also 302 and 416.
    pub status: u16,
    /// JSON, or nothing where the operation answers nothing.
    pub body: Bytes,
    /// What is said of a body that is not JSON but a file.
    pub content: Option<Box<Content>>,
    /// The resource's revision, without quotes, where the answer is one resource.
    pub revision: Option<Revision>,
    /// The backend forbids to store it (`Cache-Control: no-store`).
    pub no_store: bool,
    renderings: Mutex<Vec<Kept>>,
    rendered_bytes: AtomicUsize,
    doubted: AtomicBool,
    watcher: OnceLock<Box<dyn Watcher>>,
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

/// How the bytes of a rendering may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl Coding {
    /// Every coding.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Brotli];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

/// A body as one dialect's client gets it.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// The bytes sent.
    pub body: Bytes,
    /// The strong validator, quotes included.
    pub etag: Bytes,
}

/// A rendering and what was made of it.
#[derive(Debug)]
struct Kept {
    key: RenderingKey,
    /// Absent where the payload's own body is what is sent.
    plain: Option<Rendering>,
    coded: [Option<Rendering>; Coding::ALL.len()],
}

impl Kept {
    fn bytes(&self) -> usize {
        let all = self.plain.iter().chain(self.coded.iter().flatten());
        size_of::<Self>() + all.map(Rendering::bytes).sum::<usize>()
    }
}

impl Rendering {
    fn bytes(&self) -> usize {
        self.body.len() + self.etag.len()
    }
}

/// Who keeps an answer, and wants to know when renderings have made it heavier.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// It weighs this much now, in bytes.
    fn heavier(&self, weight: usize);
}

impl Payload {
    /// An answer without renderings.
    #[must_use]
    pub fn new(status: u16, body: Bytes, revision: Option<Revision>) -> Self {
        Self {
            status,
            body,
            content: None,
            revision,
            no_store: false,
            renderings: Mutex::new(Vec::new()),
            rendered_bytes: AtomicUsize::new(0),
            doubted: AtomicBool::new(false),
            watcher: OnceLock::new(),
            facts: OnceLock::new(),
        }
    }

    /// An answer that is a file: `body` is as much of it as is here already.
    #[must_use]
    pub fn file(status: u16, body: Bytes, content: Content) -> Self {
        Self { content: Some(Box::new(content)), ..Self::new(status, body, None) }
    }

    /// Somebody found that it is not what the contract says: it is given to nobody else, for the
    /// backend may have mended it by then.
    pub fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody found that it is not what the contract says.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed)
    }

    /// The rendering made for `key`, if it is still kept.
    #[must_use]
    pub fn rendering(&self, key: RenderingKey) -> Option<Rendering> {
        let kept = self.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|k| k.key == key)?.plain.clone()
    }

    /// The rendering made for `key`, compressed, if it is still kept.
    #[must_use]
    pub fn coded(&self, key: RenderingKey, coding: Coding) -> Option<Rendering> {
        let kept = self.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|k| k.key == key)?.coded.get(coding as usize)?.clone()
    }

    /// Keeps a rendering, dropping the oldest beyond eight.
    pub fn keep(&self, key: RenderingKey, rendering: Rendering) {
        self.put(key, None, rendering);
    }

    /// Keeps a rendering's compressed form beside it.
    pub fn keep_coded(&self, key: RenderingKey, coding: Coding, rendering: Rendering) {
        self.put(key, Some(coding), rendering);
    }

    /// Puts a rendering where there is none yet.
    fn put(&self, key: RenderingKey, coding: Option<Coding>, rendering: Rendering) {
        let mut all = self.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.iter().any(|k| k.key == key) {
            if all.len() >= MOST_RENDERINGS {
                let dropped = all.remove(0).bytes();
                self.rendered_bytes.fetch_sub(dropped, Ordering::Relaxed);
            }
            all.push(Kept { key, plain: None, coded: [None, None] });
            self.rendered_bytes.fetch_add(size_of::<Kept>(), Ordering::Relaxed);
        }
        let Some(kept) = all.iter_mut().find(|k| k.key == key) else { return };
        let place = match coding {
            None => Some(&mut kept.plain),
            Some(coding) => kept.coded.get_mut(coding as usize),
        };
        if let Some(place) = place
            && place.is_none()
        {
            self.rendered_bytes.fetch_add(rendering.bytes(), Ordering::Relaxed);
            *place = Some(rendering);
        }
        drop(all);
        if let Some(watcher) = self.watcher.get() {
            watcher.heavier(self.weight());
        }
    }

    /// Has somebody told whenever it grows. There is one who keeps it; another is not told.
    pub fn watch(&self, watcher: Box<dyn Watcher>) {
        let _ = self.watcher.set(watcher);
    }

    /// Bytes held, renderings included.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.body.len() + self.rendered_bytes.load(Ordering::Relaxed) + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(route: u32) -> RenderingKey {
        RenderingKey { catalog: 1, route, inputs: 0 }
    }

    fn rendering(bytes: usize) -> Rendering {
        Rendering { body: vec![b'x'; bytes].into(), etag: Bytes::from_static(b"\"x\"") }
    }

    #[test]
    fn compressed_forms_stay_beside_their_rendering_and_go_with_it() {
        let payload = Payload::new(200, Bytes::new(), None);
        let bare = payload.weight();
        // A validator of three bytes beside each, and what holds it all.
        let held = size_of::<Kept>();
        payload.keep(key(0), rendering(1000));
        payload.keep_coded(key(0), Coding::Gzip, rendering(100));
        payload.keep_coded(key(0), Coding::Brotli, rendering(80));
        // Whoever made the same at the same time has kept nothing.
        payload.keep_coded(key(0), Coding::Gzip, rendering(100));
        assert_eq!(payload.weight() - bare, held + 1189);
        // A body that is sent as the backend wrote it has compressed forms only.
        payload.keep_coded(key(1), Coding::Gzip, rendering(50));
        assert!(
            payload.rendering(key(1)).is_none() && payload.coded(key(1), Coding::Brotli).is_none()
        );
        assert_eq!(payload.coded(key(1), Coding::Gzip).unwrap().body.len(), 50);
        let (a, b) = (payload.coded(key(0), Coding::Gzip), payload.coded(key(0), Coding::Gzip));
        assert_eq!(a.unwrap().body.as_ptr(), b.unwrap().body.as_ptr(), "shared, not copied");

        for route in 2..=8 {
            payload.keep(key(route), rendering(10));
        }
        assert!(
            payload.rendering(key(0)).is_none() && payload.coded(key(0), Coding::Gzip).is_none()
        );
        assert_eq!(payload.weight() - bare, 8 * held + 53 + 7 * 13);
    }
}
