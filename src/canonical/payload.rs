//! An answer's bytes, shared by everyone who reads them, with the renderings made of them.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bytes::Bytes;
use smallvec::SmallVec;

use super::renderings::{self, Renderings};
use super::{Content, Outcome};
use crate::json::scan::{Accepted, Document};

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
    /// JSON, or nothing where the operation answers nothing. Changed by what knows of its grammar
    /// alone: [`Payload::rewrite`], [`Payload::set_apart`].
    pub body: Bytes,
    /// What is said of a body that is not JSON but a file.
    pub content: Option<Box<Content>>,
    grammar: Grammar,
    /// The resource's revision, without quotes, where the answer is one resource.
    pub revision: Option<Revision>,
    /// The backend forbids to store it (`Cache-Control: no-store`).
    pub no_store: bool,
    renderings: RwLock<Renderings>,
    rendered_bytes: AtomicUsize,
    doubted: AtomicBool,
    watcher: OnceLock<Box<dyn Watcher>>,
    /// What `auth::visible` needs of the root object, found once.
    pub facts: OnceLock<Places>,
}

/// What is known of a body as JSON.
#[derive(Clone, Copy, Debug)]
enum Grammar {
    /// Nothing.
    Unread,
    /// It is JSON.
    Checked,
    /// It was accepted by [`accept`](crate::json::scan::accept), and is as it was then.
    Accepted(Accepted),
}

impl Grammar {
    /// What is known of another body, which is JSON where this one is.
    fn of_another(self) -> Self {
        match self {
            Self::Unread => Self::Unread,
            Self::Checked | Self::Accepted(_) => Self::Checked,
        }
    }
}

/// Where the names and the values of some members stand in a body.
pub type Places = SmallVec<[(Range<usize>, Range<usize>); 2]>;

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

impl Rendering {
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + self.etag.len()
    }
}

/// Who keeps an answer, and wants to know when renderings have made it heavier.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// It weighs this much now, in bytes.
    fn heavier(&self, weight: usize);

    /// No answer's renderings may take more bytes.
    fn most(&self) -> usize;
}

impl Payload {
    /// An answer without renderings.
    #[must_use]
    pub fn new(status: u16, body: Bytes, revision: Option<Revision>) -> Self {
        Self {
            status,
            body,
            content: None,
            grammar: Grammar::Unread,
            revision,
            no_store: false,
            renderings: RwLock::default(),
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

    /// The body, to be read.
    #[must_use]
    pub fn document(&self) -> Document<'_> {
        match self.grammar {
            Grammar::Unread => Document::from(&*self.body),
            Grammar::Checked => Document::checked(&self.body),
            Grammar::Accepted(accepted) => Document::accepted(&self.body, accepted),
        }
    }

    /// The body was [accepted](crate::json::scan::accept).
    #[must_use]
    pub fn accepted(self, accepted: Accepted) -> Self {
        Self { grammar: Grammar::Accepted(accepted), ..self }
    }

    /// Another body in the place of its own, which is JSON where that was. For an answer of which
    /// nothing was found or written yet.
    pub fn rewrite(&mut self, body: Bytes) {
        (self.body, self.grammar) = (body, self.grammar.of_another());
    }

    /// A copy that is so rewritten.
    #[must_use]
    pub fn rewritten(&self, body: Bytes) -> Self {
        let made = Self::new(self.status, body, self.revision.clone());
        Self { no_store: self.no_store, grammar: self.grammar.of_another(), ..made }
    }

    /// Takes its body out of the larger piece of memory in which it came, and which it would keep.
    pub fn set_apart(&mut self) {
        let body = Bytes::copy_from_slice(&self.body);
        if let Grammar::Accepted(accepted) = self.grammar {
            accepted.moved(&self.body, &body);
        }
        self.body = body;
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
        self.kept(key, None)
    }

    /// The rendering made for `key`, compressed, if it is still kept.
    #[must_use]
    pub fn coded(&self, key: RenderingKey, coding: Coding) -> Option<Rendering> {
        self.kept(key, Some(coding))
    }

    fn kept(&self, key: RenderingKey, coding: Option<Coding>) -> Option<Rendering> {
        let all = self.renderings.read().unwrap_or_else(PoisonError::into_inner);
        all.get(key, coding).cloned()
    }

    /// Keeps a rendering, dropping others where all would be too heavy.
    pub fn keep(&self, key: RenderingKey, rendering: Rendering) {
        self.put(key, None, rendering);
    }

    /// Keeps a rendering's compressed form beside it.
    pub fn keep_coded(&self, key: RenderingKey, coding: Coding, rendering: Rendering) {
        self.put(key, Some(coding), rendering);
    }

    /// Puts a rendering where there is none yet.
    fn put(&self, key: RenderingKey, coding: Option<Coding>, rendering: Rendering) {
        let watcher = self.watcher.get();
        let most = renderings::most(self.body.len());
        let most = watcher.map_or(most, |watcher| watcher.most().min(most));
        let mut all = self.renderings.write().unwrap_or_else(PoisonError::into_inner);
        all.put(key, coding, rendering, most);
        self.rendered_bytes.store(all.bytes(), Ordering::Relaxed);
        drop(all);
        if let Some(watcher) = watcher {
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
    use crate::json::scan;

    fn key(route: u32) -> RenderingKey {
        RenderingKey { catalog: 1, route, inputs: 0 }
    }

    #[test]
    fn what_is_known_of_a_body_is_not_known_of_the_next() {
        let (before, after) = (r#"{"a":1,"bc":2}"#, r#"{"a":12,"b":2}"#);
        let members = |payload: &Payload| {
            let mut all = Vec::new();
            scan::root(payload.document(), |name, value| {
                all.push((name, value));
                true
            });
            all
        };
        let plain = |text: &str| members(&Payload::new(200, Bytes::from(text.to_owned()), None));
        let body = Bytes::from(before.to_owned());
        let (_, accepted) = scan::accept(&body, scan::Limits::default()).unwrap();
        let mut payload = Payload::new(200, body, Some("r1".into())).accepted(accepted);
        payload.no_store = true;
        let other = payload.rewritten(after.into());
        assert_eq!(
            (other.status, other.no_store, other.revision.as_deref()),
            (200, true, Some("r1"))
        );
        assert!(matches!(other.grammar, Grammar::Checked));
        assert_eq!((members(&payload), members(&other)), (plain(before), plain(after)));
        // It stands elsewhere, and is what it was.
        let was = payload.body.as_ptr();
        payload.set_apart();
        assert!(payload.body == before && payload.body.as_ptr() != was);
        assert!(
            matches!(payload.grammar, Grammar::Accepted(kept) if kept.is_at_hand(&payload.body))
        );
        assert_eq!(members(&payload), plain(before));
        payload.rewrite(after.into());
        assert!(matches!(payload.grammar, Grammar::Checked));
        assert_eq!(members(&payload), plain(after));
    }

    fn rendering(bytes: usize) -> Rendering {
        Rendering { body: vec![b'x'; bytes].into(), etag: Bytes::from_static(b"\"x\"") }
    }

    #[test]
    fn compressed_forms_stay_beside_their_rendering_and_go_with_it() {
        let payload = Payload::new(200, Bytes::new(), None);
        let bare = payload.weight();
        payload.keep(key(0), rendering(1000));
        // A validator of three bytes beside each.
        assert_eq!(payload.weight() - bare, 1003);
        payload.keep_coded(key(0), Coding::Gzip, rendering(100));
        let both = payload.weight();
        payload.keep_coded(key(0), Coding::Brotli, rendering(80));
        assert_eq!(payload.weight() - both, 83);
        // Whoever made the same at the same time has kept nothing.
        payload.keep_coded(key(0), Coding::Gzip, rendering(100));
        assert_eq!(payload.weight() - both, 83);
        // A body that is sent as the backend wrote it has compressed forms only.
        payload.keep_coded(key(1), Coding::Gzip, rendering(50));
        assert!(
            payload.rendering(key(1)).is_none() && payload.coded(key(1), Coding::Brotli).is_none()
        );
        assert_eq!(payload.coded(key(1), Coding::Gzip).unwrap().body.len(), 50);
        let (a, b) = (payload.coded(key(0), Coding::Gzip), payload.coded(key(0), Coding::Gzip));
        assert_eq!(a.unwrap().body.as_ptr(), b.unwrap().body.as_ptr(), "shared, not copied");

        let next = RenderingKey { catalog: 2, ..key(0) };
        payload.keep(next, rendering(10));
        assert!(
            payload.rendering(key(0)).is_none() && payload.coded(key(0), Coding::Gzip).is_none()
        );
        assert_eq!(payload.weight() - bare, 13);
    }

    /// Keeps answers, of which the renderings may take little.
    #[derive(Debug)]
    struct Little;

    impl Watcher for Little {
        fn heavier(&self, _: usize) {}

        fn most(&self) -> usize {
            5_000
        }
    }

    #[test]
    fn renderings_take_no_more_than_whoever_keeps_the_answer_allows() {
        let held = |payload: &Payload, routes: u32| {
            for route in 0..routes {
                payload.keep(key(route), rendering(1000));
            }
            (0..routes).filter(|route| payload.rendering(key(*route)).is_some()).count()
        };
        assert_eq!(held(&Payload::new(200, Bytes::new(), None), 100), 100);
        let watched = Payload::new(200, Bytes::new(), None);
        watched.watch(Box::new(Little));
        let few = held(&watched, 100);
        assert!((2..5).contains(&few), "{few}");
        // Of a large one there may be a few, however large.
        let large = Payload::new(200, Bytes::from(vec![b'x'; 4 << 20]), None);
        for route in 0..3 {
            large.keep(key(route), rendering(4 << 20));
        }
        assert!((0..3).all(|route| large.rendering(key(route)).is_some()));
    }
}
